"""Connections: schema, locks, two writers."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import Engine, text
from sqlmodel import SQLModel

import db.tables
from db.engine import SCHEMA, open_engine, reading, schema_of, transaction
from winback.errors import Unusable

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_new_database_gets_the_newest_schema(engine: Engine):
    assert schema_of(engine) == SCHEMA


def test_the_migrations_build_exactly_the_tables_of_the_models(engine: Engine):
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    with engine.connect() as connection:
        difference = compare_metadata(MigrationContext.configure(connection), SQLModel.metadata)

    assert difference == []


def test_a_database_of_newer_code_is_refused_with_what_to_do(database_url: str):
    open_engine(database_url).dispose()
    engine = open_engine(database_url)
    with transaction(engine) as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()

    with pytest.raises(Unusable, match="9999.*upgrade winback"):
        open_engine(database_url)


def test_a_database_that_is_not_there_is_refused_with_what_to_do():
    with pytest.raises(Unusable, match="server running"):
        open_engine("postgresql://nobody@127.0.0.1:1/none")


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path):
    (tmp_path / "file").write_text("")

    with pytest.raises(Unusable, match="folder"):
        open_engine(f"sqlite:///{tmp_path / 'file' / 'winback.db'}")


def test_an_instant_comes_back_aware_and_in_utc(engine: Engine):
    with transaction(engine) as session:
        session.add(db.tables.Stop(scope="*", at=AT))

    with reading(engine) as session:
        assert session.get(db.tables.Stop, "*").at == AT


def test_who_limits_the_wait_is_told_soon_that_the_database_is_locked(database_url: str):
    """The other writer holds the row until the first has given up."""
    patient, hasty = open_engine(database_url), open_engine(database_url, wait_seconds=0.3)
    with transaction(patient) as session:
        session.add(db.tables.Stop(scope="*", at=AT))
    with transaction(patient) as session:
        session.execute(text("UPDATE stop SET reason = 'a'"))
        begun = time.monotonic()

        with pytest.raises(Unusable, match="cannot be used"), transaction(hasty) as second:
            second.execute(text("UPDATE stop SET reason = 'b'"))

        assert time.monotonic() - begun < 5
    patient.dispose()
    hasty.dispose()


def test_a_statement_that_takes_too_long_is_ended_on_postgresql(new_postgresql, tmp_path: Path):
    engine = open_engine(new_postgresql(tmp_path), wait_seconds=0.3)

    with pytest.raises(Unusable, match="statement timeout"), transaction(engine) as session:
        session.execute(text("SELECT pg_sleep(5)"))
    engine.dispose()


def test_who_limits_the_wait_is_told_soon_that_every_connection_is_taken(database_url: str):
    engine = open_engine(database_url, wait_seconds=0.2)
    with ExitStack() as taken:
        for _ in range(15):  # SQLAlchemy's pool: five and ten more
            taken.enter_context(engine.connect())

        with pytest.raises(Unusable, match="connections are busy"), reading(engine) as session:
            session.connection()
    engine.dispose()


def test_making_the_schema_may_take_longer_than_the_wait(tmp_path: Path):
    engine = open_engine(f"sqlite:///{tmp_path / 'new.db'}", wait_seconds=0.001)

    assert schema_of(engine) == SCHEMA
    engine.dispose()


def test_an_error_leaves_nothing_behind(engine: Engine):
    with pytest.raises(RuntimeError), transaction(engine) as session:
        session.add(db.tables.Stop(scope="*", at=AT))
        session.flush()
        raise RuntimeError

    with reading(engine) as session:
        assert session.get(db.tables.Stop, "*") is None


def test_eight_writers_at_once_lose_no_update(engine: Engine):
    with transaction(engine) as session:
        session.add(db.tables.DataThrough(kind="orders", declared_on=AT.date()))
        session.execute(text("CREATE TABLE tally (n INTEGER)"))
        session.execute(text("INSERT INTO tally VALUES (0)"))

    def work() -> None:
        for _ in range(20):
            with transaction(engine) as session:
                session.execute(text("UPDATE tally SET n = n + 1"))

    threads = [Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with reading(engine) as session:
        assert session.execute(text("SELECT n FROM tally")).scalar() == 160


def test_who_sleeps_within_a_transaction_holds_its_locks_no_longer_than_a_lease(
    new_postgresql: Callable[[Path], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("db.engine.HELD_SECONDS", 1)
    engine = open_engine(new_postgresql(tmp_path))
    lock, held = text("INSERT INTO sender (name, claims) VALUES ('a', 1)"), time.monotonic()

    with pytest.raises(Unusable), transaction(engine) as sleeper:
        sleeper.execute(lock)
        with transaction(engine) as other:  # waits for the sleeper
            other.execute(text("SET LOCAL lock_timeout = '30s'"))
            other.execute(lock)
        waited = time.monotonic() - held
        sleeper.execute(text("SELECT 1"))

    assert 0.9 < waited < 30
    engine.dispose()
