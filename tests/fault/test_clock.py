"""A wall clock that is wrong or jumps by two hours: leases are the monotonic clock's, and nobody gets two."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.fault.scene import LATER, a_live_shop, a_sink, arrivals, judge, live, released, states, until
from tests.fault.sender import Job, finish, start
from tests.workspaces import NOW

pytestmark = pytest.mark.slow

TWO_HOURS = timedelta(hours=2)
JUMPS = [pytest.param(TWO_HOURS, id="two hours ahead"), pytest.param(-TWO_HOURS, id="two hours back")]


@pytest.mark.parametrize("by", JUMPS)
def test_a_clock_that_jumps_while_it_sends(tmp_path: Path, database_url: str, folder: Path, by: timedelta):
    shop = released(a_live_shop(tmp_path, database_url, 300))
    with a_sink(folder, {"delay_seconds": 0.02}) as url:
        job = Job(settings=live(shop, url), jumps=((1.0, by),), until_empty=False, window=16)
        assert finish(job) == 0
        assert finish(Job(settings=live(shop, url), now=NOW + by + LATER)) == 0

    assert judge(folder, states(shop)).wrong == {}
    assert arrivals(folder) == 300


@pytest.mark.parametrize("by", JUMPS)
def test_two_senders_whose_clocks_are_two_hours_apart(
    tmp_path: Path, database_url: str, folder: Path, by: timedelta
):
    """The one ahead takes the other's leases for over: that makes no second copy and loses no answer."""
    shop = released(a_live_shop(tmp_path, database_url, 600))
    with a_sink(folder, {"delay_seconds": 0.02}) as url:
        right = start(Job(settings=live(shop, url), window=16))
        until(lambda: arrivals(folder) >= 20)
        assert finish(Job(settings=live(shop, url), now=NOW + by, window=16)) == 0
        right.join(60)
        assert right.exitcode == 0
        assert finish(Job(settings=live(shop, url), now=NOW + abs(by) + LATER)) == 0

    assert judge(folder, states(shop)).wrong == {}
    assert set(states(shop).values()) == {"accepted"}
