"""Moments as nearly all files write them, read as numbers: a third of the CPU that text and zone functions take.

Whatever is not surely so, near a change of a zone's offset for one, is left to ``winback.intake.moments``.
"""

from functools import cache
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

_WIDTH: Final = 19  # 2024-03-31 14:05:06
_DIGITS: Final = (0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18)
_MARKS: Final = ((4, "-"), (7, "-"), (13, ":"), (16, ":"))
_FIRST_YEAR, _YEARS = 1970, 130
_FIRST, _END = np.datetime64("1970-01-01"), np.datetime64("2100-01-01")
_SECONDS: Final = 86_400  # of a day
_NO_DAY: Final = -1
_UNSTEADY: Final = np.iinfo(np.int64).min  # the offset of a day on which it changes

Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]


def common_moments(texts: pl.Series, timezone: str) -> pl.Series:
    """``2024-03-31 14:05:06``, a space or ``T`` between, local to ``timezone`` -> Datetime(us, UTC).

    Null where the text is something else, outside 1970-2099, or within a day of a change of the zone's offset.
    """
    shaped = (texts.str.len_bytes() == _WIDTH).fill_null(False)
    found = shaped.to_numpy().copy()
    instants = np.zeros(len(texts), np.int64)
    if found.any():
        instants[found], found[found] = _instants(texts if found.all() else texts.filter(shaped), timezone)
    return _known(instants * 1_000_000, found).cast(pl.Datetime("us", "UTC"))


def common_days(instants: pl.Series, timezone: str) -> pl.Series:
    """The local day (Date) of Datetime(us, UTC); null outside 1970-2099 and on a day of a change of the offset."""
    seconds = instants.to_physical().fill_null(-1).to_numpy() // 1_000_000
    offsets = _offset_of(seconds // _SECONDS, _offsets(timezone))
    found = offsets != _UNSTEADY
    return _known(((seconds + offsets) // _SECONDS).astype(np.int32), found).cast(pl.Date)


def _known(values: NDArray[np.signedinteger], found: Flags) -> pl.Series:
    series = pl.Series(values)
    return series if found.all() else series.set(pl.Series(~found), None)


def _instants(texts: pl.Series, timezone: str) -> tuple[Numbers, Flags]:
    """Seconds since 1970 of texts of 19 bytes, and whether each is sure."""
    written = texts.str.join("").cast(pl.Binary).item()
    letters = np.ascontiguousarray(np.frombuffer(written, np.uint8).reshape(-1, _WIDTH).T)
    digits = letters - np.uint8(ord("0"))
    hour, minute, second = (_two(digits, at) for at in (11, 14, 17))
    sure = _is_shaped(letters, digits) & (hour < 24) & (minute < 60) & (second < 60)
    days = _days_of(digits, sure)
    offsets = _offset_of(days, _local_offsets(timezone))
    return days * _SECONDS + hour * 3600 + minute * 60 + second - offsets, sure & (offsets != _UNSTEADY)


def _is_shaped(letters: NDArray[np.uint8], digits: NDArray[np.uint8]) -> Flags:
    shaped: Flags = (letters[10] == ord(" ")) | (letters[10] == ord("T"))
    for at, mark in _MARKS:
        shaped &= letters[at] == ord(mark)
    for at in _DIGITS:
        shaped &= digits[at] <= 9
    return shaped


def _days_of(digits: NDArray[np.uint8], shaped: Flags) -> Numbers:
    """Days since 1970, _NO_DAY where there is none in 1970-2099."""
    year = _two(digits, 0) * 100 + _two(digits, 2) - _FIRST_YEAR
    month, day = _two(digits, 5) - 1, _two(digits, 8) - 1
    fits = shaped & (year >= 0) & (year < _YEARS) & (month >= 0) & (month < 12) & (day >= 0) & (day < 31)
    return np.where(fits, _calendar()[np.where(fits, (year * 12 + month) * 31 + day, 0)], _NO_DAY)


def _two(digits: NDArray[np.uint8], at: int) -> NDArray[np.int32]:
    return np.asarray(digits[at].astype(np.int32) * 10 + digits[at + 1])


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
