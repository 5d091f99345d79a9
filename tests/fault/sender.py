"""A real sender in a process of its own that dies (SIGKILL) at a chosen moment. The product has no hook for it.

``run`` carries out the campaign and drains the outbox, as ``winback run`` and ``winback send`` do, and watches
itself from outside: statements and commits, the messages a provider pulls, and the answers it gives. Processes are
forked from a server that has everything imported, so that hundreds of deaths cost little.
"""

import multiprocessing
import os
import resource
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from multiprocessing.context import ForkServerProcess
from typing import Any

import psycopg
from sqlalchemy import Engine, event
from sqlalchemy.engine.default import DefaultDialect

from db.settings import Settings
from flows.campaign_run import carry_out, manual
from flows.dispatch import LEASE, WINDOW, drain
from flows.sending import sender
from tests.workspaces import AS_OF, NOW
from winback.delivery.answer import Answer
from winback.delivery.lookup import Found, Sought
from winback.delivery.outgoing import Outgoing
from winback.delivery.registry import Provider
from winback.errors import WinbackError

SAID = "said.txt"
KILLED = -signal.SIGKILL


class Moment(StrEnum):
    """When to die, for the n-th time it happens."""

    STATEMENT = "before a statement of the database"
    COMMIT = "before a commit"
    PLAN = "before the commit of messages that are planned"  # C0
    QUEUED = "after the commit of messages that may leave"  # C1
    CLAIM = "before the commit of a claim"  # C2, not there
    CLAIM_UNKNOWN = "a claim's commit is with the server, its answer is not read"  # C2, perhaps there
    PULL = "a message is about to be handed over"  # C3
    ANSWER = "an answer is read"  # C5
    RECORD = "before the commit of what came of it"  # C5
    RECORDED = "after that commit"  # C6


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """Die at the ``n``-th ``moment``, counted from 1."""

    moment: Moment
    n: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What one sender does. ``now``: where its clock starts; ``jumps``: (seconds after the start, what the wall
    clock jumps by then). ``only_send``: the run was released before.
    """

    settings: Settings
    death: Death | None = None
    now: datetime = NOW
    jumps: tuple[tuple[float, timedelta], ...] = ()
    window: int = WINDOW
    lease: timedelta = LEASE
    only_send: bool = True
    until_empty: bool = True
    largest_file: int | None = None  # octets; the disk is full for a file that grows beyond


@dataclass(slots=True)
class Watch:
    """Counts the moments of one process and ends it at the chosen one."""

    death: Death | None
    seen: dict[Moment, int] = field(default_factory=dict)
    recorded: int | None = None  # messages whose acceptance was committed when last looked

    def at(self, moment: Moment) -> None:
        """A moment has come."""
        self.seen[moment] = self.seen.get(moment, 0) + 1
        if self.death and self.death.moment is moment and self.death.n == self.seen[moment]:
            os.kill(os.getpid(), signal.SIGKILL)

    def is_next(self, moment: Moment) -> bool:
        """Whether the coming ``moment`` is the last one."""
        return bool(self.death) and self.death == Death(moment=moment, n=self.seen.get(moment, 0) + 1)


class Clock:
    """The wall clock of a job: it goes on from ``now``, and jumps."""

    def __init__(self, job: Job) -> None:
        self._job, self._began = job, time.monotonic()

    def __call__(self) -> datetime:
        passed = time.monotonic() - self._began
        jumped = sum((by for after, by in self._job.jumps if passed >= after), timedelta())
        return self._job.now + timedelta(seconds=passed) + jumped


class Watched:
    """A provider whose pulls and answers are moments."""

    def __init__(self, provider: Provider, watch: Watch) -> None:
        self._provider, self._watch = provider, watch
        self.name, self.channels = provider.name, provider.channels

    def send_all(
        self, messages: Iterable[Outgoing], *, may_begin: Callable[[], bool]
    ) -> Iterator[tuple[Outgoing, Answer]]:
        """The provider's own, watched on both sides."""
        for answered in self._provider.send_all(self._pulled(messages), may_begin=may_begin):
            self._watch.at(Moment.ANSWER)
            yield answered

    def _pulled(self, messages: Iterable[Outgoing]) -> Iterator[Outgoing]:
        for message in messages:
            self._watch.at(Moment.PULL)
            yield message

    def test_send(self, message: Outgoing) -> Answer:
        """The provider's own."""
        return self._provider.test_send(message)

    def look_up(self, sought: Sought) -> Found:
        """The provider's own."""
        return self._provider.look_up(sought)

    def close(self) -> None:
        """The provider's own."""
        self._provider.close()


