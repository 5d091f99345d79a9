"""The folder provider: each message becomes one file a person can open, and nothing leaves the machine.

The file's name is the message's key. It is written under a temporary name, fsynced, renamed, and its folder
fsynced, all before the answer: what is accepted survives a power cut, and a half-written file never has the final
name.
"""

import errno
import os
from email.utils import format_datetime
from pathlib import Path

from winback.campaign import Channel
from winback.delivery.answer import Answer, AnswerKind
from winback.delivery.mime import eml
from winback.delivery.outgoing import Outgoing, refused


class Folder:
    """The provider; safe to use from several threads and processes."""

    name = "folder"
    channels: frozenset[Channel] = frozenset({"email", "sms"})

    def __init__(self, *, path: Path) -> None:
        self._path = path

    def send(self, message: Outgoing) -> Answer:
        """Write ``<key>.eml`` or ``<key>.txt`` once; the same key again is accepted and writes nothing.

        A disk that is full, read-only or gone stops the channel: nothing was sent. A failure after the rename
        leaves an ``uncertain`` message, because the file may or may not survive.
        """
        if refusal := refused(message):
            return refusal
        suffix, content = (".eml", eml(message)) if message.channel == "email" else (".txt", _sms(message))
        final = self._path / f"{message.key}{suffix}"
        try:
            if not final.exists():
                self._write(final, content)
        except OSError as error:
            return Answer(kind=AnswerKind.CHANNEL_STOP, reason=f"folder_{_name_of(error)}")
        try:
            _fsync_folder(self._path)
        except OSError as error:
            return Answer(kind=AnswerKind.UNCERTAIN, reason=f"folder_{_name_of(error)}")
        return Answer(kind=AnswerKind.ACCEPTED, provider_id=message.key)

    def _write(self, final: Path, content: bytes) -> None:
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = final.with_name(f".{final.name}.{os.getpid()}.{os.urandom(4).hex()}")
        try:
            with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            draft.rename(final)
        finally:
            draft.unlink(missing_ok=True)


def _sms(message: Outgoing) -> bytes:
    head = f"To: {message.to}\nDate: {format_datetime(message.dated_at)}\n\n"
    return (head + message.text.rstrip("\n") + "\n").encode(errors="replace")


def _fsync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _name_of(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, "error").lower()
