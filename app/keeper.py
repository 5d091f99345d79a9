"""Commits what callbacks say, those that wait together in one transaction; nobody is answered before.

A commit costs as much as a hundred events, so callbacks that arrive while one is being written share the next. One
that cannot be stored does not keep the others from it: they are then done one by one.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from sqlalchemy.engine import Connection

from app.desk import ANSWER_SECONDS, Desk
from db.callbacks import Callback, begin, believe, finish, quarantine, unfinished
from db.direct import writer, writing
from db.engine import reading
from db.events import store
from winback.callbacks import Reading, sendgrid
from winback.errors import Unusable

CHUNK = 500  # events per transaction: a writer must not hold SQLite longer than 250 ms

log = logging.getLogger(__name__)


class _Waiting(NamedTuple):
    callback: Callback
    read: Reading
    kept: asyncio.Future[None]


class Keeper:
    """Takes callbacks from requests and writes them, in the order in which they came."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._waiting: deque[_Waiting] = deque()
        self._writing: asyncio.Task[None] | None = None

    async def keep(self, callback: Callback, read: Reading) -> None:
        """Return when everything the callback says is committed; Unusable when that takes too long.

        What is being written by then goes on, and may still be committed: it is the same when it comes again.
        """
        waiting = _Waiting(callback, read, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all())
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await waiting.kept
        except TimeoutError as error:
            raise Unusable("the database is busy for too long") from error

    async def _write_all(self) -> None:
        while group := self._next_group():
            await self._write(group)

    def _next_group(self) -> list[_Waiting]:
        """Those who wait longest and still wait, as many as fit into one transaction, or one."""
        group: list[_Waiting] = []
        events = 0
        while self._waiting and (not group or events + len(self._waiting[0].read.events) <= CHUNK):
            waiting = self._waiting.popleft()
            if not waiting.kept.done():
                group.append(waiting)
                events += len(waiting.read.events)
        return group

    async def _write(self, group: Sequence[_Waiting]) -> None:
        try:
            await self._desk.write(partial(self._keep_all, group))
        except Unusable as error:
            for waiting in group:
                _fail(waiting, error)
        except Exception as error:
            if len(group) > 1:
                for waiting in group:
                    await self._write([waiting])
            else:
                _fail(group[0], error)
        else:
            for waiting in group:
                if not waiting.kept.done():
                    waiting.kept.set_result(None)

    def _keep_all(self, group: Sequence[_Waiting]) -> None:
        if len(group) == 1 and len(group[0].read.events) > CHUNK:
            self._keep_long(group[0].callback, group[0].read)
            return
        tariff = self._desk.settings.tariff
        latest = max(waiting.callback.received_at for waiting in group)
        with self._transaction() as connection:
            store(connection, [event for waiting in group for event in waiting.read.events], latest, tariff)
            believe(connection, [waiting.callback.digest for waiting in group])
            for callback, read, _ in group:
                quarantine(connection, callback, read.refused)

    def _keep_long(self, callback: Callback, read: Reading) -> None:
        """More than one transaction holds; cut off in the middle, it is done again from the start."""
        for start in range(0, len(read.events), CHUNK):
            with self._transaction() as connection:
                if start == 0 and not begin(connection, callback):
                    return
                events = read.events[start : start + CHUNK]
                store(connection, events, callback.received_at, self._desk.settings.tariff)
                if start + CHUNK >= len(read.events):
                    believe(connection, [callback.digest])
                    quarantine(connection, callback, read.refused)
                    finish(connection, callback)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with writer(self._desk.engine) as connection, writing(connection):
            yield connection

    async def note(self, callback: Callback, read: Reading) -> None:
        """Note what could not be read of a callback, and nothing else."""
        await self._desk.write(partial(self._note, callback, read))

    def _note(self, callback: Callback, read: Reading) -> None:
        with self._transaction() as connection:
            quarantine(connection, callback, read.refused)

    async def finish_leftovers(self) -> None:
        """Do what a crash cut off. Only SendGrid's batches take several transactions, so only they are left."""
        try:
            await asyncio.to_thread(self._finish_leftovers)
        except Unusable as error:
            log.warning("callbacks cut off earlier are not finished yet: %s", type(error).__name__)

    def _finish_leftovers(self) -> None:
        with reading(self._desk.engine) as session:
            left = unfinished(session)
        for callback in left:
            self._keep_long(callback, sendgrid.parse(callback.body, received_at=callback.received_at))


def _fail(waiting: _Waiting, error: Exception) -> None:
    if not waiting.kept.done():
        waiting.kept.set_exception(error)
