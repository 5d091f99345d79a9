"""A provider that costs little: answers mail/send, Messages and SMTP at once, counts, and keeps nothing.

    python -m bench.sink [--tls CERTIFICATE KEY] [--smtp]     prints its address, then the count when it is ended

It is no test double: it checks nothing and syncs nothing, so that on two cores the sender sets the pace.
tests/sink.py is the one that records.
"""

import argparse
import asyncio
import signal
import ssl

import httptools
import uvloop

ACCEPTED = b"HTTP/1.1 202 Accepted\r\nX-Message-Id: bench\r\nContent-Length: 0\r\n\r\n"
_SMS = b'{"sid": "SM00000000000000000000000000000000", "status": "queued", "error_code": null}'
CREATED = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(_SMS),
    _SMS,
)
EHLO = b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 10000000\r\n"
END_OF_DATA = b"\r\n.\r\n"


class Count:
    """What all connections took together."""

    messages = 0
    octets = 0


class Http(asyncio.Protocol):
    """One kept connection; the requests' bodies are dropped."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._parser = httptools.HttpRequestParser(self)
        self._answer = ACCEPTED

    def data_received(self, data: bytes) -> None:
        Count.octets += len(data)
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._answer = CREATED if url.endswith(b"/Messages.json") else ACCEPTED

    def on_message_complete(self) -> None:
        Count.messages += 1
        self._transport.write(self._answer)


class Smtp(asyncio.Protocol):
    """One SMTP connection, pipelined or not."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self._left, self._in_data = transport, b"", False
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        Count.octets += len(data)
        self._left += data
        answers = []
        while answer := self._next():
            answers.append(answer)
        if answers:
            self._transport.write(b"".join(answers))

    def _next(self) -> bytes:
        end = END_OF_DATA if self._in_data else b"\r\n"
        line, found, rest = self._left.partition(end)
        if not found:
            return b""
        self._left = rest
        if self._in_data:
            self._in_data = False
            Count.messages += 1
            return b"250 2.0.0 taken\r\n"
        return self._reply(line[:4].upper())

    def _reply(self, verb: bytes) -> bytes:
        self._in_data = verb == b"DATA"
        replies = {b"EHLO": EHLO, b"DATA": b"354 go on\r\n", b"QUIT": b"221 bye\r\n"}
        return replies.get(verb, b"250 2.1.0 ok\r\n")


async def serve(protocol: type[asyncio.Protocol], context: ssl.SSLContext | None) -> None:
    """Listen on a free port until SIGTERM."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=context, backlog=512)
    scheme = ("smtp" if protocol is Smtp else "http") + ("s" if context else "")
    print(f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await ended.wait()
    print(Count.messages, Count.octets, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="A cheap provider on loopback.")
    parser.add_argument("--tls", nargs=2, metavar=("CERTIFICATE", "KEY"))
    parser.add_argument("--smtp", action="store_true")
    given = parser.parse_args()
    context = None
    if given.tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*given.tls)
    uvloop.run(serve(Smtp if given.smtp else Http, context))


if __name__ == "__main__":
    main()
