"""A provider that is down for half an hour is asked a dozen times, not thousands; then everybody is written to."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from flows.dispatch import WINDOW, drain
from flows.sending import sender
from tests.fault.scene import a_live_shop, arrivals, judge, live, released, states
from tests.sink import Reply, Sink
from tests.workspaces import NOW

pytestmark = pytest.mark.slow

PEOPLE = 300
OUTAGE = timedelta(minutes=30)
MOST_PROBES = 12


class Weather:
    """A clock that passes only by sleeping, and a provider that is down until the outage is over."""

    def __init__(self, folder: Path, down: Reply) -> None:
        self._folder, self.passed, self.counts = folder, 0.0, list[tuple[float, int]]()
        self._sink = Sink(folder, [down])
        self._sink.__enter__()
        self._port = int(self._sink.url.rpartition(":")[2])
        self.url, self._down = self._sink.url, True

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return self.passed

    def sleep(self, seconds: float) -> None:
        self.counts.append((self.passed, arrivals(self._folder)))
        self.passed += seconds
        if self._down and self.passed >= OUTAGE.total_seconds():
            self.end()
            self._sink = Sink(self._folder, [Reply()], self._port)
            self._sink.__enter__()
            self._down = False

    def end(self) -> None:
        self._sink.__exit__()


@pytest.fixture
def weather(folder: Path):
    made: list[Weather] = []

    def make(down: Reply) -> Weather:
        made.append(Weather(folder, down))
        return made[-1]

    yield make
    for each in made:
        each.end()


RETRY, LIMIT, UNKNOWN = (
    Reply(status=503, headers={"Retry-After": "1"}),
    Reply(status=429),
    Reply(status=500),
)


@pytest.mark.parametrize(
    ("database_url", "down"),
    [
        pytest.param("sqlite", RETRY, id="sqlite-503 with Retry-After"),
        pytest.param("sqlite", LIMIT, id="sqlite-429"),
        pytest.param("sqlite", UNKNOWN, id="sqlite-500: nobody knows"),
        pytest.param("postgresql", UNKNOWN, id="postgresql-500: nobody knows"),
    ],
    indirect=["database_url"],
)
def test_half_an_hour_of_outage(
    tmp_path: Path, database_url: str, folder: Path, weather: Callable[[Reply], Weather], down: Reply
):
    around = weather(down)
    shop = released(a_live_shop(tmp_path, database_url, PEOPLE))
    with sender(live(shop, around.url), around.now) as post:
        drain(replace(post, monotonic=around.monotonic, sleep=around.sleep), until_empty=True)

    first = around.counts[0][1]
    during = max(count for at, count in around.counts if at < OUTAGE.total_seconds())
    assert first <= WINDOW
    assert during - first <= MOST_PROBES
    assert judge(folder, states(shop)).wrong == {}
    unknown = sum(state == "uncertain" for state in states(shop).values())
    assert unknown == (during if down.status == 500 else 0)
    assert sum(state == "accepted" for state in states(shop).values()) == PEOPLE - unknown
