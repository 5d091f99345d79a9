"""Quiet hours: nobody is disturbed in them, in any zone and on any clock change.

The yardstick is the wall clock itself, read minute by minute through zoneinfo: every zone's offset and every quiet
hour here is a whole number of minutes, so a span of whole minutes is quiet nowhere if none of its minutes is.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest

from winback.campaigns.quiet_hours import (
    DAYS_AHEAD,
    SMS_QUIET_HOURS,
    QuietHours,
    free_at,
    hours_for,
    may_disturb,
    read_quiet_hours,
)
from winback.campaigns.zones import zones_of

NIGHT = QuietHours(start=time(21), end=time(9))
LEASE = timedelta(minutes=2)
MINUTE = timedelta(minutes=1)
AWKWARD = {  # half an hour of summer time; 12:45; the day that was left out; a month without; half past midnight
    "Australia/Lord_Howe": [datetime(2026, 4, 4), datetime(2026, 10, 3)],
    "Pacific/Chatham": [datetime(2026, 4, 4), datetime(2026, 9, 26)],
    "Pacific/Apia": [datetime(2011, 12, 29), datetime(2011, 12, 30)],
    "Africa/Casablanca": [datetime(2026, 2, 15), datetime(2026, 3, 22)],
    "Asia/Beirut": [datetime(2026, 3, 28), datetime(2026, 10, 24)],
    "America/New_York": [datetime(2026, 3, 8), datetime(2026, 11, 1)],
}


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def is_quiet(at: datetime, zone: ZoneInfo, hours: QuietHours) -> bool:
    """What a person with a watch would say."""
    shown = at.astimezone(zone).time().replace(second=0, microsecond=0)
    if hours.start < hours.end:
        return hours.start <= shown < hours.end
    return shown >= hours.start or shown < hours.end


def minutes(start: datetime, length: timedelta) -> Iterator[datetime]:
    return (start + MINUTE * n for n in range(length // MINUTE + 1))


def moments(count: int, seed: int) -> Iterator[tuple[str, datetime]]:
    """Zones with instants on whole minutes: a third around the awkward days, the others from 2011 to 2029."""
    chance = random.Random(seed)
    zones = sorted(available_timezones() - {"Factory", "localtime"})
    for n in range(count):
        if n % 3 == 0:
            zone = chance.choice(list(AWKWARD))
            day = chance.choice(AWKWARD[zone]) + timedelta(days=chance.randrange(-1, 2))
        else:
            zone = chance.choice(zones)
            day = datetime(2011, 1, 1) + timedelta(days=chance.randrange(365 * 19))
        yield zone, day.replace(tzinfo=UTC) + MINUTE * chance.randrange(1440)


def some_hours(chance: random.Random) -> QuietHours:
    start, length = chance.randrange(1440), chance.randrange(1, 1440)
    first, last = divmod(start, 60), divmod((start + length) % 1440, 60)
    return QuietHours(start=time(*first), end=time(*last))


@pytest.mark.parametrize("count", [2_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_no_moment_that_is_let_through_is_quiet_and_none_that_is_held_back_is_free(count: int):
    chance = random.Random(1)
    wrong = []
    for zone, at in moments(count, seed=2):
        hours, length = some_hours(chance), MINUTE * chance.randrange(8)
        quiet = any(is_quiet(minute, ZoneInfo(zone), hours) for minute in minutes(at, length))
        if may_disturb((zone,), (hours,), at, at + length) is quiet:
            wrong.append((zone, at, hours, length))

    assert wrong == []


@pytest.mark.slow
def test_the_first_free_moment_is_free_and_no_earlier_one_is():
    chance = random.Random(3)
    for zone, at in moments(500, seed=4):
        hours, length = some_hours(chance), MINUTE * chance.randrange(1, 90)

        free = free_at((zone,), (hours,), at, length)

        night = [is_quiet(m, ZoneInfo(zone), hours) for m in minutes(at, timedelta(days=2) + length)]
        needed = length // MINUTE + 1
        first = next((n for n in range(48 * 60) if not any(night[n : n + needed])), None)
        if first is not None:
            assert free == at + MINUTE * first, (zone, at, hours, length)


@pytest.mark.slow
def test_a_customer_of_a_country_is_never_disturbed_in_any_of_its_zones():
    chance = random.Random(5)
    for country in ("US", "CA", "RU", "AU", "BR", "MX", "ID", "ES", "CN", "NZ"):
        zones = zones_of(None, country)
        for _ in range(40):
            at = utc(2026, 1, 1) + MINUTE * chance.randrange(365 * 1440)
            free = free_at(zones, (NIGHT,), at, LEASE)
            if free is not None:
                assert not any(is_quiet(m, ZoneInfo(z), NIGHT) for z in zones for m in minutes(free, LEASE))


@pytest.mark.parametrize(
    ("at", "length", "allowed"),
    [
        (utc(2026, 7, 1, 13), timedelta(0), True),  # 09:00 in New York: the hours are over
        (utc(2026, 7, 1, 12, 59, 59), timedelta(0), False),
        (utc(2026, 7, 2, 0, 57, 59), LEASE, True),  # from 20:57:59 to 20:59:59
        (utc(2026, 7, 2, 0, 58), LEASE, False),  # its last instant is 21:00
        (utc(2026, 7, 2, 1), timedelta(0), False),
        (utc(2026, 7, 1, 13), timedelta(hours=13), False),  # begins and ends outside, over the whole night
    ],
)
def test_the_hours_begin_with_their_first_instant_and_end_before_their_last(at, length, allowed):
    assert may_disturb(("America/New_York",), (NIGHT,), at, at + length) is allowed


def test_an_hour_that_comes_twice_is_quiet_twice():
    """New York, 1 November 2026: 01:30 is at 05:30 UTC and again at 06:30 UTC."""
    hours = (read_quiet_hours("01:00-02:00"),)
    night = minutes(utc(2026, 11, 1, 4), timedelta(hours=4))
    quiet = [at for at in night if not may_disturb(("America/New_York",), hours, at, at)]

    assert (quiet[0], quiet[-1], len(quiet)) == (utc(2026, 11, 1, 5), utc(2026, 11, 1, 6, 59), 120)


def test_an_hour_that_is_left_out_is_never_quiet():
    """New York, 8 March 2026: the clock goes from 02:00 to 03:00 at 07:00 UTC."""
    hours = (read_quiet_hours("02:00-03:00"),)
    start = utc(2026, 3, 8, 5)

    assert may_disturb(("America/New_York",), hours, start, start + timedelta(hours=20))


def test_half_an_hour_that_is_left_out_is_never_quiet():
    """Lord Howe Island, 4 October 2026: the clock goes from 02:00 to 02:30 at 15:30 UTC on the 3rd."""
    hours, start = (read_quiet_hours("02:00-02:30"),), utc(2026, 10, 3, 15)

    assert may_disturb(("Australia/Lord_Howe",), hours, start, start + timedelta(hours=2))
    assert not may_disturb(("Australia/Lord_Howe",), hours, start - timedelta(days=1), start)


def test_hours_within_other_hours_take_nothing_from_them():
    hours = (read_quiet_hours("12:00-18:00"), read_quiet_hours("13:00-14:00"))

    assert free_at(("Europe/London",), hours, utc(2026, 1, 1, 12), LEASE) == utc(2026, 1, 1, 18)


def test_whoever_lives_anywhere_in_the_united_states_gets_texts_from_eight_in_hawaii_to_nine_in_new_york():
    """47 CFR 64.1200(c)(1). July: 08:00 in Honolulu is 18:00 UTC, 21:00 in New York is 01:00 UTC; seven hours."""
    zones = zones_of(None, "US")
    free = [
        at.hour for at in minutes(utc(2026, 7, 1, 2), timedelta(hours=23))
        if at.minute == 30 and may_disturb(zones, (SMS_QUIET_HOURS,), at, at + LEASE)
    ]  # fmt: skip

    assert free == [18, 19, 20, 21, 22, 23, 0]
    assert free_at(zones, (SMS_QUIET_HOURS,), utc(2026, 7, 1, 9), LEASE) == utc(2026, 7, 1, 18)


def test_where_the_zones_leave_no_common_time_of_day_long_enough_nobody_is_disturbed():
    """Perth is free from 01:00 to 13:00 UTC, New York from 14:00 to 02:00, in summer from 13:00 to 01:00."""
    zones = ("America/New_York", "Australia/Perth")
    winter, summer = utc(2026, 12, 1, 9), utc(2026, 7, 1)

    assert free_at(zones, (NIGHT,), winter, LEASE) == utc(2026, 12, 2, 1)
    assert free_at(zones, (NIGHT,), winter, timedelta(minutes=59)) == utc(2026, 12, 2, 1)
    assert free_at(zones, (NIGHT,), winter, timedelta(minutes=60)) is None  # 02:00 UTC is 21:00 in New York
    assert free_at(zones, (NIGHT,), summer, LEASE) is None


def test_a_clock_change_in_the_days_ahead_brings_a_common_time_and_a_later_one_no_hope():
    """New York changes on 1 November at 06:00 UTC: that day's evening is the first that suits Perth."""
    zones, change = ("America/New_York", "Australia/Perth"), utc(2026, 11, 1, 6)

    assert free_at(zones, (NIGHT,), change - timedelta(days=3), LEASE) == utc(2026, 11, 2, 1)
    assert free_at(zones, (NIGHT,), change - timedelta(days=DAYS_AHEAD), LEASE) is None


