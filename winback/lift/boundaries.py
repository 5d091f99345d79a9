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
_FARTHEST = 37.0  # standard deviations: the chance beyond is the last that a float can tell from 0
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)  # per panel of one standard deviation: good to 1e-12

Floats: TypeAlias = npt.NDArray[np.float64]


def look_at(fraction: float, *, earlier: Sequence[float] = ()) -> Look:
    """The look at ``fraction`` after readings at ``earlier`` fractions; the same data read again is one look.

    Raises WrongUse for a fraction outside (0, 1] or below an earlier one.
    """
    before = [each for each in earlier if each <= fraction - CLOSEST]
    if any(each > fraction for each in earlier):
        raise WrongUse(f"information cannot shrink: {fraction:g} after {max(earlier):g}")
    return looks([*before, fraction])[-1]


def looks(fractions: Sequence[float], *, alpha: float = ALPHA) -> tuple[Look, ...]:
    """A look at each fraction, in order; the last need not be 1.

    Raises WrongUse unless the fractions grow within (0, 1] by at least CLOSEST.
    """
    steps = np.diff(np.asarray(fractions, dtype=np.float64), prepend=0.0)
    if any(step < CLOSEST * 0.999999 for step in steps) or any(each > 1 for each in fractions):
        raise WrongUse(f"looks must grow from above 0 to 1 by {CLOSEST} or more, not {list(fractions)}")
    limits = _limits(fractions, steps, _spent(fractions, alpha))
    return tuple(
        Look(fraction=each, boundary=limit / math.sqrt(each))
        for each, limit in zip(fractions, limits, strict=True)
    )


def _spent(fractions: Sequence[float], alpha: float) -> list[float]:
    z = NormalDist().inv_cdf(1 - alpha / 4)
    return [2 * math.erfc(z / math.sqrt(2 * each)) for each in fractions]


def _limits(fractions: Sequence[float], steps: Floats, spent: list[float]) -> list[float]:
    """The boundaries on the scale of the sum z sqrt(t): a path that leaves (-limit, limit) has crossed.

    ``points`` and ``mass`` hold where the paths are that have not crossed yet; before the first look all are at 0.
    """
    points, mass = np.zeros(1), np.ones(1)
    limits: list[float] = []
    for place, fraction in enumerate(fractions):
        spend = spent[place] - (spent[place - 1] if place else 0.0)
        limits.append(_limit(points, mass, steps[place], spend, _FARTHEST * math.sqrt(fraction)))
        scale = math.sqrt(min(steps[place : place + 2]))
        nodes, weights = _grid(limits[-1], scale)
        points, mass = nodes, _density(nodes, points, mass, steps[place]) * weights
    return limits


def _limit(points: Floats, mass: Floats, step: float, spend: float, farthest: float) -> float:
    """Where just ``spend`` of the paths end outside; ``farthest`` when that is less than a float can hold."""
    # Lazy as in intervals.welch: a reading without looks never needs it.
    from scipy.special import ndtr

    deviation = math.sqrt(step)

    def overspent(limit: float) -> float:
        outside = ndtr((points - limit) / deviation) + ndtr((-points - limit) / deviation)
        return float(mass @ outside) - spend

    return last_inside(0.0, farthest, overspent)


def _grid(limit: float, scale: float) -> tuple[Floats, Floats]:
    panels = math.ceil(2 * limit / scale)
    half = limit / panels
    centres = -limit + half * (2 * np.arange(panels) + 1)
    return (centres[:, None] + half * _NODES).ravel(), np.tile(half * _WEIGHTS, panels)


def _density(nodes: Floats, points: Floats, mass: Floats, step: float) -> Floats:
    distances = (nodes[:, None] - points) ** 2
    return np.exp(-distances / (2 * step)) @ mass / math.sqrt(2 * math.pi * step)
