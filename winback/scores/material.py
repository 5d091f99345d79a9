"""What scoring is given: the customers of a day, what followed one label window earlier, and the season last year.

All of it is read from one order log, and each piece from the days before its own cut alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from winback.customers.features import EarlierWindow
from winback.customers.order_log import (
    OrderLog,
    Windows,
    earlier_window,
    features_at,
    first_day,
    followed,
    number_of,
    only,
    windows_at,
)
from winback.scores.recipe import LEARNERS, Model, Recipe
from winback.scores.scoring import FITTED_CUSTOMERS, smallest
from winback.scores.season_clock import SeasonClock, season_clock
from winback.scores.standing import Lesson, Standing, closed_then

YEAR: Final = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """The arguments of ``score`` that come from the log."""

    features: pl.DataFrame
    keys: NDArray[np.int64]
    windows: Windows | None
    lesson: Lesson | None
    season: Lesson | None
    earlier: Callable[[], EarlierWindow]
    clock: SeasonClock | None
    remark: str | None


def material(log: OrderLog, ids: pl.DataFrame, as_of: date, horizon_days: int, recipe: Recipe) -> Material:
    """The material of everybody known at the end of ``as_of``; ``ids``: customer_no, customer_id, tie_key.

    Only what ``recipe`` asks for is computed.
    """
    features = features_at(log, as_of).join(ids, on="customer_no", how="left", maintain_order="left")
    keys = features.drop_in_place("tie_key").to_numpy()
    taken = features["customer_no"].to_numpy()[smallest(keys, FITTED_CUSTOMERS)]
    sample = _Sample(log=only(log, taken), customer_no=taken)
    learns = any(part in LEARNERS for part in recipe.parts)
    recency = (features["age_days"] - features["span_days"]).to_numpy()
    closed = _closed_last_year(sample, as_of, recency) if recipe.season or Model.SEASONAL in recipe.parts else None
    seasonal = Model.SEASONAL in recipe.parts and closed is None
    return Material(
        features=features,
        keys=keys,
        windows=windows_at(log, as_of, features, horizon_days) if learns else None,
        lesson=_lesson_before(sample, as_of, horizon_days) if learns else None,
        season=_last_year(sample, as_of, horizon_days, learns) if recipe.season and not closed else None,
        earlier=partial(earlier_window, log, as_of, horizon_days),
        clock=season_clock(sample.log, number_of(as_of), horizon_days) if seasonal else None,
        remark=closed and f"last year's season left out: {closed}",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sample:
    """The log of some customers, and their numbers in the order of their keys: rows are taught in this order, so
    that nothing hangs on how customers were numbered."""

    log: OrderLog
    customer_no: NDArray[np.int64]


def label_days(log: OrderLog, as_of: date, horizon_days: int) -> int:
    """The longest label window up to the horizon that leaves as much history before it; 0 for none."""
    begun = first_day(log)
    return 0 if begun is None else max(min(horizon_days, ((as_of - begun).days + 1) // 2), 0)


def _lesson_before(sample: _Sample, as_of: date, horizon_days: int) -> Lesson | None:
    """What the customers did in the label window that ends with ``as_of``."""
    days = label_days(sample.log, as_of, horizon_days)
    return _lesson(sample, as_of - timedelta(days=days), days, None) if days else None


def _closed_last_year(sample: _Sample, as_of: date, recency_days: NDArray[np.int64]) -> str | None:
    """Whether the shop was closed a year before ``as_of`` and is open now, in words."""
    then = features_at(sample.log, as_of - timedelta(days=YEAR))
    return (
        None if then.is_empty() else closed_then(recency_days, (then["age_days"] - then["span_days"]).to_numpy())
    )


def _last_year(sample: _Sample, as_of: date, horizon_days: int, learns: bool) -> Lesson | None:
    """The horizon as it went a year before ``as_of``, with the lesson that could be had then.

    Needs a history before it that allowed a full label window: else what was missed is the young file's, not the
    season's. And the window must have ended by ``as_of``.
    """
    then = as_of - timedelta(days=YEAR)
    if horizon_days > YEAR or label_days(sample.log, then, horizon_days) < horizon_days:
        return None
    return _lesson(sample, then, horizon_days, _lesson_before(sample, then, horizon_days) if learns else None)


def _lesson(sample: _Sample, cut: date, days: int, taught: Lesson | None) -> Lesson | None:
    log = sample.log
    by_key = pl.DataFrame({"customer_no": sample.customer_no})
    features = by_key.join(features_at(log, cut), on="customer_no", maintain_order="left")
    if features.is_empty():
        return None
    ordered, minor = followed(log, features, cut, days)
    at = Standing(
        as_of=cut,
        features=features,
        fitted=np.arange(features.height),
        windows=windows_at(log, cut, features, days),
        lesson=taught,
        earlier=partial(earlier_window, log, cut, days),
    )
    return Lesson(at=at, days=days, ordered=ordered, minor=minor)
