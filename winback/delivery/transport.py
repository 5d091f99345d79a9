"""HTTP/1.1 for many small requests to one provider, over kept connections.

It adds nothing and repeats nothing: no retry, no redirect, no cookie. What a request came to is the whole answer,
or an Answer that says what is proved without one. Anything odd closes the connection.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from winback.delivery.answer import Answer, ErrorKind, from_error
from winback.delivery.connection import TIMEOUT_SECONDS, base_url, refuse_proxy
from winback.delivery.pool import CONNECTIONS, FREE, Connection, Item, Pool
from winback.delivery.source import always
from winback.errors import Unusable

MOST_OCTETS = 1_000_000  # of one answer with its headers
_SAY_WHERE_THE_BODY_ENDS = {b"content-length", b"transfer-encoding"}


@dataclass(slots=True)  # one for each message: freezing it would cost as much as parsing it
class Response:
    """A whole answer; the headers' names are in lower case."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes

    def text_headers(self) -> dict[str, str]:
        """The headers as text."""
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self.headers.items()}


class Transport:
    """Requests to the provider at ``url``; for one thread at a time. Unusable is raised for what is no address."""

    def __init__(
        self, url: str, *, timeout_seconds: float = TIMEOUT_SECONDS, connections: int = CONNECTIONS
    ) -> None:
        parts = urlsplit(base_url(url))
        refuse_proxy(url)
        self._host, self._authority = parts.hostname or "", parts.netloc.rpartition("@")[2]
        self._path = parts.path
        port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = _tls() if parts.scheme == "https" else None
        self._pool = Pool(
            self._host, port, _Http, self._open_up, timeout_seconds=timeout_seconds, connections=connections
        )
        self.close = self._pool.close

    def head(self, path: str, headers: Mapping[str, str]) -> bytes:
        """What every POST to ``path`` begins with; ``post`` makes a request of it."""
        lines = [f"POST {self._path}{path} HTTP/1.1", f"Host: {self._authority}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if not all(line.isascii() and line.isprintable() for line in lines):
            raise Unusable("a provider's address, account or key has a character that no header may have")
        return "\r\n".join([*lines, "Content-Length: "]).encode()

    def exchange(
        self, requests: Iterable[tuple[Item, bytes | Answer]], may_begin: Callable[[], bool] = always
    ) -> Iterator[tuple[Item, Response | Answer]]:
        """(item, what came of it) for every request, in any order; see Pool.exchange."""
        return self._pool.exchange(requests, may_begin)

    async def _open_up(self, connection: "_Http", loop: asyncio.AbstractEventLoop) -> None:
        if self._tls:
            await connection.encrypt(loop, self._tls, self._host)


def post(head: bytes, body: bytes) -> bytes:
    """One whole request."""
    return b"%b%d\r\n\r\n%b" % (head, len(body), body)


def _tls() -> ssl.SSLContext:
    """The machine's trusted authorities, or those of SSL_CERT_FILE; the name is checked."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


class _Http(Connection[bytes, Response]):
    """One connection; the parser calls the methods named ``on_``."""

    def __init__(self, pool: Pool[bytes, Response]) -> None:
        super().__init__(pool)
        parser = HttpResponseParser(self)
        self._feed, self._status, self._may_be_kept = (
            parser.feed_data,
            parser.get_status_code,
            parser.should_keep_alive,
        )

    def begin(self, asked: bytes) -> None:
        self._octets, self._headed, self._keep = 0, False, True
        self._headers: dict[bytes, bytes] = {}
        self._body = b""
        self._response: Response | None = None
        self.transport.write(asked)

    def failure(self, kind: ErrorKind) -> Answer:
        return from_error(kind)

    def leave(self) -> None:
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        if self.item is FREE:  # nobody asked
            self.pool.lost(self)
            self.transport.abort()
            return
        self._octets += len(data)
        try:
            self._feed(data)
        except (HttpParserError, HttpParserUpgrade):
            self._keep = False
            self._octets = MOST_OCTETS + 1
        if self._response is not None:
            self.finish(self._response, keep=self._keep and self.sent)
        elif self._octets > MOST_OCTETS:
            self.finish(from_error(ErrorKind.BROKEN_OFF), keep=False)

    def eof_received(self) -> None:
        """The end of an answer that says nowhere how long it is."""
        super().eof_received()
        if self.item is not FREE and self._headed and not _SAY_WHERE_THE_BODY_ENDS & self._headers.keys():
            self.finish(Response(self._status(), self._headers, self._body), keep=False)

    def on_message_begin(self) -> None:
        if self._response is not None:  # a second answer
            self._keep = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        self._headed = self._status() >= 200

    def on_body(self, data: bytes) -> None:
        self._body += data

    def on_message_complete(self) -> None:
        status = self._status()
        if status < 200:  # 100 Continue, 103 Early Hints: the answer is still to come
            self._headers = {}
        elif self._response is None:
            self._keep = self._may_be_kept()
            self._response = Response(status, self._headers, self._body)
