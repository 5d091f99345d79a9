"""How many customers a comparison of two rates needs, and how small an effect a given number can show.

Formula (the usual one for two independent proportions), with k = n1 / n0, two-sided alpha .05 and power .8:
n0 = (z_alpha/2 + z_power)^2 (p0 q0 + p1 q1 / k) / (p1 - p0)^2; for means s^2 (1 + 1 / k) stands in the place of
p0 q0 + p1 q1 / k.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

from winback.lift.estimates import Missing, NoEstimate
from winback.lift.intervals import ALPHA
from winback.lift.shares import MOST_HELD_OUT
from winback.lift.verdict import FEWEST_EVENTS

POWER = 0.8


def _z2(alpha: float = ALPHA) -> float:
    return (NormalDist().inv_cdf(1 - alpha / 2) + NormalDist().inv_cdf(POWER)) ** 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Visibility:
    """The smallest effect (share 0-1 or in a mean's unit, positive) seen with 80 % power at a hold-out share."""

    holdout_share: float
    effect: float


def needed_total(*, control_rate: float, treated_rate: float, holdout_share: float) -> int | None:
    """Customers needed in both arms together to see ``treated_rate`` against ``control_rate``.

    ``holdout_share`` = the control's part of the two arms. None where it is undefined: equal rates, a rate
    outside 0-1, an arm without customers, or no variance at all (0 against 1).
    """
    inside = 0 <= control_rate <= 1 and 0 <= treated_rate <= 1 and 0 < holdout_share < 1
    if not inside or control_rate == treated_rate:
        return None
    per_control = (1 - holdout_share) / holdout_share
    variance = control_rate * (1 - control_rate) + treated_rate * (1 - treated_rate) / per_control
    if variance == 0:
        return None
    control_n = _z2() * variance / (treated_rate - control_rate) ** 2
    return math.ceil(control_n) + math.ceil(per_control * control_n)


def needed_for_mean(*, spread: float, effect: float, holdout_share: float) -> int | None:
    """The same to see means ``effect`` apart whose standard deviation is ``spread``, both in one unit."""
    if spread <= 0 or effect <= 0 or not 0 < holdout_share < 1:
        return None
    per_control = (1 - holdout_share) / holdout_share
    control_n = _z2() * spread**2 * (1 + 1 / per_control) / effect**2
    return math.ceil(control_n) + math.ceil(per_control * control_n)


def needed_for_error(*, error: float, total: int, effect: float) -> int | None:
    """The same where ``total`` customers gave a difference of means with this standard error, arms in proportion.

    The error falls with the root of their number: total x ((z_alpha/2 + z_power) error / effect)^2.
    """
    if error <= 0 or effect == 0:
        return None
    return math.ceil(total * _z2() * (error / effect) ** 2)


def visible_for_error(error: float) -> float:
    """The smallest difference of means seen with 80 % power where its standard error is this."""
    return math.sqrt(_z2()) * error


def smallest_visible_effect(
    *, control_rate: float, total: int, holdout_share: float, upwards: bool = False, alpha: float = ALPHA
) -> float | None:
    """The smallest difference (share 0-1, positive) that ``total`` customers show with 80 % power at ``alpha``.

    Downwards unless told (fewer churned). None when even a treated rate of 0 (upwards: 1) could not be seen,
    or an arm has no customers. Solves needed_total's formula for p1: a quadratic in the difference.
    """
    control_n = round(total * holdout_share)
    treated_n = total - control_n
    if control_n <= 0 or treated_n <= 0 or not 0 <= control_rate <= 1:
        return None
    sign, z2 = 1 if upwards else -1, _z2(alpha)
    square = 1 + z2 / treated_n
    linear = z2 * sign * (1 - 2 * control_rate) / treated_n
    constant = z2 * control_rate * (1 - control_rate) * (1 / control_n + 1 / treated_n)
    effect = (linear + math.sqrt(linear * linear + 4 * square * constant)) / (2 * square)
    room = 1 - control_rate if upwards else control_rate
    return effect if 0 < effect <= room else None


def smallest_visible_mean(
    *, spread: float, total: int, holdout_share: float, alpha: float = ALPHA
) -> float | None:
    """The same for a mean whose standard deviation is ``spread`` in both arms, in its unit; None without."""
    control_n = round(total * holdout_share)
    treated_n = total - control_n
    if control_n <= 0 or treated_n <= 0 or spread <= 0:
        return None
    return math.sqrt(_z2(alpha) * (1 / treated_n + 1 / control_n)) * spread


def best_holdout(
    *, control_rate: float, total: int, smallest_effect: float | None = None
) -> Visibility | NoEstimate:
    """The share to hold out of ``total`` customers to see fewer churned.

    A hold-out expected to have fewer than five churners or stayers gets no verdict and is no choice.
    """
    return best_share(
        lambda share: smallest_visible_effect(control_rate=control_rate, total=total, holdout_share=share),
        lambda share: min(control_rate, 1 - control_rate) * round(total * share) >= FEWEST_EVENTS,
        smallest_effect,
    )


def best_share(
    visible: Callable[[float], float | None], enough: Callable[[float], bool], smallest_effect: float | None
) -> Visibility | NoEstimate:
    """The share, in whole percent up to a half, to hold out; ``visible``, ``enough`` (for a verdict) of a share.

    The smallest that shows ``smallest_effect``; where none does, or none is declared, the one that shows the
    smallest effect of all.
    """
    known = [
        Visibility(holdout_share=share, effect=effect)
        for share in (percent / 100 for percent in range(1, round(100 * MOST_HELD_OUT) + 1))
        if enough(share) and (effect := visible(share))
    ]
    if not known:
        return NoEstimate(reason=Missing.NOT_VISIBLE)
    wanted = [each for each in known if smallest_effect is not None and each.effect <= smallest_effect]
    return wanted[0] if wanted else min(known, key=lambda each: each.effect)
