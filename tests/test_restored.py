"""A state put back from a backup sends nothing until it is released, however it came back, on both databases."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Event, Thread
from time import perf_counter_ns

import pytest
from sqlalchemy import Engine, delete, select, update
from sqlmodel import col

from db.engine import open_engine, reading, transaction
from db.memory import Mark, count_claim, recall, remember
from db.outbox import queue
from db.restored import check_not_restored, hold, release, released_at, standing_hold
from db.settings import Settings
from db.stops import EVERYTHING, is_stopped, stopped_scopes, switch_stop
from db.tables import Alert, Assignment, Customer, Message, Occurrence, Restore, Sender
from flows.dispatch import drain
from flows.due import look_for_due
from tests.builders import NOON, an_outbox
from tests.test_dispatch import Clock, Recorder, a_post
from tests.workspaces import CAMPAIGN, NOW, a_quiet_crowd, a_workspace
from winback.errors import Unusable

HOUR = timedelta(hours=1)
NINE = "schedule: {cron: '0 9 * * *', timezone: America/New_York}\n"


@pytest.fixture
def shop(tmp_path: Path, database_url: str) -> Settings:
    return a_workspace(tmp_path, database_url)


@pytest.fixture
def engine(shop: Settings):
    engine = open_engine(shop.database_url)
    yield engine
    engine.dispose()


def states(engine: Engine) -> Counter[tuple[str, str | None]]:
    with reading(engine) as session:
        return Counter(session.execute(select(col(Message.state), col(Message.reason))).tuples())


def set_state(engine: Engine, key: str, **values: object) -> None:
    with transaction(engine) as session:
        session.execute(update(Message).where(col(Message.key) == key).values(**values))


def claims(engine: Engine, times: int, sender: str = "ann-1") -> Mark:
    """What the database says of the last of ``times`` claims of a sender."""
    for _ in range(times):
        with transaction(engine) as session:
            mark = count_claim(session.connection(), sender)
    return mark


def test_a_state_that_knows_the_last_claim_is_not_held(shop: Settings, engine: Engine):
    an_outbox(engine, messages=2)

    remember(shop, claims(engine, 3))

    assert check_not_restored(shop, engine, NOON) is False
    assert states(engine) == {("queued", None): 2}


def test_a_state_without_any_memory_is_not_held(shop: Settings, engine: Engine):
    an_outbox(engine, messages=1)

    assert check_not_restored(shop, engine, NOON) is False


@pytest.mark.parametrize("mark", [Mark("ann-1", 4, None), Mark("bob-1", 1, None)])
def test_a_state_that_does_not_know_the_last_claim_is_held_and_staff_is_told(
    shop: Settings, engine: Engine, mark: Mark
):
    """Ann's sender had claimed three times when the backup was made, Bob's not once."""
    an_outbox(engine, messages=2)
    claims(engine, 3)

    remember(shop, mark)

    assert check_not_restored(shop, engine, NOON) is True
    assert states(engine) == {("uncertain", "restored"): 2}
    with reading(engine) as session:
        assert is_stopped(session.connection(), "spring/manual-2026-03-01")
        assert [alert.kind for alert in session.execute(select(Alert)).scalars()] == ["restored"]


def test_a_later_claim_than_the_remembered_one_is_known_too(shop: Settings, engine: Engine):
    an_outbox(engine, messages=1)
    remembered = claims(engine, 2)
    claims(engine, 1)

    remember(shop, remembered)

    assert check_not_restored(shop, engine, NOON) is False


def test_a_sender_s_own_claims_are_what_is_remembered_and_every_one_is_counted(shop: Settings, engine: Engine):
    """Four messages in windows of two: two claims, the same in the file and in the database."""
    an_outbox(engine, messages=4)

    drain(a_post(engine, Recorder(), Clock(), window=2, owner="ann-1", remember=partial(remember, shop)))

    assert recall(shop) == Mark("ann-1", 2, None)
    with reading(engine) as session:
        assert session.execute(select(col(Sender.name), col(Sender.claims))).all() == [("ann-1", 2)]


def test_erasing_the_customer_who_was_claimed_last_holds_nothing(shop: Settings, engine: Engine):
    an_outbox(engine, messages=1)
    drain(a_post(engine, Recorder(), Clock(), remember=partial(remember, shop)))
    with transaction(engine) as session:
        for table in (Message, Assignment, Customer):
            session.execute(delete(table))

    assert check_not_restored(shop, engine, NOON) is False


def test_the_newest_memory_counts_also_after_a_longer_one(shop: Settings, engine: Engine):
    an_outbox(engine, messages=1)

    remember(shop, Mark("a-host-of-a-long-name-" + "9" * 60, 12, NOON))
    remember(shop, claims(engine, 1))

    assert check_not_restored(shop, engine, NOON) is False


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 256, b"ann-1\n", b"ann-1 one -\n", b"ann-1 1 noon\n", "ann-½ 1 -\n".encode()]
)
def test_a_damaged_memory_stops_every_sender_until_a_person_has_looked(
    shop: Settings, engine: Engine, content: bytes
):
    """It may be torn by a power cut, or be all that is left of a state that was put back."""
    an_outbox(engine, messages=1)
    (shop.state / "last-claim").write_bytes(content)

    with pytest.raises(Unusable, match="last-claim is damaged"):
        check_not_restored(shop, engine, NOON)
    (shop.state / "last-claim").unlink()

    assert check_not_restored(shop, engine, NOON) is False


def test_a_memory_is_whole_whenever_it_is_read(shop: Settings):
    """Read while another sender makes it, as four that start at once do."""
    place, damaged = shop.state / "last-claim", list[Unusable]()
    ended = Event()

    def read() -> None:
        while not ended.is_set():
            try:
                recall(shop)
            except Unusable as error:
                damaged.append(error)

    reader = Thread(target=read)
    reader.start()
    for claims in range(3_000):
        place.unlink(missing_ok=True)
        remember(shop, Mark("ann-1", claims, None))
    ended.set()
    reader.join()

    assert damaged == []
    assert [path.name for path in place.parent.iterdir() if path.name.startswith("last-claim")] == ["last-claim"]


def test_a_memory_that_cannot_be_written_is_an_error_before_anything_leaves(shop: Settings):
    (shop.state / "last-claim").mkdir()

    with pytest.raises(Unusable, match="last-claim cannot be written"):
        remember(shop, Mark("ann-1", 1, None))


def test_remembering_costs_less_than_60_microseconds(shop: Settings):
    """The least of five rounds: what it costs where nobody else is in the way."""
    rounds = []
    for _ in range(5):
        began = perf_counter_ns()
        for number in range(200):
            remember(shop, Mark("a-host-of-some-length-12345-abcdef0123456789", number, NOON))
        rounds.append((perf_counter_ns() - began) / 200)

    assert min(rounds) < 60_000


def test_a_hold_marks_what_had_not_left_and_leaves_the_rest(shop: Settings, engine: Engine):
    an_outbox(engine, messages=5)
    for key, state in (("k-1", "accepted"), ("k-2", "sending"), ("k-3", "planned"), ("k-4", "skipped")):
        set_state(engine, key, state=state, reason=None)

    hold(engine, NOON)

    assert states(engine) == {("accepted", None): 1, ("skipped", None): 1, ("uncertain", "restored"): 3}


def test_a_hold_counts_what_may_have_left_for_the_caps(shop: Settings, engine: Engine):
    """Nobody may be written to again within his cap because a backup forgot that he was."""
    an_outbox(engine, messages=1)

    hold(engine, NOON)

    with reading(engine) as session:
        assert session.execute(select(col(Message.sent_at))).scalar_one() == NOON


def test_a_hold_that_died_half_way_is_finished_by_the_next_look(shop: Settings, engine: Engine):
    an_outbox(engine, messages=2)
    with transaction(engine) as session:
        switch_stop(session, EVERYTHING, on=True, now=NOON, reason="restoring")
        session.add(Restore(backup_at=NOON - HOUR, found_at=NOON))

    assert check_not_restored(shop, engine, NOON) is True

    assert states(engine) == {("uncertain", "restored"): 2}
    with reading(engine) as session:
        held = standing_hold(session)
        assert stopped_scopes(session) == {EVERYTHING: "restored"}
    assert held is not None
    assert (held.backup_at, held.unknown) == (NOON - HOUR, 2)


def test_holding_twice_is_holding_once(shop: Settings, engine: Engine):
    an_outbox(engine, messages=2)
    for _ in range(2):
        hold(engine, NOON)
        assert check_not_restored(shop, engine, NOON + HOUR) is True

    with reading(engine) as session:
        assert len(session.execute(select(Restore)).all()) == 1
        assert len(session.execute(select(Alert)).all()) == 1


def test_a_stop_that_somebody_set_before_does_not_hide_the_hold(shop: Settings, engine: Engine):
    an_outbox(engine, messages=1)
    with transaction(engine) as session:
        switch_stop(session, EVERYTHING, on=True, now=NOON)

    hold(engine, NOON)

    with reading(engine) as session:
        assert stopped_scopes(session) == {EVERYTHING: "restored"}


def test_released_it_goes_on_and_what_may_have_left_stays_unknown(shop: Settings, engine: Engine):
    an_outbox(engine, messages=2)
    remember(shop, Mark("bob-1", 1, None))
    assert check_not_restored(shop, engine, NOON)

    release(engine, NOON + HOUR)

    assert check_not_restored(shop, engine, NOON + HOUR) is False
    assert states(engine) == {("uncertain", "restored"): 2}
    with reading(engine) as session:
        assert stopped_scopes(session) == {}
        assert released_at(session) == NOON + HOUR
        assert standing_hold(session) is None


def test_a_release_holds_for_every_machine(shop: Settings, engine: Engine, tmp_path: Path):
    """Both had claimed since the backup. Ann's machine finds it and somebody releases it; then Bob's looks."""
    an_outbox(engine, messages=1)
    bobs = replace(shop, workspace=tmp_path / "bob")
    bobs.state.mkdir(parents=True)
    remember(shop, Mark("ann-1", 9, None))
    remember(bobs, Mark("bob-1", 5, None))
    assert check_not_restored(shop, engine, NOON)
    release(engine, NOON + HOUR)

    assert check_not_restored(bobs, engine, NOON + 2 * HOUR) is False
    assert check_not_restored(shop, engine, NOON + 2 * HOUR) is False


@pytest.mark.parametrize("clock", [-3 * HOUR, HOUR])
def test_the_same_backup_put_back_again_after_a_release_is_noticed_whatever_the_clocks_say(
    shop: Settings, engine: Engine, clock: timedelta
):
    """Claimed after the first release, by a machine whose clock is slow or right; then all of it is forgotten."""
    an_outbox(engine, messages=1)
    hold(engine, NOON)
    release(engine, NOON + clock)
    remember(shop, claims(engine, 1))
    assert check_not_restored(shop, engine, NOON) is False
    with transaction(engine) as session:  # the backup again
        session.execute(delete(Restore))
        session.execute(delete(Sender))

    assert check_not_restored(shop, engine, NOON + 2 * HOUR) is True


def test_a_release_by_a_slow_clock_is_still_the_latest(shop: Settings, engine: Engine):
    """Released at one o'clock; held again; released by a machine whose clock says noon."""
    an_outbox(engine, messages=1)
    hold(engine, NOON)
    release(engine, NOON + HOUR)
    remember(shop, claims(engine, 1)._replace(claims=2))
    assert check_not_restored(shop, engine, NOON + 2 * HOUR) is True

    release(engine, NOON)

    assert check_not_restored(shop, engine, NOON + 2 * HOUR) is False


