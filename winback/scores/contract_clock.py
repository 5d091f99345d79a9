"""The clock by which contracts age: days, or the turns of their terms where they end at these alone.

Contracts paid by the month end on the day of the month they began, or every 30 days; whether one does within a
horizon hangs on how many such days lie in it, and it is no likelier to end the longer its month has run. Where
nearly all ends told fall on such days the hazard is one of turns (discrete time), each told as its mean days.
Turns may also be the same days for everybody: plans that all renew in January, or end with the month.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DAYS_A_MONTH: Final = 365.25 / 12
MONTHS: Final = (12, 6, 3, 1)
LENGTHS: Final = (365.25, 365.0, 91.3125, 90.0, DAYS_A_MONTH, 30.0, 28.0, 14.0, 7.0)
"""Terms that are looked for, the longest first: of the calendar, or of so many days, each turn on the nearest."""
SHIFTS: Final = (0, -1, 1)
"""Days from the turn to the end told: an export may tell the last day with a contract, or the first without it."""
ON_TURN: Final = 0.9
"""Of the ends told, from which contracts end at turns alone; by chance it is a thirtieth."""
FEWEST_DAYS: Final = 20
"""Different days on which contracts have ended, before they are compared with the days they began on."""
FEWEST_ENDS: Final = 20
"""Ends, on two days or more, before turns are the same days for everybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """``months`` from turn to turn, or ``days``; neither: contracts end on any day.

    ``shift``: days from a turn to the end told. ``month`` (0 to ``months`` - 1) and ``of_month`` (31: its last
    day): of the turns that are the same days for everybody; None where each contract has its own.
    """

    months: int = 0
    days: float = 0.0
    shift: int = 0
    month: int | None = None
    of_month: int = 1

    @property
    def step(self) -> float:
        """Mean days from turn to turn; 0 where there are none."""
        return self.days or self.months * DAYS_A_MONTH

    @property
    def early(self) -> float:
        """Days by which ends are told before the turn they fell on."""
        return self.step / 2

    def age(self, started: pl.Series, day: pl.Series | date) -> Floats:
        """Age in days at the end of ``day``; by turns only those that are over count."""
        if not self.step:
            return days_until(started, day)
        whole, _ = self._turned(started, day)
        return whole * self.step

    def age_at_end(self, started: pl.Series, ended: pl.Series) -> Floats:
        """Age in days at which contracts ended; by turns half a turn (``early``) before the one they ended at.

        An end between two turns counts at the second. Half a turn early, a constant hazard's share of ends in a
        turn is the one seen, but for its third power: at the turn it would be less by half its square.
        """
        if not self.step:
            return days_until(started, ended)
        whole, over = self._turned(started, ended)
        return np.maximum(whole + ~over, 1) * self.step - self.early

    def on_turns(self, started: pl.Series, ended: pl.Series) -> float:
        """Share of the ends that fall on turns."""
        turns, over = self._turned(started, ended)
        return float((over & (turns >= 1)).mean())

    def _turned(self, started: pl.Series, day: pl.Series | date) -> tuple[Floats, NDArray[np.bool_]]:
        """(Turns that are over at ``day``, whether the last of them is on it)."""
        if self.month is not None:
            over, on_day = self._passed(_series(day, len(started)))
            return over - self._passed(started)[0], on_day
        day = day - timedelta(days=self.shift)
        if self.days:
            age = days_until(started, day)
            turns = np.floor((age + 0.5) / self.days)
            return turns, np.round(turns * self.days) == age
        months, on_day = months_between(started, day)
        return np.floor_divide(months, self.months), on_day & (months % self.months == 0)

    def _passed(self, day: pl.Series) -> tuple[Floats, NDArray[np.bool_]]:
        """(Everybody's turns up to ``day``, counted from the year 0; whether one is on it)."""
        year, month, of_month = _parts(day)
        turn = np.minimum(self.of_month, _parts(day.dt.month_end())[2])
        since = year * 12 + month - 1 - (self.month or 0)
        whole = np.floor_divide(since - (of_month < turn), self.months)
        return whole, (of_month == turn) & (since % self.months == 0)


DAYS: Final = Clock()


def clock_of(started: pl.Series, ended: pl.Series) -> Clock:
    """The clock of contracts by the ends told of them; ``ended``: null where they live, and in a snapshot."""
    known = ended.is_not_null()
    started, ended = started.filter(known), ended.filter(known)
    if ended.n_unique() < FEWEST_DAYS:
        return _of_all(started, ended)
    clocks = [Clock(months=term, shift=shift) for shift in SHIFTS for term in MONTHS]
    clocks += [Clock(days=term, shift=shift) for shift in SHIFTS for term in LENGTHS]
    for clock in clocks:
        if clock.on_turns(started, ended) >= ON_TURN:
            return clock
    return _of_all(started, ended)


def _of_all(started: pl.Series, ended: pl.Series) -> Clock:
    """The clock whose turns are the same days for everybody, the longest first; DAYS where there is none."""
    if len(ended) < FEWEST_ENDS or ended.n_unique() < 2:
        return DAYS
    last = (ended == ended.dt.month_end()).to_numpy()
    _, month, of_month = _parts(ended)
    day = _most(np.where(last, 31.0, of_month))
    for months in MONTHS:
        clock = Clock(months=months, month=_most((month - 1) % months), of_month=day)
        if clock.on_turns(started, ended) >= ON_TURN:
            return clock
    return DAYS


def _most(values: Floats) -> int:
    """The most frequent one, the least of equals."""
    found, counts = np.unique(values, return_counts=True)
    return int(found[counts.argmax()])


def months_between(started: pl.Series, day: pl.Series | date) -> tuple[Floats, NDArray[np.bool_]]:
    """(Whole months from ``started`` to ``day``, whether they are over on that day); a short month ends early."""
    days = _series(day, len(started))
    first = _parts(started)
    year, month, of_month = _parts(days)
    last = days.dt.month_end().dt.day().cast(pl.Float64).to_numpy()
    turn = np.minimum(first[2], last)
    months = (year - first[0]) * 12 + month - first[1] - (of_month < turn)
    return months, of_month == turn


def _series(day: pl.Series | date, length: int) -> pl.Series:
    return day if isinstance(day, pl.Series) else pl.Series([day], dtype=pl.Date).new_from_index(0, length)


def _parts(days: pl.Series) -> tuple[Floats, Floats, Floats]:
    dated = days.dt
    year, month, day = (part.cast(pl.Float64).to_numpy() for part in (dated.year(), dated.month(), dated.day()))
    return year, month, day


def days_until(start: pl.Series, end: pl.Series | date) -> Floats:
    """Days between."""
    return (end - start).dt.total_days().cast(pl.Float64).to_numpy()
