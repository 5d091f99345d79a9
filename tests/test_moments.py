"""Local times become instants as zoneinfo says, also in the hours that clocks skip or repeat."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from winback.intake.moments import local_day, read_moments

ZONES = sorted(
    available_timezones() - {"Factory", "localtime", "WET", "EET"}
)  # the last two differ by tzdata build


@settings(deadline=None)
@given(
    st.sampled_from(ZONES),
    st.lists(st.datetimes(datetime(1970, 1, 2), datetime(2037, 12, 30)), min_size=1, max_size=30),
)
def test_local_times_are_resolved_as_zoneinfo_does_at_fold_0(zone, moments):
    texts = pl.Series([f"{moment:%Y-%m-%d %H:%M:%S.%f}" for moment in moments])

    read_back = read_moments(texts, zone, None).to_list()

    assert read_back == [moment.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) for moment in moments]


@pytest.mark.parametrize(
    "zone", ["Europe/London", "America/New_York", "America/Sao_Paulo", "Australia/Lord_Howe", "Pacific/Apia"]
)
def test_every_half_hour_of_years_with_clock_changes_is_resolved_as_zoneinfo_does(zone):
    """Sao Paulo skips midnights, Lord Howe moves by half an hour, Apia skipped 30 December 2011 whole."""
    moments = [datetime(2011, 1, 1) + timedelta(minutes=30 * i) for i in range(2 * 24 * 366)]

    read_back = read_moments(pl.Series([f"{moment:%Y-%m-%d %H:%M}" for moment in moments]), zone, None)

    assert read_back.to_list() == [moment.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) for moment in moments]


@pytest.mark.parametrize("zone", ["Europe/London", "America/Sao_Paulo", "Australia/Lord_Howe", "Pacific/Apia"])
@pytest.mark.parametrize("between", [" ", "T"])
def test_the_common_shape_is_resolved_as_zoneinfo_does_and_so_is_its_local_day(zone, between):
    """A day before a change of the clocks, the day itself and a day after are in each column; so is 1970."""
    moments = [datetime(1970, 1, 1, 12), datetime(2037, 1, 31, 23, 59, 59)]
    moments += [datetime(2011, 1, 1) + timedelta(minutes=50 * i) for i in range(29 * 366)]
    texts = pl.Series([f"{moment:%Y-%m-%d}{between}{moment:%H:%M:%S}" for moment in moments])

    instants = read_moments(texts, zone, None)

    resolved = [moment.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) for moment in moments]
    assert instants.to_list() == resolved
    days = instants.to_frame("at").select(local_day(pl.col("at"), zone)).to_series().to_list()
    assert days == [each.astimezone(ZoneInfo(zone)).date() for each in resolved]


@pytest.mark.slow
def test_no_zone_changes_its_offset_to_and_back_within_a_day():
    """So one offset may stand for a day at whose begin and end it is the same (winback.intake.common_moments)."""
    at = pl.datetime_range(datetime(1970, 1, 1), datetime(2037, 12, 31), "3h", closed="left", eager=True)
    for zone in ZONES:
        local = at.dt.replace_time_zone("UTC").dt.convert_time_zone(zone).dt.replace_time_zone(None)
        east = (local - at).dt.total_minutes().to_numpy().reshape(-1, 8)
        moves = (east != east[:, :1]).any(axis=1)[:-1]
        assert not (moves & (east[:-1, 0] == east[1:, 0])).any(), zone


@pytest.mark.parametrize(
    "text",
    [
        "2024-02-30 10:00:00", "2023-02-29 10:00:00", "2024-13-01 10:00:00", "2024-00-10 10:00:00",
        "2024-01-00 10:00:00", "2024-01-32 10:00:00", "2024-01-01 24:00:00", "2024-01-01 10:60:00",
        "2024-01-01 10:00:60", "2024-01-01x10:00:00", "2024/01/01 10:00:00", "2024-01-01 1a:00:00",
        "1969-12-31 23:59:59", "2100-01-01 00:00:00", "2024-01-01 10:00:0李",
    ],
)  # fmt: skip
def test_what_is_nearly_a_common_moment_is_none_and_harms_none_beside_it(text):
    texts = pl.Series(["2024-01-01 10:00:00", text, None, "2024-07-01T10:00:00"])

    found = read_moments(texts, "Europe/London", None)

    assert found.to_list() == [
        datetime(2024, 1, 1, 10, tzinfo=UTC),
        None,
        None,
        datetime(2024, 7, 1, 9, tzinfo=UTC),
    ]


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Niue"])  # 14 hours ahead of UTC, 11 behind
def test_the_local_day_decides_what_is_in_the_future_among_many_that_are_not(zone):
    """Of a column the last minute of 1 March 2026 is taken, the first of the next day and a year later are not."""
    believed = ["2024-05-01 10:00:00", "2026-02-27 10:00:00", "2026-03-01 23:59:00"]
    too_late = ["2026-03-02 00:00:00", "2027-03-01 10:00:00"]

    for late in too_late:
        found = read_moments(pl.Series([*believed, late]), zone, date(2026, 3, 1))

        assert found.is_null().to_list() == [False, False, False, True]
