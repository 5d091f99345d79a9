"""The folder provider: each message becomes one file a person can open, and nothing leaves the machine.

The file's name is the message's key. It is written under a temporary name, fsynced, renamed, and its folder
fsynced, all before the answer: what is accepted survives a power cut, and a half-written file never has the final
name. A batch waits for its files together and shares the folder's fsync: a seventh of the time of one by one.
"""

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from email.utils import format_datetime
from pathlib import Path
from typing import BinaryIO

from winback.channel import Channel
from winback.delivery.answer import HELD_BACK, Answer, AnswerKind
from winback.delivery.lookup import Found, Sought
from winback.delivery.mime import eml
from winback.delivery.outgoing import Outgoing, refused
from winback.delivery.source import Source, always

BATCH = 64  # messages whose answers wait for one another
_WAITING = 8  # fsyncs at a time
_SUFFIXES: Mapping[Channel, str] = {"email": ".eml", "sms": ".txt"}


class Folder:
    """The provider; safe to use from several threads and processes."""

    name = "folder"
    channels: frozenset[Channel] = frozenset({"email", "sms"})

    def __init__(self, *, path: Path) -> None:
        self._path = path

    def send_all(
        self, messages: Iterable[Outgoing], *, may_begin: Callable[[], bool] = always
    ) -> Iterator[tuple[Outgoing, Answer]]:
        """Write ``<key>.eml`` or ``<key>.txt`` once; the same key again is accepted and writes nothing.

        A disk that is full, read-only or gone stops the channel: nothing was sent. When the folder itself cannot
        be fsynced its messages are ``uncertain``, because their files may or may not survive.
        """
        source = Source(messages)
        while not source.over:
            yield from self._batch(source, may_begin)
        if source.error:
            raise source.error

    def test_send(self, message: Outgoing) -> Answer:
        """Write one message."""
        [(_, answer)] = self.send_all([message])
        return answer

    def look_up(self, sought: Sought) -> Found:
        """Look for the file; a folder that is not there proves nothing."""
        if not self._path.is_dir():
            return Found(arrived=None, evidence="folder: not there")
        for suffix in _SUFFIXES.values():
            if (self._path / (sought.key + suffix)).exists():
                return Found(arrived=True, provider_id=sought.key, evidence=f"folder: {sought.key}{suffix}")
        return Found(arrived=False, evidence="folder: no file with this key")

    def close(self) -> None:
        """Nothing is kept open."""

    def _batch(self, source: Source[Outgoing], may_begin: Callable[[], bool]) -> list[tuple[Outgoing, Answer]]:
        drafts: dict[Path, _Draft] = {}
        begun: list[tuple[Outgoing, Answer | None]] = []  # None: it hangs on its file and the folder
        try:
            while len(begun) < BATCH and (message := source.pull()):
                begun.append((message, refused(message) or self._draft(message, drafts)))
            if not may_begin():  # a file appears when its draft is renamed, so that is its first byte
                return [(message, answer or HELD_BACK) for message, answer in begun]
            with ThreadPoolExecutor(_WAITING) as waiting:
                kept = dict(zip(drafts, waiting.map(_Draft.keep, drafts.values()), strict=True))
        finally:
            for draft in drafts.values():
                draft.discard()
        lost = self._fsync() if any(answer is None for _, answer in begun) else None
        return [
            (message, answer or kept.get(self._final(message)) or lost or _accepted(message))
            for message, answer in begun
        ]

    def _final(self, message: Outgoing) -> Path:
        return self._path / (message.key + _SUFFIXES[message.channel])

    def _draft(self, message: Outgoing, drafts: "dict[Path, _Draft]") -> Answer | None:
        """Write a message under a temporary name, unless it is there already."""
        final = self._final(message)
        try:
            if final not in drafts and not final.exists():
                self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
                drafts[final] = _Draft.write(final, eml(message) if message.channel == "email" else _sms(message))
        except OSError as error:
            return _fault(AnswerKind.CHANNEL_STOP, error)
        return None

    def _fsync(self) -> Answer | None:
        try:
            folder = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            return _fault(AnswerKind.UNCERTAIN, error)
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """A file that is written but does not have its name yet."""

    final: Path
    path: Path
    file: BinaryIO

    @classmethod
    def write(cls, final: Path, content: bytes) -> "_Draft":
        path = final.with_name(f".{final.name}.{os.getpid()}.{os.urandom(4).hex()}")
        file = open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")  # noqa: SIM115 - see discard
        draft = cls(final=final, path=path, file=file)
        try:
            file.write(content)
            file.flush()
        except OSError:
            draft.discard()
            raise
        return draft

    def keep(self) -> Answer | None:
        """Give it its name when it is safe on the disk; what went wrong otherwise."""
        try:
            os.fsync(self.file.fileno())
            self.path.rename(self.final)
        except OSError as error:
            return _fault(AnswerKind.CHANNEL_STOP, error)
        return None

    def discard(self) -> None:
        """Close it, and remove what has no name yet; a disk that fails has said so before."""
        with suppress(OSError):
            self.file.close()
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


def _sms(message: Outgoing) -> bytes:
    head = f"To: {message.to}\nDate: {format_datetime(message.dated_at)}\n\n"
    return (head + message.text.rstrip("\n") + "\n").encode(errors="replace")


def _accepted(message: Outgoing) -> Answer:
    return Answer(kind=AnswerKind.ACCEPTED, provider_id=message.key)


def _fault(kind: AnswerKind, error: OSError) -> Answer:
    return Answer(kind=kind, reason=f"folder_{errno.errorcode.get(error.errno or 0, 'error').lower()}")
