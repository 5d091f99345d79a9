"""Customers as they stood at the end of a day, and what followed an earlier one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from winback.customers.features import EarlierWindow
from winback.customers.order_log import Windows, number_of
from winback.customers.standstill import QUIET_DAYS
from winback.scores.btyd import Histories
from winback.scores.season_clock import SeasonClock

Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]


FRESH: Final = 0.05
"""Share of today's customers who may have ordered more lately than anybody had at an earlier day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Customers at the end of ``as_of``: FEATURES rows, ``windows_at`` of them, and what taught the learners.

    ``fitted``: the rows models are fitted on, in the order of their keys. ``earlier``: reads how the same business
    stood one horizon earlier, which only R+F quintiles ask. ``clock``: the season's, where there is one.
    """

    as_of: date
    features: pl.DataFrame
    fitted: Integers
    windows: Windows | None = None
    lesson: "Lesson | None" = None
    earlier: Callable[[], EarlierWindow] | None = None
    clock: SeasonClock | None = None

    @property
    def recency_days(self) -> Integers:
        """Days since the last order of each."""
        return (self.features["age_days"] - self.features["span_days"]).to_numpy()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """Customers at an earlier day and what followed within ``days``: an order or none, and the net of it."""

    at: Standing
    days: int
    ordered: Mask
    minor: Integers


def closed_then(now: Integers, then: Integers) -> str | None:
    """After a time without any order, as of a closed shop, nobody then stood as many stand now; in words.

    Both are days since the last order of each. None where at most FRESH of today's customers ordered more lately
    than anybody then, or that was less than QUIET_DAYS: a weekend is no closure.
    """
    newest = int(then.min())
    fresh = float((now < newest).mean())
    if newest < QUIET_DAYS or fresh <= FRESH:
        return None
    return f"nobody had ordered for {newest} days, as {fresh:.0%} of today's customers have"


def histories_of(features: pl.DataFrame) -> Histories:
    """The histories of FEATURES rows, in days."""
    return Histories(
        repeats=(features["purchase_days"] - 1).cast(pl.Float64).to_numpy(),
        last=features["span_days"].cast(pl.Float64).to_numpy(),
        age=features["age_days"].cast(pl.Float64).to_numpy(),
    )


def seasonal_histories(features: pl.DataFrame, clock: SeasonClock, as_of: date) -> Histories:
    """The same by the season's clock."""
    first, last = (
        clock.at(features[name].to_physical().to_numpy()) for name in ("first_order_on", "last_order_on")
    )
    return Histories(
        repeats=(features["purchase_days"] - 1).cast(pl.Float64).to_numpy(),
        last=last - first,
        age=clock.at(number_of(as_of)) - first,
    )
