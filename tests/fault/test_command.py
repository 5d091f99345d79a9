"""The command itself, ``winback send``, killed and asked to end: on the real clock, towards a recording sink."""

import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from db.claims import expire_leases
from db.direct import writer, writing
from db.engine import database
from db.settings import Settings
from flows.campaign_run import carry_out, manual
from flows.dispatch import WINDOW
from tests.fault.scene import ROOT, a_live_shop, a_sink, arrivals, judge, keys, live, states, until
from tests.telling import FREE
from winback.campaigns.schedule import last_whole_day

pytestmark = pytest.mark.slow

PEOPLE = 330
DEADLINE_SECONDS = 60
SLOW = {"delay_seconds": 0.1}  # long enough that a kill falls between the record and the answer


@pytest.fixture
def shop(tmp_path: Path, database_url: str) -> Settings:
    shop = a_live_shop(tmp_path, database_url, PEOPLE)
    toml = shop.workspace / "winback.toml"
    text = toml.read_text().replace("live = false", "live = true")
    toml.write_text(text.replace('email = "folder"', 'email = "sendgrid"'))
    campaign = shop.campaigns / "spring.yaml"
    campaign.write_text(campaign.read_text().replace("{send: hello}", "{send: hello, channels: [email]}"))
    now = datetime.now(UTC)  # nothing old is really sent
    carry_out(manual("spring", last_whole_day(now, shop.zone)), live(shop, "https://127.0.0.1:1"), now)
    return shop


def winback_send(shop: Settings, sink: str) -> subprocess.Popen[str]:
    """The command, in a process of its own."""
    environment = os.environ | {
        "WINBACK_DATABASE_URL": shop.database_url,
        "WINBACK_SENDGRID_URL": sink,
        "WINBACK_SENDGRID_KEY": "SG.test",
    }
    command = [sys.executable, "-m", "app.cli", "--workspace", str(shop.workspace), "send"]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Its exit code and what it said."""
    said = process.communicate(timeout=DEADLINE_SECONDS)[1]
    return process.returncode, said


def signal_at(process: subprocess.Popen[str], sink: Path, more: int, what: signal.Signals) -> None:
    """Signal it once ``more`` requests have come."""
    wanted = arrivals(sink) + more
    until(lambda: arrivals(sink) >= wanted or process.poll() is not None)
    process.send_signal(what)


def expire(shop: Settings) -> None:
    """Let the leases of the dead run out, without waiting for them."""
    with database(shop.database_url) as engine, writer(engine) as connection, writing(connection):
        expire_leases(connection, datetime.now(UTC) + timedelta(hours=1), FREE)


def test_killed_three_times_it_writes_to_nobody_twice_and_loses_nobody_silently(shop: Settings, folder: Path):
    left: Counter[bool] = Counter()  # had what a kill left in ``sending`` arrived?
    with a_sink(folder, SLOW) as sink:
        for kill in range(3):
            process = winback_send(shop, sink)
            signal_at(process, folder, 5 + 7 * kill, signal.SIGKILL)
            assert ended(process)[0] == -signal.SIGKILL
            arrived = set(keys(folder))
            left.update(key in arrived for key, state in states(shop).items() if state == "sending")
            expire(shop)
        assert ended(winback_send(shop, sink)) == (0, "")

    verdict = judge(folder, states(shop))
    assert left[True], "no kill left a message that had arrived: the test has shown nothing"
    assert left[False], "no kill left a message that had not arrived: the test has shown nothing"
    assert verdict.wrong == {}
    assert verdict.uncertain == sum(left.values()) <= 3 * WINDOW


@pytest.mark.parametrize("what", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_end_it_leaves_nothing_unknown(shop: Settings, folder: Path, what: signal.Signals):
    with a_sink(folder, SLOW) as sink:
        process = winback_send(shop, sink)
        signal_at(process, folder, 40, what)
        code, said = ended(process)
        assert 0 < arrivals(folder) < PEOPLE, "it ended before or after it was asked to"
        assert code == 130
        waits, interrupted = said.splitlines()
        left = waits.split()[0]
        assert waits == f"{left} still wait: {left} by email: 'winback send --until-empty' goes on"
        assert interrupted == "winback: interrupted; running it again resumes"
        assert set(states(shop).values()) == {"accepted", "queued"}
        assert ended(winback_send(shop, sink)) == (0, "")

    assert judge(folder, states(shop)).wrong == {}
    assert set(states(shop).values()) == {"accepted"}
