"""A mail relay that records: a real SMTP server on loopback, with faults at every word of the conversation.

Each letter is written to ``letters.jsonl`` and fsynced BEFORE its final dot is answered. A programme says what
each letter meets, and one for each connection what its opening meets; the last fault of a programme stays.

    with SmtpSink(tmp_path, [Fault(at="RCPT", say="550 5.1.1 no such box"), None]) as sink: ... sink.url ...
"""

import asyncio
import ssl
from base64 import b64decode
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import orjson

from tests.recording import Chances, Record, Server, programme, reset, whole_lines

LETTERS = "letters.jsonl"
OUT_OF_TURN = "503 5.5.1 Not now"
EXTENSIONS = ("PIPELINING", "8BITMIME", "SIZE 10000000")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What happens instead of the usual reply ``at`` a word: greeting, EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA, "."

    ``act``: say (``say`` is the reply) | drip (it, one byte each ``every_seconds``) | reset (RST) | close (FIN) |
    silent. ``records``: whether a letter that ends in this fault was taken.
    """

    at: str
    act: Literal["say", "drip", "reset", "close", "silent"] = "say"
    say: str = ""
    every_seconds: float = 1.0
    records: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One letter as it arrived, without the dots that only the way needs; ``said``: the envelope's own words."""

    number: int
    said: list[str]
    content: str

    @property
    def key(self) -> str:
        """Our message key."""
        return self.content.partition("X-Winback-Key: ")[2].partition("\r\n")[0]


