"""The claim and the record, on both databases."""

from datetime import timedelta
from pathlib import Path
from threading import Barrier, Thread
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, select, update
from sqlmodel import col

from db.claims import Batch, Claimed, Wish, claim, due_runs, expire_leases, wake
from db.engine import open_engine, reading, transaction
from db.outbox import InHand, Waiting, counts, elsewhere, in_hand, plan, queue, waiting, waiting_by_run
from db.people import is_closed, suppress
from db.results import Result, record
from db.tables import Customer, DayTally, Message, Occurrence, Stop, Suppression
from tests.builders import NOON, a_customer, an_assignment, an_outbox
from tests.telling import FREE
from winback.channel import Channel
from winback.delivery.claiming import Rules
from winback.events import State

LEASE = timedelta(minutes=2)


NO_RULES = Rules(zone=ZoneInfo("UTC"))


def take_batch(
    engine: Engine,
    *,
    owner: str = "a",
    window: int = 64,
    at=NOON,
    unknown: bool = False,
    placebo: bool = True,
    channel: Channel = "email",
    rules: Rules = NO_RULES,
) -> Batch | None:
    """What a sender's turn claims: from the first run that has something."""
    wish = Wish(
        owner=owner,
        channel=channel,
        provider="folder",
        placebo=placebo,
        window=window,
        now=at,
        lease=LEASE,
        unknown_email_consent=unknown,
    )
    with transaction(engine) as session:
        runs = due_runs(session.connection(), channel, placebo=placebo, by=at)
        wake(session.connection(), channel, runs, at)
        for run in runs:
            if (batch := claim(session.connection(), wish, run, rules)).moved:
                return batch
    return None


def take(engine: Engine, **how: Any) -> list[Claimed]:
    batch = take_batch(engine, **how)
    return batch.messages if batch else []


def store(engine: Engine, batch: Batch, *results: Result) -> None:
    with transaction(engine) as session:
        record(session.connection(), batch, results, NOON)


def states(engine: Engine) -> dict[str, int]:
    with reading(engine) as session:
        return counts(session)


def the_message(engine: Engine, key: str = "k-1") -> Message:
    with reading(engine) as session:
        message = session.execute(select(Message).where(col(Message.key) == key)).scalar_one()
        session.expunge(message)
        return message


def set_customer(engine: Engine, no: int, **fields: object) -> None:
    with transaction(engine) as session:
        session.execute(update(Customer).where(col(Customer.no) == no).values(**fields))


def test_a_claim_commits_owner_attempt_and_lease(engine: Engine):
    an_outbox(engine, messages=1)

    [claimed] = take(engine)

    message = the_message(engine)
    assert (message.state, message.owner, message.attempt) == ("sending", "a", 1)
    assert message.lease_until == NOON + LEASE
    assert (claimed.address, claimed.name, claimed.attempt) == ("c1@example.com", "Customer 1", 1)


def test_a_claim_takes_no_more_than_its_window(engine: Engine):
    an_outbox(engine, messages=5)

    assert len(take(engine, window=2)) == 2
    assert states(engine) == {"queued": 3, "sending": 2}


def test_nobody_claims_what_another_has_claimed(engine: Engine):
    an_outbox(engine, messages=2)
    take(engine, owner="a", window=1)

    assert [message.key for message in take(engine, owner="b")] == ["k-2"]


