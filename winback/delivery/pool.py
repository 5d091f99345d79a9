"""Kept connections and the loop that serves them: many exchanges in flight on one thread, no task per exchange.

The caller's thread runs the loop step by step. A request is pulled between two steps and written at once, so what
its giver checks (lease, stop switch) is as fresh as it can be when the first byte leaves. A step costs 3 us
(stdlib) to 16 us (uvloop): it ends when half of what is in flight has its answer, or a moment after the first.

A connection is opened only when more was asked for than the open ones carry, and nothing is pulled for one that
is not open yet. Where none can be opened, all that is asked for gets an answer that says so, without a new attempt
for each: a provider that does not answer would else hold up every message for the whole time limit.
"""

import asyncio
import ssl
from abc import abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from time import monotonic
from typing import Any, Generic, TypeVar, cast

from winback.delivery.answer import HELD_BACK, Answer, ErrorKind, from_error, untrusted
from winback.delivery.source import Source, always

try:
    from uvloop import new_event_loop
except ImportError:  # there is none for Windows
    from asyncio import new_event_loop  # type: ignore[assignment]  # a loop is a loop

CONNECTIONS = 32
IDLE_SECONDS = 3.0  # servers close after 5 s and more; bytes that race with a close make a message uncertain
STALE_SECONDS = 0.05  # so long away from the loop, and it is asked first whether a connection was closed meanwhile
LINGER_SECONDS = 0.001
FREE: Any = object()
AGAIN: Any = object()  # an outcome: nothing was sent, and another connection may carry it

Item = TypeVar("Item")
Asked = TypeVar("Asked")
Outcome = TypeVar("Outcome")
Opened = TypeVar("Opened", bound="Connection[Any, Any]")


