"""Answers that come late, twice or for somebody else: nothing is counted wrongly, and nothing known is lost."""

from datetime import timedelta
from threading import Thread

import pytest
from sqlalchemy import Engine, update
from sqlmodel import col

from db.claims import expire_leases
from db.engine import transaction
from db.results import Result
from db.tables import Message
from flows.dispatch import drain
from tests.builders import NOON, an_outbox
from tests.test_claim_rules import another_run, messages, rules, spent
from tests.test_dispatch import ACCEPTED, Clock, Recorder, a_post, states
from tests.test_outbox import LEASE, store, take, take_batch
from winback.campaigns.limits import PerPerson
from winback.delivery.answer import Answer, AnswerKind
from winback.delivery.claiming import Rules
from winback.delivery.outgoing import Outgoing
from winback.delivery.tariff import Tariff
from winback.errors import Unusable
from winback.events import State

LIMITED = rules(per_day=5, budget_micros=10_000, price_micros=100)
TARIFF = Tariff(LIMITED.zone, {"email": 100})


def requeue(engine: Engine) -> None:
    """As a reconcile does that found a message absent; the day's count and money are given back by it."""
    with transaction(engine) as session:
        expire_leases(session.connection(), NOON + LEASE * 2, TARIFF)
        session.execute(update(Message).values(state="queued", sent_at=None, reason=None, cost_micros=0))


def test_a_sender_that_comes_back_too_late_changes_neither_the_day_nor_the_budget(engine: Engine):
    an_outbox(engine, messages=5)
    late = take_batch(engine, rules=LIMITED, owner="a")
    requeue(engine)
    take(engine, owner="b")
    before = spent(engine)

    store(engine, late, *(Result(message, State.QUEUED) for message in late.messages))

    assert spent(engine) == before
    assert states(engine) == {"sending": 5}


def test_an_acceptance_after_the_message_was_given_back_counts_again(engine: Engine):
    an_outbox(engine, messages=1)
    batch = take_batch(engine, rules=LIMITED)
    before = spent(engine)
    requeue(engine)

    store(engine, batch, Result(batch.messages[0], State.ACCEPTED, cost_micros=40))

    [message] = messages(engine)
    assert (message.state, message.cost_micros) == ("accepted", 40)
    assert message.sent_at is not None
    assert before == {"spring": (1, 100)}
    assert spent(engine) == {"spring": (2, 140)}


def test_an_event_in_the_middle_of_a_batch_corrects_no_cost_twice(engine: Engine):
    an_outbox(engine, messages=3)
    batch = take_batch(engine, rules=LIMITED)
    first, second, third = batch.messages
    with transaction(engine) as session:
        session.execute(update(Message).where(col(Message.key) == first.key).values(state="delivered"))

    store(
        engine, batch, Result(first, State.ACCEPTED, cost_micros=60), Result(second, State.QUEUED),
        Result(third, State.ACCEPTED, cost_micros=60),
    )  # fmt: skip

    assert [(m.state, m.cost_micros) for m in messages(engine)] == [
        ("delivered", 60),
        ("queued", 0),
        ("accepted", 60),
    ]
    assert spent(engine) == {"spring": (2, 120)}


def test_a_message_that_arrived_after_all_counts_for_the_cap(engine: Engine):
    an_outbox(engine, messages=1)
    another_run(engine, "summer")
    once = rules(per_person=PerPerson(messages=1, days=7))
    batch = take_batch(engine, rules=once)
    with transaction(engine) as session:
        session.execute(
            update(Message).where(col(Message.campaign_id) == "spring").values(state="queued", sent_at=None)
        )
    store(engine, batch, Result(batch.messages[0], State.ACCEPTED))

    assert take(engine, rules=once, at=NOON + timedelta(hours=1)) == []


def test_what_a_closed_channel_answered_is_recorded_at_once_though_another_channel_waits(engine: Engine):
    an_outbox(engine, messages=2)
    with transaction(engine) as session:
        session.execute(
            update(Message)
            .where(col(Message.key) == "k-1")
            .values(channel="sms", not_before=NOON + timedelta(hours=1))
        )
    clock, closed = Clock(), Recorder(lambda message: Answer(kind=AnswerKind.CHANNEL_STOP, reason="http_401"))
    seen: list[tuple[str, str | None]] = []

    def sleep(seconds: float) -> None:
        seen.extend((m.state, m.reason) for m in messages(engine, key="k-2"))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drain(a_post(engine, closed, clock, sleep=sleep), until_empty=True)

    assert seen == [("queued", "http_401")]


def test_nothing_begun_stays_claimed_when_the_memory_cannot_be_written(engine: Engine):
    an_outbox(engine, messages=3)

    def full(claimed: object) -> None:
        raise Unusable("no space")

    with pytest.raises(Unusable):
        drain(a_post(engine, Recorder(), Clock(), remember=full))

    assert states(engine) == {"queued": 3}


def test_half_a_letter_does_not_end_the_sender(engine: Engine):
    an_outbox(engine, messages=2)

    def half(claimed, dated_at) -> Outgoing:
        return Outgoing(key=claimed.key, channel="sms", to="+12125550101", dated_at=dated_at, text="\ud83d")

    rejecting = Recorder(lambda message: Answer(kind=AnswerKind.REJECTED, reason="unencodable"))
    drain(a_post(engine, rejecting, Clock(), compose=half))

    assert states(engine) == {"rejected": 2}


@pytest.mark.slow
def test_two_senders_with_a_budget_and_refusals_never_wait_in_a_circle(engine: Engine):
    an_outbox(engine, messages=600)
    limits = Rules(zone=LIMITED.zone, per_day=10_000, budget_micros=10**9, price_micros=100)
    wrong: list[BaseException] = []

    def refuse_some(message: Outgoing) -> Answer:
        return Answer(kind=AnswerKind.REJECTED) if int(message.key[2:]) % 13 == 0 else ACCEPTED

    def work(owner: str) -> None:
        try:
            drain(
                a_post(
                    engine, Recorder(refuse_some), Clock(), owner=owner, window=4,
                    rules=lambda campaign, version, channel: limits, tariff=TARIFF,
                )
            )  # fmt: skip
        except BaseException as error:
            wrong.append(error)

    threads = [Thread(target=work, args=(f"owner-{n}",)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
    assert states(engine) == {"accepted": 554, "rejected": 46}
    assert spent(engine) == {"spring": (554, 55_400)}
