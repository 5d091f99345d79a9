"""A provider that records: a real HTTP server on loopback, for sends that must be counted.

Each request is written to ``requests.jsonl`` and fsynced BEFORE it is answered, so what a client was told is never
more than what the file knows. By default it answers as SendGrid and Twilio would; a programme of replies says
which request meets which fault: the first reply is for the first request and the last stays, or each has a chance.
Look-ups (GET) are answered from the record, and recorded in ``lookups.jsonl``.

    with Sink(tmp_path, [Reply(status=429, headers={"Retry-After": "7"}), Reply()]) as sink: ... sink.url ...
    python -m tests.sink FOLDER --replies '[{"act": "reset"}, {}]'      prints its address, runs until killed
    python -m tests.sink FOLDER --chances '[[0.01, {"act": "silent"}]]' --seed 7
"""

import argparse
import asyncio
import json
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import httptools
import orjson

from tests.provider_lists import activity, messages, sid
from tests.recording import Chances, Record, Server, programme, reset, whole_lines

RECORD, LOOK_UPS = "requests.jsonl", "lookups.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the sink does with one request.

    ``act``: answer | drip (the body byte by byte, one each ``every_seconds``) | reset (RST, no answer) | close
    (FIN, no answer) | silent (never answered) | reset_early (RST after ``after_bytes`` of the body, not recorded).
    Without a ``status`` it answers what the provider would. ``takes``: whether the provider took the message;
    left out, it did unless its status says otherwise.
    """

    act: Literal["answer", "drip", "reset", "close", "silent", "reset_early"] = "answer"
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    after_bytes: int = 0
    delay_seconds: float = 0.0
    every_seconds: float = 1.0
    takes: bool | None = None

    @property
    def accepts(self) -> bool:
        """Whether the provider took the message."""
        return self.takes if self.takes is not None else (self.status or 202) < 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One recorded request; header names in lower case. ``accepted``: the provider took it. ``at``: seconds."""

    number: int
    method: str
    path: str
    headers: dict[str, str]
    body: str
    at: float
    accepted: bool

    @property
    def form(self) -> dict[str, str]:
        """The fields of a form body."""
        return {name: values[0] for name, values in parse_qs(self.body, keep_blank_values=True).items()}

    @property
    def key(self) -> str:
        """Our message key, wherever this provider carries it."""
        if self.body.startswith("{"):
            return str(json.loads(self.body)["personalizations"][0]["custom_args"]["winback_key"])
        return parse_qs(urlsplit(self.form["StatusCallback"]).query)["key"][0]


def recorded(folder: Path, name: str = RECORD) -> list[Request]:
    """Every message a sink in ``folder`` has recorded, in order; also while it runs, and after it was killed."""
    return [Request(**orjson.loads(line)) for line in whole_lines(folder / name)]


class Sink:
    """The server; a context manager. It never sends anything anywhere by itself.

    ``look_ups``: the programme of the GET requests. ``accept_seconds``: how long a new connection waits.
    ``recording_seconds``: how long after a message look-ups begin to see it; may be set at any time.
    ``clock``: the provider's own time, in seconds since 1970.
    """

    def __init__(
        self,
        folder: Path,
        replies: Sequence[Reply] | Chances[Reply] = (Reply(),),
        port: int = 0,
        *,
        look_ups: Sequence[Reply] = (Reply(),),
        tls: ssl.SSLContext | None = None,
        accept_seconds: float = 0.0,
        recording_seconds: float = 0.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder, self.recording_seconds, self.clock = folder, recording_seconds, clock
        self.posts = _Book(folder / RECORD, replies)
        self.gets = _Book(folder / LOOK_UPS, look_ups)
        self._taken: dict[str, list[Request]] = {}
        for message in recorded(folder):
            self.remember(message)
        self._server = Server(lambda: _Http(self), port=port, tls=tls, accept_seconds=accept_seconds)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self._server.port}"

    def __enter__(self) -> "Sink":
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()
        self.posts.record.close()
        self.gets.record.close()

    def requests(self) -> list[Request]:
        """The messages recorded so far."""
        return recorded(self._folder)

    def look_ups(self) -> list[Request]:
        """The look-ups recorded so far."""
        return recorded(self._folder, LOOK_UPS)

    def remember(self, request: Request) -> None:
        """Keep a message that was taken for those who look for its key (SendGrid) or its number (Twilio)."""
        if request.accepted and request.method == "POST":
            with suppress(LookupError, ValueError):  # no message of ours
                by = request.key if request.body.startswith("{") else request.form["To"]
                self._taken.setdefault(by, []).append(request)

    def known(self, by: str) -> list[Request]:
        """What a look-up sees by now: the messages taken long enough ago, the newest first."""
        seen = self.clock() - self.recording_seconds
        return [message for message in reversed(self._taken.get(by, [])) if message.at <= seen]