@pytest.mark.parametrize("zones", [(), ("Europe/London",)])
def test_without_hours_or_without_zones_nothing_is_quiet(zones):
    midnight = utc(2026, 1, 1)

    assert may_disturb(zones, (), midnight, midnight + LEASE)
    assert free_at((), (NIGHT,), midnight, LEASE) == midnight


def test_a_time_without_a_zone_is_no_instant():
    with pytest.raises(TypeError):
        may_disturb(("Europe/London",), (NIGHT,), datetime(2026, 1, 1), datetime(2026, 1, 1))


@pytest.mark.parametrize(
    ("channel", "real", "said", "hours"),
    [
        ("sms", True, None, (SMS_QUIET_HOURS,)),
        ("sms", True, NIGHT, (SMS_QUIET_HOURS, NIGHT)),
        ("sms", False, None, ()),
        ("sms", False, NIGHT, (NIGHT,)),
        ("email", True, None, ()),
        ("email", True, NIGHT, (NIGHT,)),
    ],
)
def test_real_text_messages_keep_the_laws_hours_whatever_the_campaign_says(channel, real, said, hours):
    assert hours_for(channel, said, real=real) == hours


def test_a_campaign_cannot_shorten_the_laws_hours():
    shorter = hours_for("sms", read_quiet_hours("23:00-05:00"), real=True)
    at = utc(2026, 7, 1, 22)  # 23:00 in London's summer

    assert free_at(("Europe/London",), shorter, at - timedelta(hours=1), LEASE) == utc(2026, 7, 2, 7)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("21:00-09:00", time(21), time(9)),
        (" 00:30-06:45 ", time(0, 30), time(6, 45)),
        ("12:00-13:00", time(12), time(13)),
    ],
)
def test_hours_are_read_as_they_are_written(text, start, end):
    assert read_quiet_hours(text) == QuietHours(start=start, end=end)


