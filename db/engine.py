"""Connections and transactions: SQLite (WAL, FULL, BEGIN IMMEDIATE for writers) or PostgreSQL, used one way."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, Executable, create_engine, event, make_url, text
from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlmodel import Session, SQLModel

from winback.errors import Unusable

SCHEMA = "0017"  # the newest revision of db/migrations
LOCK_WAIT_SECONDS = 30
# of SQLite; the cache (in KiB) holds what a few callbacks or claims touch: spilled pages are written twice
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-8000")
CONNECT_SECONDS = 3  # of a server that does not answer, where waiting is limited
HELD_SECONDS = 120  # a process that sleeps within a transaction holds its locks no longer: as long as a lease


def open_engine(url: str, *, wait_seconds: float | None = None) -> Engine:
    """An engine for ``url`` whose database has this code's schema; older ones are migrated.

    ``wait_seconds``: how long a lock, a statement or a free connection is waited for before it is Unusable; None =
    LOCK_WAIT_SECONDS for a lock on SQLite and no limit on PostgreSQL. Making the schema may always take its time.
    Raises Unusable when it cannot be reached, is locked, or was made by newer code.
    """
    engine = make_engine(url)
    try:
        with usable(engine):
            prepare(engine)
    except Unusable:
        engine.dispose()
        raise
    if wait_seconds is None:
        return engine
    engine.dispose()
    return make_engine(url, wait_seconds=wait_seconds)


@contextmanager
def database(url: str, *, wait_seconds: float | None = None) -> Iterator[Engine]:
    """``open_engine`` for one piece of work: its connections are closed at the end."""
    engine = open_engine(url, wait_seconds=wait_seconds)
    try:
        yield engine
    finally:
        engine.dispose()


def make_engine(url: str, *, wait_seconds: float | None = None) -> Engine:
    """An engine for ``url``, nothing opened yet; ``wait_seconds`` as for ``open_engine``."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise Unusable(
            "WINBACK_DATABASE_URL is not a database address (sqlite:///... or postgresql://...)"
        ) from error
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(url, parsed.database, wait_seconds)
    if parsed.get_backend_name() == "postgresql":
        return _postgresql(parsed, wait_seconds)
    raise Unusable(f"{parsed.get_backend_name()} is not supported: use sqlite:///... or postgresql://...")


def _postgresql(url: URL, wait_seconds: float | None) -> Engine:
    options = [f"-c idle_in_transaction_session_timeout={HELD_SECONDS * 1000}"]
    limits: dict[str, Any] = {}
    if wait_seconds is not None:
        options.append(
            f"-c statement_timeout={max(int(wait_seconds * 1000), 1)}"
        )  # waiting for a lock is part of it
        limits = {"pool_timeout": wait_seconds}
    arguments = {"options": " ".join(options)} | ({"connect_timeout": CONNECT_SECONDS} if limits else {})
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args=arguments,
        **limits,
    )


def _sqlite(url: str, database: str | None, wait_seconds: float | None) -> Engine:
    try:
        Path(database or "").parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # addresses are inside
    except OSError as error:
        raise Unusable(f"the database's folder cannot be made: {error}") from error
    wait = LOCK_WAIT_SECONDS if wait_seconds is None else wait_seconds
    arguments = {"timeout": wait, "check_same_thread": False}
    # an error must not show an address
    engine = create_engine(url, connect_args=arguments, hide_parameters=True, pool_timeout=wait)
    event.listen(engine, "connect", _configure_sqlite)
    if database:
        event.listen(engine, "begin", _same_file(Path(database)))
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _same_file(path: Path) -> Callable[[Connection], None]:
    """Refuses a transaction once the file an engine began with is gone: a moved folder, a mount that was lost.

    A new connection would make an empty database in its place, which knows of nothing that was sent.
    """
    began: list[tuple[int, int]] = []

    def check(_: Connection) -> None:
        there = _file_at(path)
        if there and not began:
            began.append(there)
        if not there or there != began[0]:
            raise sqlite3.OperationalError(f"{path} is not the file any more that this process began with")

    return check


def _file_at(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _configure_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own type
    connection.isolation_level = None  # we say BEGIN ourselves: a deferred writer fails under contention
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    driver: Any = connection.connection.driver_connection
    driver.execute("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """One write transaction: committed at the end, rolled back on any error."""
    with usable(engine), Session(engine.execution_options(writes=True)) as session, session.begin():
        yield session


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """One consistent view for reading; never waits for a writer on SQLite."""
    view = (
        engine if engine.dialect.name == "sqlite" else engine.execution_options(isolation_level="REPEATABLE READ")
    )
    with usable(engine), Session(view) as session, session.begin():
        yield session


@contextmanager
def usable(engine: Engine) -> Iterator[None]:
    """What the database itself cannot do (locked, full, gone) as Unusable; everything else as it is."""
    try:
        yield
    except DatabaseError as error:
        gone = error.connection_invalidated  # also when the server has ended a transaction nobody went on with
        if type(error) not in (DatabaseError, OperationalError) and not gone:  # the others are our own mistakes
            raise
        raise Unusable(f"the database cannot be used: {error.orig}. {_advice(engine)}") from error
    except sqlite3.DatabaseError as error:  # of a statement that was given to the driver itself (db.direct)
        if type(error) not in (sqlite3.DatabaseError, sqlite3.OperationalError):
            raise
        raise Unusable(f"the database cannot be used: {error}. {_advice(engine)}") from error
    except PoolTimeout as error:
        raise Unusable("the database cannot be used: all connections are busy. Try again in a moment.") from error


def insert_or_keep(session: Session, table: type[SQLModel]) -> SqliteInsert | PostgresInsert:
    """INSERT ... ON CONFLICT DO NOTHING for the session's database."""
    if session.get_bind().dialect.name == "postgresql":
        return insert_postgresql(table).on_conflict_do_nothing()
    return insert_sqlite(table).on_conflict_do_nothing()


def changed(session: Session, statement: Executable, values: Sequence[Mapping[str, Any]] | None = None) -> int:
    """Run an INSERT, UPDATE or DELETE (once per item of ``values``) and return how many rows it changed."""
    result = session.connection().execute(statement, values, execution_options={"preserve_rowcount": True})
    return int(result.rowcount)


def prepare(engine: Engine) -> None:
    """Bring the database to this code's schema; Unusable when it is newer."""
    current = schema_of(engine)
    if current == SCHEMA:
        return
    if current is not None and current > SCHEMA:
        raise Unusable(f"the database has schema {current}, this winback knows {SCHEMA}: upgrade winback")
    from db.migrate import upgrade  # alembic takes 0.3 s to import and is needed once per schema

    upgrade(engine)


def schema_of(engine: Engine) -> str | None:
    """The database's schema revision, or None when it is empty."""
    with engine.connect() as connection:
        if not engine.dialect.has_table(connection, "alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _advice(engine: Engine) -> str:
    if engine.dialect.name == "sqlite":
        return "Is another program holding it, is the disk full or the folder read-only?"
    return "Is the server running, and is WINBACK_DATABASE_URL right?"
