"""A clock that runs as fast as customers order: days of a busy season are long, those of a quiet one short.

A model of orders that knows calendar time alone takes who is quiet with the season for one who left. Counted by
this clock, customers order at a steady pace again.

The speed of a week is its repeat orders over those expected of its customers, whose pace is a free function of
their age by the same clock; both are found in turns (a renewal estimate, no model of orders in it). The weeks to
come run as they did a year before.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from winback.customers.order_log import OrderLog

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

WEEK: Final = 7
YEAR: Final = 52
"""In weeks: how much history it takes, and how far back the weeks to come are looked up."""

LONGEST: Final = 520
"""Weeks it looks back; who came before stands at its begin."""

TURNS: Final = 8
AGES: Final = 20
"""Groups of equal size by age whose pace is held to be one."""

PRIOR: Final = 5.0
"""Orders at the usual speed each week is given besides its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeasonClock:
    """``began``: the first day (since 1970) it knows; ``hours``: what it shows at the begin of each week from
    there, in days of the usual speed."""

    began: int
    hours: Floats

    def at(self, day: Integers | int) -> Floats:
        """What it shows at the end of each ``day`` (since 1970)."""
        weeks = (np.asarray(day) - self.began + 1) / WEEK
        return np.asarray(np.interp(weeks, np.arange(len(self.hours)), self.hours))


def season_clock(log: OrderLog, today: int, horizon_days: int) -> SeasonClock | None:
    """The clock of the orders until ``today`` (days since 1970), known for ``horizon_days`` more.

    None with less than a year and a week of history, or a horizon of more than a year.
    """
    first = log.day[log.start[:-1]]
    first = first[first <= today]
    weeks = min((today - int(first.min()) + 1) // WEEK, LONGEST) if len(first) else 0
    ahead = -(-horizon_days // WEEK) + 1
    if weeks <= YEAR or ahead > YEAR:
        return None
    began = today + 1 - weeks * WEEK  # whole weeks back from today; those who came before it stand at its begin
    speed = _speed(*_cohorts(log, today, began, weeks))
    speed = np.append(speed, speed[weeks - YEAR :][:ahead])
    return SeasonClock(began=began, hours=np.append(0.0, np.cumsum(speed)) * WEEK)


def _cohorts(log: OrderLog, today: int, began: int, weeks: int) -> tuple[Floats, Floats]:
    """Customers by the week of their first order, and repeat orders by that week and the week they came in."""
    start = log.start[:-1]
    cohort = np.maximum(log.day[start] - began, 0) // WEEK
    place = np.repeat(cohort, np.diff(log.start))
    repeat = np.ones(len(log.day), dtype=bool)
    repeat[start] = False
    repeat &= (log.day <= today) & (log.day >= began)
    week = (log.day[repeat] - began) // WEEK
    orders = np.bincount(place[repeat] * weeks + week, minlength=weeks * weeks).reshape(weeks, weeks)
    return np.bincount(cohort[cohort < weeks], minlength=weeks).astype(float), orders.astype(float)


def _speed(customers: Floats, orders: Floats) -> Floats:
    """By week, 1 in the mean over the orders expected."""
    weeks = len(customers)
    later = np.triu(np.ones((weeks, weeks), dtype=bool), 1)
    speed = np.ones(weeks)
    for _ in range(TURNS):
        shown = np.cumsum(speed)
        age = (shown[None, :] - shown[:, None])[later]
        group = np.searchsorted(np.quantile(age, np.linspace(0, 1, AGES + 1)[1:-1]), age)
        at_risk = (customers[:, None] * speed[None, :])[later]
        came, lived = (np.bincount(group, weights=each, minlength=AGES) for each in (orders[later], at_risk))
        pace = came / np.maximum(lived, 1e-9)
        expected = np.zeros((weeks, weeks))
        expected[later] = customers[np.nonzero(later)[0]] * pace[group]
        usual = _two_weeks(expected.sum(axis=0))
        speed = (_two_weeks(np.where(later, orders, 0.0).sum(axis=0)) + PRIOR) / (usual + PRIOR)
        speed *= usual.sum() / max(float((speed * usual).sum()), 1e-9)
    return speed


def _two_weeks(counts: Floats) -> Floats:
    """Each week's with half of both neighbours'."""
    padded = np.pad(counts, 1, mode="edge")
    return (padded[:-2] + 2 * counts + padded[2:]) / 2