def start(job: Job) -> ForkServerProcess:
    """A sender at work; its ``exitcode`` is KILLED when it died as told."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    process = context.Process(target=run, args=(job,), daemon=True)
    process.start()
    return process


def finish(job: Job, *, seconds: float = 120) -> int:
    """Run a sender to its end; returns its exit code."""
    process = start(job)
    process.join(seconds)
    assert process.exitcode is not None, "the sender does not end"
    return process.exitcode


def run(job: Job) -> None:
    """One sender's life; what it has to say to a person is kept for ``said``."""
    if job.largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (job.largest_file, job.largest_file))
    try:
        work(job)
    except WinbackError as error:
        (job.settings.workspace / SAID).write_text(str(error))
        sys.exit(error.exit_code)


def said(settings: Settings) -> str:
    """What the last sender that gave up has said."""
    return (settings.workspace / SAID).read_text()


def work(job: Job) -> None:
    """Carry the campaign out where asked, and send."""
    watch, clock = Watch(job.death), Clock(job)
    watch_database(watch)
    if not job.only_send:
        carry_out(manual("spring", AS_OF), job.settings, clock())
    with sender(job.settings, clock) as post:
        watched = {channel: Watched(provider, watch) for channel, provider in post.providers.items()}
        drain(replace(post, providers=watched, window=job.window, lease=job.lease), until_empty=job.until_empty)


def watch_database(watch: Watch) -> None:
    """Make statements and commits of every engine of this process moments."""

    def watch_statements(connection: Any, _: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.set_trace_callback(lambda _: watch.at(Moment.STATEMENT))
        else:
            connection.cursor_factory = WatchedCursor

    class WatchedCursor(psycopg.Cursor[Any]):
        def execute(self, *given: Any, **named: Any) -> "WatchedCursor":
            watch.at(Moment.STATEMENT)
            return super().execute(*given, **named)

        def executemany(self, *given: Any, **named: Any) -> None:
            watch.at(Moment.STATEMENT)
            super().executemany(*given, **named)

    event.listen(Engine, "connect", watch_statements)
    plain = DefaultDialect.do_commit

    def do_commit(dialect: DefaultDialect, connection: Any) -> None:
        states = _states(connection)
        if watch.recorded is None:
            watch.recorded = states["accepted"]
        records = states["accepted"] > watch.recorded  # this transaction does; one that only reads does not
        watch.at(Moment.COMMIT)
        for moment, comes in (
            (Moment.PLAN, "planned" in states),
            (Moment.CLAIM, "sending" in states),
            (Moment.RECORD, records),
        ):
            if comes:
                watch.at(moment)
        if "sending" in states and watch.is_next(Moment.CLAIM_UNKNOWN):
            connection.pgconn.send_query(b"COMMIT")
            connection.pgconn.flush()
            watch.at(Moment.CLAIM_UNKNOWN)
        plain(dialect, connection)
        if "queued" in states:
            watch.at(Moment.QUEUED)
        if records:
            watch.recorded = states["accepted"]
            watch.at(Moment.RECORDED)

    DefaultDialect.do_commit = do_commit


def _states(connection: Any) -> Counter[str]:
    """State -> messages, as the transaction that is about to commit sees them."""
    cursor = connection.cursor()
    try:
        return Counter(dict(cursor.execute("SELECT state, count(*) FROM message GROUP BY state").fetchall()))
    except (sqlite3.Error, psycopg.Error):  # the connection is gone: the commit will say so
        return Counter()
    finally:
        cursor.close()
