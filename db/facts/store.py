"""Fact files on disk and their rows in state: written under a temporary name, made durable, renamed, committed.

A fact file exists for readers once its row is committed; a run pins the digests it reads.
"""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from glob import escape
from pathlib import Path

import duckdb
import polars as pl
from sqlalchemy import exists, func, select
from sqlmodel import Session, col

from db.facts.queries import arrow, sql
from db.tables import DataThrough, FactFile
from winback.errors import Unusable

ORDERS = "orders"
_NO_ORDERS = pl.DataFrame(
    schema={
        "customer_no": pl.Int64, "source": pl.String, "order_id": pl.String, "amount_minor": pl.Int64,
        "ordered_at": pl.Datetime("us", "UTC"), "refund_of": pl.String, "version": pl.Int32,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A durable fact file nobody reads yet, and how many of its rows are new or replace an earlier version."""

    digest: str
    version: int
    new: int
    changed: int
    first_on: date
    last_on: date


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


def write_orders(
    facts: Path,
    staged: Sequence[Path],
    present: Sequence[Path],
    people: pl.DataFrame,
    *,
    source: str,
    version: int,
) -> Written | None:
    """Write what the staged orders add to the present ones as one fact file; None when that is nothing.

    ``people``: customer_id -> customer_no of every customer staged.
    """
    handle, name = tempfile.mkstemp(dir=facts, prefix=".arriving-", suffix=".parquet")
    os.close(handle)
    target = Path(name)
    try:
        counts = _copy_arrivals(target, staged, present, people, source=source, version=version)
        if counts is None:
            return None
        digest = _make_durable(target, facts)
    finally:
        target.unlink(missing_ok=True)
    new, changed, first_on, last_on = counts
    return Written(digest=digest, version=version, new=new, changed=changed, first_on=first_on, last_on=last_on)


def _copy_arrivals(
    target: Path,
    staged: Sequence[Path],
    present: Sequence[Path],
    people: pl.DataFrame,
    *,
    source: str,
    version: int,
) -> tuple[int, int, date, date] | None:
    with duckdb.connect(config={"autoinstall_known_extensions": False}) as connection:
        given = {"staged": _names(staged), "present": _names(present), "source": source, "version": version}
        for name, value in given.items():
            connection.execute(f"SET VARIABLE {name} = $value", {"value": value})
        connection.register("people", arrow(people))
        if present:
            connection.execute("CREATE TEMP VIEW present AS SELECT * FROM read_parquet(getvariable('present'))")
        else:
            connection.register("present", arrow(_NO_ORDERS))
        connection.sql(sql("arrivals")).write_parquet(str(target), compression="zstd")
        row = connection.execute(sql("arrived"), {"file": escape(str(target))}).fetchone()
    return row if row and row[0] + row[1] else None


def _names(paths: Sequence[Path]) -> list[str]:
    return [escape(str(path)) for path in paths]  # read_parquet would take [ and * as a pattern


def _make_durable(target: Path, facts: Path) -> str:
    with target.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    target.rename(path_of(facts, digest))
    folder = os.open(facts, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return digest


def path_of(facts: Path, digest: str) -> Path:
    """Where the fact file with this digest is."""
    return facts / f"{digest}.parquet"


def next_version(session: Session) -> int:
    """The number of the next fact file."""
    return int(session.execute(select(func.coalesce(func.max(FactFile.id), 0))).scalar_one()) + 1


def commit_file(session: Session, written: Written, *, source: str, now: datetime) -> None:
    """Let readers see a written fact file."""
    session.add(
        FactFile(
            id=written.version,
            kind=ORDERS,
            source=source,
            digest=written.digest,
            rows=written.new + written.changed,
            first_on=written.first_on,
            last_on=written.last_on,
            imported_at=now,
        )
    )


def digests(session: Session, kind: str = ORDERS) -> list[str]:
    """The digests of the committed fact files of a kind, oldest first."""
    chosen = select(col(FactFile.digest)).where(col(FactFile.kind) == kind).order_by(col(FactFile.id))
    return list(session.execute(chosen).scalars())


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


def data_through(session: Session, kind: str = ORDERS) -> date | None:
    """Through which day the facts of a kind are complete: as declared, else the last fact's; None without any."""
    declared = session.get(DataThrough, kind)
    if declared:
        return declared.declared_on
    last: date | None = session.execute(
        select(func.max(FactFile.last_on)).where(col(FactFile.kind) == kind)
    ).scalar_one()
    return last
