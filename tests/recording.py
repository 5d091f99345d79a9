"""What recording servers on loopback are made of: a thread with a loop, and a file on disk before each answer."""

import asyncio
import os
import random
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

Reply = TypeVar("Reply")


class Record:
    """A file that is on the disk before anybody is told; what comes in one round of the loop shares an fsync."""

    def __init__(self, file: Path) -> None:
        self._file = open(file, "ab", buffering=0)  # noqa: SIM115 - see close
        self._waiting: list[tuple[bytes, Callable[[], None]]] = []

    def add(self, line: bytes, then: Callable[[], None]) -> None:
        """Write ``line``, wait for the disk, and call ``then``."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        self._waiting.append((line, then))

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._file.write(b"".join(line + b"\n" for line, _ in waiting))
        os.fsync(self._file.fileno())
        for _, then in waiting:
            then()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def whole_lines(file: Path) -> list[bytes]:
    """The lines of a record, also of one that is being written or whose writer was killed."""
    lines = file.read_bytes().splitlines(keepends=True) if file.exists() else []
    return [line for line in lines if line.endswith(b"\n")]


@dataclass(frozen=True, slots=True)
class Chances(Generic[Reply]):
    """Each fault with its probability, for the rest ``usual``; the seed gives the same again, and is printed."""

    faults: Sequence[tuple[float, Reply]]
    usual: Reply
    seed: int

    def draws(self) -> Iterator[Reply]:
        """A reply for each request."""
        print(f"sink: seed {self.seed}", flush=True)
        draw = random.Random(self.seed)
        replies, weights = [reply for _, reply in self.faults], [chance for chance, _ in self.faults]
        while True:
            yield from draw.choices([*replies, self.usual], [*weights, 1 - sum(weights)])


def programme(replies: Sequence[Reply] | Chances[Reply], already: int) -> Iterator[Reply]:
    """What becomes of each request after the first ``already`` ones; the last reply of a sequence stays."""
    if isinstance(replies, Chances):
        yield from replies.draws()
    while not isinstance(replies, Chances):
        yield replies[min(already, len(replies) - 1)]
        already += 1


class Server:
    """A listener on loopback with a thread of its own. New connections wait ``accept_seconds``."""

    def __init__(
        self,
        protocol: Callable[[], asyncio.Protocol],
        *,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        accept_seconds: float = 0.0,
    ) -> None:
        self._protocol, self._tls, self._accept_seconds = protocol, tls, accept_seconds
        self._listener = socket.create_server(("127.0.0.1", port), backlog=512)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._transports: list[Any] = []
        self._clients: list[socket.socket] = []
        self._welcomes: list[asyncio.Task[None]] = []  # a task nobody holds may vanish
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self) -> "Server":
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()
        self._listener.close()

    async def _serve(self) -> None:
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        self._loop.add_reader(self._listener, self._accept)
        self._started.set()
        await self._stopped.wait()
        self._loop.remove_reader(self._listener)
        await asyncio.sleep(0.001)  # TLS that has not begun its handshake cannot be ended
        for welcome in self._welcomes:
            welcome.cancel()
        await asyncio.gather(*self._welcomes, return_exceptions=True)
        for transport in self._transports:
            transport.abort()
        await asyncio.sleep(0.001)  # their protocols hear of it
        for client in self._clients:  # whoever was still waiting
            client.close()

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        client.setblocking(False)
        self._clients.append(client)
        self._welcomes.append(self._loop.create_task(self._welcome(client)))

    async def _welcome(self, client: socket.socket) -> None:
        await asyncio.sleep(self._accept_seconds)
        with suppress(OSError):  # a handshake that fails is one of the faults
            transport, _ = await self._loop.connect_accepted_socket(self._protocol, client, ssl=self._tls)
            self._transports.append(transport)


def reset(transport: asyncio.Transport) -> None:
    """Close with RST, as a machine that dies or a firewall does."""
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
