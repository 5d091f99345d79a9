"""What a campaign earned and cost, per saved customer and per delivered message, and campaigns side by side.

Each starts from an effect with its interval and keeps its uncertainty; nothing is clipped to look better.
"""

import math

from winback.lift.estimates import Estimate, Missing, NoEstimate
from winback.lift.intervals import Ratio, Welch


def scaled(estimate: Estimate, factor: float) -> Estimate:
    """The estimate in another unit; a negative factor swaps the ends (saved = -n x the difference in churn)."""
    ends = sorted((estimate.low * factor, estimate.high * factor))
    return Estimate(value=estimate.value * factor, low=ends[0], high=ends[1])


def incremental(test: Welch, treated_n: int) -> Estimate:
    """What all treated brought beyond what they would have brought anyway, in the unit of the sums."""
    return scaled(Estimate(value=test.difference, low=test.low, high=test.high), treated_n)


def roi(contribution: Estimate, cost: float | None) -> Estimate | NoEstimate:
    """(contribution - cost) / cost; ``contribution`` incremental and before the campaign's cost, same currency.

    The interval is that of the contribution, with the cost known; None: not known.
    """
    if cost is None:
        return NoEstimate(reason=Missing.COST_UNKNOWN)
    if cost <= 0:
        return NoEstimate(reason=Missing.NO_COST)
    part = scaled(contribution, 1 / cost)
    return Estimate(value=part.value - 1, low=part.low - 1, high=part.high - 1)


def cost_per_saved(saved: Estimate, cost: float | None) -> Ratio | NoEstimate:
    """Cost over customers saved, none where none were; no upper end where perhaps none were.

    Cost / saved falls steadily while saved > 0, so its ends are those of ``saved`` turned round; where that
    interval reaches 0 the dearest price has no bound (as in Fieller 1954).
    """
    if cost is None:
        return NoEstimate(reason=Missing.COST_UNKNOWN)
    if cost <= 0:
        return NoEstimate(reason=Missing.NO_COST)
    if saved.value <= 0:
        return NoEstimate(reason=Missing.NOBODY_SAVED)
    dearest = cost / saved.low if saved.low > 0 else None
    return Ratio(value=cost / saved.value, low=cost / saved.high, high=dearest)


def per_delivered(effect: Estimate, *, delivered: int, assigned: int) -> Estimate | NoEstimate:
    """The effect on those a message reached: the effect on all assigned over the share delivered (Bloom 1984).

    Holds while a message that was not delivered has no effect; the share counts as known. Never compare the
    delivered with the hold-out: they are healthier to begin with.
    """
    if delivered <= 0:
        return NoEstimate(reason=Missing.NOBODY_DELIVERED)
    return scaled(effect, assigned / delivered)


def between_campaigns(one: Estimate, other: Estimate) -> Estimate:
    """The effect of one campaign minus that of another, with no customer in both.

    Each interval gives the error on its own side (MOVER: Zou and Donner 2008, Stat Med 27:1693), as Newcombe's
    does with two rates.
    """
    value = one.value - other.value
    return Estimate(
        value=value,
        low=value - math.hypot(one.value - one.low, other.high - other.value),
        high=value + math.hypot(one.high - one.value, other.value - other.low),
    )
