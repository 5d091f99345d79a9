"""Intervals for rates, their differences and ratios, and for differences of means.

Everything starts from frozen sufficient sums, never from rows. What is undefined is None, never 0.
All intervals are two-sided; ``z`` is the normal quantile of the level (``Z95`` for 95 %).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from statistics import NormalDist
from typing import TypeAlias

ALPHA = 0.05
Z95 = NormalDist().inv_cdf(1 - ALPHA / 2)

# Exact numbers only: a column without spread then has a variance of exactly 0, whatever the order of adding.
Amount: TypeAlias = int | Decimal | Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Proportion:
    """``x`` of ``n`` customers; x = n = 0 is an empty arm."""

    x: int
    n: int

    def __post_init__(self) -> None:
        if not 0 <= self.x <= self.n:
            raise ValueError(f"{self.x} of {self.n} is not a proportion")

    @property
    def rate(self) -> float | None:
        """Share 0-1; None for an empty arm."""
        return self.x / self.n if self.n else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """``n`` customers, the sum of their amounts and the sum of the squares, in one unit of money."""

    n: int
    total: Amount
    total_sq: Amount

    @property
    def mean(self) -> float | None:
        """Mean per customer; None for an empty arm."""
        return float(Fraction(self.total) / self.n) if self.n else None

    @property
    def variance(self) -> float | None:
        """Sample variance (n - 1); None below two customers."""
        if self.n < 2:
            return None
        n, total, total_sq = self.n, _exact(self.total), _exact(self.total_sq)
        return max(0.0, float((n * total_sq - total * total) / (n * (n - 1))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Both ends belong to the interval."""

    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether 0 lies strictly outside."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """A ratio of two rates; each part is None where it is undefined."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Welch:
    """A difference of means (treated - control) with unequal variances."""

    difference: float
    low: float
    high: float
    df: float
    t: float
    p: float


def wilson(part: Proportion, *, z: float = Z95) -> Interval | None:
    """Score interval of one rate (Wilson 1927); None for an empty arm."""
    if part.n == 0:
        return None
    p, n = part.x / part.n, part.n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    # min and max: rounding must not push a limit past the rate itself, nor past 0 or 1.
    low = 0.0 if part.x == 0 else max(0.0, min(p, centre - half))
    high = 1.0 if part.x == n else min(1.0, max(p, centre + half))
    return Interval(low=low, high=high)


def newcombe(treated: Proportion, control: Proportion, *, z: float = Z95) -> Interval | None:
    """Hybrid-score interval of treated - control (Newcombe 1998, Stat Med 17:873, method 10)."""
    one, zero = wilson(treated, z=z), wilson(control, z=z)
    if one is None or zero is None:
        return None
    p1, p0 = treated.x / treated.n, control.x / control.n
    return Interval(
        low=max(-1.0, p1 - p0 - math.hypot(p1 - one.low, zero.high - p0)),
        high=min(1.0, p1 - p0 + math.hypot(one.high - p1, p0 - zero.low)),
    )


def miettinen_nurminen(treated: Proportion, control: Proportion, *, z: float = Z95) -> Interval | None:
    """Score interval of treated - control (Miettinen and Nurminen 1985), by search for chi2 = z2."""
    near = newcombe(treated, control, z=z)
    if near is None:
        return None
    observed = treated.x / treated.n - control.x / control.n

    def margin(difference: float) -> float:
        return z - math.sqrt(score_chi2(treated, control, difference))  # almost a straight line: few steps

    def end(bound: float, guess: float) -> float:
        """Where the margin ends on the way to ``bound``: a little beyond Newcombe's end, or farther."""
        beyond = observed + 1.25 * (guess - observed)
        return last_inside(observed, beyond if abs(beyond) < 1 and margin(beyond) < 0 else bound, margin)

    return Interval(
        low=-1.0 if observed <= -1 else end(-1.0, near.low),
        high=1.0 if observed >= 1 else end(1.0, near.high),
    )


def score_chi2(treated: Proportion, control: Proportion, difference: float) -> float:
    """Miettinen-Nurminen chi2 (one df) of the hypothesis treated - control = ``difference`` in (-1, 1)."""
    n1, n0 = treated.n, control.n
    r0 = _constrained_rate(treated, control, difference)
    r1 = r0 + difference
    variance = (r1 * (1 - r1) / n1 + r0 * (1 - r0) / n0) * (n1 + n0) / (n1 + n0 - 1)
    distance = treated.x / n1 - control.x / n0 - difference
    if distance == 0:
        return 0.0
    return distance * distance / variance if variance > 0 else math.inf


def _constrained_rate(treated: Proportion, control: Proportion, d: float) -> float:
    """The control's rate of greatest likelihood under treated = control + d: the cubic's middle root.

    Closed form of Miettinen and Nurminen 1985, appendix (coefficients as in their equation 9).
    """
    n1, n0, n = treated.n, control.n, treated.n + control.n
    events = treated.x + control.x
    a = (n1 + 2 * n0) * d - n - events
    b = (n0 * d - n - 2 * control.x) * d + events
    c = control.x * d * (1 - d)
    centre = -a / (3 * n)
    q = -(centre**3) - a * b / (6 * n * n) + c / (2 * n)
    p = math.copysign(math.sqrt(max(0.0, centre * centre - b / (3 * n))), q)
    angle = (math.pi + math.acos(max(-1.0, min(1.0, q / p**3)))) / 3 if p else math.pi / 2
    return min(max(2 * p * math.cos(angle) + centre, 0.0, -d), 1.0, 1.0 - d)


