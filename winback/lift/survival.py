"""How long customers stay: curves, their comparison and mean days, from counts per day and never from rows.

A day counts from each customer's own start. On the same day those who left go before those who were only watched
that long (the usual convention), so the latter were still at risk.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from winback.lift.estimates import Estimate, Missing, NoEstimate
from winback.lift.intervals import Z95

Floats: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exits:
    """On ``day`` (whole, from 0) so many left, and so many more were watched no longer."""

    day: int
    left: int = 0
    censored: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """After ``day`` the share ``staying`` (0-1) is still there; both ends None where all have left."""

    day: int
    at_risk: int
    left: int
    staying: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRank:
    """Chi-square of no difference between the curves of several groups."""

    chi2: float
    df: int
    p: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """One row per day: those at risk at its begin and those who left."""

    days: npt.NDArray[np.int64]
    at_risk: Floats
    left: Floats

    @property
    def staying(self) -> Floats:
        return np.cumprod(1 - self.left / self.at_risk, dtype=np.float64)

    @property
    def noise(self) -> Floats:
        """Greenwood's d / (r (r - d)) of each day; 0 where all left, as the curve is 0 from there on."""
        kept = self.at_risk - self.left
        return np.divide(self.left, self.at_risk * kept, out=np.zeros_like(kept), where=kept > 0)


def kaplan_meier(exits: Sequence[Exits], *, z: float = Z95) -> tuple[CurvePoint, ...] | NoEstimate:
    """The curve at every day on which somebody left (Kaplan and Meier 1958); empty when nobody did.

    Interval: Greenwood's variance on the log-log scale, which stays within 0 and 1 (R survival, conf.type
    "log-log").
    """
    table = _table(exits)
    if not len(table.days):
        return NoEstimate(reason=Missing.TOO_FEW_CUSTOMERS)
    staying = table.staying
    inside = (staying > 0) & (staying < 1)
    log = np.log(staying, out=np.full_like(staying, -1.0), where=inside)
    spread = np.exp(z * np.sqrt(np.cumsum(table.noise)) / -log)
    low, high = np.exp(log * spread), np.exp(log / spread)
    return tuple(
        CurvePoint(
            day=int(table.days[i]), at_risk=int(table.at_risk[i]), left=int(table.left[i]),
            staying=float(staying[i]),
            low=float(low[i]) if inside[i] else None, high=float(high[i]) if inside[i] else None,
        )
        for i in np.flatnonzero(table.left)
    )  # fmt: skip


def restricted_mean(exits: Sequence[Exits], until: int, *, z: float = Z95) -> Estimate | NoEstimate:
    """Mean days stayed of the first ``until``: the area under the curve, with Greenwood's error.

    None where nobody was watched for that long and not all had left, or nobody left at all (no spread).
    """
    table = _table(exits)
    if not len(table.days):
        return NoEstimate(reason=Missing.TOO_FEW_CUSTOMERS)
    if table.days[-1] < until and table.staying[-1] > 0:
        return NoEstimate(reason=Missing.NOT_FOLLOWED)
    early = table.days < until
    corners = np.concatenate([[0], table.days[early], [until]])
    areas = np.concatenate([[1.0], table.staying[early]]) * np.diff(corners)
    after = areas[::-1].cumsum()[::-1]
    variance = float(after[1:] ** 2 @ table.noise[early])
    if variance == 0:
        return NoEstimate(reason=Missing.NO_SPREAD)
    half = z * variance**0.5
    return Estimate(value=float(after[0]), low=float(after[0] - half), high=float(after[0] + half))


def log_rank(groups: Sequence[Sequence[Exits]]) -> LogRank | NoEstimate:
    """Log-rank test of several groups (Mantel 1966; Peto and Peto 1972); groups never at risk take no part."""
    # Lazy as in intervals.welch.
    from scipy.special import chdtrc

    tables = [_table(group) for group in groups]
    days = np.unique(
        np.concatenate([table.days[table.left > 0] for table in tables] or [np.empty(0, dtype=np.int64)])
    )
    risk = np.array([_at_risk_on(days, table) for table in tables]).reshape(len(tables), len(days))
    left = np.array([_left_on(days, table) for table in tables]).reshape(risk.shape)
    present = risk.sum(axis=1) > 0
    risk, left = risk[present], left[present]
    total, gone = risk.sum(axis=0), left.sum(axis=0)
    share = risk / total
    surplus = (left - share * gone).sum(axis=1)
    weight = gone * (total - gone) / np.maximum(total - 1, 1)
    spread = np.diag(share @ weight) - (share * weight) @ share.T
    df = len(risk) - 1
    if df < 1 or np.linalg.matrix_rank(spread) < df:
        return NoEstimate(reason=Missing.NOTHING_TO_COMPARE)
    chi2 = float(surplus[:-1] @ np.linalg.solve(spread[:-1, :-1], surplus[:-1]))
    return LogRank(chi2=chi2, df=df, p=float(chdtrc(df, chi2)))


def _table(exits: Sequence[Exits]) -> _Table:
    known = [each for each in exits if each.left or each.censored]
    days, place = np.unique(np.array([each.day for each in known], dtype=np.int64), return_inverse=True)
    left, censored = np.zeros(len(days)), np.zeros(len(days))
    np.add.at(left, place, [each.left for each in known])
    np.add.at(censored, place, [each.censored for each in known])
    gone = left + censored
    return _Table(days=days, at_risk=gone[::-1].cumsum()[::-1], left=left)


def _at_risk_on(days: npt.NDArray[np.int64], table: _Table) -> Floats:
    """Those who had not left before each day: the row of the first day that is not earlier."""
    return np.append(table.at_risk, 0.0)[np.searchsorted(table.days, days)]


def _left_on(days: npt.NDArray[np.int64], table: _Table) -> Floats:
    places = np.searchsorted(table.days, days)
    same = np.append(table.days, -1)[places] == days
    return np.where(same, np.append(table.left, 0.0)[places], 0.0)
