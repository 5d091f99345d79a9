"""Several senders at once, and one that stands still longer than its lease: one claim wins, one result counts."""

import os
import signal
import time
from datetime import timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest

from db.settings import Settings
from flows.dispatch import WINDOW
from tests.fault.scene import (
    LATER,
    RESEND,
    a_live_shop,
    a_sink,
    arrivals,
    judge,
    live,
    released,
    settle,
    states,
    until,
)
from tests.fault.sender import SAID, Job, finish, start
from tests.workspaces import NOW
from winback.events import State

pytestmark = pytest.mark.slow

LEASE = timedelta(seconds=2)
SENDERS = 4
PEOPLE = 200


def last_words(shop: Settings) -> str:
    """Of the sender that gave up last, if one did."""
    place = shop.workspace / SAID
    return place.read_text() if place.exists() else ""


def test_four_runs_and_senders_at_once_write_to_everybody_once(tmp_path: Path, database_url: str, folder: Path):
    """C9: four processes carry the same campaign out and send it."""
    shop = a_live_shop(tmp_path, database_url, 400)
    with a_sink(folder) as url:
        at_work = [start(Job(settings=live(shop, url), only_send=False)) for _ in range(SENDERS)]
        for process in at_work:
            process.join(120)

    assert [process.exitcode for process in at_work] == [0] * SENDERS, last_words(shop)
    assert judge(folder, states(shop)).wrong == {}
    assert list(set(states(shop).values())) == ["accepted"]


def test_four_senders_killed_one_after_the_other_leave_each_a_window_at_most(
    tmp_path: Path, database_url: str, folder: Path
):
    shop = released(a_live_shop(tmp_path, database_url, 600))
    with a_sink(folder, {"delay_seconds": 0.02}) as url:
        at_work = [start(Job(settings=live(shop, url))) for _ in range(SENDERS)]
        for process in at_work:
            wanted = arrivals(folder) + 20
            until(lambda wanted=wanted: arrivals(folder) >= wanted)
            process.kill()
            process.join()
        assert finish(Job(settings=live(shop, url), now=NOW + LATER)) == 0

    verdict = judge(folder, states(shop))
    assert verdict.wrong == {}
    assert 0 < verdict.uncertain <= SENDERS * WINDOW


def test_a_sender_that_stands_still_for_three_leases_sends_nothing_that_was_sent_again(
    tmp_path: Path, database_url: str, folder: Path
):
    """What it had claimed and not begun is looked up, found absent and sent by another; then it wakes up."""
    shop = released(a_live_shop(tmp_path, database_url, PEOPLE, more=RESEND))
    with a_sink(folder, {"delay_seconds": 0.05}) as url:
        still = stopped_in_its_claim(Job(settings=live(shop, url), lease=LEASE), folder, WINDOW // 2)
        assert finish(Job(settings=live(shop, url), now=NOW + LATER)) == 0
        settled = settle(live(shop, url), NOW + LATER)
        assert finish(Job(settings=live(shop, url), now=NOW + timedelta(hours=1))) == 0
        go_on(still)

    verdict = judge(folder, states(shop))
    assert settled[State.QUEUED] > 0, "it had begun all it had claimed: this has shown nothing"
    assert verdict.wrong == {}
    assert (verdict.arrived, verdict.uncertain) == (PEOPLE, 0)


def test_a_sender_that_wakes_up_gives_nothing_back_that_another_is_sending(
    tmp_path: Path, database_url: str, folder: Path
):
    """Fencing: what it has not begun is not its own any more, and the other's attempt is under way."""
    shop = released(a_live_shop(tmp_path, database_url, PEOPLE, more=RESEND))
    with a_sink(folder, *[{}] * 20, {"delay_seconds": 1.0}) as url:  # the other takes long enough to be met
        still = stopped_in_its_claim(Job(settings=live(shop, url), lease=LEASE), folder, WINDOW // 3)
        assert finish(Job(settings=live(shop, url), now=NOW + LATER)) == 0
        settle(live(shop, url), NOW + LATER)
        begun = arrivals(folder)
        other = start(Job(settings=live(shop, url), now=NOW + timedelta(hours=1)))
        until(lambda: arrivals(folder) > begun)
        go_on(still)
        other.join(60)
        assert finish(Job(settings=live(shop, url), now=NOW + timedelta(hours=2))) == 0

    assert judge(folder, states(shop)).wrong == {}
    assert arrivals(folder) == PEOPLE


def stopped_in_its_claim(job: Job, folder: Path, at: int) -> ForkServerProcess:
    """A sender stopped (SIGSTOP) at its request number ``at``, for three leases."""
    still = start(job)
    until(lambda: arrivals(folder) >= at)
    os.kill(still.pid, signal.SIGSTOP)
    time.sleep(3 * job.lease.total_seconds())  # that is the test
    return still


def go_on(still: ForkServerProcess) -> None:
    """Let it go on, to its end."""
    os.kill(still.pid, signal.SIGCONT)
    still.join(60)
    assert still.exitcode == 0
