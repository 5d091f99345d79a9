"""A message proved to have left counts, whatever was believed before: for caps, the day and the budget."""

from collections.abc import Callable
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, select, update
from sqlmodel import col

from db.claims import Batch, expire_leases
from db.engine import transaction
from db.reconciling import PERSON, Uncertain, abandon, accept, deny, queue_again, with_keys
from db.restored import hold
from db.results import Result
from db.tables import DayTally, Occurrence
from tests.builders import NOON, an_outbox
from tests.telling import an_event, tell, the_message
from tests.test_claim_rules import another_run, spent
from tests.test_outbox import LEASE, store, take, take_batch
from winback.campaigns.limits import PerPerson
from winback.delivery.claiming import Rules
from winback.delivery.tariff import Tariff
from winback.events import State

UTC = ZoneInfo("UTC")
TARIFF = Tariff(UTC, {"email": 100, "sms": 100})
LIMITED = Rules(
    zone=UTC, per_person=PerPerson(messages=1, days=30), per_day=5, budget_micros=10_000, price_micros=100
)
TEXTS = Rules(zone=UTC, budget_micros=10_000, price_micros=1_000)  # reserves ten segments
LATE = NOON + timedelta(hours=3)


def a_counted_outbox(engine: Engine, messages: int) -> None:
    """Of a campaign with limits: what is known of it counts from its first message on."""
    an_outbox(engine, messages=messages)
    with transaction(engine) as session:
        session.execute(update(Occurrence).values(tallied=True))


def busy(engine: Engine, batch: Batch) -> None:
    """The provider says "not now"."""
    store(engine, batch, Result(batch.messages[0], State.QUEUED, "http_429", not_before=NOON + timedelta(days=1)))


def settled(engine: Engine, how: Callable[[object, Uncertain], object]) -> None:
    """An unknown outcome of k-1 is settled."""
    with transaction(engine) as session:
        expire_leases(session.connection(), NOON + LEASE * 2, TARIFF)
        [message] = with_keys(session, ["k-1"])
        how(session, message)


def denied(engine: Engine, batch: Batch) -> None:
    settled(engine, lambda session, message: deny(session, message, NOON, LIMITED))


def not_found(engine: Engine, batch: Batch) -> None:
    settled(engine, lambda session, message: queue_again(session, message, NOON, LIMITED))


def told_sent(engine: Engine, tariff: Tariff = TARIFF) -> None:
    settled(engine, lambda session, message: accept(session, message, LATE, PERSON, None, tariff))


@pytest.mark.parametrize("given_back", [busy, denied, not_found])
@pytest.mark.parametrize("proof", ["accepted", "delivered", "bounced", "clicked"])
def test_what_was_given_back_and_left_after_all_counts_for_cap_day_and_budget(
    engine: Engine, given_back: Callable[[Engine, Batch], None], proof: str
):
    an_outbox(engine, messages=1)
    another_run(engine, "summer")
    given_back(engine, take_batch(engine, rules=LIMITED))
    before = (the_message(engine).sent_at, spent(engine))

    tell(engine, an_event(proof), at=LATE, tariff=TARIFF)

    assert before == (None, {"spring": (0, 0)})
    assert (the_message(engine).sent_at, the_message(engine).cost_micros) == (LATE, 100)
    assert spent(engine) == {"spring": (1, 100)}
    assert take(engine, rules=LIMITED, at=LATE) == []  # summer's, to the same person


def test_it_counts_once_however_often_it_is_proved(engine: Engine):
    an_outbox(engine, messages=1)
    batch = take_batch(engine, rules=LIMITED)
    denied(engine, batch)

    for proof in ("delivered", "delivered", "bounced", "complained"):
        tell(engine, an_event(proof), at=LATE, tariff=TARIFF)
    store(engine, batch, Result(batch.messages[0], State.ACCEPTED, cost_micros=40))

    assert spent(engine) == {"spring": (1, 40)}  # as the sender says at last
    assert the_message(engine).cost_micros == 40


def test_one_batch_that_says_it_twice_counts_it_once(engine: Engine):
    a_counted_outbox(engine, messages=2)
    another_run(engine, "summer")
    tell(
        engine, an_event("delivered"), an_event("complained"), an_event("delivered", key="k-2"),
        at=LATE, tariff=TARIFF,
    )  # fmt: skip

    assert spent(engine) == {"spring": (2, 200)}