def test_a_release_before_the_marking_is_done_marks_first(shop: Settings, engine: Engine):
    an_outbox(engine, messages=1)
    with transaction(engine) as session:
        session.add(Restore(backup_at=None, found_at=NOON))

    release(engine, NOON + HOUR)

    assert states(engine) == {("uncertain", "restored"): 1}


@pytest.mark.parametrize(
    ("stage", "after", "entries"),
    [("opened", "missed", 0), ("selected", "missed", 0), ("assigned", "missed", 0), ("planned", "planned", 3)],
)
def test_a_run_the_backup_caught_half_way_is_given_up_unless_it_was_wholly_planned(
    shop: Settings, engine: Engine, stage: str, after: str, entries: int
):
    """A planned run's people have entered, and its messages are as unknown as any: it ends without a send."""
    run = an_outbox(engine, messages=3, state="planned")
    with transaction(engine) as session:
        session.execute(update(Occurrence).values(stage=stage))
    hold(engine, NOON)

    release(engine, NOON + HOUR)
    with transaction(engine) as session:
        queue(session, run, range(1, 100), NOON + HOUR)

    with reading(engine) as session:
        assert session.execute(select(col(Occurrence.stage))).scalar_one() == after
        assert len(session.execute(select(Assignment)).all()) == entries
    assert states(engine) == ({("uncertain", "restored"): entries} if entries else {})


@pytest.mark.slow
def test_nothing_due_runs_while_held_and_what_was_due_until_the_release_never_does(
    tmp_path: Path, database_url: str
):
    """Due at 09:00 in New York, which is NOW; held before, released half an hour later. Tomorrow's slot runs."""
    shop = a_workspace(tmp_path, database_url, CAMPAIGN + NINE)
    a_quiet_crowd(shop, 20)
    look_for_due(shop, NOW - 20 * HOUR)
    engine = open_engine(shop.database_url)
    hold(engine, NOW - HOUR)

    while_held = look_for_due(shop, NOW)
    release(engine, NOW + HOUR / 2)
    released = look_for_due(shop, NOW + HOUR)
    tomorrow = look_for_due(shop, NOW + 24 * HOUR)

    engine.dispose()
    assert (while_held.ran, while_held.missed) == ((), ())
    assert (released.ran, released.missed) == ((), ("spring/2026-03-01T09:00",))
    assert "between a backup and its release" in released.alarms[0].text
    assert tomorrow.ran == ("spring/2026-03-02T09:00",)
