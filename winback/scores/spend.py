"""What one more purchase day is expected to bring: gamma-gamma, or each one's own mean; refunds taken off."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from winback.scores.gamma_gamma import expected_spend, fit_spend
from winback.scores.order_fit import MIN_REPEATERS

Floats = NDArray[np.float64]

TINY = 1e-6
"""Of the mean spend: where there is none, spend is 0 times it for all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """``gross``: expected spend (minor units) on one more day that is paid for, shape (n,); ``kept``: the share of
    it that is not sent back, times that of purchase days that are paid for; ``remarks``: why it is not
    gamma-gamma's, why nothing is kept."""

    gross: Floats
    kept: float
    remarks: tuple[str | None, ...]

    @property
    def net(self) -> Floats:
        """Minor units a purchase day, free ones counted, refunds taken off."""
        return self.gross * self.kept

    @property
    def relative(self) -> Floats:
        """In units of its mean."""
        return self.gross / max(float(self.gross.mean()), TINY)


def spending(features: pl.DataFrame, fitted: pl.DataFrame) -> Spending:
    """Of the rows of ``features``; gamma-gamma is fitted on those of ``fitted``."""
    gross, remark = _gross(features, fitted)
    kept, kept_remark = _kept_share(features)
    return Spending(gross=gross, kept=kept, remarks=(remark, kept_remark))


def _gross(features: pl.DataFrame, fitted: pl.DataFrame) -> tuple[Floats, str | None]:
    days, total = _paid(features)
    fitted_days, fitted_total = _paid(fitted.filter(pl.col("positive_days") > 0))
    often = int((fitted_days > 1).sum())
    if often < MIN_REPEATERS:
        said = f"{often} customers paid on two days or more, fewer than {MIN_REPEATERS}"
        return _own_mean(days, total), f"{said}: each one's own mean spend used"
    model = fit_spend(fitted_days, fitted_total)
    if model.q <= 1:  # the means of customers differ so much that theirs has none: it says nothing of anybody
        said = f"spend not identified: gamma-gamma needs q > 1, found {model.q:.3g}"
        return np.divide(
            total, days, out=_own_mean(days, total), where=days > 0
        ), f"{said}: each one's own mean used"
    return expected_spend(model, days, total), None


def _own_mean(days: Floats, total: Floats) -> Floats:
    """Each one's mean spend, one day of the mean of all counted in."""
    return np.asarray((total + total.sum() / max(days.sum(), 1)) / (days + 1))


def _paid(features: pl.DataFrame) -> tuple[Floats, Floats]:
    """Days with a positive spend and the sum of it, minor units."""
    days, total = (features[name].cast(pl.Float64).to_numpy() for name in ("positive_days", "positive_minor"))
    return days, total


def _kept_share(features: pl.DataFrame) -> tuple[float, str | None]:
    """Total net over total gross, times the share of purchase days that were paid for; and a remark when that is
    nothing."""
    names = ("gross_minor", "net_minor", "positive_days", "purchase_days")
    gross, net, paid, days = (float(features[name].cast(pl.Float64).sum()) for name in names)
    if gross <= 0:
        return 0.0, "no order has a positive amount: expected value 0 for all"
    if net <= 0:
        return 0.0, "refunds are not less than the orders: expected value 0 for all"
    return net / gross * paid / days, None
