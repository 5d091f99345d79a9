"""What every web request needs: the workspace, the body in bounded time and size, work in bounded time, pages."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Engine
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app.pages import HEADERS, LANGUAGE, Notice, View, choose_language, render
from db.settings import Settings
from winback.errors import Unusable
from winback.message.tokens import Signer

MAX_BODY_BYTES = 10 * 1024 * 1024
FORM_BYTES = 64 * 1024  # more than Twilio or a page of ours sends
# bytes of all bodies that are being read and checked, of each kind apart: neither can fill the other's
EVENTS_ROOM, FORMS_ROOM = 32 * 1024 * 1024, 8 * 1024 * 1024
BODY_SECONDS = 30.0
ANSWER_SECONDS = 5.0  # to commit what a request says; also how long its database connections wait for a lock
RETRY_AFTER = {"Retry-After": "60"}

log = logging.getLogger(__name__)
T = TypeVar("T")


class Desk:
    """The workspace as web requests see it; ``clock`` gives the time now, aware."""

    def __init__(self, engine: Engine, settings: Settings, clock: Callable[[], datetime]) -> None:
        self.engine, self.settings, self.clock = engine, settings, clock
        self.signer = Signer([settings.file.salt])
        self.events, self.forms = Room(EVENTS_ROOM, largest=MAX_BODY_BYTES), Room(FORMS_ROOM, largest=FORM_BYTES)
        # one queue for all that is written: SQLite lets one write at a time, and threads that ask it in turn are
        # slower and less fair; PostgreSQL gets fewer and larger transactions
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="writer")

    async def write(self, work: Callable[[], T], seconds: float = ANSWER_SECONDS) -> T:
        """``work`` where writing is done; Unusable when it takes longer than ``seconds``.

        What was begun by then goes on, and may still be committed: it is the same when it comes again.
        """
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.get_running_loop().run_in_executor(self._writer, work)
        except TimeoutError as error:
            raise Unusable("the database is busy for too long") from error

    def close(self) -> None:
        """End when what was begun is done."""
        self._writer.shutdown(wait=True, cancel_futures=True)

    def page(
        self,
        request: Request,
        notice: Notice,
        *,
        view: View | None = None,
        locale: str | None = None,
        status: int = 200,
    ) -> Response:
        """One page in the language chosen on it, else the customer's, else the browser's."""
        sender, asked = self.settings.file.sender, request.query_params.get(LANGUAGE)
        speech = choose_language(asked, locale, request.headers.get("Accept-Language", ""))
        html = render(
            notice,
            view=view,
            speech=speech,
            sender=sender.name_in(speech.language),
            reply_to=sender.reply_to or sender.email,
            postal=sender.postal_address,
        )
        return HTMLResponse(html, status_code=status, headers=dict(HEADERS))


class Room:
    """Where the bodies of requests are read and checked: all together hold no more than so many bytes.

    Anybody can send one, and the same process sends messages.
    """

    def __init__(self, size: int, *, largest: int) -> None:
        self._left, self._largest = size, largest

    @asynccontextmanager
    async def body(self, request: Request) -> AsyncIterator[bytes]:
        """The raw body, not unpacked; it makes room for others when the block ends."""
        held = bytearray()
        try:
            yield await self._read(request, held)
        finally:
            self._left += len(held)

    async def _read(self, request: Request, held: bytearray) -> bytes:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                async for piece in request.stream():
                    self._take(piece, held)
        except TimeoutError:
            raise HTTPException(408) from None
        return bytes(held)

    def _take(self, piece: bytes, held: bytearray) -> None:
        """Measured while it comes, since a declared length may lie."""
        if len(held) + len(piece) > self._largest:
            raise HTTPException(413)
        if len(piece) > self._left:
            raise HTTPException(503, headers=RETRY_AFTER)
        self._left -= len(piece)
        held += piece
