"""The web application that providers and customers reach: callbacks of both providers and the unsubscribe page.

A provider is told 2xx only after its events are committed. 403: not signed by it; 400: signed but unreadable,
noted in quarantine; 413, 408: too large or too slow; 503: we cannot check or keep it now, send it again. What is
not proved to come from the provider leaves no trace in the database. No address or body ever reaches a log.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from sqlalchemy import Engine
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from app.pages import HEADERS, Page, choose_language, render
from db.engine import reading, transaction
from db.events import Callback, Recipient, begin, finish, quarantine, recipient, store, unfinished, unsubscribe
from db.settings import Settings
from winback.callbacks import WHOLE, Reading, Refused, digest_of, sendgrid, twilio
from winback.errors import Unusable
from winback.tokens import read_token

MAX_BODY_BYTES = 10 * 1024 * 1024
BODY_SECONDS = 30.0
CHUNK = 500  # events per transaction: a writer must not hold SQLite longer than 250 ms
RETRY_AFTER = {"Retry-After": "60"}

log = logging.getLogger(__name__)


def make_app(engine: Engine, settings: Settings, clock: Callable[[], datetime]) -> Starlette:
    """The application; ``clock`` gives the time now, aware."""
    key = settings.secrets.sendgrid_webhook_key
    desk = _Desk(
        engine=engine, settings=settings, clock=clock, sendgrid_key=sendgrid.load_key(key) if key else None
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await run_in_threadpool(desk.finish_leftovers)
        yield

    return Starlette(
        routes=[
            Route("/hooks/sendgrid", desk.sendgrid, methods=["POST"]),
            Route("/hooks/twilio", desk.twilio, methods=["POST"]),
            Route("/u/{token}", desk.show_page, methods=["GET"]),
            Route("/u/{token}", desk.unsubscribe, methods=["POST"]),
        ],
        exception_handlers={Unusable: desk.cannot_keep, ClientDisconnect: _gone},
        lifespan=lifespan,
    )


@dataclass(frozen=True, kw_only=True)
class _Desk:
    """What every request needs, and the endpoints."""

    engine: Engine
    settings: Settings
    clock: Callable[[], datetime]
    sendgrid_key: EllipticCurvePublicKey | None

    async def sendgrid(self, request: Request) -> Response:
        """SendGrid's events."""
        if self.sendgrid_key is None:
            return _not_configured("WINBACK_SENDGRID_WEBHOOK_KEY is missing or is not SendGrid's public key")
        body = await _read_body(request)
        return await run_in_threadpool(self._sendgrid, self.sendgrid_key, request.headers, body)

    def _sendgrid(self, key: EllipticCurvePublicKey, headers: Headers, body: bytes) -> Response:
        timestamp = headers.get(sendgrid.TIMESTAMP_HEADER, "")
        signature = headers.get(sendgrid.SIGNATURE_HEADER)
        if not sendgrid.verify(key, signature=signature, timestamp=timestamp, body=body):
            return _not_theirs(sendgrid.PROVIDER)
        now = self.clock()
        callback = Callback(
            provider=sendgrid.PROVIDER,
            digest=digest_of(sendgrid.PROVIDER, body),
            body=body,
            received_at=now,
        )
        if reason := sendgrid.untimely(timestamp, now):
            # an error would make SendGrid send it again for days; the row says that something was not believed
            self._set_aside(callback, [Refused(position=WHOLE, reason=reason)])
            return PlainTextResponse("set aside")
        return self._answer(callback, sendgrid.parse(body))

    async def twilio(self, request: Request) -> Response:
        """Twilio's status changes and the messages people send back."""
        secrets = self.settings.secrets
        if not (secrets.twilio_token and secrets.twilio_sid):
            return _not_configured("WINBACK_TWILIO_SID or WINBACK_TWILIO_TOKEN is missing")
        body = await _read_body(request)
        return await run_in_threadpool(self._twilio, secrets.twilio_sid, secrets.twilio_token, request, body)

    def _twilio(self, account: str, token: str, request: Request, body: bytes) -> Response:
        query = request.scope["query_string"].decode("latin-1")
        # the address Twilio was told, not the one the request came by: a proxy may have changed it
        url = self.settings.public_url + request.scope["path"] + (f"?{query}" if query else "")
        signature = request.headers.get(twilio.SIGNATURE_HEADER)
        if not twilio.verify(token=token, account=account, url=url, body=body, signature=signature):
            return _not_theirs(twilio.PROVIDER)
        now = self.clock()
        callback = Callback(
            provider=twilio.PROVIDER,
            digest=digest_of(twilio.PROVIDER, body, query),
            body=body,
            received_at=now,
        )
        answer = self._answer(callback, twilio.parse(body, query=query, received_at=now))
        if answer.status_code != 200:
            return answer
        return Response("<Response/>", media_type="text/xml")  # to a person's message: say nothing back

    def _answer(self, callback: Callback, read: Reading) -> Response:
        if read.unreadable:
            self._set_aside(callback, list(read.refused))
            return PlainTextResponse("unreadable", status_code=400)
        self._keep(callback, read)
        return PlainTextResponse("kept")

    def _set_aside(self, callback: Callback, refused: list[Refused]) -> None:
        log.warning("%s: a signed callback was set aside: %s", callback.provider, refused[0].reason)
        with transaction(self.engine) as session:
            quarantine(session, callback.digest, refused, self.clock())

    def _keep(self, callback: Callback, read: Reading) -> None:
        """Commit everything a callback says; cut off in the middle, it is done again from the start."""
        if read.refused:
            log.warning("%s: %d of a callback's elements were set aside", callback.provider, len(read.refused))
        starts = range(0, max(len(read.events), 1), CHUNK)
        for start in starts:
            with transaction(self.engine) as session:
                if start == 0 and not begin(session, callback):
                    return
                store(session, read.events[start : start + CHUNK], callback.received_at)
                if start == starts[-1]:
                    quarantine(session, callback.digest, read.refused, self.clock())
                    finish(session, callback.digest, self.clock())

    def finish_leftovers(self) -> None:
        """Do what a crash cut off. Only SendGrid's batches take several transactions, so only they are left."""
        try:
            with reading(self.engine) as session:
                left = unfinished(session)
            for callback in left:
                self._keep(callback, sendgrid.parse(callback.body))
        except Unusable as error:
            log.warning("callbacks cut off earlier are not finished yet: %s", type(error).__name__)

    def show_page(self, request: Request) -> Response:
        """The unsubscribe page. A GET changes nothing: mail scanners follow every link."""
        key = read_token(self.settings.file.salt, request.path_params["token"])
        with reading(self.engine) as session:
            who = recipient(session, key) if key else None
        if who is None:
            return self._page(Page.BROKEN, request, None, 404)
        return self._page(Page.DONE if who.unsubscribed else Page.ASK, request, who)

    def unsubscribe(self, request: Request) -> Response:
        """Unsubscribe, whether a mail program does it in one click (RFC 8058) or the page's button.

        The token says everything, so the body is not read, and neither cookie nor login is asked for.
        """
        key = read_token(self.settings.file.salt, request.path_params["token"])
        with transaction(self.engine) as session:
            who = recipient(session, key) if key and unsubscribe(session, key, self.clock()) else None
        return self._page(Page.DONE, request, who) if who else self._page(Page.BROKEN, request, None, 404)

    def _page(self, page: Page, request: Request, who: Recipient | None, status: int = 200) -> Response:
        sender = self.settings.file.sender
        html = render(
            page,
            language=choose_language(who.locale if who else None, request.headers.get("Accept-Language", "")),
            sender=sender.name,
            reply_to=sender.reply_to or sender.email,
            postal=sender.postal_address,
            channel=who.channel if who else "email",
            address=(who.address if who else None) or "",
        )
        return HTMLResponse(html, status_code=status, headers=dict(HEADERS))

    def cannot_keep(self, request: Request, error: Exception) -> Response:
        """The database cannot be used now: nothing was kept, try again. Its message may quote rows, so no log."""
        log.error("nothing was kept, the database cannot be used: %s", type(error).__name__)
        if request.scope["path"].startswith("/u/"):
            answer = self._page(Page.BUSY, request, None, 503)
        else:
            answer = PlainTextResponse("cannot keep it now", status_code=503)
        answer.headers.update(RETRY_AFTER)
        return answer


async def _read_body(request: Request) -> bytes:
    """The raw body: measured while it comes, since a declared length may lie, and not compressed by us."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > MAX_BODY_BYTES:
                    raise HTTPException(413)
    except TimeoutError:
        raise HTTPException(408) from None
    return bytes(body)


def _not_configured(what: str) -> Response:
    log.error("a callback cannot be checked, so nothing was kept: %s", what)
    return PlainTextResponse("not configured", status_code=503, headers=RETRY_AFTER)


def _not_theirs(provider: str) -> Response:
    log.info("%s: a callback without its valid signature was refused", provider)
    return PlainTextResponse("not signed", status_code=403)


def _gone(_request: Request, _error: Exception) -> Response:
    return PlainTextResponse("incomplete", status_code=400)  # nobody is left to read it
