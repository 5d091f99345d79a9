"""A SQL database as a source: what a query or a table gives, spooled into a Parquet file of texts, read-only.

SQLite and PostgreSQL. With a cursor column only what is not before the last value read is asked for: rows of that
very value come again, since others of it may have come since; importing them again changes nothing.
"""

import hashlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import polars as pl
from sqlalchemy import URL, Engine, Row, create_engine, make_url, text
from sqlalchemy.engine import Connection, CursorResult
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlmodel import Session

from db.parquet import FLOAT_DECIMALS
from db.tables import SourceCursor
from winback.errors import ImportProblem, Unusable, WrongUse
from winback.intake.fields import FIELDS, CellType, Kind, place

SPOOL_ROWS = 50_000
CONNECT_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceQuery:
    """What is asked of which database: a ``table`` or a ``query``; ``cursor`` names a column that only grows."""

    url: str
    table: str | None = None
    query: str | None = None
    cursor: str | None = None

    @property
    def database(self) -> str:
        """The database for people, never with a password."""
        return _parsed(self.url).render_as_string(hide_password=True)

    @property
    def name(self) -> str:
        """The source for people."""
        return f"{self.database} {self.table or 'query'}"

    @property
    def digest(self) -> str:
        """What a stored cursor value belongs to: another question begins anew."""
        asked = [self.database, self.table, self.query, self.cursor]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Spooled:
    """The file of rows, the cursor's last value (None: no cursor, or no row yet), columns with floating points."""

    path: Path
    last: str | None
    rounded: frozenset[str]


def spool(asked: SourceQuery, password: str | None, after: str | None, folder: Path) -> Spooled:
    """Write every row into a Parquet file; ``after`` is the cursor value stored by an earlier one.

    Raises WrongUse for an address or a question that cannot be used, Unusable when the database cannot be read.
    """
    engine = _engine(asked, password)
    try:
        with engine.connect().execution_options(postgresql_readonly=True) as connection:
            return _write(_rows(connection, asked, after), asked, after, folder)
    except SQLAlchemyError as error:
        raise _said(error, asked) from error
    finally:
        engine.dispose()


def _write(rows: CursorResult[Any], asked: SourceQuery, last: str | None, folder: Path) -> Spooled:
    names = list(rows.keys())
    at = _position(asked, names)
    parts: list[Path] = []
    rounded: set[str] = set()
    for part in rows.partitions(SPOOL_ROWS):
        columns = dict(zip(names, zip(*part, strict=True), strict=True))
        rounded |= {name for name, values in columns.items() if any(isinstance(v, float) for v in values)}
        parts.append(folder / f"{len(parts)}.parquet")
        pl.DataFrame(
            {
                name: pl.Series(name, _texts(name, values, asked), dtype=pl.String)
                for name, values in columns.items()
            }
        ).write_parquet(parts[-1])
        last = _last(part, at) or last
    path = folder / "rows.parquet"
    found = pl.scan_parquet(parts, glob=False) if parts else pl.LazyFrame(schema=dict.fromkeys(names, pl.String()))
    found.sink_parquet(path)
    return Spooled(path=path, last=last, rounded=frozenset(rounded))


def refuse_rounded_ids(spooled: Spooled, kind: Kind, mapping: Mapping[str, str], name: str) -> None:
    """ImportProblem where an id is a floating-point number: it may have been any of those rounded to it."""
    header = list(pl.read_parquet_schema(spooled.path))
    placed = place(kind, header, mapping, name)
    for field in FIELDS[kind]:
        if field.type is CellType.ID and field.name in placed and header[placed[field.name]] in spooled.rounded:
            raise ImportProblem(
                "an id that is a floating-point number: cast it to text", file=name, field=field.name
            )


def cursor_of(session: Session, kind: Kind, source: str, asked: SourceQuery) -> str | None:
    """The value stored after the last import of just this, or None."""
    found = session.get(SourceCursor, (kind.value, source, asked.digest))
    return found.value if found else None