@pytest.mark.parametrize(
    "text", ["", "9pm-9am", "21-9", "24:00-09:00", "21:60-09:00", "21:00-21:00", "21:00–09:00"]
)
def test_anything_else_is_refused_in_words(text):
    with pytest.raises(ValueError, match="such as 21:00-09:00"):
        read_quiet_hours(text)


@pytest.mark.parametrize(
    ("timezone", "country", "zones"),
    [
        ("Asia/Shanghai", "US", ("Asia/Shanghai",)),
        ("Mars/Base", "GB", ("Europe/London",)),
        ("../../etc/passwd", "GB", ("Europe/London",)),
        ("America", "英国", ("Europe/London",)),  # a folder of the database, not a zone
        (None, "cn", ("Asia/Shanghai", "Asia/Urumqi")),
        (None, "France", ("Europe/Paris",)),
        (None, "Atlantis", ()),
        (None, None, ()),
        ("", "", ()),
    ],
)
def test_a_customers_zones_are_their_own_or_all_of_the_country(timezone, country, zones):
    assert zones_of(timezone, country) == zones


def test_every_country_of_the_table_has_zones_that_exist():
    known = available_timezones()

    assert {"America/New_York", "Pacific/Honolulu", "America/Anchorage"} <= set(zones_of(None, "US"))
    assert set(zones_of(None, "US")) <= known
    assert len(zones_of(None, "RU")) > 20
