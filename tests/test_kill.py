"""kill -9 of real senders at a real sink that records before it answers: nobody twice, nobody silently lost."""

import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlmodel import col

from db.engine import database, reading, transaction
from db.outbox import expire_leases
from db.settings import Settings, WorkspaceFile
from db.tables import Message
from flows.campaign_run import carry_out, manual
from flows.dispatch import WINDOW
from tests.sink import Reply, Sink, recorded
from tests.workspaces import CAMPAIGN, a_quiet_crowd, a_workspace
from winback.schedule import last_whole_day

ROOT = Path(__file__).parent.parent
SLOW = Reply(delay_seconds=0.02)  # long enough that a kill falls between the record and the answer
DEADLINE_SECONDS = 60

pytestmark = pytest.mark.slow


@pytest.fixture
def shop(tmp_path: Path, database_url: str) -> Settings:
    shop = a_workspace(tmp_path, database_url, CAMPAIGN.replace("holdout: 50%", "holdout: 0%"))
    a_quiet_crowd(shop, 330)
    said = shop.file.model_dump() | {"live": True, "providers": {"email": "sendgrid", "sms": "folder"}}
    live = replace(shop, file=WorkspaceFile.model_validate(said))
    now = datetime.now(UTC)  # the senders' clock is the real one, and nothing old is really sent
    carry_out(manual("spring", last_whole_day(now, shop.zone)), live, now)
    return shop


def start_sender(shop: Settings, sink: Sink) -> subprocess.Popen[bytes]:
    toml = shop.workspace / "winback.toml"
    text = toml.read_text().replace("live = false", "live = true")
    toml.write_text(text.replace('email = "folder"', 'email = "sendgrid"'))
    environment = os.environ | {
        "WINBACK_DATABASE_URL": shop.database_url,
        "WINBACK_SENDGRID_URL": sink.url,
        "WINBACK_SENDGRID_KEY": "SG.test",
    }
    command = [sys.executable, "-m", "app.cli", "--workspace", str(shop.workspace), "send"]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def states(shop: Settings) -> dict[str, str]:
    with database(shop.database_url) as engine, reading(engine) as session:
        return dict(session.execute(select(col(Message.key), col(Message.state))).tuples().all())


def expire(shop: Settings) -> None:
    """Let the leases of the dead run out, without waiting for them."""
    with database(shop.database_url) as engine, transaction(engine) as session:
        expire_leases(session, datetime.now(UTC) + timedelta(hours=1))


def kill_after(process: subprocess.Popen[bytes], folder: Path, requests: int) -> None:
    """kill -9 once the sink has recorded so many requests."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while len(recorded(folder)) < requests and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.002)  # polling, not a measure
    process.kill()  # SIGKILL
    process.wait()


def test_killed_senders_write_to_nobody_twice_and_lose_nobody_silently(shop: Settings, tmp_path: Path):
    total, kills = len(states(shop)), 3
    assert total > kills * WINDOW
    left_before: Counter[bool] = Counter()
    folder = tmp_path / "sink"
    folder.mkdir()
    with Sink(folder, [SLOW]) as sink:
        for kill in range(kills):
            process = start_sender(shop, sink)
            kill_after(process, folder, len(recorded(folder)) + 5 + 7 * kill)
            arrived = {request.key for request in recorded(folder)}
            left_before.update(key in arrived for key, state in states(shop).items() if state == "sending")
            expire(shop)
        assert start_sender(shop, sink).wait(DEADLINE_SECONDS) == 0

    copies = Counter(request.key for request in recorded(folder))
    ended = states(shop)
    uncertain = {key for key, state in ended.items() if state == "uncertain"}
    assert left_before[True], "no kill left a message that the sink had recorded: the test has shown nothing"
    assert left_before[False], "no kill left a message that had not arrived: the test has shown nothing"
    assert max(copies.values()) == 1
    assert set(copies) <= set(ended)
    assert {key for key, state in ended.items() if state == "accepted"} <= set(copies)
    assert set(ended) - set(copies) <= uncertain
    assert set(ended.values()) == {"accepted", "uncertain"}
    assert len(uncertain) <= kills * WINDOW


def test_four_senders_at_once_write_to_everybody_once(shop: Settings, tmp_path: Path):
    folder = tmp_path / "sink"
    folder.mkdir()
    with Sink(folder) as sink:
        senders = [start_sender(shop, sink) for _ in range(4)]
        assert [sender.wait(DEADLINE_SECONDS) for sender in senders] == [0, 0, 0, 0]

    copies = Counter(request.key for request in recorded(folder))
    assert set(copies) == set(states(shop))
    assert max(copies.values()) == 1
    assert set(states(shop).values()) == {"accepted"}