def test_it_counts_on_the_day_of_the_workspace(engine: Engine):
    """15:00 UTC of 2 March is midnight of the 3rd in Tokyo."""
    an_outbox(engine, messages=1)
    denied(engine, take_batch(engine, rules=LIMITED))

    tell(engine, an_event(), at=LATE, tariff=Tariff(ZoneInfo("Asia/Tokyo"), {}))

    assert LATE.hour == 15
    with transaction(engine) as session:
        days = dict(session.execute(select(col(DayTally.day), col(DayTally.sent))).all())
    assert days == {NOON.date(): 0, date(2026, 3, 3): 1}


def test_a_real_message_does_not_count_as_a_rehearsed_one(engine: Engine):
    a_counted_outbox(engine, messages=1)
    with transaction(engine) as session:
        session.execute(update(Occurrence).values(placebo=False))

    tell(engine, an_event(), at=LATE, tariff=TARIFF)

    with transaction(engine) as session:
        assert session.execute(select(col(DayTally.placebo), col(DayTally.sent))).all() == [(False, 1)]


def test_somebody_who_says_sent_after_not_sent_makes_it_count_again(engine: Engine):
    an_outbox(engine, messages=1)
    denied(engine, take_batch(engine, rules=LIMITED))

    told_sent(engine)

    assert the_message(engine).sent_at == LATE
    assert spent(engine) == {"spring": (1, 100)}


@pytest.mark.parametrize("by", ["event", "person"])
def test_a_restored_message_that_left_counts_on_the_day_of_the_hold(engine: Engine, by: str):
    """Two were queued in the backup; of the second nobody ever hears."""
    a_counted_outbox(engine, messages=2)
    hold(engine, NOON)

    if by == "event":
        tell(engine, an_event(), an_event("complained"), at=LATE, tariff=TARIFF)
    else:
        told_sent(engine)
        tell(engine, an_event(), at=LATE, tariff=TARIFF)

    assert spent(engine) == {"spring": (1, 100)}
    assert (the_message(engine).sent_at, the_message(engine).cost_micros) == (NOON, 100)


def test_a_restored_message_that_was_given_up_counts_when_it_turns_out_to_have_left(engine: Engine):
    a_counted_outbox(engine, messages=1)
    hold(engine, NOON)
    settled(engine, lambda session, message: abandon(session, message, NOON, TARIFF))

    tell(engine, an_event(), at=LATE, tariff=TARIFF)

    assert spent(engine) == {"spring": (1, 100)}


def test_a_message_the_backup_had_claimed_counts_no_second_time(engine: Engine):
    an_outbox(engine, messages=1)
    take(engine, rules=LIMITED)
    hold(engine, NOON)

    tell(engine, an_event(), at=LATE, tariff=TARIFF)

    assert spent(engine) == {"spring": (1, 100)}


@pytest.mark.parametrize("rules", [TEXTS, Rules(zone=UTC)])
@pytest.mark.parametrize("lease_over", [False, True])
@pytest.mark.parametrize("by", ["event", "person"])
def test_a_text_of_a_dead_sender_costs_one_segment_and_not_what_was_reserved(
    engine: Engine, rules: Rules, lease_over: bool, by: str
):
    an_outbox(engine, messages=1, channel="sms")
    take(engine, rules=rules, channel="sms")
    if lease_over:
        with transaction(engine) as session:
            expire_leases(session.connection(), NOON + LEASE * 2, TARIFF)

    if by == "event":
        tell(engine, an_event(), at=LATE, tariff=TARIFF)
    else:
        told_sent(engine)

    assert (the_message(engine).sent_at, the_message(engine).cost_micros) == (NOON, 100)
    assert spent(engine) == ({"spring": (1, 100)} if rules is TEXTS else {})


def test_a_sender_that_lives_still_says_what_its_text_cost(engine: Engine):
    """Delivered before its answer was stored: one segment until the sender says three."""
    an_outbox(engine, messages=1, channel="sms")
    batch = take_batch(engine, rules=TEXTS, channel="sms")
    tell(engine, an_event(), at=LATE, tariff=TARIFF)

    store(engine, batch, Result(batch.messages[0], State.ACCEPTED, cost_micros=300))

    assert the_message(engine).cost_micros == 300
    assert spent(engine) == {"spring": (1, 300)}


def test_what_an_unanswered_text_cost_is_not_guessed_where_it_is_known(engine: Engine):
    an_outbox(engine, messages=1, channel="sms")
    batch = take_batch(engine, rules=TEXTS, channel="sms")
    store(engine, batch, Result(batch.messages[0], State.UNCERTAIN, "timeout", cost_micros=300))

    tell(engine, an_event(), at=LATE, tariff=TARIFF)

    assert the_message(engine).cost_micros == 300
    assert spent(engine) == {"spring": (1, 300)}
