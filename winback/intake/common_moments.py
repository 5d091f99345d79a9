"""Moments as nearly all files write them, read as numbers: a third of the CPU that text and zone functions take.

Whatever is not surely so is left to ``winback.intake.moments``.
"""

from functools import cache
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from winback.digits import CACHED, Flags, are_digits, byte_of, every_word, in_twos, word

_WIDTH: Final = 19  # 2024-03-31 14:05:06
_SHAPE: Final = ((0, "0000-00-"), (8, "00 00:00"), (11, "00:00:00"))
_DASHES, _COLONS = word("\0\0\0\0\xff\0\0\xff"), word("\0\0\xff\0\0\xff\0\0")
_DAY, _MARK = word("\xff\xff" + "\0" * 6), word("\0\0\xff" + "\0" * 5)
_T: Final = word("\0\0T" + "\0" * 5) ^ word("\0\0 " + "\0" * 5)
_FIRST_YEAR, _YEARS = 1970, 130
_FIRST, _END = np.datetime64("1970-01-01"), np.datetime64("2100-01-01")
_SECONDS: Final = 86_400  # of a day
_MICROS: Final = 1_000_000
_NO_DAY: Final = -1
_UNSTEADY: Final = np.iinfo(np.int64).min  # the offset of a day on which it changes

Numbers = NDArray[np.int64]


def common_moments(texts: pl.Series, timezone: str) -> pl.Series:
    """``2024-03-31 14:05:06``, a space or ``T`` between, local to ``timezone`` -> Datetime(us, UTC).

    Null where the text is something else, outside 1970-2099, or a time that a change of the offset leaves out.
    """
    shaped = (texts.str.len_bytes() == _WIDTH).fill_null(False)
    if shaped.all():
        instants, found = _instants(texts, timezone)
    else:
        instants, found = np.zeros(len(texts), np.int64), shaped.to_numpy().copy()
        instants[found], found[found] = _instants(texts.filter(shaped), timezone)
    return _known(instants * _MICROS, found).cast(pl.Datetime("us", "UTC"))


def common_days(instants: pl.Series, timezone: str) -> pl.Series:
    """The local day (Date) of Datetime(us, UTC); null outside 1970-2099 and on a day of a change of the offset."""
    seconds = instants.to_physical().fill_null(-1).to_numpy() // _MICROS
    offsets = _offset_of(seconds // _SECONDS, _offsets(timezone))
    found = offsets != _UNSTEADY
    return _known(((seconds + offsets) // _SECONDS).astype(np.int32), found).cast(pl.Date)


def _known(values: NDArray[np.signedinteger], found: Flags) -> pl.Series:
    series = pl.Series(values)
    return series if found.all() else series.set(pl.Series(~found), None)


def _instants(texts: pl.Series, timezone: str) -> tuple[Numbers, Flags]:
    """Seconds since 1970 of texts of 19 bytes, and whether each is sure."""
    letters = texts.str.join("").cast(pl.Binary).item()
    parts = [letters[at : at + CACHED * _WIDTH] for at in range(0, len(letters), CACHED * _WIDTH)]
    read = [_in_utc(*_local(part), timezone) for part in parts] or [(np.empty(0, np.int64), np.empty(0, bool))]
    instants, sure = zip(*read, strict=True)
    return np.concatenate(instants), np.concatenate(sure)


def _local(letters: bytes) -> tuple[Numbers, Numbers, Flags]:
    """Days since 1970, seconds of the day, and whether they are sure."""
    words = every_word(letters)
    year_month, day_mark, clock = (words[at::_WIDTH] ^ word(shape) for at, shape in _SHAPE)
    day, mark = day_mark & _DAY, day_mark & _MARK
    shaped = (year_month & _DASHES == 0) & (clock & _COLONS == 0) & ((mark == 0) | (mark == _T))
    shaped &= are_digits(year_month) & are_digits(day) & are_digits(clock)
    dates, clocks = in_twos(year_month), in_twos(clock)
    year, month = byte_of(dates, 0) * 100 + byte_of(dates, 2), byte_of(dates, 5)
    days = _days_of(year, month, byte_of(in_twos(day), 0), shaped)
    hour, minute, second = (byte_of(clocks, place) for place in (0, 3, 6))
    sure = shaped & (days != _NO_DAY) & (hour < 24) & (minute < 60) & (second < 60)
    return days, hour * 3600 + minute * 60 + second, sure


def _days_of(year: Numbers, month: Numbers, day: Numbers, shaped: Flags) -> Numbers:
    """Days since 1970, _NO_DAY where there is none in 1970-2099."""
    since = year - _FIRST_YEAR
    fits = shaped & (since >= 0) & (since < _YEARS) & (month > 0) & (month <= 12) & (day > 0) & (day <= 31)
    return np.where(fits, _calendar()[np.where(fits, (since * 12 + month - 1) * 31 + day - 1, 0)], _NO_DAY)


def _in_utc(days: Numbers, seconds: Numbers, sure: Flags, timezone: str) -> tuple[Numbers, Flags]:
    """Local times -> UTC; where the offset changes that day by polars, the first of two, of none not sure."""
    offsets = _offset_of(days, _local_offsets(timezone))
    instants = days * _SECONDS + seconds - offsets
    near = np.flatnonzero(sure & (offsets == _UNSTEADY))
    if len(near):
        naive = pl.Series((days[near] * _SECONDS + seconds[near]) * _MICROS).cast(pl.Datetime("us"))
        local = naive.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")
        instants[near] = local.dt.timestamp("us").fill_null(0).to_numpy() // _MICROS
        sure[near] = local.is_not_null().to_numpy()
    return instants, sure


@cache
def _calendar() -> Numbers:
    """Days since 1970 by (months since 1970) * 31 + day of the month - 1; _NO_DAY where there is none."""
    found = np.full(_YEARS * 12 * 31, _NO_DAY)
    days = np.arange(_FIRST, _END)
    months = days.astype("datetime64[M]")
    found[months.astype(np.int64) * 31 + (days - months).astype(np.int64)] = days.astype(np.int64)
    return found


def _offset_of(days: Numbers, offsets: Numbers) -> Numbers:
    inside = (days >= 0) & (days < len(offsets))
    return offsets[days] if inside.all() else np.where(inside, offsets[np.where(inside, days, 0)], _UNSTEADY)


@cache
def _offsets(timezone: str) -> Numbers:
    """Seconds east of UTC all through each UTC day since 1970: the same at its begin and its end, else _UNSTEADY.

    No zone changes to and back within a day (``tests/test_moments.py``).
    """
    midnights = pl.Series(np.arange(_FIRST, _END + 1)).cast(pl.Datetime("us", "UTC"))
    local = midnights.dt.convert_time_zone(timezone).dt.replace_time_zone(None)
    east = (local - midnights.dt.replace_time_zone(None)).dt.total_seconds().to_numpy()
    return np.where(east[1:] == east[:-1], east[:-1], _UNSTEADY)


@cache
def _local_offsets(timezone: str) -> Numbers:
    """The same through each local day: that of its UTC day and of those beside it."""
    middle = _offsets(timezone)
    same = (middle[1:-1] == middle[:-2]) & (middle[1:-1] == middle[2:])
    return np.concatenate([[_UNSTEADY], np.where(same, middle[1:-1], _UNSTEADY), [_UNSTEADY]])