def save_cursor(session: Session, kind: Kind, source: str, asked: SourceQuery, value: str, now: datetime) -> None:
    """Store how far a source was read."""
    session.merge(SourceCursor(kind=kind.value, source=source, query=asked.digest, value=value, read_at=now))


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise WrongUse("--from is not a database address (sqlite:///... or postgresql://...)") from None
    if parsed.get_backend_name() not in {"sqlite", "postgresql"}:
        raise WrongUse(f"{parsed.get_backend_name()} is not supported: use sqlite:///... or postgresql://...")
    if parsed.password or "password" in parsed.query:
        raise WrongUse("a password stands in WINBACK_SOURCE_PASSWORD (or its _FILE), never in --from")
    return parsed


def _engine(asked: SourceQuery, password: str | None) -> Engine:
    """Connections that can only read."""
    parsed = _parsed(asked.url)
    if parsed.get_backend_name() == "sqlite":
        file = Path(parsed.database or "").absolute()
        address = f"file:{quote(str(file))}?mode=ro"
        return create_engine("sqlite://", creator=lambda: sqlite3.connect(address, uri=True), hide_parameters=True)
    arguments = {"connect_timeout": CONNECT_SECONDS, "options": "-c default_transaction_read_only=on"}
    address_with_key = parsed.set(drivername="postgresql+psycopg", password=password)
    return create_engine(address_with_key, connect_args=arguments, hide_parameters=True)


def _rows(connection: Connection, asked: SourceQuery, after: str | None) -> CursorResult[Any]:
    quoted = connection.dialect.identifier_preparer.quote_identifier
    asking = connection.execution_options(yield_per=SPOOL_ROWS)
    if asked.table:
        told = ".".join(quoted(part) for part in asked.table.split("."))
    else:
        told = "(" + (asked.query or "").strip().rstrip(";").replace(":", "\\:") + "\n) AS told"
    if asked.cursor is None:
        return asking.execute(text(f"SELECT * FROM {told}"))
    cursor = quoted(asked.cursor)
    if after is None:
        return asking.execute(text(f"SELECT * FROM {told} ORDER BY {cursor}"))
    since = text(f"SELECT * FROM {told} WHERE {cursor} >= :after ORDER BY {cursor}")
    return asking.execute(since, {"after": _stored(after)})


def _position(asked: SourceQuery, names: Sequence[str]) -> int | None:
    if asked.cursor is None:
        return None
    if asked.cursor not in names:
        raise WrongUse(f"--cursor {asked.cursor}: no such column; there are {', '.join(names)}")
    return names.index(asked.cursor)


def _last(part: Sequence[Row[Any]], at: int | None) -> str | None:
    """The last value of the cursor in the database's own order, as it is stored."""
    values = [] if at is None else [row[at] for row in part if row[at] is not None]
    return _to_store(values[-1]) if values else None


def _to_store(value: object) -> str:
    if isinstance(value, datetime):
        return json.dumps({"moment": value.isoformat()})
    if isinstance(value, date):
        return json.dumps({"day": value.isoformat()})
    if isinstance(value, int | str) and not isinstance(value, bool):
        return json.dumps({"plain": value})
    raise WrongUse(
        f"--cursor: a column of {type(value).__name__} cannot be one: whole numbers, times or texts can"
    )


def _stored(text_: str) -> object:
    [(kind, value)] = json.loads(text_).items()
    readers = {"moment": datetime.fromisoformat, "day": date.fromisoformat}
    return readers[kind](value) if kind in readers else value


def _texts(name: str, values: Sequence[object], asked: SourceQuery) -> list[str | None]:
    try:
        return [None if value is None else _text(value) for value in values]
    except TypeError as error:
        problem = f"a column of type {error} cannot be read: cast it to text"
        raise ImportProblem(problem, file=asked.name, field=name) from error


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | UUID):
        return str(value)
    if isinstance(value, float):
        return format(Decimal(str(round(value, FLOAT_DECIMALS))), "f")
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date):  # datetime is one
        return value.isoformat()
    raise TypeError(type(value).__name__)


def _said(error: SQLAlchemyError, asked: SourceQuery) -> WrongUse | Unusable:
    """A question the database does not understand, or may not answer, is the asker's; anything else is its own."""
    cause = str(getattr(error, "orig", None) or error).partition("\n")[0]
    kinds = ("ProgrammingError", "InternalError", "NotSupportedError", "DataError")
    told = type(error).__name__ in kinds or "no such" in cause or "syntax error" in cause
    return (WrongUse if told else Unusable)(f"{asked.database}: {cause}")