def test_eight_claimers_at_once_take_every_message_once(engine: Engine):
    an_outbox(engine, messages=200)
    taken: list[str] = []
    start = Barrier(8)

    def work(owner: str) -> None:
        start.wait()
        while mine := take(engine, owner=owner, window=7):
            taken.extend(message.key for message in mine)

    threads = [Thread(target=work, args=(f"owner-{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(taken) == sorted(f"k-{n}" for n in range(1, 201))


@pytest.mark.parametrize("channel", ["email", "all"])
def test_an_address_suppressed_after_planning_is_skipped_at_the_claim(engine: Engine, channel: str):
    an_outbox(engine, messages=2)
    with transaction(engine) as session:
        suppress(
            session,
            address_hash="mail-1",
            customer_no=None,
            channel=channel,
            reason="unsubscribed",
            source="link",
            at=NOON,
        )

    assert [message.key for message in take(engine)] == ["k-2"]
    assert (the_message(engine).state, the_message(engine).reason) == ("skipped", "suppressed")


def test_a_suppressed_customer_is_skipped_whatever_his_address(engine: Engine):
    an_outbox(engine, messages=1)
    with transaction(engine) as session:
        suppress(
            session, address_hash=None, customer_no=1, channel="all", reason="asked", source="import", at=NOON
        )

    assert take(engine) == []
    assert the_message(engine).reason == "suppressed"


def test_a_suppression_of_the_other_channel_does_not_stop_this_one(engine: Engine):
    an_outbox(engine, messages=1)
    with transaction(engine) as session:
        suppress(session, address_hash="mail-1", customer_no=None, channel="sms", reason="x", source="y", at=NOON)

    assert len(take(engine)) == 1


@pytest.mark.parametrize("consent", [False, None])
def test_consent_withdrawn_or_unknown_is_skipped_at_the_claim(engine: Engine, consent: bool | None):
    an_outbox(engine, messages=1)
    set_customer(engine, 1, email_consent=consent)

    assert take(engine) == []
    assert the_message(engine).reason == "no_consent"


def test_unknown_consent_counts_as_yes_only_where_the_workspace_says_so_and_for_mail(engine: Engine):
    an_outbox(engine, messages=1)
    set_customer(engine, 1, email_consent=None)

    assert len(take(engine, unknown=True)) == 1


def test_unknown_consent_to_sms_is_never_a_yes(engine: Engine):
    an_outbox(engine, messages=1, channel="sms")
    set_customer(engine, 1, sms_consent=None)

    assert take(engine, unknown=True, channel="sms") == []
    assert the_message(engine).reason == "no_consent"


def test_an_address_that_changed_since_selection_is_not_written_to(engine: Engine):
    an_outbox(engine, messages=1)
    set_customer(engine, 1, email="other@example.com", email_hash="other")

    assert take(engine) == []
    assert the_message(engine).reason == "address_changed"


def test_a_message_past_its_late_limit_is_skipped(engine: Engine):
    an_outbox(engine, messages=1)
    with transaction(engine) as session:
        session.execute(update(Message).values(late_after=NOON))

    assert take(engine, at=NOON + timedelta(seconds=1)) == []
    assert the_message(engine).reason == "late"


@pytest.mark.parametrize("scope", ["*", "spring", "spring/manual-2026-03-01"])
def test_the_stop_switch_is_read_at_every_claim(engine: Engine, scope: str):
    an_outbox(engine, messages=1)
    with transaction(engine) as session:
        session.add(Stop(scope=scope, at=NOON))

    assert take(engine) == []
    assert states(engine) == {"queued": 1}
    with reading(engine) as session:
        assert waiting(session, ["email", "sms"], placebo=True, by=NOON) == 0


def test_a_message_waits_for_its_not_before(engine: Engine):
    an_outbox(engine, messages=1)
    batch = take_batch(engine)
    later = NOON + timedelta(minutes=1)
    store(engine, batch, Result(batch.messages[0], State.QUEUED, "429", not_before=later))

    assert take(engine, at=later - timedelta(seconds=1)) == []
    assert [again.attempt for again in take(engine, at=later)] == [2]


def test_a_dead_owners_messages_become_uncertain_and_are_not_claimed_again(engine: Engine):
    an_outbox(engine, messages=2)
    take(engine)

    with transaction(engine) as session:
        expire_leases(session.connection(), NOON + LEASE + timedelta(seconds=1), FREE)

    assert states(engine) == {"uncertain": 2}
    assert take(engine, at=NOON + LEASE * 2) == []


def test_what_senders_hold_is_counted_with_the_end_of_the_last_lease(engine: Engine):
    """Two claimed at noon and one half a minute later: all are known or uncertain 2.5 minutes after noon."""
    an_outbox(engine, messages=4)
    take(engine, window=2)
    take(engine, owner="b", window=1, at=NOON + timedelta(seconds=30))

    with reading(engine) as session:
        held = in_hand(session, NOON + timedelta(seconds=31))
        of_run = in_hand(session, NOON + timedelta(seconds=31), "spring/manual-2026-03-01")
        of_another = in_hand(session, NOON + timedelta(seconds=31), "autumn/manual-2026-03-01")
        after_the_first = in_hand(session, NOON + LEASE + timedelta(seconds=1))
        after_all = in_hand(session, NOON + LEASE + timedelta(seconds=31))

    until = NOON + timedelta(seconds=150)
    assert held == of_run == InHand(messages=3, until=until)
    assert after_the_first == InHand(messages=1, until=until)
    assert of_another is after_all is None


def test_a_living_lease_is_left_alone(engine: Engine):
    an_outbox(engine, messages=1)
    take(engine)

    with transaction(engine) as session:
        assert expire_leases(session.connection(), NOON + LEASE, FREE) == 0


def test_only_the_owner_of_the_attempt_may_record(engine: Engine):
    an_outbox(engine, messages=1)
    first = take_batch(engine, owner="a")
    store(engine, first, Result(first.messages[0], State.QUEUED))
    take(engine, owner="b")

    store(engine, first, Result(first.messages[0], State.ACCEPTED, provider_id="late"))

    assert (the_message(engine).state, the_message(engine).provider_id) == ("sending", None)


def test_the_answer_of_a_slow_owner_settles_his_own_uncertain_message(engine: Engine):
    an_outbox(engine, messages=1)
    batch = take_batch(engine)
    with transaction(engine) as session:
        expire_leases(session.connection(), NOON + LEASE * 2, FREE)

    store(engine, batch, Result(batch.messages[0], State.ACCEPTED, provider_id="p"))

    assert (the_message(engine).state, the_message(engine).provider_id) == ("accepted", "p")


def test_whoever_told_the_provider_to_stop_is_closed_for_every_campaign(engine: Engine):
    """Twilio's 21610 in the answer to the send; another refusal says nothing of the person."""
    an_outbox(engine, messages=2, channel="sms")
    batch = take_batch(engine, channel="sms")
    left, refused = batch.messages

    store(
        engine,
        batch,
        Result(left, State.REJECTED, "opted_out", "twilio"),
        Result(refused, State.REJECTED, "twilio_21211", "twilio"),
    )

    with reading(engine) as session:
        found = session.execute(
            select(Suppression.address_hash, Suppression.channel, Suppression.reason, Suppression.source)
        ).all()
        assert is_closed(session, the_message(engine).address_hash, "sms")
    assert [tuple(row) for row in found] == [(the_message(engine).address_hash, "sms", "unsubscribed", "twilio")]


ODD_IDS = ["SM1", None, "00123", "a\"b'c\\", "é\x7f", "null", "1e9", "", "{}", "SM1"]


def test_each_message_keeps_its_own_provider_id_cost_and_attempt_as_they_came(engine: Engine):
    """Two costs, and one message at its second attempt."""
    an_outbox(engine, messages=len(ODD_IDS))
    with transaction(engine) as session:
        session.execute(update(Message).where(col(Message.key) == "k-3").values(attempt=1))
    batch = take_batch(engine)

    results = [
        Result(message, State.ACCEPTED, provider="mail", provider_id=theirs, cost_micros=100 * (n % 2))
        for n, (message, theirs) in enumerate(zip(batch.messages, ODD_IDS, strict=True))
    ]
    store(engine, batch, *results)

    chosen = select(Message.state, Message.provider, Message.provider_id, Message.cost_micros, Message.attempt)
    with reading(engine) as session:
        rows = session.execute(chosen.order_by(col(Message.id))).tuples().all()
    assert rows == [
        ("accepted", "mail", theirs, 100 * (n % 2), 2 if n == 2 else 1) for n, theirs in enumerate(ODD_IDS)
    ]


def test_a_batch_of_results_is_recorded_whole(engine: Engine):
    an_outbox(engine, messages=3)
    batch = take_batch(engine)
    outcomes = [State.ACCEPTED, State.UNCERTAIN, State.REJECTED]

    store(engine, batch, *(Result(m, s) for m, s in zip(batch.messages, outcomes, strict=True)))

    assert states(engine) == {"accepted": 1, "rejected": 1, "uncertain": 1}


def test_an_event_that_came_before_our_answer_is_not_overwritten(engine: Engine):
    an_outbox(engine, messages=1)
    batch = take_batch(engine)
    with transaction(engine) as session:
        session.execute(update(Message).values(state="delivered"))

    store(engine, batch, Result(batch.messages[0], State.ACCEPTED, provider_id="p"))

    assert (the_message(engine).state, the_message(engine).provider_id) == ("delivered", "p")


def test_planning_twice_adds_nothing_and_the_holdout_gets_no_message(engine: Engine):
    occurrence_id = an_outbox(engine, messages=0)
    with transaction(engine) as session:
        occurrence = session.get_one(Occurrence, occurrence_id)
        for n, arm in enumerate(["holdout", "advice", "invitation", "advice"], start=1):
            session.add(a_customer(n))
            session.flush()
            session.add(an_assignment(occurrence, n, arm=arm))
    templates = {"advice": "winback-advice", "invitation": "winback-invitation"}

    added = []
    for _ in range(2):
        with transaction(engine) as session:
            added.append(
                plan(session, occurrence_id, range(1, 100), prefix="p", step="hello", templates=templates)
            )

    assert added == [3, 0]
    with reading(engine) as session:
        rows = session.execute(
            select(col(Message.customer_no), col(Message.template)).order_by(Message.customer_no)
        )
        assert [tuple(row) for row in rows] == [
            (2, "winback-advice"),
            (3, "winback-invitation"),
            (4, "winback-advice"),
        ]
    assert states(engine) == {"planned": 3}


def test_planned_messages_leave_only_after_they_are_queued(engine: Engine):
    occurrence_id = an_outbox(engine, messages=2, state="planned")
    assert take(engine) == []

    with transaction(engine) as session:
        assert queue(session, occurrence_id, range(1, 100), NOON) == 2

    assert len(take(engine)) == 2


def test_no_statement_of_a_senders_turn_goes_through_all_messages(tmp_path: Path):
    engine = open_engine(f"sqlite:///{tmp_path / 'w.db'}")
    an_outbox(engine)
    seen: list[str] = []

    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        driver.set_trace_callback(seen.append)
        begun = connection.execution_options(writes=True)
        expire_leases(begun, NOON, FREE)
        wish = Wish(owner="a", channel="email", provider="folder", placebo=True, window=64, now=NOON, lease=LEASE,
                    unknown_email_consent=False)  # fmt: skip
        runs = due_runs(begun, "email", placebo=True, by=NOON)
        wake(begun, "email", runs, NOON)
        batch = claim(begun, wish, runs[0], NO_RULES)
        record(begun, batch, [Result(message, State.ACCEPTED) for message in batch.messages], NOON)
        driver.set_trace_callback(None)
        plans = {
            text: [row[3] for row in driver.execute(f"EXPLAIN QUERY PLAN {text}")]
            for text in seen
            if " message" in text
        }

    assert sum("UPDATE message" in text for text in plans) >= 3  # woken, claimed, recorded
    assert {text: plan for text, plan in plans.items() if any("SCAN m" in step for step in plan)} == {}
    engine.dispose()


def test_messages_of_a_run_that_is_sent_otherwise_wait_elsewhere(engine: Engine):
    """Two queued of a rehearsal; not those that left, nor of a stopped run."""
    an_outbox(engine, messages=3)
    take(engine, window=1)

    def found(*, placebo: bool) -> dict[str, int]:
        with reading(engine) as session:
            return elsewhere(session, placebo=placebo)

    assert found(placebo=True) == {}
    assert found(placebo=False) == {"spring/manual-2026-03-01": 2}
    with transaction(engine) as session:
        session.add(Stop(scope="spring", at=NOON))
    assert found(placebo=False) == {}


def test_what_waits_of_a_run_is_what_may_leave_now_or_on_another_day(engine: Engine):
    """One may leave, one waits for tomorrow's share, one for its cap; five went today."""
    occurrence_id = an_outbox(engine, messages=3)
    later = {"not_before": NOON + LEASE}
    with transaction(engine) as session:
        for key, why in (("k-2", "day_limit"), ("k-3", "capped")):
            session.execute(update(Message).where(col(Message.key) == key).values(reason=why, **later))
        session.execute(update(Occurrence).values(tallied=True, late_after=NOON + LEASE))
        session.add(DayTally(campaign_id="spring", day=NOON.date(), placebo=True, sent=5))

    with reading(engine) as session:
        [found] = waiting_by_run(session, placebo=True, now=NOON, day=NOON.date())
        assert waiting_by_run(session, placebo=False, now=NOON, day=NOON.date()) == []

    assert found == Waiting(
        occurrence_id=occurrence_id, run="spring/manual-2026-03-01", late_after=NOON + LEASE,
        messages={"email": 2}, sent_today=5,
    )  # fmt: skip