def last_inside(inside: float, outside: float, margin: Callable[[float], float]) -> float:
    """The last number going from ``inside`` to ``outside`` whose margin is not negative, to 15 digits.

    ITP (Oliveira and Takahashi 2020, ACM TOMS 47:5): false position kept within the reach of bisection, so at
    worst one step more than bisection and usually a sixth of its steps. The margin falls from inside to outside.
    """
    kept, gone = margin(inside), margin(outside)
    nearest = 1e-15 * max(abs(inside), abs(outside))
    pull = 0.2 / abs(outside - inside)
    reach = nearest * 2.0 ** (math.ceil(math.log2(abs(outside - inside) / (2 * nearest))) + 1)
    while abs(outside - inside) > 2 * nearest:
        guess = _next_guess(inside, outside, kept, gone, pull, reach)
        found = margin(guess)
        if found >= 0:
            inside, kept = guess, found
        else:
            outside, gone = guess, found
        reach /= 2
    return inside


def _next_guess(inside: float, outside: float, kept: float, gone: float, pull: float, reach: float) -> float:
    """False position, pulled towards the middle and then no farther from it than the reach that is left."""
    middle, half = (inside + outside) / 2, abs(outside - inside) / 2
    if not math.isfinite(gone) or kept == gone:
        return middle
    straight = (kept * outside - gone * inside) / (kept - gone)
    towards = math.copysign(1.0, middle - straight)
    pulled = pull * (2 * half) ** 2
    guess = straight + towards * pulled if pulled <= abs(middle - straight) else middle
    room = max(0.0, reach - half)
    return guess if abs(guess - middle) <= room else middle - towards * room


def katz(treated: Proportion, control: Proportion, *, z: float = Z95) -> Ratio:
    """Ratio treated / control with the log interval of Katz et al. 1978.

    No ratio over a control rate of 0; no interval without an event in either arm, nor where both rates are 1
    (the formula's variance is 0 there, which is not certainty).
    """
    if treated.n == 0 or control.n == 0 or control.x == 0:
        return Ratio(value=None, low=None, high=None)
    ratio = (treated.x / treated.n) / (control.x / control.n)
    if treated.x == 0 or (treated.x == treated.n and control.x == control.n):
        return Ratio(value=ratio, low=None, high=None)
    half = z * math.sqrt(1 / treated.x - 1 / treated.n + 1 / control.x - 1 / control.n)
    return Ratio(value=ratio, low=ratio * math.exp(-half), high=ratio * math.exp(half))


def welch(treated: Sums, control: Sums, *, alpha: float = ALPHA) -> Welch | None:
    """Difference of means with Welch's t; None below two customers in an arm or without any spread."""
    # Loading scipy costs more than everything else here, and rates never need it.
    from scipy.special import stdtrit

    difference, v1, v0 = mean_difference(treated, control), treated.variance, control.variance
    if difference is None or v1 is None or v0 is None or v1 + v0 == 0:
        return None
    e1, e0 = v1 / treated.n, v0 / control.n
    df = (e1 + e0) ** 2 / (e1 * e1 / (treated.n - 1) + e0 * e0 / (control.n - 1))
    error = math.sqrt(e1 + e0)
    half = -float(stdtrit(df, alpha / 2)) * error  # the lower tail keeps the digits of a tiny alpha
    t = difference / error
    return Welch(
        difference=difference, low=difference - half, high=difference + half, df=df, t=t, p=student_p(t, df)
    )


def standard_error(*, low: float, high: float, df: float, alpha: float) -> float:
    """The standard error of a difference of means, from Welch's interval at ``alpha``."""
    from scipy.special import stdtrit  # as in welch

    return (high - low) / 2 / -float(stdtrit(df, alpha / 2))


def mean_difference(treated: Sums, control: Sums) -> float | None:
    """Difference of two means, exact before it is rounded to a float; None when an arm is empty."""
    if treated.n == 0 or control.n == 0:
        return None
    one, zero = _exact(treated.total) * control.n, _exact(control.total) * treated.n
    return float((one - zero) / (treated.n * control.n))


def _exact(amount: Amount) -> int | Fraction:
    """What adds up exactly; whole numbers stay so, which is ten times faster."""
    return amount if isinstance(amount, int) else Fraction(amount)


def squared_error(treated: Sums, control: Sums) -> float | None:
    """The squared standard error of mean_difference with unequal variances; None below two customers in an arm."""
    v1, v0 = treated.variance, control.variance
    return None if v1 is None or v0 is None else v1 / treated.n + v0 / control.n


def student_p(t: float, df: float) -> float:
    """Two-sided p of Student's t; at least the smallest positive float, as no p is 0."""
    # Lazy for the same reason as in welch.
    from scipy.special import stdtr

    return max(2 * float(stdtr(df, -abs(t))), math.ulp(0.0))
