"""Whether an effect differs between segments: the question before anybody says "works better for ...".

A segment whose own interval excludes 0, beside one whose interval does not, is no such answer: the difference of
the two effects has its own noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from winback.lift.contrast import RateSums
from winback.lift.estimates import Missing, NoEstimate
from winback.lift.intervals import ALPHA
from winback.lift.significance import benjamini_hochberg, normal_p
from winback.lift.verdict import FEWEST_EVENTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """The effect (treated - control) in one segment, with its squared standard error."""

    segment: str
    difference: float
    squared_error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Heterogeneity:
    """Cochran's Q over the segments; ``pooled`` is their common effect, each weighted by its precision.

    ``apart``: the segments whose effect differs from that of all the others; none unless the whole differs.
    """

    q: float
    df: int
    p: float
    pooled: float
    apart: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Whether the effects differ between segments at 5 %."""
        return self.p <= ALPHA


def rate_effect(segment: str, treated: RateSums, control: RateSums) -> Effect | NoEstimate:
    """A segment's effect on a rate; none with fewer than five events or non-events in an arm (A8 rule 4)."""
    fewest = min(treated.x, treated.n - treated.x, control.x, control.n - control.x)
    if fewest < FEWEST_EVENTS:
        return NoEstimate(reason=Missing.TOO_FEW_EVENTS)
    p1, p0 = treated.x / treated.n, control.x / control.n
    squared = p1 * (1 - p1) / treated.n + p0 * (1 - p0) / control.n
    return Effect(segment=segment, difference=p1 - p0, squared_error=squared)


def heterogeneity(effects: Sequence[Effect]) -> Heterogeneity | NoEstimate:
    """Chi-square of one effect for all segments: Q = sum w (d - pooled)^2, w = 1 / squared error, k - 1 df.

    Cochran 1954 (Biometrics 10:101); for a treatment in subgroups Gail and Simon 1985 (Biometrics 41:361).
    """
    if len(effects) < 2:
        return NoEstimate(reason=Missing.NOTHING_TO_COMPARE)
    # Lazy as in intervals.welch.
    from scipy.special import chdtrc

    pooled, _ = _common(effects)
    q = sum((each.difference - pooled) ** 2 / each.squared_error for each in effects)
    p = float(chdtrc(len(effects) - 1, q))
    apart = _apart(effects) if p <= ALPHA else ()
    return Heterogeneity(q=q, df=len(effects) - 1, p=p, pooled=pooled, apart=apart)


def _common(effects: Sequence[Effect]) -> tuple[float, float]:
    """The precision-weighted effect and its squared error."""
    weight = sum(1 / each.squared_error for each in effects)
    return sum(each.difference / each.squared_error for each in effects) / weight, 1 / weight


def _apart(effects: Sequence[Effect]) -> tuple[str, ...]:
    """Segments against all others together, corrected by Benjamini-Hochberg."""
    p_values = [_p_against(each, [other for other in effects if other is not each]) for each in effects]
    corrected = benjamini_hochberg(p_values)
    return tuple(each.segment for each, p in zip(effects, corrected, strict=True) if p is not None and p <= ALPHA)


def _p_against(effect: Effect, others: Sequence[Effect]) -> float:
    common, squared = _common(others)
    return normal_p((effect.difference - common) / (effect.squared_error + squared) ** 0.5)