class _Book:
    """One kind of requests: their programme, their numbers, and the file they are recorded in."""

    def __init__(self, file: Path, replies: Sequence[Reply] | Chances[Reply]) -> None:
        self._number = len(whole_lines(file))
        self._replies = programme(replies, self._number)
        self.record = Record(file)

    def take(self) -> tuple[int, Reply]:
        """The number of the next request and what becomes of it."""
        self._number += 1
        return self._number, next(self._replies)

    def answer_with(self, *replies: Reply) -> None:
        """What becomes of the requests from now on."""
        self._replies = programme(replies, 0)


class _Http(asyncio.Protocol):
    """One connection; the parser calls the methods named ``on_``."""

    transport: asyncio.Transport

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:  # TLS spoken to a plain server, for one
            self.transport.abort()

    def on_url(self, url: bytes) -> None:
        self._path, self._headers, self._body = url.decode(), {}, b""

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._method = self._parser.get_method().decode()
        self._book = self._sink.gets if self._method == "GET" else self._sink.posts
        self._number, self._reply = self._book.take()
        self._reset_early()

    def on_body(self, data: bytes) -> None:
        self._body += data
        self._reset_early()

    def _reset_early(self) -> None:
        if self._reply.act == "reset_early" and len(self._body) >= self._reply.after_bytes:
            reset(self.transport)

    def on_message_complete(self) -> None:
        if self.transport.is_closing():
            return
        request = Request(
            number=self._number,
            method=self._method,
            path=self._path,
            headers=self._headers,
            body=self._body.decode("utf-8", "replace"),
            at=self._sink.clock(),
            accepted=self._reply.accepts,
        )
        self._sink.remember(request)
        number, reply = self._number, self._reply
        self._book.record.add(orjson.dumps(request), lambda: self._react(number, reply, request))

    def _react(self, number: int, reply: Reply, request: Request) -> None:
        if reply.delay_seconds:
            later = asyncio.get_running_loop().call_later
            later(reply.delay_seconds, self._act, number, reply, request)
        else:
            self._act(number, reply, request)

    def _act(self, number: int, reply: Reply, request: Request) -> None:
        if reply.act == "reset":
            reset(self.transport)
        elif reply.act == "close":
            self.transport.close()
        elif reply.act != "silent":
            head, body = self._answer(number, reply, request)
            self.transport.write(head if reply.act == "drip" else head + body)
            if reply.act == "drip":
                self._drip(body, reply.every_seconds)

    def _drip(self, body: bytes, seconds: float) -> None:
        if body and not self.transport.is_closing():
            self.transport.write(body[:1])
            asyncio.get_running_loop().call_later(seconds, self._drip, body[1:], seconds)

    def _answer(self, number: int, reply: Reply, request: Request) -> tuple[bytes, bytes]:
        if reply.status:
            status, headers, body = reply.status, reply.headers, reply.body or ""
        else:
            status, headers, body = usual(self._sink, number, request)
        data = body.encode()
        lines = [f"HTTP/1.1 {status} Sink", *(f"{name}: {value}" for name, value in headers.items())]
        if "Transfer-Encoding" not in headers and "Content-Length" not in headers:
            lines.append(f"Content-Length: {len(data)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1"), data


def usual(sink: Sink, number: int, request: Request) -> tuple[int, dict[str, str], str]:
    """What SendGrid (202, no body) or Twilio (201, JSON) says to a message, and to a look-up."""
    as_json = {"Content-Type": "application/json"}
    place = urlsplit(request.path)
    if request.method == "GET":
        asked = {name: values[0] for name, values in parse_qs(place.query).items()}
        listed = activity if place.path.endswith("/v3/messages") else messages
        return 200, as_json, json.dumps(listed(sink.known, asked))
    if place.path.endswith("/v3/mail/send"):
        return 202, {"X-Message-Id": f"sink-{number}"}, ""
    return 201, as_json, json.dumps({"sid": sid(number), "status": "queued", "error_code": None})


def main() -> None:
    """Run a sink in a process of its own, for tests that kill the sender."""
    parser = argparse.ArgumentParser(description="A recording provider on loopback.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--replies", default="[{}]", help="JSON: a reply for each request, the last one stays")
    parser.add_argument("--chances", help="JSON: [probability, reply] of each fault")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--recording-seconds", type=float, default=0.0)
    parser.add_argument("--tls", nargs=2, metavar=("CERTIFICATE", "KEY"))
    given = parser.parse_args()
    replies: list[Reply] | Chances[Reply] = [Reply(**reply) for reply in json.loads(given.replies)]
    if given.chances:
        faults = [(chance, Reply(**reply)) for chance, reply in json.loads(given.chances)]
        replies = Chances(faults, Reply(), given.seed)
    tls = None
    if given.tls:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(*given.tls)
    sink = Sink(given.folder, replies, given.port, tls=tls, recording_seconds=given.recording_seconds)
    with sink:
        print(sink.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
