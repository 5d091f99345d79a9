"""Whether contracts end of late as often as the hazard says, which knows their age and traits but not the day.

A price rise or a new rival changes the hazard of all from a day on. What is learned is then a mean of before and
after, and so are the risks. Each end is held against the contracts of its own age: which share of their hazard
lies in the last days? That is the score test of a covariate "late" in Cox's model (Cox 1972, Journal of the Royal
Statistical Society B 34), so that no smoothing over ages can pass for a change.
"""

import math
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

from winback.scores.hazard import Hazard, Spells

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LATELY_DAYS: Final = 90
FAR: Final = 3.0
"""Standard errors from which ends of late are not those expected."""

_SAID: Final = (
    "in the {days} days to {as_of} {seen:,} contracts ended, {expected:,.0f} were to be expected by all days: "
)
_MORE: Final = "ending has become more frequent, and while it stays so risks are too low"
_LESS: Final = "ending has become rarer, and while it stays so risks are too high, or ends are yet to be told"


def ends_of_late(
    hazard: Hazard, spells: Spells, traits: Floats, stratum: Integers, since: Floats, as_of: date
) -> tuple[str, ...]:
    """In words, where the ends after the ages ``since`` are FAR from those expected; nothing where they are not.

    ``since``: of each contract its age LATELY_DAYS before ``as_of``, infinite where it had ended by then.
    """
    weight, begin = np.exp(hazard.score(traits)), np.minimum(np.maximum(spells.entry, since), spells.exit)
    seen, expected, variance = int((spells.ended & (spells.exit > begin)).sum()), 0.0, 0.0
    for one in range(len(hazard.log_hazard)):
        rows = np.flatnonzero(stratum == one)
        last, heavy = spells.exit[rows], weight[rows]
        ages, ends = np.unique(last[spells.ended[rows]], return_counts=True)
        late = _at_risk(begin[rows], last, heavy, ages)
        share = np.clip(late / _at_risk(spells.entry[rows], last, heavy, ages), 0, 1)
        expected += float((ends * share).sum())
        variance += float((ends * share * (1 - share)).sum())
    if abs(seen - expected) <= FAR * math.sqrt(max(variance, 1)):
        return ()
    said = _SAID.format(days=LATELY_DAYS, as_of=as_of, seen=seen, expected=expected)
    return (said + (_MORE if seen > expected else _LESS),)


def _at_risk(entry: Floats, stop: Floats, weight: Floats, ages: Floats) -> Floats:
    """The weight of contracts seen at each age: entry < age <= stop."""
    return _below(entry, weight, ages) - _below(stop, weight, ages)


def _below(values: Floats, weight: Floats, ages: Floats) -> Floats:
    order = np.argsort(values)
    sums = np.concatenate(([0.0], np.cumsum(weight[order])))
    return np.asarray(sums[np.searchsorted(values[order], ages, side="left")])
