"""What a treatment did to a score that only some give, where it may also change who gives one (Lee 2009).

Source: Lee, "Training, Wages, and Sample Selection: Estimating Sharp Bounds on Treatment Effects", Review of
Economic Studies 76 (2009) 1071-1102: section 3 for the bounds, proposition 3 for their errors. Of the arm that
answers more often, those who answer only because of the arm are taken to be its happiest, then its unhappiest: the
effect on those who answer either way lies between. It holds while the treatment moves answering one way only: it
makes some answer and nobody fall silent, or the other way round.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

from winback.lift.intervals import Interval, Sums

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Of ``n`` customers assigned, how many gave each score."""

    n: int
    scores: Mapping[int, int]

    @property
    def answered(self) -> int:
        """Those who gave one."""
        return sum(self.scores.values())

    @property
    def sums(self) -> Sums:
        """Of the scores given."""
        total = sum(score * count for score, count in self.scores.items())
        squares = sum(score * score * count for score, count in self.scores.items())
        return Sums(n=self.answered, total=total, total_sq=squares)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The effect on the mean score lies between ``low`` and ``high``, each with its standard error."""

    low: float
    high: float
    low_error: float
    high_error: float

    def interval(self, z: float) -> Interval:
        """Each bound's own confidence limit, so that the whole range is held at least as often as z says."""
        return Interval(low=self.low - z * self.low_error, high=self.high + z * self.high_error)

    @property
    def p(self) -> float:
        """The smallest two-sided alpha at which the interval leaves out 0; 1 where the bounds hold it."""
        away, error = (self.low, self.low_error) if self.low > 0 else (-self.high, self.high_error)
        return max(2 * _NORMAL.cdf(-away / error), math.ulp(0.0)) if away > 0 else 1.0


def trimmed_bounds(treated: Answers, control: Answers) -> Bounds | None:
    """Bounds on treated minus control; None below two answers in an arm, or where none of the scores differ."""
    if min(treated.answered, control.answered) < 2:
        return None
    if treated.answered * control.n >= control.answered * treated.n:
        return _bounds(treated, control)
    turned = _bounds(control, treated)
    return turned and Bounds(
        low=-turned.high, high=-turned.low, low_error=turned.high_error, high_error=turned.low_error
    )


def _bounds(more: Answers, fewer: Answers) -> Bounds | None:
    """Of the arm that answers more often minus the other."""
    kept = fewer.answered * more.n / (fewer.n * more.answered)
    mean, variance = fewer.sums.mean, fewer.sums.variance
    if mean is None or variance is None:
        return None
    of_share = kept**2 * sum((1 - arm.answered / arm.n) / arm.answered for arm in (more, fewer))
    ends = [_trimmed(more, kept, of_share, sign) for sign in (1, -1)]
    (low, low_square), (high, high_square) = ends[0], (-ends[1][0], ends[1][1])
    fixed = variance / fewer.answered
    if low_square + fixed == 0 or high_square + fixed == 0:
        return None
    return Bounds(
        low=low - float(mean), high=high - float(mean),
        low_error=math.sqrt(low_square + fixed), high_error=math.sqrt(high_square + fixed),
    )  # fmt: skip


def _trimmed(arm: Answers, kept: float, of_share: float, sign: int) -> tuple[float, float]:
    """(mean, squared error) of the lowest ``kept`` of the arm's scores; of these turned round with ``sign`` -1.

    A score that only part of its customers fit in counts in part. The error is that of the scores below the last
    one kept, and that of the share itself (``of_share``: its variance).
    """
    size, left, total, last = arm.answered, kept * arm.answered, 0.0, 0
    for score, count in sorted((sign * score, count) for score, count in arm.scores.items() if count):
        last, taken = score, min(count, left)
        total, left = total + score * taken, left - taken
        if left <= 1e-9 * size:
            break
    mean = total / (kept * size)
    below = [(max(last - sign * score, 0), count) for score, count in arm.scores.items()]
    first = sum(gap * count for gap, count in below) / size
    spread = sum(gap * gap * count for gap, count in below) / size - first**2
    return mean, spread / (kept**2 * size) + ((last - mean) / kept) ** 2 * of_share
