"""Risks and their logits, and moving all of them to a level."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

EDGE: Final = 1e-6
"""Risks stay this far from 0 and 1 before their logits are taken."""


def logits_of(risk: Floats) -> Floats:
    """Logits, finite."""
    inside = np.clip(risk, EDGE, 1 - EDGE)
    return np.asarray(np.log(inside / (1 - inside)))


def level_shift(logits: Floats, mean: float) -> float:
    """What to add to ``logits`` so that their probabilities have this mean; 0 where it is 0 or 1."""
    if not EDGE < mean < 1 - EDGE:
        return 0.0
    return float(brentq(lambda shift: float(expit(logits + shift).mean()) - mean, -40, 40, xtol=1e-12))


def shifted(risk: Floats, shift: float) -> Floats:
    """Risks moved by ``shift`` in logits."""
    return np.asarray(expit(logits_of(risk) + shift))


def held(logits: Floats, level: float | None, fitted: Integers) -> Floats:
    """Probabilities; where there is a level, with that mean over the fitted rows."""
    return np.asarray(expit(logits if level is None else logits + level_shift(logits[fitted], level)))
