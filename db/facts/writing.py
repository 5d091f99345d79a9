"""Writing a fact file: what the staged rows add to those present, under a temporary name, then made durable."""

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from glob import escape
from pathlib import Path

import duckdb
import polars as pl
from sqlmodel import Session

from db.facts.arrivals import arrivals
from db.facts.order_file import ORDER_COLUMNS, OrderFile
from db.facts.queries import arrow, sql
from db.facts.staged import Staged
from db.facts.store import path_of
from db.tables import FactFile
from winback.intake.fields import SCHEMAS, Kind

_DICTIONARY = 1_000  # distinct values: larger ones save no room and cost CPU
NOBODY = pl.DataFrame(schema={"customer_id": pl.String(), "customer_no": pl.Int64()})
_STAGED_ONLY = {"line", "customer_id", "own_id", "place", "repeats"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A durable fact file nobody reads yet, and how many of its rows are new or replace an earlier version."""

    digest: str
    version: int
    new: int
    changed: int
    first_on: date | None  # null where no day is known: lines of orders that are not there
    last_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """The committed fact files before an import: those of its kind, and those of orders."""

    same: Sequence[Path]
    orders: Sequence[Path]


def fact_columns(kind: Kind) -> Mapping[str, pl.DataType]:
    """The columns of a kind's fact files, of all but orders without ``supersedes``."""
    if kind is Kind.ORDERS:
        return ORDER_COLUMNS
    told = {name: type_ for name, type_ in SCHEMAS[kind].items() if name not in _STAGED_ONLY}
    return {"customer_no": pl.Int64(), "source": pl.String(), "fact_id": pl.String(), **told,
            "version": pl.Int32()}  # fmt: skip


def write_orders(
    facts: Path, staged: Staged, present: Sequence[Path], people: pl.DataFrame, *, source: str, version: int
) -> Written | None:
    """Write what the staged orders add to those of the same source as one fact file; None when that is nothing.

    ``people``: customer_id -> customer_no of every customer staged.
    """
    customer_no = staged.numbers(people)
    orders = OrderFile(staged, arrivals(staged, present, customer_no), customer_no)
    new, changed = orders.counts()
    if not new + changed:
        return None
    with _arriving(facts) as target:
        first_on, last_on = orders.write(target, source=source, version=version)
        digest = _make_durable(target, facts)
    return Written(digest=digest, version=version, new=new, changed=changed, first_on=first_on, last_on=last_on)


def write_facts(
    facts: Path,
    kind: Kind,
    staged: Sequence[Path],
    present: Present,
    people: pl.DataFrame,
    *,
    source: str,
    version: int,
    today: date,
) -> Written | None:
    """``write_orders`` of other kinds; ``people``: NOBODY for lines."""
    with _arriving(facts) as target, duckdb.connect(config=_config(staged[0].parent)) as connection:
        given = {"staged": _names(staged), "source": source, "version": version, "today": today}
        for variable, value in (given | {"written": escape(str(target))}).items():
            connection.execute(f"SET VARIABLE {variable} = $value", {"value": value})
        connection.register("people", arrow(people))
        _show(connection, "present", kind, present.same)
        _show(connection, "orders", Kind.ORDERS, present.orders)
        counts = _copy_arrivals(connection, kind, target)
        if counts is None:
            return None
        new, changed, first_on, last_on = counts
        digest = _make_durable(target, facts)
    return Written(digest=digest, version=version, new=new, changed=changed, first_on=first_on, last_on=last_on)


@contextmanager
def _arriving(facts: Path) -> Iterator[Path]:
    """A file that is not there any more unless it was made durable."""
    handle, name = tempfile.mkstemp(dir=facts, prefix=".arriving-", suffix=".parquet")
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def commit_file(session: Session, kind: Kind, written: Written, *, source: str, now: datetime) -> None:
    """Let readers see a written fact file."""
    session.add(
        FactFile(
            id=written.version,
            kind=kind.value,
            source=source,
            digest=written.digest,
            rows=written.new + written.changed,
            first_on=written.first_on,
            last_on=written.last_on,
            imported_at=now,
        )
    )


def _config(spill: Path) -> dict[str, str | bool | int | float | list[str]]:
    """What does not fit into the memory of a small machine goes to a folder that the import empties."""
    return {
        "autoinstall_known_extensions": False,
        "memory_limit": "700MB",
        "temp_directory": str(spill / "spill"),
    }


def _show(connection: duckdb.DuckDBPyConnection, name: str, kind: Kind, files: Sequence[Path]) -> None:
    if files:
        connection.execute(f"SET VARIABLE {name}_files = $files", {"files": _names(files)})
        connection.execute(f"CREATE TEMP VIEW {name} AS SELECT * FROM read_parquet(getvariable('{name}_files'))")
    else:
        columns = {**fact_columns(kind), "supersedes": pl.Boolean()}
        connection.register(name, arrow(pl.DataFrame(schema=columns)))


def _copy_arrivals(
    connection: duckdb.DuckDBPyConnection, kind: Kind, target: Path
) -> tuple[int, int, date | None, date | None] | None:
    arrived = {Kind.LINES: "arrived_lines", Kind.SUBSCRIPTIONS: "arrived_subscriptions"}.get(kind, "arrived")
    file = str(target).replace("'", "''")  # COPY binds no values
    connection.execute(
        f"COPY ({sql('arrivals')}) TO '{file}'"
        f" (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, DICTIONARY_SIZE_LIMIT {_DICTIONARY})"
    )
    row = connection.execute(sql(arrived)).fetchone()
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
