"""Messages refused one after the other for the same reason, on both databases."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, update
from sqlmodel import col

from db.claims import Claimed
from db.engine import reading, transaction
from db.refusals import shares_to_tell
from db.stops import stopped_scopes
from db.tables import Alert, DayTally, Message, Occurrence, Suppression
from db.tallies import resume
from flows.alerting import tell_staff
from flows.dispatch import drain
from tests.builders import NOON, an_outbox
from tests.test_dispatch import ACCEPTED, Clock, Recorder, a_post, states
from tests.workspaces import a_workspace
from winback.delivery.answer import Answer, AnswerKind
from winback.delivery.outgoing import Outgoing
from winback.delivery.refusals import Refusals
from winback.events import OPTED_OUT

RUN = "spring/manual-2026-03-01"
TOO_LONG = "its messages are refused one after the other: twilio_21617"


def a_refusal(reason: str = "twilio_21617") -> Answer:
    return Answer(kind=AnswerKind.REJECTED, reason=reason)


def number(message: Outgoing | Claimed) -> int:
    return int(message.key.removeprefix("k-"))


def send(engine: Engine, answer: Callable[[Outgoing], Answer], **changes: object) -> Recorder:
    provider = Recorder(answer)
    drain(a_post(engine, provider, Clock(), **changes), until_empty=True)
    return provider


def stops(engine: Engine) -> dict[str, str | None]:
    with reading(engine) as session:
        return stopped_scopes(session)


def go_on(engine: Engine) -> None:
    with transaction(engine) as session:
        resume(session, RUN, NOON)


@pytest.mark.parametrize("window", [64, 7], ids=["one batch", "several"])
def test_a_run_refused_whole_stops_after_twenty_and_nobody_is_lost(engine: Engine, window: int):
    an_outbox(engine, messages=50)

    provider = send(engine, lambda message: a_refusal(), window=window)

    assert len(provider.sent) == 20
    assert stops(engine) == {RUN: TOO_LONG}
    assert states(engine) == {"queued": 50}


def test_once_the_mistake_is_mended_everybody_gets_it_once(engine: Engine):
    an_outbox(engine, messages=50)
    with transaction(engine) as session:
        session.execute(update(Occurrence).values(tallied=True))
    send(engine, lambda message: a_refusal())

    go_on(engine)
    provider = send(engine, lambda message: ACCEPTED)

    assert sorted(provider.sent) == sorted(f"k-{n}" for n in range(1, 51))
    assert states(engine) == {"accepted": 50}
    with reading(engine) as session:
        assert session.execute(select(col(DayTally.sent))).scalars().all() == [50]


def test_those_refused_for_the_third_time_stay_so_and_the_others_get_their_turn(engine: Engine):
    an_outbox(engine, messages=50)
    for _ in range(3):
        send(engine, lambda message: a_refusal())
        go_on(engine)

    provider = send(engine, lambda message: ACCEPTED)

    assert sorted(map(int, (key.removeprefix("k-") for key in provider.sent))) == list(range(21, 51))
    assert states(engine) == {"accepted": 30, "rejected": 20}


def test_bad_addresses_here_and_there_stop_nothing(engine: Engine):
    """Nineteen in a row, one that is taken, nineteen more."""
    an_outbox(engine, messages=50)

    send(engine, lambda message: ACCEPTED if number(message) % 20 == 0 else a_refusal("twilio_21211"), window=8)

    assert stops(engine) == {}
    assert states(engine) == {"accepted": 2, "rejected": 48}


def test_refusals_for_several_reasons_stop_nothing(engine: Engine):
    an_outbox(engine, messages=50)

    send(engine, lambda message: a_refusal(f"twilio_{21211 + number(message) % 2}"))

    assert (stops(engine), states(engine)) == ({}, {"rejected": 50})


def test_people_who_told_the_provider_to_stop_are_no_mistake_of_ours(engine: Engine):
    an_outbox(engine, messages=30)

    send(engine, lambda message: a_refusal(OPTED_OUT))

    assert (stops(engine), states(engine)) == ({}, {"rejected": 30})


@pytest.mark.parametrize(("messages", "stopped"), [(4, False), (5, True), (12, True)])
def test_a_small_run_stops_when_all_of_it_is_refused(engine: Engine, messages: int, stopped: bool):
    an_outbox(engine, messages=messages)

    send(engine, lambda message: a_refusal())

    assert (stops(engine), states(engine)) == (
        ({RUN: TOO_LONG}, {"queued": messages}) if stopped else ({}, {"rejected": messages})
    )


def test_a_small_run_of_which_one_arrived_goes_on(engine: Engine):
    an_outbox(engine, messages=12)

    send(engine, lambda message: ACCEPTED if number(message) == 1 else a_refusal())

    assert stops(engine) == {}


def test_senders_that_see_two_each_stop_the_run_together(engine: Engine):
    """A slow pace: every call of a sender sends two and ends."""
    an_outbox(engine, messages=50)
    sent: list[str] = []
    for second in range(15):
        clock, provider = Clock(), Recorder(lambda message: a_refusal())
        clock.pass_(3 * second)
        drain(a_post(engine, provider, clock, pace={"email": 1.0}))
        sent += provider.sent

    assert len(sent) == 20
    assert (stops(engine), states(engine)) == ({RUN: TOO_LONG}, {"queued": 50})


def test_a_template_that_is_refused_stops_a_run_though_the_other_variant_arrives(engine: Engine):
    an_outbox(engine, messages=60)
    with transaction(engine) as session:
        session.execute(update(Message).where(col(Message.id) % 2 == 0).values(template="other"))

    send(engine, lambda message: ACCEPTED if number(message) % 2 else a_refusal(), window=10)

    assert stops(engine) == {RUN: TOO_LONG}
    assert "rejected" not in states(engine)


def strewn(message: Outgoing) -> Answer:
    """Three in ten are refused, one of these for another reason, never two in a row."""
    digit = number(message) % 10
    return a_refusal(f"twilio_{21614 if digit == 7 else 21211}") if digit in (1, 4, 7) else ACCEPTED


SAID = (
    "30 of 100 messages were refused by the provider (30.0%), "
    "20 of them: not a valid phone number (twilio_21211)\n"
    "100 条消息中有 30 条被服务商拒绝（30.0%），其中 20 条：不是有效的电话号码（twilio_21211）"
)


def test_a_share_refused_here_and_there_is_told_once(engine: Engine, tmp_path, database_url: str):
    an_outbox(engine, messages=100)
    settings = a_workspace(tmp_path, database_url)
    send(engine, strewn, window=16)

    told = [tell_staff(settings, [], NOON + timedelta(hours=hours)) for hours in range(3)]

    assert (stops(engine), states(engine)) == ({}, {"accepted": 70, "rejected": 30})
    assert told == [1, 0, 0]
    with reading(engine) as session:
        rows = session.execute(select(col(Alert.kind), col(Alert.run), col(Alert.text))).tuples().all()
        assert rows == [("refused", RUN, SAID)]


@pytest.mark.parametrize(
    ("refused", "of", "others", "minutes", "shares"),
    [
        (20, 400, 0, 0, [(20, 400)]),
        (20, 401, 0, 0, []),  # less than 5 %
        (19, 30, 0, 0, []),  # too few to say anything
        (20, 120, 30, 0, [(20, 120)]),  # who told the provider to stop is counted nowhere
        (15, 20, 30, 0, []),
        (20, 100, 0, 59, [(20, 100)]),
        (20, 100, 0, 60, []),  # the run is old
    ],
)
def test_a_share_is_told_from_twenty_and_five_percent_on(
    engine: Engine, refused: int, of: int, others: int, minutes: int, shares: list[tuple[int, int]]
):
    an_outbox(engine, messages=of + others + 50, state="accepted")
    no_answer_yet, opted_out = col(Message.id) > of + others, col(Message.id) > of
    with transaction(engine) as session:
        session.execute(update(Message).where(opted_out).values(state="rejected", reason=OPTED_OUT))
        session.execute(update(Message).where(no_answer_yet).values(state="queued", reason=None))
        session.execute(
            update(Message).where(col(Message.id) <= refused).values(state="rejected", reason="bad_to")
        )

    with reading(engine) as session:
        found = shares_to_tell(session.connection(), NOON + timedelta(minutes=minutes), but=())

    assert [(share.messages, share.of) for share in found] == shares


def test_a_run_that_stops_for_it_again_is_told_again(engine: Engine, tmp_path, database_url: str):
    an_outbox(engine, messages=30)
    settings = a_workspace(tmp_path, database_url)

    told = []
    for hours in range(2):
        send(engine, lambda message: a_refusal())
        told += [tell_staff(settings, [], NOON + timedelta(hours=hours)) for _ in range(2)]
        go_on(engine)

    assert told == [1, 0, 1, 0]
    with reading(engine) as session:
        assert session.execute(select(col(Alert.kind))).scalars().all() == []


def closed(engine: Engine) -> set[tuple[str, str, str, str]]:
    with reading(engine) as session:
        columns = (Suppression.address_hash, Suppression.channel, Suppression.reason, Suppression.source)
        return {tuple(row) for row in session.execute(select(*map(col, columns)))}


def of(*numbers: int) -> set[tuple[str, str, str, str]]:
    return {(f"mail-{n}", "email", "bounced", "recorder") for n in numbers}


NO_MAILBOX = "smtp_550:5.1.1"


@pytest.mark.parametrize(
    ("reason", "closes"),
    [
        (NO_MAILBOX, True),
        ("smtp_550:5.1.2", True),
        ("smtp_553:5.1.3", True),
        ("smtp_551:5.1.6", True),
        ("smtp_556:5.1.10", True),
        ("twilio_21211", True),
        ("twilio_21614", True),
        ("twilio_21635", True),
        ("twilio_30005", True),
        ("twilio_30006", True),
        ("smtp_550", False),
        ("smtp_550:5.1.0", False),
        ("smtp_550:5.1.8", False),
        ("smtp_550:5.1.11", False),
        ("smtp_550:5.7.1", False),
        ("smtp_552:5.2.2", False),
        ("twilio_21617", False),
        ("twilio_30003", False),
        ("twilio_30007", False),
        ("http_400", False),
    ],
)
def test_only_what_names_the_address_itself_says_that_it_is_dead(reason: str, closes: bool):
    assert noted((1, a_refusal(reason)), (2, ACCEPTED)).dead == ([1] if closes else [])


def noted(*answers: tuple[int, Answer], before: Refusals | None = None) -> Refusals:
    refusals = before or Refusals()
    for message_id, answer in answers:
        refusals.note(1, "hello", message_id, answer)
    return refusals


@pytest.mark.parametrize("bad", [2, 4], ids=["others follow", "the last"])
def test_an_address_refused_as_dead_is_closed_for_all_campaigns(engine: Engine, bad: int):
    an_outbox(engine, messages=4)

    send(engine, lambda message: a_refusal(NO_MAILBOX) if number(message) == bad else ACCEPTED, window=1)

    assert states(engine) == {"accepted": 3, "rejected": 1}
    assert closed(engine) == of(bad)


def test_while_the_run_goes_on_the_newest_of_a_row_stay_open(engine: Engine):
    """A relay that has just been set up wrongly: the row may yet stop the run."""
    an_outbox(engine, messages=30)
    provider = Recorder(lambda message: a_refusal(NO_MAILBOX) if number(message) % 10 > 7 else ACCEPTED)

    drain(a_post(engine, provider, Clock(), window=19, interrupted=lambda: len(provider.sent) > 18))

    assert states(engine) == {"accepted": 15, "rejected": 4, "queued": 11}
    assert closed(engine) == of(8, 9)


@pytest.mark.parametrize("window", [64, 7], ids=["one batch", "several"])
@pytest.mark.parametrize("taken", [0, 10])
def test_a_relay_that_takes_nobody_any_more_closes_nobody(engine: Engine, window: int, taken: int):
    an_outbox(engine, messages=50)

    send(
        engine,
        lambda message: ACCEPTED if number(message) <= taken else a_refusal(NO_MAILBOX),
        window=window,
    )

    assert list(stops(engine)) == [RUN]
    assert closed(engine) == set()


@pytest.mark.parametrize("messages", [1, 4, 50])
def test_where_nothing_of_a_run_was_taken_nobody_knows_whose_fault_it_was(engine: Engine, messages: int):
    an_outbox(engine, messages=messages)

    send(engine, lambda message: a_refusal(f"twilio_{(21211, 21614)[number(message) % 2]}"))

    assert states(engine) == {"rejected": messages}
    assert closed(engine) == set()


TWENTY = [(n, a_refusal(NO_MAILBOX)) for n in range(1, 21)]


def test_twenty_in_a_row_close_nobody_though_what_was_under_way_is_taken():
    refusals = noted(*TWENTY, (21, ACCEPTED))

    assert (refusals.dead, refusals.doubtful) == ([], {})


def test_those_that_stopped_a_run_stay_in_doubt_when_it_goes_on():
    refusals = noted(*TWENTY)
    refusals.over.add((1, "hello"))
    refusals.begin_anew()

    noted((30, a_refusal(NO_MAILBOX)), (31, ACCEPTED), before=refusals)

    assert refusals.dead == [30]


def test_a_row_refused_for_the_third_time_closes_nobody_though_others_were_taken(engine: Engine):
    an_outbox(engine, messages=30)
    for _ in range(3):
        send(engine, lambda message: ACCEPTED if number(message) <= 10 else a_refusal(NO_MAILBOX))
        go_on(engine)

    assert states(engine) == {"accepted": 10, "rejected": 20}
    assert closed(engine) == set()
