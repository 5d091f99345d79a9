"""winback stop and winback resume while it sends (listmonk #2070 sent again to people it had written to)."""

import time
from pathlib import Path

import pytest

from app.cli import main
from db.settings import Settings
from flows.dispatch import WINDOW
from tests.fault.scene import a_live_shop, a_sink, arrivals, judge, live, released, states, until
from tests.fault.sender import Job, finish, start
from winback.delivery.pool import CONNECTIONS

pytestmark = pytest.mark.slow

PAUSES = 20


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, database_url: str):
    monkeypatch.setenv("WINBACK_DATABASE_URL", database_url)

    def run(shop: Settings, *words: str) -> None:
        assert main(["--workspace", str(shop.workspace), *words]) == 0

    return run


def test_twenty_pauses_write_to_nobody_twice_and_lose_nobody(
    tmp_path: Path, database_url: str, folder: Path, command
):
    people = 2_000
    shop = released(a_live_shop(tmp_path, database_url, people))
    late: list[int] = []  # requests that came after "stopped" was said
    with a_sink(folder, {"delay_seconds": 0.1}) as url:
        for pause in range(PAUSES):
            process = start(Job(settings=live(shop, url)))
            wanted = arrivals(folder) + (people - arrivals(folder)) // (2 * (PAUSES - pause))
            until(lambda wanted=wanted: arrivals(folder) >= wanted)
            command(shop, "stop", "spring") if pause % 2 else command(shop, "stop")
            said = arrivals(folder)
            process.join(60)
            time.sleep(0.05)  # what was under way arrives
            late.append(arrivals(folder) - said)
            assert process.exitcode == 0
            command(shop, "resume", "spring") if pause % 2 else command(shop, "resume")
        assert finish(Job(settings=live(shop, url))) == 0

    assert judge(folder, states(shop)).wrong == {}
    assert set(states(shop).values()) == {"accepted"}
    assert max(late) <= WINDOW
    assert arrivals(folder) == people


def test_a_stop_holds_back_what_is_claimed_and_not_begun(tmp_path: Path, database_url: str, folder: Path, command):
    shop = released(a_live_shop(tmp_path, database_url, 2 * WINDOW))
    with a_sink(folder, *[{}] * (WINDOW // 3), {"delay_seconds": 2.0}) as url:
        process = start(Job(settings=live(shop, url)))
        until(lambda: arrivals(folder) > WINDOW // 3)
        command(shop, "stop")
        said = arrivals(folder)
        process.join(60)

    assert said <= arrivals(folder) <= said + CONNECTIONS  # what was on its way when stop returned
    assert arrivals(folder) < WINDOW
    assert judge(folder, states(shop)).twice == 0
    assert set(states(shop).values()) == {"accepted", "queued"}
