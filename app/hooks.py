"""The callbacks of both providers."""

import asyncio
import logging
from functools import partial

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from app.desk import RETRY_AFTER, Desk
from app.keeper import Keeper
from db.callbacks import STALE, Callback
from winback.callbacks import Reading, digest_of, sendgrid, twilio, unreadable

QUICK_BYTES = 256 * 1024  # read in milliseconds; handing less to a thread costs more than it saves

log = logging.getLogger(__name__)


class Hooks:
    """The endpoints."""

    def __init__(self, desk: Desk, keeper: Keeper) -> None:
        self._desk, self._keeper = desk, keeper
        key = desk.settings.secrets.sendgrid_webhook_key
        self._sendgrid_key = sendgrid.load_key(key) if key else None

    async def sendgrid(self, request: Request) -> Response:
        """SendGrid's events."""
        if self._sendgrid_key is None:
            return _not_configured("WINBACK_SENDGRID_WEBHOOK_KEY is missing or is not SendGrid's public key")
        async with self._desk.events.body(request) as body:
            reading = partial(self._read_sendgrid, self._sendgrid_key, request.headers, body)
            read = reading() if len(body) <= QUICK_BYTES else await asyncio.to_thread(reading)
        if read is None:
            return _not_theirs(sendgrid.PROVIDER)
        callback, said, stale = read
        answer = await self._answer(callback, said)
        # a replay, or a clock of ours that is days fast: then it comes again until the clock is right
        return PlainTextResponse("stale", status_code=503, headers=RETRY_AFTER) if stale else answer

    def _read_sendgrid(
        self, key: EllipticCurvePublicKey, headers: Headers, body: bytes
    ) -> tuple[Callback, Reading, bool] | None:
        """(callback, what it says, whether it is too old to be believed), or None when it is not SendGrid's."""
        timestamp = headers.get(sendgrid.TIMESTAMP_HEADER, "")
        signature = headers.get(sendgrid.SIGNATURE_HEADER)
        if not sendgrid.verify(key, signature=signature, timestamp=timestamp, body=body):
            return None
        now = self._desk.clock()
        digest = digest_of(sendgrid.PROVIDER, body)
        callback = Callback(provider=sendgrid.PROVIDER, digest=digest, body=body, received_at=now)
        age = sendgrid.age(timestamp, now)
        if age > sendgrid.FRESH_FOR:
            return callback, unreadable(STALE), True
        if age < -sendgrid.AHEAD:
            log.error("this machine's clock is %s slow, as SendGrid signs: set it right", -age)
        return callback, sendgrid.parse(body, received_at=now), False

    async def twilio(self, request: Request) -> Response:
        """Twilio's status changes and the messages people send back."""
        secrets = self._desk.settings.secrets
        if not (secrets.twilio_token and secrets.twilio_sid):
            return _not_configured("WINBACK_TWILIO_SID or WINBACK_TWILIO_TOKEN is missing")
        query = request.scope["query_string"].decode("latin-1")
        # the address Twilio was told, not the one the request came by: a proxy may have changed it
        url = self._desk.settings.public_url + request.scope["path"] + (f"?{query}" if query else "")
        signature = request.headers.get(twilio.SIGNATURE_HEADER)
        account, token = secrets.twilio_sid, secrets.twilio_token
        async with self._desk.forms.body(request) as body:
            if not twilio.verify(token=token, account=account, url=url, body=body, signature=signature):
                return _not_theirs(twilio.PROVIDER)
        now = self._desk.clock()
        digest = digest_of(twilio.PROVIDER, body, query)
        callback = Callback(provider=twilio.PROVIDER, digest=digest, body=body, received_at=now)
        answer = await self._answer(callback, twilio.parse(body, query=query, received_at=now))
        if answer.status_code != 200:
            return answer
        return Response("<Response/>", media_type="text/xml")  # to a person's message: say nothing back

    async def _answer(self, callback: Callback, read: Reading) -> Response:
        if read.unreadable:
            log.warning("%s: a signed callback was set aside: %s", callback.provider, read.refused[0].reason)
            await self._keeper.note(callback, read)
            return PlainTextResponse("unreadable", status_code=400)
        if read.refused:
            log.warning("%s: %d of a callback's elements were set aside", callback.provider, len(read.refused))
        await self._keeper.keep(callback, read)
        return PlainTextResponse("kept")


def _not_configured(what: str) -> Response:
    log.error("a callback cannot be checked, so nothing was kept: %s", what)
    return PlainTextResponse("not configured", status_code=503, headers=RETRY_AFTER)


def _not_theirs(provider: str) -> Response:
    log.info("%s: a callback without its valid signature was refused", provider)
    return PlainTextResponse("not signed", status_code=403)
