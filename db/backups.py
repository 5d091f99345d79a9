"""Backups of a SQLite state: made while others work, whole or not at all, and put back held.

A backup is born held (db.restored): also when it is copied back by hand nothing leaves. A copy of
``winback.db`` is no backup: its newest rows are in another file.
"""

import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, make_url, select
from sqlmodel import Session, col

from db.engine import SCHEMA, database
from db.facts.store import every_digest, path_of
from db.frames import make_durable
from db.opt_outs import TakenOver, take_over
from db.restored import RESTORING, hold
from db.retold import retell
from db.salt import LOST_SALT, foreign_mark
from db.settings import Settings
from db.tables import Occurrence
from winback.errors import Unusable, WrongUse

SQLITE_MAGIC = b"SQLite format 3\x00"
WAIT_SECONDS = 5.0  # for a writer that is just finishing
PG_DUMP = "PostgreSQL keeps its own backups: pg_dump --format=custom --file=FILE DATABASE"
PG_RESTORE = (
    "PostgreSQL is put back by pg_restore; say 'winback restore' without a file before anything else starts"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Belonging:
    """The files beside the database that its rows name; ``missing``: those that are not there."""

    facts: int
    audiences: int
    missing: Sequence[Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """The database that a backup took the place of: where it is, and what was ``taken`` over; None: unreadable.

    ``events``: how many of messages that the backup knows; None: unreadable.
    """

    kept: Path
    taken: TakenOver | None
    events: int | None


def back_up(settings: Settings, engine: Engine, target: Path, now: datetime) -> None:
    """Write a checked copy of the state to a new file only its owner can read. Senders may go on meanwhile.

    WrongUse for PostgreSQL and for a file that exists, Unusable when it cannot be written.
    """
    source = _file_of(settings, PG_DUMP)
    if target.exists():
        raise WrongUse(f"{target} exists: name a new file")
    with _drafted(target) as draft:
        with _opened(source) as connection:
            connection.execute("VACUUM INTO ?", (str(draft),))
        _bear_held(draft, now)
        if not _is_sound(draft):
            raise Unusable(f"{source}: it is damaged, and so is a copy of it")
        _sync(draft)
        os.link(draft, target)  # unlike a rename it never replaces a file
    make_durable(target.absolute().parent)


def belonging(session: Session, settings: Settings) -> Belonging:
    """What a backup of the workspace needs beside the database."""
    facts = [path_of(settings.facts, digest) for digest in every_digest(session)]
    named = select(col(Occurrence.audience_file)).where(col(Occurrence.audience_file).is_not(None)).distinct()
    audiences = [settings.state / "audiences" / name for name in session.execute(named).scalars()]
    missing = [path for path in (*facts, *audiences) if not path.exists()]
    return Belonging(facts=len(facts), audiences=len(audiences), missing=missing)


def put_back(settings: Settings, source: Path, now: datetime) -> Replaced | None:
    """Replace the state by a backup, held; returns what became of the one before, None when there was none.

    Unusable while somebody works with the database, and for a backup of a newer winback; WrongUse for what is no
    sound backup of this workspace. Until the very last step the old database is in its place, from then on the
    new one.
    """
    place = _file_of(settings, PG_RESTORE)
    _refuse_other_files(source)
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _drafted(place) as draft:
        _take(source, draft)
        _hold(settings, draft, now)
        kept = place.with_name(f"{place.name}.replaced-{now.astimezone(UTC):%Y%m%dT%H%M%S}")
        with _alone(place, now) as before:
            taken, events = _take_over(settings, draft, before, now) if before else (None, None)
            if before:
                os.link(place, kept)
            for name in (f"{place.name}-wal", f"{place.name}-shm"):  # of a damaged one: they would be read as ours
                if (beside := place.with_name(name)).exists():
                    beside.rename(place.with_name(name.replace(place.name, kept.name, 1)))
            os.replace(draft, place)
            make_durable(place.parent)
    return Replaced(kept=kept, taken=taken, events=events) if before else None


def _file_of(settings: Settings, advice: str) -> Path:
    url = make_url(settings.database_url)
    if url.get_backend_name() != "sqlite" or not url.database:
        raise WrongUse(advice)
    return Path(url.database).absolute()


@contextmanager
def _drafted(target: Path) -> Iterator[Path]:
    """An empty file beside ``target`` that only its owner can read, gone at the end; disk troubles as Unusable."""
    draft = target.absolute().with_name(f".{target.name}.{os.getpid()}")
    try:
        _sweep(target)
        draft.unlink(missing_ok=True)
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        yield draft
    except sqlite3.Error as error:
        raise Unusable(f"{target}: {error}") from error
    except OSError as error:
        raise Unusable(f"{target}: {error.strerror or error}") from error
    finally:
        for name in (draft.name, f"{draft.name}-wal", f"{draft.name}-shm"):
            draft.with_name(name).unlink(missing_ok=True)


def _sweep(target: Path) -> None:
    """Remove the drafts that ended processes have left: there are names and addresses in them."""
    named = re.compile(rf"\.{re.escape(target.name)}\.(\d{{1,9}})(-wal|-shm|-journal)?")
    for path in target.absolute().parent.iterdir():
        if (found := named.fullmatch(path.name)) and not _is_running(int(found[1])):
            path.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        pass
    return True


@contextmanager
def _opened(path: Path, *, read_only: bool = False) -> Iterator[sqlite3.Connection]:
    address = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rw'}"
    with closing(sqlite3.connect(address, timeout=WAIT_SECONDS, isolation_level=None, uri=True)) as connection:
        yield connection


def _bear_held(draft: Path, now: datetime) -> None:
    """What holds a state (db.restored), but for marking its messages: whoever opens it does that."""
    at = now.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    with _opened(draft) as connection:
        connection.execute("BEGIN")
        connection.execute("INSERT OR REPLACE INTO stop (scope, reason, at) VALUES ('*', ?, ?)", (RESTORING, at))
        connection.execute("DELETE FROM restore WHERE released_at IS NULL")
        connection.execute("INSERT INTO restore (backup_at, found_at) VALUES (?, ?)", (at, at))
        connection.execute("COMMIT")


def _refuse_other_files(source: Path) -> None:
    """WrongUse unless it begins as every SQLite database does (sqlite.org/fileformat2.html, 1.3)."""
    try:
        with source.open("rb") as file:
            start = file.read(len(SQLITE_MAGIC))
    except OSError as error:
        raise WrongUse(f"{source}: {error.strerror or error}") from error
    if start != SQLITE_MAGIC:
        raise WrongUse(f"{source} is no SQLite database, so it is no backup of winback; nothing was changed")


def _take(source: Path, draft: Path) -> None:
    """Copy a backup; WrongUse unless it is sound, Unusable when it is of a newer winback."""
    try:
        _copy(source, draft)
        sound = _is_sound(draft)
    except sqlite3.OperationalError:  # the disk, or a lock
        raise
    except sqlite3.DatabaseError:  # pages that cannot be read
        sound = False
    if not sound:
        raise WrongUse(f"{source} is damaged or no backup of winback; nothing was changed")
    with _opened(draft) as connection:
        revision = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    if revision is not None and revision[0] > SCHEMA:
        raise Unusable(f"{source} has schema {revision[0]}, this winback knows {SCHEMA}: upgrade winback")


def _is_sound(draft: Path) -> bool:
    """Whether SQLite finds nothing wrong, and the tables of winback in it."""
    with _opened(draft) as connection:
        said = [row[0] for row in connection.execute("PRAGMA integrity_check(1)")]
        return said == ["ok"] and {"alembic_version", "message"} <= _tables(connection)


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _copy(source: Path, draft: Path) -> None:
    """Page by page, with what stands in the source's write-ahead log."""
    with _opened(source, read_only=True) as given, _opened(draft) as taken:
        given.backup(taken)


def _hold(settings: Settings, draft: Path, now: datetime) -> None:
    with database(f"sqlite:///{draft}") as engine:
        _refuse_another(settings, engine)
        hold(engine, now)
    _gather(draft)


def _gather(draft: Path) -> None:
    """Everything in one file, to be moved as one."""
    with _opened(draft) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    _sync(draft)


def _take_over(
    settings: Settings, draft: Path, before: sqlite3.Connection, now: datetime
) -> tuple[TakenOver | None, int | None]:
    """Opt-outs and events since the backup, from the database that it replaces; None of what cannot be read."""
    with _opened(draft) as connection:
        taken = take_over(before, connection)
    with database(f"sqlite:///{draft}") as engine:
        events = retell(before, engine, settings.tariff, now)
    _gather(draft)
    return taken, events


def _refuse_another(settings: Settings, engine: Engine) -> None:
    """WrongUse when it was made with another salt than this workspace's."""
    if mark := foreign_mark(settings, engine):
        raise WrongUse(
            "it is of another workspace: its people were drawn with another salt than in winback.toml. Where "
            f'it is of this one and the old salt is lost for good, {LOST_SALT} = "{mark}" there lets it in'
        )


@contextmanager
def _alone(place: Path, now: datetime) -> Iterator[sqlite3.Connection | None]:
    """The database, which nobody else has open until the end; None when there is none. Unusable when somebody has.

    Leaving write-ahead logging needs every other connection closed, also an idle one.
    """
    if not place.exists():
        yield None
        return
    with _opened(place) as connection:
        try:
            _refuse_senders(connection, now)
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise Unusable(f"{place}: {error}: stop whatever uses it, such as winback serve, first") from error
        except sqlite3.DatabaseError:  # damaged: that is what backups are for
            pass
        yield connection


def _refuse_senders(connection: sqlite3.Connection, now: datetime) -> None:
    at = now.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    query = "SELECT count(*) FROM message WHERE state = 'sending' AND lease_until >= ?"
    if "message" in _tables(connection) and connection.execute(query, (at,)).fetchone()[0]:
        raise Unusable("a sender is at work: stop it, and wait two minutes if it was killed")
