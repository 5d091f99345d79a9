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
from db.tables import Alert, DayTally, Message, Occurrence
from db.tallies import resume
from flows.alerting import tell_staff
from flows.dispatch import drain
from tests.builders import NOON, an_outbox
from tests.test_dispatch import ACCEPTED, Clock, Recorder, a_post, states
from tests.workspaces import a_workspace
from winback.delivery.answer import Answer, AnswerKind
from winback.delivery.outgoing import Outgoing
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
