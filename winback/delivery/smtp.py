"""SMTP: a relay of one's own, over kept connections with pipelined commands (RFC 5321, RFC 2920).

    smtp://user:password@mail.shop.example:587     STARTTLS; without it only to this machine
    smtps://user:password@mail.shop.example:465    TLS from the first byte

A message is on its way once the dot that ends it has been sent. Before, a lost connection proves that it was not
sent; after, only the relay's reply tells. With a 4xx or 5xx the message is still ours (RFC 5321 4.2.5).
"""

import asyncio
import ssl
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import SplitResult, unquote, urlsplit

from winback.channel import Channel
from winback.delivery.answer import Answer, AnswerKind
from winback.delivery.connection import is_loopback
from winback.delivery.lookup import Found, Sought
from winback.delivery.outgoing import Outgoing, refused
from winback.delivery.pool import NotOpened, Pool
from winback.delivery.smtp_connection import Reply, SmtpConnection
from winback.delivery.source import always
from winback.errors import Unusable

CONNECTIONS = 16  # many relays take no more than 20 from one machine
TIMEOUT_SECONDS = 30.0  # a relay may look at the content before it answers; three of these fit into a lease
PORTS = {"smtp": 587, "smtps": 465}


class Smtp:
    """The provider."""

    name = "smtp"
    channels: frozenset[Channel] = frozenset({"email"})

    def __init__(self, *, url: str, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        parts = _parts(url)
        self._host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._from_the_start = parts.scheme == "smtps"
        self._tls = ssl.create_default_context()  # the machine's trusted authorities, or those of SSL_CERT_FILE
        self._pool = Pool(
            self._host,
            port,
            SmtpConnection,
            self._introduce,
            timeout_seconds=timeout_seconds,
            connections=CONNECTIONS,
        )
        self.close = self._pool.close

    def send_all(
        self, messages: Iterable[Outgoing], *, may_begin: Callable[[], bool] = always
    ) -> Iterator[tuple[Outgoing, Answer]]:
        """Hand e-mails over (winback.delivery.registry.Provider)."""
        requests = ((message, refused(message) or message) for message in messages)
        return self._pool.exchange(requests, may_begin)

    def test_send(self, message: Outgoing) -> Answer:
        """Hand one e-mail over."""
        [(_, answer)] = self.send_all([message])
        return answer

    def look_up(self, sought: Sought) -> Found:
        """A relay keeps no list that could be asked."""
        return Found(arrived=None, evidence="smtp: a relay cannot be asked")

    async def _introduce(self, connection: SmtpConnection, loop: asyncio.AbstractEventLoop) -> None:
        if self._from_the_start:
            await connection.encrypt(loop, self._tls, self._host)
        _expect(await connection.command(), 220)
        extensions = await _hello(connection)
        if not self._from_the_start and "STARTTLS" in extensions:
            await self._start_tls(connection, loop)
            extensions = await _hello(connection)
        elif not self._from_the_start and not is_loopback(self._host):
            raise NotOpened(Answer(kind=AnswerKind.CHANNEL_STOP, reason="smtp_no_starttls"))
        if self._user:
            await self._log_in(connection, extensions)
        connection.make_ready(extensions)

    async def _start_tls(self, connection: SmtpConnection, loop: asyncio.AbstractEventLoop) -> None:
        _expect(await connection.command("STARTTLS"), 220)
        if not connection.has_heard_all():  # CVE-2011-0411: somebody put words in the server's mouth
            raise ConnectionAbortedError
        await connection.encrypt(loop, self._tls, self._host)

    async def _log_in(self, connection: SmtpConnection, extensions: frozenset[str]) -> None:
        if "AUTH PLAIN" in extensions:
            secret = _b64(f"\0{self._user}\0{self._password}")
            _expect(await connection.command(f"AUTH PLAIN {secret}"), 235)
        elif "AUTH LOGIN" in extensions:
            _expect(await connection.command("AUTH LOGIN"), 334)
            _expect(await connection.command(_b64(self._user)), 334)
            _expect(await connection.command(_b64(self._password)), 235)
        else:
            raise NotOpened(Answer(kind=AnswerKind.CHANNEL_STOP, reason="smtp_no_login"))


async def _hello(connection: SmtpConnection) -> frozenset[str]:
    """Say EHLO; the extensions offered, each login mechanism as one of its own ("AUTH PLAIN")."""
    address = connection.transport.get_extra_info("sockname")[0]
    literal = f"IPv6:{address}" if ":" in address else address
    reply = await connection.command(f"EHLO [{literal}]")
    _expect(reply, 250)
    offered = [line.decode("latin-1").upper().split() for line in reply.lines[1:]]
    words = {line[0] for line in offered if line}
    return frozenset(words | {f"AUTH {how}" for line in offered if line[:1] == ["AUTH"] for how in line[1:]})


def _expect(reply: Reply, code: int) -> None:
    """NotOpened when the server says anything else: with 5xx it will not have us, and a person must look."""
    if reply.code != code:
        kind = AnswerKind.CHANNEL_STOP if 500 <= reply.code < 600 else AnswerKind.RETRY_LATER
        raise NotOpened(Answer(kind=kind, reason=reply.reason, status=reply.code))


def _b64(text: str) -> str:
    return b64encode(text.encode()).decode()


def _parts(url: str) -> SplitResult:
    """The parts of a relay's address; Unusable, without quoting its password, when it is none."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in PORTS and parts.hostname and (parts.port or True) and parts.path in {"", "/"}
    except ValueError:
        usable = None
    if not usable or parts.query or parts.fragment or not url.isprintable() or " " in url:
        raise Unusable("a mail relay's address must look like smtp://user:password@mail.shop.example:587")
    return parts
