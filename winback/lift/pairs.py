"""Sums of two amounts per customer, and what follows from them: covariance, and a share of a total as a mean.

``x`` is what was known before t0, ``y`` the outcome: spend before and after, or value at the start and value lost.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from winback.lift.estimates import Missing, NoEstimate
from winback.lift.intervals import Amount, Sums


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSums:
    """``n`` customers; sums of x, y, their squares and their product, in one unit of money."""

    n: int = 0
    x: Amount = 0
    y: Amount = 0
    xx: Amount = 0
    yy: Amount = 0
    xy: Amount = 0

    @property
    def outcome(self) -> Sums:
        """y alone."""
        return Sums(n=self.n, total=self.y, total_sq=self.yy)

    @property
    def x_mean(self) -> Fraction:
        """Mean of x; 0 for nobody, who add nothing wherever it is used."""
        return Fraction(self.x) / self.n if self.n else Fraction()

    @property
    def x_spread(self) -> Fraction:
        """Sum of squared distances of x from its mean."""
        return Fraction(self.xx) - Fraction(self.x) * self.x_mean

    @property
    def joint_spread(self) -> Fraction:
        """Sum of products of the distances of x and y from their means."""
        return Fraction(self.xy) - Fraction(self.y) * self.x_mean


def pool_pairs(cells: Iterable[PairSums]) -> PairSums:
    """Cells as one: adding cells is adding sums; no cells are nobody."""
    cells = list(cells)

    def total(name: Literal["x", "y", "xx", "yy", "xy"]) -> Fraction:
        return sum((Fraction(getattr(cell, name)) for cell in cells), Fraction())

    return PairSums(
        n=sum(cell.n for cell in cells),
        x=total("x"), y=total("y"), xx=total("xx"), yy=total("yy"), xy=total("xy"),
    )  # fmt: skip


def less(sums: PairSums, slope: Fraction, centre: Fraction) -> Sums:
    """The sums of y - slope (x - centre) per customer."""
    x, y, xx, yy, xy = (Fraction(part) for part in (sums.x, sums.y, sums.xx, sums.yy, sums.xy))
    total = y - slope * (x - sums.n * centre)
    crossed = xy - centre * y
    squared = xx - 2 * centre * x + sums.n * centre * centre
    return Sums(n=sums.n, total=total, total_sq=yy - 2 * slope * crossed + slope * slope * squared)


def as_share(sums: PairSums) -> Sums | NoEstimate:
    """The share R = sum y / sum x as the mean of sums that any test of means takes.

    Linearised (delta method; Deng, Knoblich and Lu 2018): each customer counts R + (y - R x) / mean x, whose mean
    is R and whose variance over n is that of R. Of value lost by value at the start: churn by percent of value,
    0-1.
    """
    if sums.n == 0:
        return NoEstimate(reason=Missing.TOO_FEW_CUSTOMERS)
    if sums.x <= 0:
        return NoEstimate(reason=Missing.NO_VALUE)
    share = Fraction(sums.y) / Fraction(sums.x)
    residuals = less(sums, share, Fraction())
    return Sums(
        n=sums.n,
        total=sums.n * share,
        total_sq=sums.n * share * share + Fraction(residuals.total_sq) / sums.x_mean**2,
    )
