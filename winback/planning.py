"""How many customers a comparison of two rates needs, and how small an effect a given number can show.

Formula (the usual one for two independent proportions), with k = n1 / n0, two-sided alpha .05 and power .8:
n0 = (z_alpha/2 + z_power)^2 (p0 q0 + p1 q1 / k) / (p1 - p0)^2.
"""

import math
from statistics import NormalDist

from winback.intervals import ALPHA

POWER = 0.8
_Z2 = (NormalDist().inv_cdf(1 - ALPHA / 2) + NormalDist().inv_cdf(POWER)) ** 2


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
    control_n = _Z2 * variance / (treated_rate - control_rate) ** 2
    return math.ceil(control_n) + math.ceil(per_control * control_n)


def smallest_visible_effect(
    *, control_rate: float, total: int, holdout_share: float, upwards: bool = False
) -> float | None:
    """The smallest difference (share 0-1, positive) that ``total`` customers show with 80 % power.

    Downwards unless told (fewer churned). None when even a treated rate of 0 (upwards: 1) could not be seen,
    or an arm has no customers. Solves needed_total's formula for p1: a quadratic in the difference.
    """
    control_n = round(total * holdout_share)
    treated_n = total - control_n
    if control_n <= 0 or treated_n <= 0 or not 0 <= control_rate <= 1:
        return None
    sign = 1 if upwards else -1
    square = 1 + _Z2 / treated_n
    linear = _Z2 * sign * (1 - 2 * control_rate) / treated_n
    constant = _Z2 * control_rate * (1 - control_rate) * (1 / control_n + 1 / treated_n)
    effect = (linear + math.sqrt(linear * linear + 4 * square * constant)) / (2 * square)
    room = 1 - control_rate if upwards else control_rate
    return effect if 0 < effect <= room else None
