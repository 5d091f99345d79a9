"""What every web request needs: the workspace, the body in bounded time and size, work in bounded time, pages."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
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


async def read_body(request: Request, limit: int = MAX_BODY_BYTES) -> bytes:
    """The raw body: measured while it comes, since a declared length may lie, and not unpacked."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > limit:
                    raise HTTPException(413)
    except TimeoutError:
        raise HTTPException(408) from None
    return bytes(body)
