"""Slots: wall-clock times without an offset, once each over both clock changes.

Clock changes used: America/New_York 2026-03-08 02:00 -> 03:00 (07:00 UTC) and 2026-11-01 02:00 -> 01:00
(06:00 UTC); Europe/London 2026-03-29 01:00 -> 02:00 (01:00 UTC).
"""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winback.campaigns.schedule import (
    Season,
    check_cron,
    due_slots,
    end_of_day,
    instant_of,
    last_whole_day,
    next_slot,
)

NEW_YORK = ZoneInfo("America/New_York")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def test_the_hour_that_comes_twice_in_autumn_is_one_slot():
    slots = due_slots("30 1 * * *", NEW_YORK, after=utc(2026, 10, 31, 12), now=utc(2026, 11, 1, 12))

    assert [(slot.name, slot.at) for slot in slots] == [("2026-11-01T01:30", utc(2026, 11, 1, 5, 30))]


def test_a_slot_in_the_spring_gap_runs_at_the_first_instant_after_it():
    slots = due_slots("30 2 * * *", NEW_YORK, after=utc(2026, 3, 8, 0), now=utc(2026, 3, 8, 12))

    assert [(slot.name, slot.at) for slot in slots] == [("2026-03-08T02:30", utc(2026, 3, 8, 7))]


def test_a_day_has_as_many_hourly_slots_as_wall_clock_hours():
    zone = ZoneInfo("Europe/London")
    slots = due_slots("0 * * * *", zone, after=utc(2026, 3, 28, 23, 30), now=utc(2026, 3, 29, 22, 30))

    assert len({slot.name for slot in slots}) == len(slots) == 24


def test_slots_are_due_after_the_last_look_and_up_to_now():
    look = utc(2026, 6, 1, 13)

    assert due_slots("0 9 * * mon", NEW_YORK, after=look, now=look) == []
    before = due_slots("0 9 * * mon", NEW_YORK, after=look - timedelta(seconds=1), now=look)
    assert [slot.name for slot in before] == ["2026-06-01T09:00"]


@given(
    start=st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),
    cuts=st.lists(st.integers(1, 600), min_size=1, max_size=8),
    zone=st.sampled_from(["America/New_York", "Europe/London", "Australia/Lord_Howe", "Asia/Shanghai"]),
)
def test_looking_often_finds_the_same_slots_as_looking_once(start: datetime, cuts: list[int], zone: str):
    looks = [start]
    for minutes in cuts:
        looks.append(looks[-1] + timedelta(minutes=minutes))
    cron, place = "*/30 * * * *", ZoneInfo(zone)

    often = [slot for a, b in pairwise(looks) for slot in due_slots(cron, place, after=a, now=b)]

    assert often == due_slots(cron, place, after=looks[0], now=looks[-1])


def test_a_season_has_its_first_and_its_last_day_and_no_other():
    season = Season(starts=date(2026, 6, 8), ends=date(2026, 6, 15))
    every_monday = {"after": utc(2026, 5, 30, 0), "now": utc(2026, 6, 29, 23)}

    slots = due_slots("0 9 * * mon", NEW_YORK, **every_monday, season=season)

    assert [slot.name for slot in slots] == ["2026-06-08T09:00", "2026-06-15T09:00"]
    assert next_slot("0 9 * * mon", NEW_YORK, utc(2026, 1, 1, 0), season).name == "2026-06-08T09:00"
    assert next_slot("0 9 * * mon", NEW_YORK, utc(2026, 6, 15, 14), season) is None


def test_the_next_slot_is_the_first_one_due():
    now = utc(2026, 6, 1, 13)

    assert next_slot("0 9 * * mon", NEW_YORK, now).name == "2026-06-08T09:00"


@pytest.mark.parametrize("cron", ["0 9 * * 1", "0 9 * * 0-6", "0 9 * *", "@daily", "61 9 * * mon", "0 9 * * xyz"])
def test_cron_lines_that_two_libraries_read_differently_or_none_reads_are_refused(cron: str):
    with pytest.raises(ValueError, match=r"weekday|five fields|the minute can't be"):
        check_cron(cron)


def test_the_default_as_of_is_the_last_whole_local_day():
    at = utc(2026, 6, 2, 3)  # 23:00 on 1 June in New York

    assert last_whole_day(at, NEW_YORK) == date(2026, 5, 31)


def test_a_local_day_ends_at_the_next_local_midnight():
    assert end_of_day(date(1997, 12, 31), NEW_YORK) == utc(1998, 1, 1, 5)


def test_an_ordinary_wall_time_is_its_own_instant():
    assert instant_of(datetime(2026, 7, 1, 9), NEW_YORK) == utc(2026, 7, 1, 13)