class NotOpened(Exception):
    """No connection, or the server would not have us; ``answer`` is what that makes of a message."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.reason)
        self.answer = answer


class Connection(asyncio.Protocol, Generic[Asked, Outcome]):
    """One kept connection; it carries one exchange at a time."""

    plain: asyncio.Transport
    transport: asyncio.Transport  # with TLS, if there is any

    def __init__(self, pool: "Pool[Asked, Outcome]") -> None:
        self.pool = pool
        self.item: Any = FREE
        self.asked: Any = None
        self.sent, self.used = True, False
        self.deadline = self.idle_since = 0.0

    @abstractmethod
    def begin(self, asked: Asked) -> None:
        """Write the first bytes of an exchange."""

    @abstractmethod
    def failure(self, kind: ErrorKind) -> Outcome | Answer:
        """What it makes of the message that the exchange ended here."""

    @abstractmethod
    def leave(self) -> None:
        """Close a connection on which nothing is in flight."""

    async def encrypt(self, loop: asyncio.AbstractEventLoop, tls: ssl.SSLContext, host: str) -> None:
        """Speak TLS from here on. A step of its own, so that the plain transport can be ended at any time."""
        if self.plain.is_closing():
            raise ConnectionResetError
        transport = await loop.start_tls(self.plain, self, tls, server_hostname=host)
        if transport is None:
            raise ConnectionAbortedError
        self._use(transport)

    def finish(self, outcome: Outcome | Answer, *, keep: bool) -> None:
        """End the exchange; a connection that is not kept is closed."""
        self.pool.finished(self, outcome, keep)
        if not keep:
            self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._use(transport)
        self.plain = self.transport
        self.pool.alive.add(self)

    def _use(self, transport: asyncio.BaseTransport) -> None:
        """Write to ``transport``, and hear at once when bytes have to wait."""
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=0)

    def connection_lost(self, exc: Exception | None) -> None:
        """The exchange on it, if there is one, was broken off."""
        if self.item is not FREE:
            self.pool.finished(self, self.failure(ErrorKind.BROKEN_OFF), keep=False)
        self.pool.alive.discard(self)
        self.pool.lost(self)

    def eof_received(self) -> None:
        """The server has closed its side: no byte of ours may follow."""
        if self.item is FREE:
            self.pool.lost(self)

    def pause_writing(self) -> None:
        """Bytes have to wait."""
        self.sent = False

    def resume_writing(self) -> None:
        """The last byte has left only now, and the time for the answer begins."""
        self.sent = True
        self.deadline = monotonic() + self.pool.timeout_seconds


class Pool(Generic[Asked, Outcome]):
    """The connections to one server; for one thread at a time.

    ``make`` makes a connection, ``open_up`` makes it ready or raises NotOpened. An answer must be whole
    ``timeout_seconds`` after the last byte of its request has left; opening a connection, and sending, may each
    take as long.
    """

    def __init__(
        self,
        host: str,
        port: int,
        make: "Callable[[Pool[Asked, Outcome]], Opened]",
        open_up: Callable[[Opened, asyncio.AbstractEventLoop], Awaitable[None]],
        *,
        timeout_seconds: float,
        connections: int = CONNECTIONS,
    ) -> None:
        self.timeout_seconds = timeout_seconds
        self.alive: set[Connection[Asked, Outcome]] = set()  # also those that are still being opened
        self._host, self._port, self._limit = host, port, connections
        self._make, self._open_up = make, open_up
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opening: set[asyncio.Task[None]] = set()
        self._open: set[Connection[Asked, Outcome]] = set()
        self._free: list[Connection[Asked, Outcome]] = []  # the longest idle first
        self._failed: Exception | None = None  # why no connection can be opened
        self._done: deque[tuple[Any, Outcome | Answer]] = deque()
        self._again: deque[tuple[Any, Any]] = deque()  # pulled, and to be begun on another connection
        self._in_flight, self._events, self._enough, self._ceiling = 0, 0, 1, connections
        self._polled_at = 0.0
        self.may_begin = always
        self._linger: asyncio.TimerHandle | None = None
        self._alarm: asyncio.TimerHandle | None = None

    def exchange(
        self, requests: Iterable[tuple[Item, Asked | Answer]], may_begin: Callable[[], bool] = always
    ) -> Iterator[tuple[Item, Outcome | Answer]]:
        """(item, outcome) of every request, as outcomes come; one that already is an Answer is handed through.

        ``may_begin`` is asked right before the first byte of each; where it says no the outcome is HELD_BACK.

        What ``requests`` raises comes through when all that was begun has its outcome. Who stops before the end
        breaks off what is in flight.
        """
        source = Source(requests)
        loop = self._loop = self._loop or new_event_loop()
        self._failed = None
        self._ceiling, self.may_begin = self._limit, may_begin
        try:
            while True:
                self._refill(source, loop)
                if not self._done:
                    if source.over and not self._in_flight and not self._again:
                        break
                    self._step(loop)
                while self._done:
                    yield self._done.popleft()
        finally:
            self._break_off(loop)
        if source.error:
            raise source.error

    def close(self) -> None:
        """Leave the server; the pool can be used again."""
        if self._loop is None:
            return
        loop, self._loop = self._loop, None
        for connection in list(self._open):
            self._leave(connection)
        if self._alarm:
            self._alarm.cancel()
            self._alarm = None
        self._poll(loop)  # a stop that was asked for and not served yet
        loop.run_until_complete(self._end(loop))
        loop.close()

    async def _end(self, loop: asyncio.AbstractEventLoop) -> None:
        for task in self._opening:
            task.cancel()
        await asyncio.gather(*self._opening, return_exceptions=True)
        for connection in self.alive:
            connection.plain.abort()
        await asyncio.sleep(0.001)  # closed transports tell their protocols in the next rounds
        await loop.shutdown_default_executor()  # names are looked up there

    # --- what connections say ------------------------------------------------------------------------------------

    def finished(self, connection: Connection[Asked, Outcome], outcome: Outcome | Answer, keep: bool) -> None:
        """An exchange has its outcome, or is to be begun on another connection."""
        if outcome is AGAIN:
            self._again.append((connection.item, connection.asked))
        else:
            self._done.append((connection.item, outcome))
        connection.item = FREE
        self._in_flight -= 1
        if keep:
            self._release(connection)
        else:
            self._open.discard(connection)
        self._notice()

    def lost(self, connection: Connection[Asked, Outcome]) -> None:
        """A connection is of no more use; one that never carried anything was as good as not opened."""
        self._open.discard(connection)
        if connection in self._free:
            self._free.remove(connection)
            if not connection.used:
                self._fail(NotOpened(from_error(ErrorKind.NOT_CONNECTED)))

    def _leave(self, connection: Connection[Asked, Outcome]) -> None:
        self._open.discard(connection)
        if connection in self._free:
            self._free.remove(connection)
        connection.leave()

    def _release(self, connection: Connection[Asked, Outcome]) -> None:
        connection.idle_since = monotonic()
        self._free.append(connection)

    def _notice(self) -> None:
        """Something the exchange waits for has happened: end this step now or in a moment."""
        self._events += 1
        if self._loop is None:  # closing
            return
        if self._events == self._enough:
            self._loop.stop()
        elif self._linger is None:
            self._linger = self._loop.call_later(LINGER_SECONDS, self._loop.stop)

    # --- beginning -----------------------------------------------------------------------------------------------

    def _refill(self, source: Source[tuple[Any, Any]], loop: asyncio.AbstractEventLoop) -> None:
        while (self._again or not source.over) and not self._done and self._ready(loop):
            if pulled := self._again.popleft() if self._again else source.pull():
                self._begin(*pulled, loop)
        if (self._again or not source.over) and not (self._failed or self._free):
            wanted = min(self._ceiling, max(1, source.pulled))
            while len(self._open) + len(self._opening) < wanted:
                self._opening.add(loop.create_task(self._try_to_open(loop)))

    def _ready(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether a request that is pulled now can leave now, or is known not to be able to."""
        now = self._look(loop)
        while self._free and now - self._free[0].idle_since > IDLE_SECONDS:
            self._leave(self._free[0])
        return bool(self._free or self._failed)

    def _look(self, loop: asyncio.AbstractEventLoop) -> float:
        """The time, when no connection that was closed while the loop did not run counts as free any more."""
        now = monotonic()
        if self._free and now - self._polled_at > STALE_SECONDS:
            self._poll(loop)
        while self._free and self._free[-1].transport.is_closing():
            self.lost(self._free[-1])
        return now

    def _begin(self, item: object, asked: Any, loop: asyncio.AbstractEventLoop) -> None:  # noqa: ANN401 - Asked or Answer
        self._look(loop)
        if type(asked) is Answer:
            self._done.append((item, asked))
        elif not self.may_begin():  # after looking, which may take a round of the loop: the write comes next
            self._done.append((item, HELD_BACK))
        elif not self._free:
            self._done.append((item, self._why_not()))
        else:
            connection = self._free.pop()
            connection.item, connection.asked = item, asked
            connection.deadline, connection.used = monotonic() + self.timeout_seconds, True
            self._in_flight += 1
            connection.begin(asked)

    def _why_not(self) -> Answer:
        """Why nothing of a message left: nothing could be opened, or the last connection was closed just now."""
        error = self._failed or NotOpened(from_error(ErrorKind.NOT_CONNECTED))
        if not isinstance(error, NotOpened):
            raise error
        return error.answer

    async def _try_to_open(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            async with asyncio.timeout(self.timeout_seconds):
                connection = await self._dial(loop)
        except ssl.SSLCertVerificationError:
            self._fail(NotOpened(untrusted(self._host)))
        except (OSError, UnicodeError):  # refused, unknown, timed out, TLS; a name that cannot be one
            self._fail(NotOpened(from_error(ErrorKind.NOT_CONNECTED)))
        except Exception as error:  # NotOpened; anything else is a fault of ours, and the exchange raises it
            self._fail(error)
        else:
            self._failed = None
            self._open.add(connection)
            self._release(connection)
            if connection.transport.is_closing():
                self.lost(connection)
        finally:
            self._opening.discard(cast("asyncio.Task[None]", asyncio.current_task()))
        self._notice()

    async def _dial(self, loop: asyncio.AbstractEventLoop) -> Connection[Asked, Outcome]:
        _, connection = await loop.create_connection(lambda: self._make(self), self._host, self._port)
        try:
            await self._open_up(connection, loop)
        except BaseException:
            connection.plain.abort()
            raise
        return connection

    def _fail(self, error: Exception) -> None:
        """An attempt failed: while others stand, the server just takes no more; else nothing gets through."""
        if self._open and isinstance(error, NotOpened):
            self._ceiling = len(self._open)
        else:
            self._failed = error

    # --- the loop ------------------------------------------------------------------------------------------------

    def _step(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run the loop until something has happened."""
        self._events, self._enough = 0, max(1, self._in_flight // 2)
        if self._alarm is None and self._in_flight:
            first = min(connection.deadline for connection in self._busy())
            self._alarm = loop.call_later(max(first - monotonic(), 0), self._ring, loop)
        self._run(loop)
        if self._alarm is None:
            self._expire(loop)

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        self._alarm = None
        loop.stop()

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give up what has waited too long; an answer that is there but unread is not late."""
        now = monotonic()
        self._poll(loop)
        for connection in self._busy():
            if connection.deadline <= now:
                connection.finish(connection.failure(ErrorKind.TIMED_OUT), keep=False)

    def _poll(self, loop: asyncio.AbstractEventLoop) -> None:
        """One round of the loop, without waiting."""
        loop.stop()
        self._run(loop)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.run_forever()
        self._polled_at = monotonic()
        if self._linger:
            self._linger.cancel()
            self._linger = None

    def _busy(self) -> list[Connection[Asked, Outcome]]:
        return [connection for connection in self._open if connection.item is not FREE]

    def _break_off(self, loop: asyncio.AbstractEventLoop) -> None:
        if busy := self._busy():
            for connection in busy:
                connection.finish(connection.failure(ErrorKind.BROKEN_OFF), keep=False)
            self._poll(loop)
        self._done.clear()
        self._again.clear()
