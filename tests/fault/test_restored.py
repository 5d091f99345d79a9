"""C8: the database is put back as it was in the middle of a send that went on: nobody is written to twice."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from app.cli import main
from tests.fault.scene import (
    LATER,
    RESEND,
    a_live_shop,
    a_sink,
    arrivals,
    judge,
    kill_at,
    live,
    released,
    settle,
    states,
)
from tests.fault.sender import Job, finish, start
from tests.workspaces import NOW

pytestmark = pytest.mark.slow

PEOPLE = 300


def copy(old: str, new: str) -> None:
    """Make ``new`` what the database ``old`` is now; nobody is connected."""
    if old.startswith("sqlite"):
        names = [address.removeprefix("sqlite:///") for address in (old, new)]
        with closing(sqlite3.connect(names[0])) as source, closing(sqlite3.connect(names[1])) as target:
            source.backup(target)
        return
    names = [str(make_url(address).database) for address in (old, new)]
    server = create_engine(make_url(old).set(database="postgres"), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {names[1]}"))
        connection.execute(text(f"CREATE DATABASE {names[1]} TEMPLATE {names[0]}"))
    server.dispose()


def test_a_database_put_back_from_the_middle_of_a_send(
    tmp_path: Path, database_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WINBACK_DATABASE_URL", database_url)
    url = make_url(database_url)
    backup = url.set(database=f"{url.database}_backup").render_as_string(hide_password=False)
    shop = released(a_live_shop(tmp_path, database_url, PEOPLE, more=RESEND))
    with a_sink(folder, {"delay_seconds": 0.01}) as sink:
        kill_at(start(Job(settings=live(shop, sink))), folder, PEOPLE // 3)
        copy(database_url, backup)
        assert finish(Job(settings=live(shop, sink), now=NOW + LATER)) == 0
        sent = arrivals(folder)
        copy(backup, database_url)

        assert finish(Job(settings=live(shop, sink), now=NOW + 2 * LATER)) == 0
        assert arrivals(folder) == sent, "something left although the state was put back"
        assert set(states(shop).values()) == {"accepted", "uncertain"}

        assert main(["--workspace", str(shop.workspace), "resume", "--restored"]) == 0
        settle(live(shop, sink), NOW + 2 * LATER)
        assert finish(Job(settings=live(shop, sink), now=NOW + 6 * LATER)) == 0

    verdict = judge(folder, states(shop))
    assert verdict.wrong == {}
    assert (verdict.arrived, verdict.uncertain) == (PEOPLE, 0)
