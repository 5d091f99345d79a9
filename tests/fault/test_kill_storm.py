"""kill -9 again and again at any moment, towards a sink in a process of its own: what is left is known."""

import random
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from flows.dispatch import LEASE, WINDOW
from tests.fault.scene import (
    RESEND,
    a_live_shop,
    a_sink,
    arrivals,
    judge,
    keys,
    kill_at,
    live,
    released,
    settle,
    states,
)
from tests.fault.sender import Job, finish, start
from tests.workspaces import NOW
from winback.events import State

pytestmark = pytest.mark.slow

STORMS = [
    pytest.param(2_000, 10, id="2,000 messages and 10 kills"),
    pytest.param(20_000, 100, id="20,000 messages and 100 kills", marks=pytest.mark.soak),
]


@pytest.mark.parametrize(("messages", "kills"), STORMS)
def test_a_storm_of_kills_writes_to_nobody_twice_and_loses_nobody_silently(
    tmp_path: Path, database_url: str, folder: Path, messages: int, kills: int
):
    shop = released(a_live_shop(tmp_path, database_url, messages, more=RESEND))
    chance, now = random.Random(f"{messages} {kills}"), NOW
    left: Counter[bool] = Counter()  # had what a kill left in ``sending`` arrived?
    with a_sink(folder) as url:
        for kill in range(kills):
            process = start(Job(settings=live(shop, url), now=now))
            kill_at(process, folder, chance.randrange(1, 2 * (messages - arrivals(folder)) // (kills + 1 - kill)))
            arrived = set(keys(folder))
            left.update(key in arrived for key, state in states(shop).items() if state == "sending")
            now += LEASE + timedelta(seconds=30)
        assert finish(Job(settings=live(shop, url), now=now)) == 0
        verdict = judge(folder, states(shop))
        settled = settle(live(shop, url), now)
        assert finish(Job(settings=live(shop, url), now=now + timedelta(days=1))) == 0

    in_the_end = judge(folder, states(shop))
    assert left[True], "no kill left a message that had arrived: this has shown nothing"
    assert left[False], "no kill left a message that had not arrived: this has shown nothing"
    assert verdict.messages == messages
    assert verdict.wrong == {}
    assert verdict.uncertain <= kills * WINDOW
    assert verdict.uncertain == sum(left.values())
    assert settled.keys() == {State.ACCEPTED, State.QUEUED}
    assert settled.total() == verdict.uncertain
    assert in_the_end.wrong == {}
    assert in_the_end.uncertain <= messages // 10_000
    assert in_the_end.arrived == messages
