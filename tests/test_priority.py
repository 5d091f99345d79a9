"""Which run goes first: the higher priority, also of what wakes at one moment and by several senders."""

from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import Engine, update
from sqlmodel import col

from db.claims import due_runs, wake
from db.engine import open_engine, transaction
from db.tables import Message, Stop
from flows.dispatch import drain
from tests.builders import NOON, an_outbox
from tests.test_claim_rules import another_run, messages, rules
from tests.test_dispatch import ACCEPTED, Clock, Recorder, a_post
from tests.test_outbox import take
from winback.campaigns.limits import PerPerson
from winback.delivery.answer import Answer
from winback.delivery.outgoing import Outgoing

ONE_A_WEEK = rules(per_person=PerPerson(messages=1, days=7))


def asleep(engine: Engine, until: datetime, campaign: str | None = None) -> None:
    """Messages, of one campaign or of all, wait for the same moment, as at the end of a night."""
    with transaction(engine) as session:
        chosen = update(Message).where(col(Message.campaign_id) == campaign) if campaign else update(Message)
        session.execute(chosen.values(not_before=until, reason="quiet_hours"))


def test_the_higher_priority_goes_first(engine: Engine):
    an_outbox(engine, messages=1)
    another_run(engine, "urgent", priority=90)
    another_run(engine, "sometime", priority=10)

    assert [take(engine)[0].campaign_id for _ in range(3)] == ["urgent", "spring", "sometime"]


@pytest.mark.parametrize("window", [2, 64])
@pytest.mark.parametrize("until_empty", [True, False])
def test_of_two_runs_the_one_that_is_not_stopped_goes_on(engine: Engine, window: int, until_empty: bool):
    """Stop is pressed for the first while its first message is on its way."""
    an_outbox(engine, messages=5)
    another_run(engine, "sometime", priority=10)

    def stop_the_first(message: Outgoing) -> Answer:
        if len(provider.sent) == 1:
            with transaction(engine) as session:
                session.add(Stop(scope="spring", at=NOON))
        clock.pass_(0.1)
        return ACCEPTED

    provider, clock = Recorder(stop_the_first), Clock()
    drain(a_post(engine, provider, clock, window=window), until_empty=until_empty)

    assert [key.split("-")[0] for key in provider.sent] == ["k", *["sometime"] * 5]
    assert {message.campaign_id for message in messages(engine, state="queued")} == {"spring"}


@pytest.mark.parametrize("at_once", [1, 2, 2_000])
def test_of_runs_that_wake_at_one_moment_the_higher_priority_has_its_people_first(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, at_once: int
):
    """One message a week for the same three people; the other run was planned first, and few wake at once."""
    an_outbox(engine, messages=3)
    another_run(engine, "urgent", priority=90)
    asleep(engine, NOON + timedelta(minutes=1))
    monkeypatch.setattr("db.claims.WAKE", at_once)
    monkeypatch.setattr("flows.dispatch.WAKE", at_once)
    provider, clock = Recorder(), Clock()
    clock.pass_(60)

    drain(a_post(engine, provider, clock, window=1, rules=lambda *of: ONE_A_WEEK))

    assert sorted(provider.sent) == [f"urgent-manual-2026-03-01-{n}" for n in (1, 2, 3)]
    assert {(m.campaign_id, m.reason) for m in messages(engine, state="queued")} == {("spring", "capped")}


def test_what_another_sender_wakes_goes_first_also_within_the_second(engine: Engine):
    """At 12:00:00.6 the other wakes what is urgent; our own next look would be at 12:00:01."""
    an_outbox(engine, messages=3)
    another_run(engine, "urgent", priority=90)
    asleep(engine, NOON + timedelta(seconds=0.5), "urgent")
    clock = Clock()

    def another_wakes(message: Outgoing) -> Answer:
        if len(provider.sent) == 1:
            clock.pass_(0.6)
            with transaction(engine) as session:
                runs = due_runs(session.connection(), "email", placebo=True, by=clock())
                assert wake(session.connection(), "email", runs, clock()) == 3
        return ACCEPTED

    provider = Recorder(another_wakes)
    drain(a_post(engine, provider, clock, window=1))

    assert [key.split("-")[0] for key in provider.sent] == ["k", "urgent", "urgent", "urgent", "k", "k"]


@pytest.mark.database
def test_nobody_wakes_lower_priorities_while_another_is_waking_the_higher(new_postgresql, tmp_path: Path):
    """The other has not committed: what it wakes is locked, and must not be passed over."""
    engine = open_engine(new_postgresql(tmp_path))
    an_outbox(engine, messages=1)
    another_run(engine, "urgent", priority=90)
    asleep(engine, NOON)
    woken: list[int] = []

    def wake_all() -> int:
        with transaction(engine) as session:
            runs = due_runs(session.connection(), "email", placebo=True, by=NOON)
            return wake(session.connection(), "email", runs, NOON)

    with transaction(engine) as session:
        runs = due_runs(session.connection(), "email", placebo=True, by=NOON)
        wake(session.connection(), "email", runs[:1], NOON)
        second = Thread(target=lambda: woken.append(wake_all()))
        second.start()
        second.join(0.3)
        before = list(woken)
    second.join()

    engine.dispose()
    assert (before, woken) == ([], [1])
