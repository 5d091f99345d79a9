"""Tests of a difference: p-values of rates and means, corrections for many, the sample-ratio check.

Undefined is None. No p is 0: the smallest positive float stands for everything below it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from winback.errors import WrongUse
from winback.lift.intervals import Proportion, Sums, last_inside, mean_difference, newcombe, student_p

SHARE_TOLERANCE = Fraction(1, 10**9)


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRatio:
    """Chi-square of the observed against the planned arm sizes."""

    chi2: float
    df: int
    p: float


def p_newcombe(treated: Proportion, control: Proportion) -> float | None:
    """The smallest alpha at which the Newcombe interval of the difference excludes 0, by search over z.

    1 when the rates are equal; None when an arm is empty. The interval widens steadily with z and ends by
    holding 0, so the alphas that exclude 0 are those above one edge.
    """
    if treated.n == 0 or control.n == 0:
        return None
    if treated.x * control.n == control.x * treated.n:
        return 1.0

    def distance_of_zero(z: float) -> float:
        """How far outside 0 lies; negative inside."""
        interval = newcombe(treated, control, z=z)
        return max(interval.low, -interval.high) if interval else 0.0

    wide = 1.0
    while distance_of_zero(wide) > 0:
        wide *= 2
    return normal_p(last_inside(wide / 2 if wide > 1 else 0.0, wide, distance_of_zero))


def p_pooled(treated: Proportion, control: Proportion) -> float | None:
    """Pearson's chi-square without correction; None when an arm is empty or nobody or everybody has the event."""
    chi2 = _pooled_chi2(treated, control)
    return None if chi2 is None else normal_p(math.sqrt(chi2))


def p_mn(treated: Proportion, control: Proportion) -> float | None:
    """Miettinen-Nurminen score test of no difference: Pearson's chi-square times (N - 1) / N."""
    chi2, n = _pooled_chi2(treated, control), treated.n + control.n
    return None if chi2 is None else normal_p(math.sqrt(chi2 * (n - 1) / n))


def _pooled_chi2(treated: Proportion, control: Proportion) -> float | None:
    events, n = treated.x + control.x, treated.n + control.n
    if treated.n == 0 or control.n == 0 or events in (0, n):
        return None
    variance = events / n * (1 - events / n) * (1 / treated.n + 1 / control.n)
    return (treated.x / treated.n - control.x / control.n) ** 2 / variance


def p_pooled_means(treated: Sums, control: Sums) -> float | None:
    """Student's t with one pooled variance; None below two customers in an arm or without any spread."""
    difference, v1, v0 = mean_difference(treated, control), treated.variance, control.variance
    if difference is None or v1 is None or v0 is None or v1 + v0 == 0:
        return None
    df = treated.n + control.n - 2
    pooled = ((treated.n - 1) * v1 + (control.n - 1) * v0) / df
    return student_p(difference / math.sqrt(pooled * (1 / treated.n + 1 / control.n)), df)


def normal_p(z: float) -> float:
    """Two-sided p of a standard normal ``z``; erfc keeps its digits far out in the tail."""
    return max(math.erfc(abs(z) / math.sqrt(2)), math.ulp(0.0))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down p-values (Holm 1979), in the order given; an undefined p is no hypothesis."""
    defined = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    running = 0.0
    for rank, (p, place) in enumerate(defined):
        running = max(running, min(1.0, p * (len(defined) - rank)))
        adjusted[place] = running
    return adjusted


def benjamini_hochberg(p_values: Sequence[float | None]) -> list[float | None]:
    """Step-up p-values that keep the share of false finds (Benjamini and Hochberg 1995), in the order given.

    For what is explored (segments, kinds); an undefined p is no hypothesis.
    """
    defined = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    running = 1.0
    for rank, (p, place) in reversed(list(enumerate(defined, start=1))):
        running = min(running, p * len(defined) / rank)
        adjusted[place] = running
    return adjusted


def sample_ratio(observed: Sequence[int], planned: Sequence[Fraction | float]) -> SampleRatio | None:
    """Chi-square of arm sizes against planned shares; None for one arm or nobody at all.

    An arm that was planned empty and is empty takes no part. Raises WrongUse when the shares do not add up to 1
    within 1e-9, when one is negative, or when there are customers where none were planned.
    """
    surplus = sum((Fraction(share) for share in planned), Fraction(-1))
    arms = [(o, float(s)) for o, s in zip(observed, planned, strict=True) if o or s]
    if any(share <= 0 for _, share in arms) or abs(surplus) > SHARE_TOLERANCE:
        given = " + ".join(f"{float(share):g}" for share in planned)
        raise WrongUse(f"planned shares must be positive and add up to 1, not {given}")
    total, df = sum(observed), len(arms) - 1
    if total == 0 or df == 0:
        return None
    # The only p here that math alone cannot give; see intervals.welch for the price of the import.
    from scipy.special import chdtrc

    chi2 = sum((o - total * share) ** 2 / (total * share) for o, share in arms)
    return SampleRatio(chi2=chi2, df=df, p=max(float(chdtrc(df, chi2)), math.ulp(0.0)))
