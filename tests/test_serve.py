"""The server of a small shop: its jobs with a clock of ours, then as a real process that is told to stop."""

import logging
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path
from threading import Event
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from app.commands.serve import drain, listen, look, make_scheduler
from db.engine import database, reading
from db.settings import Settings
from db.tables import Alert, Assignment, Message, Occurrence
from flows.due import look_for_due
from tests.workspaces import CAMPAIGN, NOW, a_quiet_crowd, a_workspace
from winback.errors import Exit, Unusable

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
NINE = "schedule: {cron: '0 9 * * *', timezone: America/New_York}\n"
EVERY_MINUTE = "schedule: {cron: '* * * * *', timezone: UTC}\n"
EVE = NOW - timedelta(hours=20)
PATIENCE_SECONDS = 60  # for a busy machine; nothing waits longer than it must
STOP_SECONDS = 10


def until(what: Callable[[], object], process: subprocess.Popen[str] | None = None) -> None:
    """Wait for ``what``; fails when it does not come."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not what():
        assert time.monotonic() < deadline, "it did not come"
        assert process is None or process.poll() is None, "the server is gone"
        time.sleep(0.05)


def rows(shop: Settings, *columns: object) -> list[tuple[object, ...]]:
    with database(shop.database_url) as engine, reading(engine) as session:
        return [tuple(row) for row in session.execute(select(*columns))]


def states(shop: Settings) -> list[object]:
    return [state for (state,) in rows(shop, Message.state)]


def sent(shop: Settings) -> list[Path]:
    return sorted(shop.outbox_folder.glob("*.eml"))


def a_due_shop(folder: Path, database_url: str, people: int = 20) -> Settings:
    """A shop whose campaign was first seen the evening before NOW, when its slot is due."""
    shop = a_workspace(folder, database_url, CAMPAIGN + NINE)
    a_quiet_crowd(shop, people)
    look_for_due(shop, EVE)
    return shop


@pytest.fixture
def shop(tmp_path: Path, database_url: str) -> Settings:
    return a_due_shop(tmp_path, database_url)


def all_sent_once(shop: Settings) -> bool:
    """Whether the run is released and everyone outside the hold-out was written to."""
    wanted = [arm for (arm,) in rows(shop, Assignment.arm)].count("message")
    return wanted > 0 and states(shop) == ["accepted"] * wanted and len(sent(shop)) == wanted


def test_its_jobs_run_a_due_slot_and_send_it(shop: Settings):
    with database(shop.database_url) as engine:
        scheduler = make_scheduler(engine, shop, lambda: NOW, Event())
        scheduler.start()
        until(lambda: all_sent_once(shop))
        scheduler.shutdown()
        jobs = make_scheduler(engine, shop, lambda: NOW, Event()).get_jobs()

    assert [job.func.__name__ for job in jobs] == ["look", "drain", "settle", "watch"]
    assert rows(shop, Occurrence.slot, Occurrence.stage) == [("2026-03-01T09:00", "released")]


def test_a_job_that_finds_the_database_unusable_says_so_and_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    shop = a_workspace(tmp_path, campaign=CAMPAIGN + NINE)
    broken = replace(shop, database_url=f"sqlite:///{shop.workspace}")

    look(broken, lambda: NOW, Event())
    drain(broken, lambda: NOW, Event())

    said = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert [text.split(":")[0] for text in said] == ["looking for due slots", "sending"]
    assert all("the database cannot be used" in text for text in said)


def test_jobs_make_no_new_database_where_the_one_the_server_began_with_is_gone(
    tmp_path: Path, new_sqlite: Callable[[Path], str], caplog: pytest.LogCaptureFixture
):
    home = tmp_path / "state"
    home.mkdir()
    shop = a_due_shop(tmp_path, new_sqlite(home))

    with database(shop.database_url) as engine:
        home.rename(tmp_path / "elsewhere")
        for job in make_scheduler(engine, shop, lambda: NOW, Event()).get_jobs():
            job.func(*job.args)
        with pytest.raises(Unusable, match="is not the file any more"), reading(engine) as session:
            session.execute(select(Message.state))
        (tmp_path / "elsewhere").rename(home)
        with reading(engine) as session:  # it is back: the server goes on
            found = session.execute(select(Occurrence.slot)).all()

    assert found == []  # nothing ran
    assert not (tmp_path / "elsewhere").exists()
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(said) == 4
    assert all(text.startswith("opening the database: the database cannot be used") for text in said)


def test_a_job_that_meets_an_error_nobody_thought_of_goes_on_and_does_not_quote_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    shop = a_workspace(tmp_path, campaign=CAMPAIGN + NINE)

    address = "ann@example.com"

    def no_clock() -> datetime:
        raise ValueError(address)

    look(shop, no_clock, Event())

    assert "looking for due slots: ValueError" in caplog.text
    assert address not in caplog.text


class StopsLater(Event):
    """Set from the second time it is asked on: it is asked before the batch, and before the files appear."""

    asked = 0

    def is_set(self) -> bool:
        self.asked += 1
        return self.asked > 1


def test_a_stop_in_the_middle_of_a_batch_gives_it_back(shop: Settings):
    """The folder asks once for all files that appear together, when they are written and not yet there."""
    look(shop, lambda: NOW, Event())
    before = len(states(shop))

    drain(shop, lambda: NOW, StopsLater())

    assert states(shop) == ["queued"] * before
    assert sent(shop) == []
    drain(shop, lambda: NOW, Event())
    assert all_sent_once(shop)


def test_a_stop_in_the_middle_of_a_run_is_no_failure_and_the_next_start_resumes_it(shop: Settings):
    stopping = Event()
    stopping.set()

    look(shop, lambda: NOW, stopping)
    after_stop = rows(shop, Occurrence.stage), rows(shop, Alert.text)
    look(shop, lambda: NOW, Event())

    assert after_stop == ([], [])
    assert rows(shop, Occurrence.stage) == [("released",)]


def test_a_channel_its_provider_closes_is_named_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, new_sqlite: Callable[[Path], str]
):
    shop = a_due_shop(tmp_path, new_sqlite(tmp_path))
    look(shop, lambda: NOW, Event())
    shop.outbox_folder.write_text("in the way of the folder", encoding="utf-8")

    drain(shop, lambda: NOW, Event())

    assert "email was closed by its provider (folder_" in caplog.text
    assert set(states(shop)) == {"queued"}


SENDS_FOR_REAL = """live = true
[providers]
email = "sendgrid"
[sender]
name = {en = "Harbour Records", zh = "海港唱片"}
email = "hello@harbour-records.shop"
"""


def a_live_shop(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    shop = a_workspace(folder, campaign=CAMPAIGN + NINE)
    toml = shop.workspace / "winback.toml"
    salt = re.search(r"^salt = .*$", toml.read_text(encoding="utf-8"), re.MULTILINE)
    assert salt
    toml.write_text(f"{salt[0]}\n{SENDS_FOR_REAL}", encoding="utf-8")
    monkeypatch.setenv("WINBACK_SENDGRID_KEY", "SG.of-a-test")
    monkeypatch.setenv("WINBACK_SENDGRID_URL", "http://127.0.0.1:9")  # nothing listens there
    return replace(shop, database_url=f"sqlite:///{folder / 'winback.db'}")


@pytest.mark.server
def test_callbacks_that_will_not_be_heard_are_told_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    shop = a_live_shop(tmp_path, monkeypatch)

    with serving(shop, tmp_path / "log") as server:
        server.port()
        server.stop(signal.SIGTERM)

    said = (tmp_path / "log").read_text(encoding="utf-8")
    assert "WARNING WINBACK_SENDGRID_WEBHOOK_KEY is missing: bounces, complaints and opt-outs" in said


@pytest.mark.server
def test_a_key_for_callbacks_that_is_none_is_refused_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    shop = a_live_shop(tmp_path, monkeypatch)
    monkeypatch.setenv("WINBACK_SENDGRID_WEBHOOK_KEY", "SG.the-wrong-one")

    with serving(shop, tmp_path / "log") as server:
        code = server.process.wait(PATIENCE_SECONDS)

    said = (tmp_path / "log").read_text(encoding="utf-8")
    assert code == Exit.WRONG_USE
    assert "WINBACK_SENDGRID_WEBHOOK_KEY must be the public key" in said
    assert "the-wrong-one" not in said


def test_a_port_somebody_has_is_named(capsys: pytest.CaptureFixture[str]):
    with listen(0) as first, pytest.raises(Unusable, match="name another --port"):
        listen(first.getsockname()[1])


@dataclass(frozen=True, kw_only=True)
class Running:
    """A server process, where it listens, and its log so far."""

    process: subprocess.Popen[str]
    log: Path

    def port(self) -> int:
        """Where it listens, as soon as it does."""
        until(lambda: "listening on http" in self.log.read_text(encoding="utf-8"), self.process)
        [port] = re.findall(r"listening on http://127.0.0.1:(\d+)\n", self.log.read_text(encoding="utf-8"))
        return int(port)

    def stop(self, how: signal.Signals) -> int:
        """Its exit code; an error when it does not stop in time."""
        self.process.send_signal(how)
        return self.process.wait(STOP_SECONDS)


@contextmanager
def serving(shop: Settings, log: Path) -> Iterator[Running]:
    """`winback serve` on a free port, ended at the end whatever happens."""
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "--workspace", str(shop.workspace), "serve", "--port", "0"],
            cwd=ROOT,
            env=os.environ | {"WINBACK_DATABASE_URL": shop.database_url},
            stdout=file,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        yield Running(process=process, log=log)
    finally:
        process.kill()
        process.wait()


def a_shop_due_now(folder: Path, database_url: str, people: int) -> Settings:
    """A shop with a slot at every minute, the first of which has just passed."""
    shop = a_workspace(folder, database_url, CAMPAIGN + EVERY_MINUTE)
    a_quiet_crowd(shop, people)
    look_for_due(shop, datetime.now(UTC) - timedelta(minutes=1))
    return shop


@pytest.mark.server
def test_serve_runs_a_slot_sends_it_answers_and_stops(tmp_path: Path, new_sqlite: Callable[[Path], str]):
    shop = a_shop_due_now(tmp_path, new_sqlite(tmp_path), 20)

    with serving(shop, tmp_path / "log") as server:
        until(lambda: all_sent_once(shop), server.process)
        letter = message_from_bytes(sent(shop)[0].read_bytes())
        link = urlsplit(letter["List-Unsubscribe"].strip("<>"))
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port()}{link.path}", timeout=30) as page:
            answer = page.status, page.read().decode()
        code = server.stop(signal.SIGINT)

    log = (tmp_path / "log").read_text(encoding="utf-8")
    assert re.fullmatch(r"/u/\S{20,}", link.path)
    assert answer[0] == 200
    assert "<form" in answer[1]
    assert code == 0
    assert " released" in log
    assert "Traceback" not in log
    assert "example.com" not in log  # nobody's address


@pytest.mark.server
def test_told_to_stop_in_the_middle_of_the_outbox_it_leaves_nothing_unknown(
    tmp_path: Path, new_sqlite: Callable[[Path], str]
):
    shop = a_shop_due_now(tmp_path, new_sqlite(tmp_path), 3000)

    with serving(shop, tmp_path / "log") as server:
        until(lambda: len(sent(shop)) > 10, server.process)
        code = server.stop(signal.SIGTERM)

    found = states(shop)
    assert code == 0
    assert set(found) == {"accepted", "queued"}
    assert found.count("accepted") == len(sent(shop)) < len(found)


@pytest.mark.server
def test_two_servers_beside_each_other_release_a_slot_once_and_send_each_message_once(
    tmp_path: Path, database_url: str
):
    shop = a_shop_due_now(tmp_path, database_url, 800)

    with ExitStack() as stack:
        servers = [stack.enter_context(serving(shop, tmp_path / f"log{n}")) for n in range(2)]
        until(lambda: all_sent_once(shop), servers[0].process)
        assert len({server.port() for server in servers}) == 2
        codes = [server.stop(signal.SIGTERM) for server in servers]

    assert codes == [0, 0]
    slots = rows(shop, Occurrence.slot, Occurrence.stage)
    assert len({slot for slot, _ in slots}) == len(slots) >= 1
    assert len({person for (person,) in rows(shop, Message.person)}) == len(states(shop))
    assert {attempt for (attempt,) in rows(shop, Message.attempt)} == {1}
    logs = "".join(server.log.read_text(encoding="utf-8") for server in servers)
    assert sum(int(number) for number in re.findall(r"'accepted': (\d+)", logs)) == len(states(shop))
    assert {kind for (kind,) in rows(shop, Alert.kind)} <= {"stale"}  # its orders ended long before today
