"""How far out an interim result must be: boundaries for any sequence of looks.

They spend alpha as O'Brien and Fleming's would (Lan and DeMets 1983, Biometrika 70:659):
alpha*(t) = 4 (1 - Phi(z_{1-alpha/4} / sqrt t)), two-sided, t the share of the final information. The chance of
first crossing at each look is integrated recursively (Armitage, McPherson and Rowe 1969, JRSS A 132:235).
"""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from winback.errors import WrongUse
from winback.lift.intervals import ALPHA, last_inside
from winback.lift.looks import Look

CLOSEST = 0.001  # readings closer together than this share of the information are one look
NEVER = 37.0  # standard deviations: the chance beyond is the last that a float can tell from 0
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)  # per panel of one standard deviation: good to 1e-12

Floats: TypeAlias = npt.NDArray[np.float64]


def look_at(fraction: float, *, earlier: Sequence[Look] = ()) -> Look:
    """The look at ``fraction`` after ``earlier`` ones; those at nearly the same information are the same look.

    What earlier looks were judged at stands, at the share of the information that theirs is now known to be: this
    one has alpha*(fraction) less what they spent. Where they spent more, its boundary is one that nobody reaches.
    Raises WrongUse for a fraction outside (0, 1] or below an earlier one.
    """
    if any(each.fraction > fraction for each in earlier):
        raise WrongUse(f"information cannot shrink: {fraction:g} after {max(each.fraction for each in earlier):g}")
    return looks([fraction], earlier=_apart(earlier, fraction))[-1]


def _apart(taken: Sequence[Look], last: float) -> list[Look]:
    """Looks in order, of those too close together one, with the boundary that was easier to cross."""
    kept: list[Look] = []
    for each in sorted(taken, key=lambda look: look.fraction):
        fraction = max(each.fraction, CLOSEST)
        if kept and fraction - kept[-1].fraction < CLOSEST:
            kept[-1] = Look(fraction=kept[-1].fraction, boundary=min(kept[-1].boundary, each.boundary))
        elif fraction <= last - CLOSEST:
            kept.append(Look(fraction=fraction, boundary=each.boundary))
    return kept


def looks(fractions: Sequence[float], *, earlier: Sequence[Look] = (), alpha: float = ALPHA) -> tuple[Look, ...]:
    """A look at each fraction, in order, after ``earlier`` ones, whose boundaries stand; the last need not be 1.

    Raises WrongUse unless the fractions grow within (0, 1] by at least CLOSEST, from the earlier ones on.
    """
    every = [*(look.fraction for look in earlier), *fractions]
    steps = np.diff(np.asarray(every, dtype=np.float64), prepend=0.0)
    if any(step < CLOSEST * 0.999999 for step in steps) or any(each > 1 for each in every):
        raise WrongUse(f"looks must grow from above 0 to 1 by {CLOSEST} or more, not {every}")
    standing = [look.boundary * math.sqrt(look.fraction) for look in earlier]
    limits = _limits(every, steps, _spending(fractions, alpha), standing)
    return tuple(
        Look(fraction=each, boundary=limit / math.sqrt(each))
        for each, limit in zip(fractions, limits, strict=True)
    )


def _spending(fractions: Sequence[float], alpha: float) -> list[float]:
    z = NormalDist().inv_cdf(1 - alpha / 4)
    return [2 * math.erfc(z / math.sqrt(2 * each)) for each in fractions]


def _limits(
    fractions: Sequence[float], steps: Floats, spending: Sequence[float], standing: Sequence[float]
) -> list[float]:
    """The boundaries on the scale of the sum z sqrt(t): a path that leaves (-limit, limit) has crossed.

    Those that are ``standing`` come first; of the others, by each the sum of ``spending`` has crossed. ``points``
    and ``mass`` hold where the paths are that have not crossed yet; before the first look all are at 0.
    """
    points, mass, spent = np.zeros(1), np.ones(1), 0.0
    limits = list(standing)
    for place, fraction in enumerate(fractions):
        if place >= len(standing):
            allowed = spending[place - len(standing)]
            farthest = NEVER * math.sqrt(fraction)
            limits.append(_limit(points, mass, steps[place], max(allowed - spent, 0.0), farthest))
        spent += _outside(points, mass, steps[place], limits[place])
        scale = math.sqrt(min(steps[place : place + 2]))
        nodes, weights = _grid(limits[place], scale)
        points, mass = nodes, _density(nodes, points, mass, steps[place]) * weights
    return limits[len(standing) :]


def _limit(points: Floats, mass: Floats, step: float, spend: float, farthest: float) -> float:
    """Where just ``spend`` of the paths end outside; ``farthest`` when that is less than a float can hold."""
    return last_inside(0.0, farthest, lambda limit: _outside(points, mass, step, limit) - spend)


def _outside(points: Floats, mass: Floats, step: float, limit: float) -> float:
    """The share of the paths that end outside (-limit, limit) one step later."""
    # Lazy as in intervals.welch: a reading without looks never needs it.
    from scipy.special import ndtr

    deviation = math.sqrt(step)
    return float(mass @ (ndtr((points - limit) / deviation) + ndtr((-points - limit) / deviation)))


def _grid(limit: float, scale: float) -> tuple[Floats, Floats]:
    panels = math.ceil(2 * limit / scale)
    half = limit / panels
    centres = -limit + half * (2 * np.arange(panels) + 1)
    return (centres[:, None] + half * _NODES).ravel(), np.tile(half * _WEIGHTS, panels)


def _density(nodes: Floats, points: Floats, mass: Floats, step: float) -> Floats:
    distances = (nodes[:, None] - points) ** 2
    return np.exp(-distances / (2 * step)) @ mass / math.sqrt(2 * math.pi * step)
