"""How much is enough: caps per person over time, days, and money in millionths."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winback.campaigns.limits import LESS_OFTEN, PerPerson, day_of, free_at_person, micros, next_day

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
TWICE = PerPerson(messages=2, days=30)
NEW_YORK, LORD_HOWE = ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe")


@pytest.mark.parametrize(
    ("days_ago", "free_in"),
    [
        ([], None),
        ([1], None),
        ([20, 10], 10),
        ([29, 28, 1], 2),  # of three the second newest has to be 30 days old
        ([40, 10], None),
        ([30, 10], None),  # exactly 30 days ago is over
        ([29, 0], 1),
    ],
)
def test_twice_in_thirty_days_is_free_when_the_last_but_one_is_thirty_days_old(days_ago, free_in):
    sent = [NOW - days * DAY for days in days_ago]

    assert free_at_person(TWICE, sent, NOW) == (None if free_in is None else NOW + free_in * DAY)


def test_less_often_is_one_in_thirty_days_whatever_a_campaign_allows():
    yesterday = NOW - DAY

    assert free_at_person(PerPerson(messages=5, days=7), [yesterday], NOW) is None
    assert free_at_person(LESS_OFTEN, [yesterday], NOW) == yesterday + 30 * DAY


@given(
    limit=st.builds(PerPerson, messages=st.integers(1, 5), days=st.integers(1, 60)),
    hours=st.lists(st.integers(0, 2_000), max_size=30),
)
def test_whoever_waits_for_it_never_has_more_than_the_limit_in_any_span(limit: PerPerson, hours: list[int]):
    """Sending whenever it is free, the i-th and the (i + messages)-th lie at least ``days`` apart."""
    sent: list[datetime] = []
    for at in sorted(NOW + timedelta(hours=n) for n in hours):
        now = max([at, *sent[-1:]])
        sent.append(free_at_person(limit, sent, now) or now)

    assert all(
        later - earlier >= limit.days * DAY
        for earlier, later in zip(sent, sent[limit.messages :], strict=False)
    )  # fmt: skip


def test_a_day_is_the_local_one():
    assert day_of(datetime(2026, 3, 2, 4, 59, tzinfo=UTC), NEW_YORK) == date(2026, 3, 1)
    assert day_of(datetime(2026, 3, 2, 5, tzinfo=UTC), NEW_YORK) == date(2026, 3, 2)


@pytest.mark.parametrize(
    ("now", "zone", "begins"),
    [
        (datetime(2026, 3, 7, 12, tzinfo=UTC), NEW_YORK, datetime(2026, 3, 8, 5, tzinfo=UTC)),
        (datetime(2026, 3, 8, 12, tzinfo=UTC), NEW_YORK, datetime(2026, 3, 9, 4, tzinfo=UTC)),  # a day of 23 hours
        (datetime(2026, 4, 5, 0, tzinfo=UTC), LORD_HOWE, datetime(2026, 4, 5, 13, 30, tzinfo=UTC)),  # 24.5 hours
    ],
)
def test_the_next_day_begins_at_local_midnight(now: datetime, zone: ZoneInfo, begins: datetime):
    assert next_day(now, zone) == begins
    assert day_of(begins, zone) == day_of(begins - timedelta(seconds=1), zone) + DAY


def test_an_amount_is_whole_millionths():
    assert micros(Decimal("0.0079")) == 7_900
    assert micros(Decimal("500")) == 500_000_000
    with pytest.raises(ValueError, match="six decimals"):
        micros(Decimal("0.0000001"))
