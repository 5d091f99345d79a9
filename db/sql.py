"""Statements that run for every callback: on SQLite as its driver takes them, in a tenth of SQLAlchemy's time."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import text
from sqlmodel import Session

from db.engine import changed


class Sql:
    """One statement for both databases: ``:name`` stands for a value, ``{keys}`` for the texts given as ``keys``.

    Times are aware; a time in a result is as the driver gives it, so statements that ask for one are not for here.
    """

    def __init__(self, statement: str) -> None:
        self._sqlite = statement.replace("{keys}", "(SELECT value FROM json_each(:keys))")
        self._postgresql = text(statement.replace("{keys}", "(SELECT unnest(CAST(:keys AS text[])))"))

    def rows(self, session: Session, values: Mapping[str, Any]) -> Sequence[Any]:
        """What it finds or, with RETURNING, changes."""
        driver = sqlite_driver(session)
        if driver is None:
            return session.connection().execute(self._postgresql, values).all()
        found: list[Any] = driver.execute(self._sqlite, _as_sqlite_takes(values)).fetchall()
        return found

    def run(self, session: Session, values: Sequence[Mapping[str, Any]]) -> int:
        """How many rows it changed, run once per item of ``values``."""
        driver = sqlite_driver(session)
        if driver is None:
            return changed(session, self._postgresql, values)
        return int(driver.executemany(self._sqlite, [_as_sqlite_takes(each) for each in values]).rowcount)


def sqlite_driver(session: Session) -> Any | None:  # noqa: ANN401 - a sqlite3.Connection
    """The driver's own connection, in the session's transaction; None on PostgreSQL."""
    if _DRIVER not in session.info:  # a session is for one transaction (db.engine), so for one connection
        connection = session.connection()
        sqlite = connection.dialect.name == "sqlite"
        session.info[_DRIVER] = connection.connection.driver_connection if sqlite else None
    return session.info[_DRIVER]


_DRIVER = "sqlite_driver"


def _as_sqlite_takes(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: utc_text(value) if type(value) is datetime else json.dumps(value) if name == "keys" else value
        for name, value in values.items()
    }


@lru_cache(maxsize=1_000)  # callbacks tell whole seconds, and many of each
def utc_text(at: datetime) -> str:
    """A time as UtcDateTime keeps it on SQLite."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
