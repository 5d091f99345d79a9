"""A provider that records: a real HTTP server on loopback, for sends that must be counted.

Each request is written to ``requests.jsonl`` and fsynced BEFORE it is answered, so what a client was told is never
more than what the file knows. By default it answers as SendGrid and Twilio would; a programme of replies says
which request meets which fault: the first reply is for the first request, the last one stays.

    with Sink(tmp_path, [Reply(status=429, headers={"Retry-After": "7"}), Reply()]) as sink: ... sink.url ...
    python -m tests.sink FOLDER --replies '[{"act": "reset"}, {}]'      prints its address, runs until killed
"""

import argparse
import json
import os
import socket
import struct
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

RECORD = "requests.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the sink does with one request.

    ``act``: answer | reset (recorded, then RST) | reset_early (RST after ``after_bytes`` of the body, not
    recorded) | silent (recorded, never answered). Without a ``status`` it answers what the provider would.
    """

    act: Literal["answer", "reset", "reset_early", "silent"] = "answer"
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    after_bytes: int = 0
    delay_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One recorded request; header names in lower case."""

    number: int
    method: str
    path: str
    headers: dict[str, str]
    body: str

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


def recorded(folder: Path) -> list[Request]:
    """Every request a sink in ``folder`` has recorded, in order; also while it runs, and after it was killed."""
    file = folder / RECORD
    lines = file.read_text("utf-8").splitlines(keepends=True) if file.exists() else []
    return [Request(**json.loads(line)) for line in lines if line.endswith("\n")]


class Sink:
    """The server; a context manager. It never sends anything anywhere by itself."""

    def __init__(self, folder: Path, replies: Sequence[Reply] = (Reply(),), port: int = 0) -> None:
        self._folder, self._replies = folder, list(replies)
        self._lock, self._number = threading.Lock(), len(recorded(folder))
        self.stopping = threading.Event()
        self._file = open(folder / RECORD, "a", encoding="utf-8")  # noqa: SIM115 - closed in __exit__
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.sink = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "Sink":
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._file.close()

    def requests(self) -> list[Request]:
        """What was recorded so far."""
        return recorded(self._folder)

    def take(self) -> tuple[int, Reply]:
        """The number of the next request and what becomes of it."""
        with self._lock:
            self._number += 1
            return self._number, self._replies[min(self._number, len(self._replies)) - 1]

    def record(self, request: Request) -> None:
        """Append one request and wait for the disk."""
        with self._lock:
            self._file.write(json.dumps(asdict(request)) + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())


class _Server(ThreadingHTTPServer):
    sink: Sink
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is part of every fault here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        number, reply = self.server.sink.take()
        length = int(self.headers.get("Content-Length") or 0)
        if reply.act == "reset_early":
            self.rfile.read(min(reply.after_bytes, length))
            return self._reset()
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(length).decode("utf-8", "surrogateescape")
        self.server.sink.record(
            Request(number=number, method=self.command, path=self.path, headers=headers, body=body)
        )
        self.server.sink.stopping.wait(reply.delay_seconds)
        if reply.act == "reset":
            return self._reset()
        if reply.act == "silent":
            self.server.sink.stopping.wait()
            self.close_connection = True
            return None
        return self._answer(number, reply)

    do_GET = do_POST

    def _answer(self, number: int, reply: Reply) -> None:
        headers, body = (reply.headers, reply.body or "") if reply.status else self._usual(number)
        data = body.encode()
        self.send_response(reply.status or (201 if body else 202))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _usual(self, number: int) -> tuple[dict[str, str], str]:
        """What SendGrid (202, no body) or Twilio (201, JSON) says to a message it takes."""
        if self.path.endswith("/v3/mail/send"):
            return {"X-Message-Id": f"sink-{number}"}, ""
        message = {"sid": f"SM{number:032x}", "status": "queued", "error_code": None}
        return {"Content-Type": "application/json"}, json.dumps(message)

    def _reset(self) -> None:
        """Close with RST, as a machine that dies or a firewall does."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.wfile.close()
        self.connection.close()

    def log_message(self, *_: object) -> None:
        """Nothing on stderr."""


def main() -> None:
    """Run a sink in a process of its own, for tests that kill the sender."""
    parser = argparse.ArgumentParser(description="A recording provider on loopback.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--replies", default="[{}]")
    given = parser.parse_args()
    replies = [Reply(**reply) for reply in json.loads(given.replies)]
    with Sink(given.folder, replies, given.port) as sink:
        print(sink.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
