"""Every crash point of a sender, both channels, both databases: after a restart nobody has two, nobody is lost.

C0 before the plan's commit · C1 planned, not claimed · C2 the claim's commit is under way · C3 claimed, no byte ·
C4 bytes, no answer · C5 an answer, not recorded · C6 recorded. (C7: test_disk_full, C8: test_restored, C9:
test_at_once.)
"""

from collections.abc import Callable
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from db.settings import Settings
from tests.fault.scene import (
    LATER,
    RESEND,
    a_live_shop,
    again,
    arrivals,
    ask,
    forget,
    judge,
    live,
    released,
    states,
    until,
)
from tests.fault.sender import KILLED, Death, Job, Moment, finish, start
from tests.sink import Reply, Sink
from tests.workspaces import NOW
from winback.channel import Channel

pytestmark = pytest.mark.slow

PEOPLE, WINDOW = 20, 8
STEP = 5  # of statements and commits to die at; make soak takes every one
POINTS = {
    "C0": Death(moment=Moment.PLAN),
    "C1": Death(moment=Moment.QUEUED),
    "C2 not committed": Death(moment=Moment.CLAIM),
    "C2 with the server": Death(moment=Moment.CLAIM_UNKNOWN),
    "C3 nothing handed over": Death(moment=Moment.PULL),
    "C3 some handed over": Death(moment=Moment.PULL, n=WINDOW // 2),
    "C5 first answer": Death(moment=Moment.ANSWER),
    "C5 last answer": Death(moment=Moment.ANSWER, n=WINDOW),
    "C5 before the record": Death(moment=Moment.RECORD),
    "C6": Death(moment=Moment.RECORDED),
}
NOTHING_SENT = {"C0", "C1", "C2 not committed"}


@pytest.fixture(params=["email", "sms"])
def channel(request: pytest.FixtureRequest) -> Channel:
    return request.param


@pytest.fixture
def shop(tmp_path: Path, database_url: str, channel: Channel) -> Settings:
    return a_live_shop(tmp_path, database_url, PEOPLE, channel)


@pytest.fixture
def mail_shop(tmp_path: Path, database_url: str) -> Settings:
    return a_live_shop(tmp_path, database_url, PEOPLE, more=RESEND)


def a_job(shop: Settings, sink: Sink, **changes: object) -> Job:
    values: dict[str, object] = {"settings": live(shop, sink.url), "window": WINDOW, "only_send": False}
    return Job(**(values | changes))


@pytest.mark.parametrize("point", POINTS)
def test_after_a_death_and_a_restart_nobody_has_two_and_nobody_is_lost(
    shop: Settings, folder: Path, point: str, database_url: str
):
    if point == "C2 with the server" and database_url.startswith("sqlite"):
        pytest.skip("SQLite is inside the process: it dies with it, before or after the commit")
    with Sink(folder) as sink:
        assert finish(a_job(shop, sink, death=POINTS[point])) == KILLED
        assert finish(a_job(shop, sink, now=NOW + LATER)) == 0

    verdict = judge(folder, states(shop))
    assert verdict.messages == PEOPLE
    assert verdict.wrong == {}
    assert verdict.uncertain <= (0 if point in NOTHING_SENT else WINDOW)
    assert verdict.arrived >= PEOPLE - verdict.uncertain


def test_a_death_between_the_bytes_and_the_answer_leaves_them_unknown(shop: Settings, folder: Path):
    """C4; the provider has them, and the outbox cannot know."""
    released(shop)
    with Sink(folder, [Reply(act="silent")] * WINDOW + [Reply()]) as sink:
        process = start(a_job(shop, sink, only_send=True))
        until(lambda: arrivals(folder) == WINDOW)
        process.kill()
        process.join()
        assert finish(a_job(shop, sink, now=NOW + LATER)) == 0

    verdict = judge(folder, states(shop))
    assert verdict.wrong == {}
    assert verdict.uncertain == WINDOW
    assert verdict.arrived == PEOPLE


def test_what_a_look_up_cannot_know_yet_is_not_sent_again(mail_shop: Settings, folder: Path):
    """A provider notes what it has a minute later: when asked, it knows two batches and not yet the last."""
    before_the_last = 2 * WINDOW
    with Sink(folder, recording_seconds=60, clock=lambda: 120 * (arrivals(folder) >= before_the_last)) as sink:
        death = Death(moment=Moment.ANSWER, n=before_the_last + 1)
        assert finish(a_job(mail_shop, sink, death=death)) == KILLED
        assert finish(a_job(mail_shop, sink, now=NOW + LATER)) == 0
        ask(live(mail_shop, sink.url), NOW + LATER + timedelta(seconds=30))
        assert finish(a_job(mail_shop, sink, now=NOW + 2 * LATER)) == 0

    verdict = judge(folder, states(mail_shop))
    assert verdict.wrong == {}
    assert verdict.uncertain == PEOPLE - before_the_last


@pytest.mark.parametrize("step", [STEP, pytest.param(1, marks=pytest.mark.soak)])
@pytest.mark.parametrize("moment", [Moment.STATEMENT, Moment.COMMIT])
def test_at_whatever_statement_or_commit_of_a_send_it_dies(
    mail_shop: Settings, folder: Path, moment: Moment, step: int
):
    """SQLite's own method: fail at the first, the second, the third ..., until a run comes through."""
    released(mail_shop)

    def deaths(n: int) -> bool:
        again(mail_shop)
        return dies_and_recovers(mail_shop, folder / str(n), Death(moment=moment, n=n), only_send=True)

    assert first_survivor(deaths, step) > 3 * (PEOPLE // WINDOW)


@pytest.mark.parametrize("step", [STEP, pytest.param(1, marks=pytest.mark.soak)])
def test_at_whatever_commit_of_a_run_it_dies(mail_shop: Settings, folder: Path, step: int):
    def deaths(n: int) -> bool:
        forget(mail_shop)
        return dies_and_recovers(mail_shop, folder / str(n), Death(moment=Moment.COMMIT, n=n), only_send=False)

    assert first_survivor(deaths, step) > 10


def first_survivor(deaths: Callable[[int], bool], step: int) -> int:
    """The first n, of every ``step``-th, at which nothing dies any more."""
    return next(n for n in count(1, step) if not deaths(n))


def dies_and_recovers(shop: Settings, folder: Path, death: Death, *, only_send: bool) -> bool:
    """Whether the sender died; whatever it left, the next one leaves nothing wrong."""
    folder.mkdir()
    with Sink(folder) as sink:
        died = finish(a_job(shop, sink, death=death, only_send=only_send))
        assert died in (0, KILLED)
        assert finish(a_job(shop, sink, now=NOW + LATER, only_send=only_send)) == 0
    verdict = judge(folder, states(shop))
    assert (verdict.messages, verdict.wrong) == (PEOPLE, {}), death
    assert verdict.uncertain <= WINDOW
    return died == KILLED
