"""Local times become instants as zoneinfo says, also in the hours that clocks skip or repeat."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from winback.intake.moments import read_moments

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


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Niue"])  # 14 hours ahead of UTC, 11 behind
def test_the_local_day_decides_what_is_in_the_future_among_many_that_are_not(zone):
    """Of a column the last minute of 1 March 2026 is taken, the first of the next day and a year later are not."""
    believed = ["2024-05-01 10:00:00", "2026-02-27 10:00:00", "2026-03-01 23:59:00"]
    too_late = ["2026-03-02 00:00:00", "2027-03-01 10:00:00"]

    for late in too_late:
        found = read_moments(pl.Series([*believed, late]), zone, date(2026, 3, 1))

        assert found.is_null().to_list() == [False, False, False, True]