class SmtpSink:
    """The relay; a context manager. ``login``: (user, password) it asks for; ``offers``: its extensions.

    ``tls``: from the first byte; ``starttls``: after that word.
    """

    def __init__(
        self,
        folder: Path,
        faults: "Sequence[Fault | None] | Chances[Fault | None]" = (None,),
        *,
        openings: Sequence[Fault | None] = (None,),
        offers: Sequence[str] = EXTENSIONS,
        login: tuple[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
        starttls: ssl.SSLContext | None = None,
        accept_seconds: float = 0.0,
    ) -> None:
        self._folder, self.login, self.starttls = folder, login, starttls
        self.offers = [*offers, *(["STARTTLS"] if starttls else ())]
        self.faults, self.openings = programme(faults, len(self._lines())), programme(openings, 0)
        self.number, self.connections = len(self._lines()), 0
        self.said: list[str] = []
        self.record = Record(folder / LETTERS)
        self._server = Server(lambda: _Smtp(self), tls=tls, accept_seconds=accept_seconds)
        self.url = f"smtp{'s' if tls else ''}://127.0.0.1:{self._server.port}"

    def __enter__(self) -> "SmtpSink":
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()
        self.record.close()

    def _lines(self) -> list[bytes]:
        return whole_lines(self._folder / LETTERS)

    def letters(self) -> list[Letter]:
        """The letters recorded so far."""
        return [Letter(**orjson.loads(line)) for line in self._lines()]


class _Smtp(asyncio.Protocol):
    """One connection; each word that comes meets the fault that waits for it, or the usual reply."""

    transport: asyncio.Transport

    def __init__(self, sink: SmtpSink) -> None:
        self._sink = sink
        self._unread, self._in_letter, self._silent = b"", False, False
        self._opening = next(sink.openings)
        self._fault: Fault | None = None
        self._envelope: list[str] = []
        self._passwords: list[str] | None = None
        self._upgrading: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        again = hasattr(self, "transport")
        self.transport = transport  # type: ignore[assignment]
        if not again:
            self._sink.connections += 1
            self._reply("greeting", "220 sink.example ESMTP")

    def data_received(self, data: bytes) -> None:
        self._unread += data
        while not (self._silent or self._upgrading or self.transport.is_closing()):
            end = b"\r\n.\r\n" if self._in_letter else b"\r\n"
            line, found, rest = self._unread.partition(end)
            if not found:
                return
            self._unread = rest
            self._hear(line)

    def _hear(self, line: bytes) -> None:
        if self._in_letter:
            self._take(line)
        elif self._passwords is not None:
            self._log_in(line.decode())
        else:
            text = line.decode("utf-8", "replace")
            self._sink.said.append(text)
            self._answer(text.split(" ")[0].upper(), text)

    def _answer(self, word: str, text: str) -> None:
        if word == "EHLO":
            offers = [*self._sink.offers, *(["AUTH PLAIN LOGIN"] if self._sink.login else ())]
            lines = ["sink.example", *offers]
            self._reply(word, "\r\n".join(f"250{'-' if line != lines[-1] else ' '}{line}" for line in lines))
        elif word == "AUTH":
            self._begin_login(text)
        elif word == "MAIL" and not self._envelope:
            self._fault = next(self._sink.faults)
            self._envelope = [text]
            self._reply(word, "250 2.1.0 Ok")
        elif word == "RCPT" and len(self._envelope) == 1:
            self._envelope.append(text)
            self._reply(word, "250 2.1.5 Ok")
        elif word == "DATA":
            self._in_letter = len(self._envelope) == 2
            self._reply(word, "354 End data with <CR><LF>.<CR><LF>" if self._in_letter else OUT_OF_TURN)
        elif word == "RSET":
            self._envelope = []
            self._reply(word, "250 2.0.0 Ok")
        elif word == "STARTTLS":
            if self._reply(word, "220 2.0.0 Ready"):
                self._upgrading = asyncio.create_task(self._start_tls())
        else:
            self._reply(word, {"QUIT": "221 2.0.0 Bye"}.get(word, OUT_OF_TURN))

    async def _start_tls(self) -> None:
        loop = asyncio.get_running_loop()
        with suppress(OSError):  # a handshake that fails is one of the faults
            transport = await loop.start_tls(self.transport, self, self._sink.starttls, server_side=True)
            self.connection_made(transport)
        self._upgrading = None
        self.data_received(b"")  # words may have come with the end of the handshake

    def _begin_login(self, text: str) -> None:
        _, how, *rest = text.split(" ")
        if how == "PLAIN":
            self._check(b64decode(rest[0]).decode().split("\0")[1:])
        else:
            self._passwords = []
            self._reply("AUTH", "334 VXNlcm5hbWU6")

    def _log_in(self, line: str) -> None:
        self._passwords.append(b64decode(line).decode())
        if len(self._passwords) == 2:
            given, self._passwords = self._passwords, None
            self._check(given)
        else:
            self._reply("AUTH", "334 UGFzc3dvcmQ6")

    def _check(self, given: list[str]) -> None:
        right = tuple(given) == self._sink.login
        self._reply("AUTH", "235 2.7.0 Welcome" if right else "535 5.7.8 Wrong")

    def _take(self, content: bytes) -> None:
        self._in_letter, envelope, self._envelope = False, self._envelope, []
        whole = content.replace(b"\r\n..", b"\r\n.") + b"\r\n"
        if self._fault and self._fault.at == "." and not self._fault.records:
            self._reply(".", "")
            return
        self._sink.number += 1
        letter = Letter(number=self._sink.number, said=envelope, content=whole.decode("utf-8", "replace"))
        self._sink.record.add(
            orjson.dumps(letter), lambda: self._reply(".", f"250 2.0.0 Ok: queued as SINK{letter.number}")
        )

    def _reply(self, word: str, usual: str) -> bool:
        """Say what is usual, or let the fault happen; whether it was the usual."""
        fault = next((one for one in (self._opening, self._fault) if one and one.at == word), None)
        if fault is None:
            self.transport.write(usual.encode() + b"\r\n")
        elif fault.act == "say":
            if not fault.say.startswith("2"):
                self._in_letter = fault.say.startswith("354")
                self._envelope = self._envelope[: {"RCPT": 1, "DATA": 2}.get(word, 0)]
            self.transport.write(fault.say.encode() + b"\r\n")
        elif fault.act == "reset":
            reset(self.transport)
        elif fault.act == "close":
            self.transport.close()
        else:
            self._silent = True
            if fault.act == "drip":
                self._drip(fault.say.encode() + b"\r\n", fault.every_seconds)
        return fault is None

    def _drip(self, text: bytes, seconds: float) -> None:
        if text and not self.transport.is_closing():
            self.transport.write(text[:1])
            asyncio.get_running_loop().call_later(seconds, self._drip, text[1:], seconds)
