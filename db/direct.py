"""Statements of the path every message takes, handed to the driver as they are: building costs more than running.

One text for both databases. ``:name`` is a parameter; ``AMONG(:name)`` any number of values as one parameter, so
that the statement is prepared once; ``SKIP LOCKED`` stands only where PostgreSQL has several writers.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from db.engine import usable

_AMONG = re.compile(r"AMONG\(:(\w+)\)")
_LOCK = re.compile(r"FOR UPDATE[A-Za-z ]*")
_PLACE = re.compile(r"(?<![:\w]):(\w+)")


class Sql:
    """One statement."""

    def __init__(self, text: str) -> None:
        self._sqlite = _LOCK.sub("", _AMONG.sub(r"IN (SELECT value FROM json_each(:\1))", text))
        self._postgresql = _PLACE.sub(r"%(\1)s", _AMONG.sub(r"= ANY(:\1)", text))

    def run(self, connection: Connection, **values: object) -> Any:  # noqa: ANN401 - a cursor of the driver
        """The driver's cursor after running it: ``fetchall``, ``fetchone``, ``rowcount``."""
        if is_sqlite(connection):
            return execute(connection, self._sqlite, {name: _plain(value) for name, value in values.items()})
        return execute(connection, self._postgresql, values)

    def run_each(self, connection: Connection, values: Sequence[Mapping[str, object]]) -> int:
        """How many rows it changed, run once with each item of ``values``."""
        if is_sqlite(connection):
            plain = [{name: _plain(value) for name, value in each.items()} for each in values]
            return int(execute(connection, self._sqlite, plain).rowcount)
        return int(execute(connection, self._postgresql, list(values)).rowcount)


def execute(connection: Connection, statement: str, values: Any) -> Any:  # noqa: ANN401 - the driver's own types
    """Run ``statement``, once for each item of a list of ``values``, past SQLAlchemy's own rows and contexts.

    What the driver raises becomes SQLAlchemy's; a connection that broke is opened anew by the next transaction.
    """
    dbapi: Any = connection.dialect.dbapi
    cursor = connection.connection.cursor()
    try:
        (cursor.executemany if isinstance(values, list) else cursor.execute)(statement, values)
    except dbapi.Error as error:
        if connection.dialect.is_disconnect(error, connection.connection.dbapi_connection, cursor):
            connection.invalidate(error)
        raise DBAPIError.instance(statement, None, error, dbapi.Error, hide_parameters=True) from error
    return cursor


def is_sqlite(connection: Connection) -> bool:
    """Whether the database is SQLite; else it is PostgreSQL."""
    return connection.dialect.name == "sqlite"


@contextmanager
def writer(engine: Engine) -> Iterator[Connection]:
    """A connection kept for many write transactions."""
    with usable(engine), engine.execution_options(writes=True).connect() as connection:
        yield connection


@contextmanager
def reader(engine: Engine) -> Iterator[Connection]:
    """A connection kept for many looks at what others write; never waits for a writer on SQLite."""
    with usable(engine), engine.connect() as connection:
        yield connection


@contextmanager
def writing(connection: Connection) -> Iterator[Connection]:
    """One write transaction of a kept connection: committed at the end, rolled back on any error."""
    with usable(connection.engine), connection.begin():
        yield connection


def _plain(value: object) -> object:
    """As SQLAlchemy keeps it in SQLite."""
    if isinstance(value, datetime):
        return stamp(value)
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(value) if isinstance(value, list) else value


def stamp(value: datetime | None) -> str | None:
    """A UTC instant as text, as SQLAlchemy keeps it in SQLite."""
    return None if value is None else value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def as_day(value: str | date) -> date:
    """A day as it comes back: SQLite keeps it as text."""
    return date.fromisoformat(value) if isinstance(value, str) else value


def as_instant(value: str | datetime | None) -> datetime | None:
    """An instant as it comes back, in UTC: SQLite keeps it as text."""
    if isinstance(value, str):
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    return value if value is None else value.astimezone(UTC)
