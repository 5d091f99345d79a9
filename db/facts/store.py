"""Fact files and their rows in state: which there are, through which day they reach, one importer at a time.

A fact file exists for readers once its row is committed; a run pins the digests it reads.
"""

import fcntl
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from sqlalchemy import exists, func, select
from sqlmodel import Session, col

from db.tables import DataThrough, FactFile
from winback.errors import Unusable
from winback.intake.fields import Kind

ORDERS = Kind.ORDERS.value


@contextmanager
def only_importer(facts: Path) -> Iterator[None]:
    """One import at a time per facts folder: what is new is decided against what is there."""
    try:
        facts.mkdir(parents=True, exist_ok=True)
        with (facts / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise Unusable(f"the facts folder cannot be used: {error}") from error


def path_of(facts: Path, digest: str) -> Path:
    """Where the fact file with this digest is."""
    return facts / f"{digest}.parquet"


def why_missing(files: Sequence[Path]) -> str | None:
    """Why the fact files a database names cannot be read, in words; None where one cannot tell: all are there."""
    gone = [file for file in files if not file.exists()]
    if not gone:
        return None
    folder = gone[0].parent
    if len(gone) < len(files):
        return f"of the fact files the database names ({len(files)}) {gone[0].name} is not in {folder}"
    return (
        f"none of the fact files the database names ({len(files)}, such as {gone[0].name}) is in {folder}: "
        "the database belongs to another workspace's facts folder, or its files were moved"
    )


def refuse_others(session: Session, facts: Path) -> None:
    """Unusable where the database has fact files, and none of them is in the folder ``facts``."""
    files = [path_of(facts, digest) for digest in every_digest(session)]
    if files and not any(file.exists() for file in files):
        raise Unusable(str(why_missing(files)))


def next_version(session: Session) -> int:
    """The number of the next fact file."""
    return int(session.execute(select(func.coalesce(func.max(FactFile.id), 0))).scalar_one()) + 1


def digests(session: Session, kind: str = ORDERS, source: str | None = None) -> list[str]:
    """The digests of the committed fact files of a kind (and source), oldest first."""
    chosen = select(col(FactFile.digest)).where(col(FactFile.kind) == kind).order_by(col(FactFile.id))
    if source is not None:
        chosen = chosen.where(col(FactFile.source) == source)
    return list(session.execute(chosen).scalars())


def other_digests(session: Session) -> list[str]:
    """Those of every kind but orders: lines, activity, subscriptions and feedback."""
    chosen = select(col(FactFile.digest)).where(col(FactFile.kind) != ORDERS).order_by(col(FactFile.id))
    return list(session.execute(chosen).scalars())


def pinned_digests(session: Session, kind: str, pinned: Collection[str] | None) -> list[str]:
    """``digests`` of a kind that are among the ``pinned``; None: all there are now."""
    return [digest for digest in digests(session, kind) if pinned is None or digest in pinned]


def every_digest(session: Session) -> list[str]:
    """The digests of all committed fact files, oldest first."""
    return list(session.execute(select(col(FactFile.digest)).order_by(col(FactFile.id))).scalars())


def declare_through(session: Session, kind: str, through: date) -> None:
    """Note that the facts of a kind are complete through a day; the newest declaration counts."""
    session.merge(DataThrough(kind=kind, declared_on=through))


def facts_cover(session: Session, day: date, kind: str = ORDERS) -> bool:
    """Whether ``day`` is surely whole: declared complete, or followed by facts of a later day."""
    declared = session.get(DataThrough, kind)
    if declared and declared.declared_on >= day:
        return True
    later = exists().where(col(FactFile.kind) == kind, col(FactFile.last_on) > day)
    return bool(session.execute(select(later)).scalar_one())


def data_from(session: Session, kind: str = ORDERS) -> date | None:
    """The first day that facts of a kind tell of; None without any."""
    first: date | None = session.execute(
        select(func.min(FactFile.first_on)).where(col(FactFile.kind) == kind)
    ).scalar_one()
    return first


def data_through(session: Session, kind: str = ORDERS) -> date | None:
    """Through which day the facts of a kind are complete: as declared, else the last fact's; None without any."""
    declared = session.get(DataThrough, kind)
    if declared:
        return declared.declared_on
    last: date | None = session.execute(
        select(func.max(FactFile.last_on)).where(col(FactFile.kind) == kind)
    ).scalar_one()
    return last
