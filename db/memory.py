"""What senders remember outside the database, so that a database put back from a backup is noticed.

The database counts the claims of each sender; the workspace's ``last-claim`` file keeps the count of the last one.
A database that has counted fewer is older than the memory. Counts belong to no customer, so an erasure changes
nothing; each sender has a row of its own, so none waits for another.

A memory from before the database's latest release says nothing any more. Whether it is from before is not read
from any machine's clock: a claim notes which release was the latest when it was made.
"""

import os
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from sqlalchemy.engine import Connection

from db.direct import Sql, as_instant
from db.settings import Settings
from winback.errors import Unusable

RECORD_BYTES = 256  # one write of a fixed length: a reader sees the old record or the new one
_NEVER = "-"


class Mark(NamedTuple):
    """A claim as the database counts it: the ``claims``-th of ``sender``, after the release of ``released_at``."""

    sender: str
    claims: int
    released_at: datetime | None


_COUNT = Sql("""
INSERT INTO sender (name, claims) VALUES (:sender, 1)
ON CONFLICT (name) DO UPDATE SET claims = sender.claims + 1
RETURNING claims, (SELECT MAX(released_at) FROM restore)""")
_KNOWS = Sql("""
SELECT (SELECT claims FROM sender WHERE name = :sender), (SELECT MAX(released_at) FROM restore)""")


def count_claim(connection: Connection, sender: str) -> Mark:
    """Count a claim in its own transaction."""
    claims, released_at = _COUNT.run(connection, sender=sender).fetchone()
    return Mark(sender, claims, as_instant(released_at))


def remember(settings: Settings, mark: Mark) -> None:
    """Note outside the database which claim was the last: after the claim's commit, before its first byte.

    About 6 us. It is not synced to the disk: a killed process loses nothing by that, and after a power cut the
    database, which is synced, is newer than the memory, which then proves nothing and holds nothing.
    """
    released = mark.released_at.isoformat() if mark.released_at else _NEVER
    record = f"{mark.sender} {mark.claims} {released}".ljust(RECORD_BYTES - 1).encode() + b"\n"
    place = _place(settings)
    try:
        try:
            _write(place, record, 0)
        except FileNotFoundError:  # made whole or not at all: somebody may read, or kill us, in between
            draft = place.with_name(f"{place.name}.{os.getpid()}")
            _write(draft, record, os.O_CREAT | os.O_TRUNC)
            draft.replace(place)
    except OSError as error:
        raise Unusable(f"{place} cannot be written: {error.strerror}") from error


def _write(place: Path, record: bytes, how: int) -> None:
    file = os.open(place, os.O_WRONLY | os.O_CLOEXEC | how, 0o600)
    try:
        os.pwrite(file, record, 0)
    finally:
        os.close(file)


def _read(place: Path) -> bytes:
    """What is there, twice alike: another sender may be writing over it."""
    before, found = None, place.read_bytes()
    while found != before:
        before, found = found, place.read_bytes()
    return found


def recall(settings: Settings) -> Mark | None:
    """The last claim made from here; None when there was none. Unusable when what is there cannot be read."""
    place = _place(settings)
    try:
        sender, claims, released = _read(place).decode("ascii").split()
        return Mark(sender, int(claims), None if released == _NEVER else datetime.fromisoformat(released))
    except FileNotFoundError:
        return None
    except ValueError as error:  # a power cut can tear it, and somebody can have written over it
        raise Unusable(
            f"{place} is damaged, so nobody knows whether the database is older than what was sent from here. Was "
            "it put back from a backup? Then say 'winback restore' first; in any case delete that file"
        ) from error


def is_older(connection: Connection, mark: Mark | None) -> bool:
    """Whether the database is older than the remembered claim.

    Recall before the database is read: it is never the older of the two by our own doing.
    """
    if mark is None:
        return False
    claims, latest = _KNOWS.run(connection, sender=mark.sender).fetchone()
    released_at = as_instant(latest)
    if released_at is not None and (mark.released_at is None or mark.released_at < released_at):
        return False
    return claims is None or claims < mark.claims


def _place(settings: Settings) -> Path:
    return settings.state / "last-claim"
