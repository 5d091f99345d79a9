"""A run's members into the outbox, planned and queued in resumable chunks, against one bare INSERT .. SELECT.

    python -m bench.outbox [--customers 100000]

Both write the same rows into the same table with the same indexes on SQLite with synchronous=FULL, the bare one in
a single transaction and without a chance to resume. Wall and CPU seconds; read the ratios.
"""

import argparse
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bench.crowd import Wanted, make_members
from db.engine import database, reading
from db.outbox import counts
from db.settings import Settings
from flows.planning import plan_messages, release_messages

ROUNDS = 3
BARE = """
INSERT INTO message (key, occurrence_id, campaign_id, assignment_id, customer_no, person, step, channel, template,
  address_hash, state, attempt, cost_micros, late_after, state_at)
SELECT 'abcdefghijkl-' || a.code, a.occurrence_id, a.campaign_id, a.id, a.customer_no, a.person, 'letter',
  a.channel, 'letter', a.address_hash, 'queued', 0, 0, o.late_after, o.opened_at
FROM assignment a JOIN occurrence o ON o.id = a.occurrence_id
WHERE a.arm = 'message' ORDER BY a.id
"""
Took = tuple[float, float]  # wall and CPU seconds


def main() -> None:
    parser = argparse.ArgumentParser(description="Members into the outbox.")
    parser.add_argument("--customers", type=int, default=100_000)
    given = parser.parse_args()
    now = datetime.now(UTC)
    ours, bare = list[Took](), list[Took]()
    with tempfile.TemporaryDirectory() as name:
        settings, run_id = make_members(
            Path(name) / "shop", Wanted(customers=given.customers, everybody=True), now
        )
        file = Path(settings.database_url.removeprefix("sqlite:///"))
        before = file.with_name("before.db")
        shutil.copy(file, before)
        for _ in range(ROUNDS):
            shutil.copy(before, file)
            ours.append(took(lambda: enqueue(settings, run_id, now)))
            check(settings, given.customers)
            shutil.copy(before, file)
            bare.append(took(lambda: insert_bare(file)))
            check(settings, given.customers)
    wall, cpu = min(ours)[0], min(each[1] for each in ours)
    bare_wall, bare_cpu = min(bare)[0], min(each[1] for each in bare)
    print(
        f"{given.customers:,} members to queued messages: {wall:.2f} s, bare INSERT .. SELECT {bare_wall:.2f} s: "
        f"{wall / bare_wall:.2f} times; CPU {cpu:.2f} and {bare_cpu:.2f} s: {cpu / bare_cpu:.2f} times"
    )


def enqueue(settings: Settings, run_id: int, now: datetime) -> None:
    """Plan and queue, as a run does."""
    plan_messages(run_id, settings)
    release_messages(run_id, settings, now)


def insert_bare(file: Path) -> None:
    """The same rows at once."""
    connection = sqlite3.connect(file)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    with connection:
        connection.execute(BARE)
    connection.close()


def check(settings: Settings, messages: int) -> None:
    """Everybody has one queued message."""
    with database(settings.database_url) as engine, reading(engine) as session:
        assert counts(session) == {"queued": messages}


def took(work: Callable[[], None]) -> Took:
    """Wall and CPU seconds."""
    began, cpu = time.monotonic(), time.process_time()
    work()
    return time.monotonic() - began, time.process_time() - cpu


if __name__ == "__main__":
    main()
