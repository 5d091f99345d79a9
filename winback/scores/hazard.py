"""When contracts end: a hazard constant within pieces of a contract's age, times what its traits make of it.

The hazard of contract i at age t days is exp(a[s, k(t)] + x_i b): pieces k of the age, strata s (one, or the
plans), traits x. Its likelihood is a Poisson one (Holford 1980, Biometrics 36; Friedman 1982, Annals of Statistics
10); with pieces as small as the gaps between ends it is Cox's. A contract that has not ended counts for the days
it was seen (censored), one seen from a later age on counts from there (delayed entry).

Three penalties keep it finite: ``ridge`` on b, ``smooth`` on steps of a from one piece to the next, ``pooled`` on
strata leaving their common curve. All are in units of log likelihood. Newton's method with the analytic gradient.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

STEPS: Final = 40
HALVINGS: Final = 20
STILL: Final = 1e-9
CLOSE: Final = 1e-8
FARTHEST: Final = 30.0
"""Of x b: exp of it is as good as never and always."""

ENDS_A_PIECE: Final = 25
MOST_PIECES: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Spells:
    """Contracts as they were seen: from one age in days to a later one, and whether they ended there; (n,).

    ``early``: ends stand so many days before the age at which they fell, see ``contract_clock``.
    """

    entry: Floats
    exit: Floats
    ended: Mask
    early: float = 0.0

    def __len__(self) -> int:
        return len(self.exit)

    def of(self, rows: Integers | Mask) -> "Spells":
        """Those of ``rows``."""
        return replace(self, entry=self.entry[rows], exit=self.exit[rows], ended=self.ended[rows])


@dataclass(frozen=True, slots=True, kw_only=True)
class Penalty:
    """How hard the fit is held back, in units of log likelihood."""

    ridge: float
    smooth: float
    pooled: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hazard:
    """Log hazards per day, shape (strata, pieces); ``cuts``: the ages at which pieces end, but for the last.

    ``covariance`` of the weights, (p, p): what chance alone would make of them; None where nobody asked for it.
    """

    cuts: Floats
    log_hazard: Floats
    weights: Floats  # of the traits, shape (p,)
    covariance: Floats | None = None

    def score(self, traits: Floats) -> Floats:
        """x b of each row, without BLAS: its last bits hang on where a row stands."""
        return np.asarray(np.clip(np.einsum("np,p->n", traits, self.weights), -FARTHEST, FARTHEST))

    def ahead(self, traits: Floats, stratum: Integers, age: Floats, days: Floats) -> tuple[Floats, Floats]:
        """(P(ended by age + ``days``), expected days kept of them) of contracts that are ``age`` days old."""
        rate = np.exp(self.log_hazard)[stratum] * np.exp(self.score(traits))[:, None]
        spent = exposure(self.cuts, age, age + days) * rate
        before = np.cumsum(spent, axis=1) - spent
        each = np.divide(-np.expm1(-spent), rate, out=np.zeros_like(rate), where=spent > 0)
        return -np.expm1(-spent.sum(axis=1)), (np.exp(-before) * each).sum(axis=1)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the likelihood needs of the spells: days in each piece, the cell an end is in, sums of ends."""

    days: Floats  # (n, pieces)
    traits: Floats  # (n, p)
    ended: Floats  # (n,) 0 or 1
    members: tuple[Integers, ...]  # rows of each stratum
    ends: Floats  # (strata, pieces)


def cuts_of(spells: Spells) -> Floats:
    """Ages at which pieces end: about equally many ends in each, at least ENDS_A_PIECE; none with few ends.

    An age at which a piece's worth of contracts ends is one by itself, and has a cut before it too.
    """
    ages = np.sort(spells.exit[spells.ended]) + spells.early
    pieces = min(MOST_PIECES, len(ages) // ENDS_A_PIECE)
    if pieces < 2:
        return np.empty(0)
    places = np.arange(1, pieces) * len(ages) // pieces
    distinct, ends = np.unique(ages, return_counts=True)
    many = np.flatnonzero(ends * pieces >= len(ages))
    cuts = np.unique(np.concatenate((ages[places], distinct[many[many > 0] - 1])))
    return np.asarray(cuts[cuts < ages[-1]])  # the last piece has ends too


def exposure(cuts: Floats, start: Floats, stop: Floats) -> Floats:
    """Days between the ages ``start`` and ``stop`` that lie in each piece; shape (n, pieces)."""
    edges = np.concatenate(([0.0], cuts, [np.inf]))
    low, high = (np.clip(age[:, None], edges[:-1], edges[1:]) for age in (start, stop))
    return np.asarray(high - low)


def fit_hazard(spells: Spells, traits: Floats, stratum: Integers, strata: int, penalty: Penalty) -> Hazard:
    """The penalised maximum of the likelihood; ``traits`` standardised, at least one end among the spells.

    ``stratum``: of each spell, 0 to ``strata`` - 1.
    """
    cuts = cuts_of(spells)
    seen = _seen(spells, traits, stratum, cuts, strata)
    cells = strata * (len(cuts) + 1)
    level = np.log(seen.ended.sum() / seen.days.sum())
    begin = np.concatenate((np.full(cells, level), np.zeros(traits.shape[1])))
    best = _climb(seen, _pull(strata, len(cuts) + 1, traits.shape[1], penalty), begin)
    return Hazard(cuts=cuts, log_hazard=best[:cells].reshape(strata, -1), weights=best[cells:])


def with_covariance(hazard: Hazard, spells: Spells, traits: Floats, stratum: Integers, penalty: Penalty) -> Hazard:
    """The same hazard and how far chance moves its weights; the others are what ``fit_hazard`` had.

    (C + P)^-1 C (C + P)^-1 with C the curvature of the likelihood and P that of the penalties (Gray 1992, Journal
    of the American Statistical Association 87).
    """
    strata, pieces = hazard.log_hazard.shape
    seen = _seen(spells, traits, stratum, hazard.cuts, strata)
    _, curve = _slope_and_curve(seen, np.concatenate((hazard.log_hazard.ravel(), hazard.weights)))
    back = np.linalg.inv(curve + _pull(strata, pieces, traits.shape[1], penalty))
    cells = strata * pieces
    return replace(hazard, covariance=(back @ curve @ back)[cells:, cells:])


def log_likelihood(hazard: Hazard, spells: Spells, traits: Floats, stratum: Integers) -> float:
    """Of spells the hazard was not fitted on; per day's hazard, without constants."""
    seen = _seen(spells, traits, stratum, hazard.cuts, len(hazard.log_hazard))
    return _value(seen, np.concatenate((hazard.log_hazard.ravel(), hazard.weights)))


def _seen(spells: Spells, traits: Floats, stratum: Integers, cuts: Floats, strata: int) -> _Seen:
    piece = np.searchsorted(cuts, spells.exit, side="left")  # an end on the last day of a piece is in it
    ends = np.zeros((strata, len(cuts) + 1))
    np.add.at(ends, (stratum[spells.ended], piece[spells.ended]), 1.0)
    return _Seen(
        days=exposure(cuts, spells.entry, spells.exit),
        traits=traits,
        ended=spells.ended.astype(np.float64),
        members=tuple(np.flatnonzero(stratum == one) for one in range(strata)),
        ends=ends,
    )


def _parts(seen: _Seen, at: Floats) -> tuple[Floats, Floats, Floats]:
    """(log hazards, x b, exp(x b)) at a point."""
    cells = seen.ends.size
    score = np.clip(seen.traits @ at[cells:], -FARTHEST, FARTHEST)
    return at[:cells].reshape(seen.ends.shape), score, np.exp(score)


def _value(seen: _Seen, at: Floats) -> float:
    logs, score, factor = _parts(seen, at)
    expected = sum(
        float(factor[rows] @ (seen.days[rows] @ np.exp(logs[one]))) for one, rows in enumerate(seen.members)
    )
    return float((seen.ends * logs).sum() + seen.ended @ score) - expected


def _slope_and_curve(seen: _Seen, at: Floats) -> tuple[Floats, Floats]:
    """Gradient of the log likelihood, and minus its second derivatives."""
    logs, _, factor = _parts(seen, at)
    cells, pieces = seen.ends.size, seen.ends.shape[1]
    curve = np.zeros((len(at), len(at)))
    total = np.empty(len(seen.ended))
    for one, rows in enumerate(seen.members):
        each = seen.days[rows] * np.exp(logs[one]) * factor[rows, None]
        total[rows] = each.sum(axis=1)
        place = slice(one * pieces, (one + 1) * pieces)
        curve[place, place] = np.diag(each.sum(axis=0))
        curve[place, cells:] = each.T @ seen.traits[rows]
    curve[cells:, :cells] = curve[:cells, cells:].T
    curve[cells:, cells:] = seen.traits.T @ (seen.traits * total[:, None])
    slope = np.concatenate(
        (seen.ends.ravel() - np.diag(curve)[:cells], seen.traits.T @ (seen.ended - total))
    )  # fmt: skip
    return slope, curve


def _pull(strata: int, pieces: int, traits: int, penalty: Penalty) -> Floats:
    """The penalties' second derivatives: half of at' P at is what they cost."""
    steps = np.diff(np.eye(pieces), axis=0)
    curves = np.kron(np.eye(strata), penalty.smooth * steps.T @ steps)
    apart = np.kron(np.eye(strata) - 1 / strata, penalty.pooled * np.eye(pieces))
    cells = strata * pieces
    pull = np.zeros((cells + traits, cells + traits))
    pull[:cells, :cells] = curves + apart
    pull[cells:, cells:] = penalty.ridge * np.eye(traits)
    return pull


def _climb(seen: _Seen, pull: Floats, at: Floats) -> Floats:
    """Newton's steps, halved until they climb: what is climbed is concave, so its top is the only one."""

    def height(point: Floats) -> float:
        return _value(seen, point) - float(point @ pull @ point) / 2

    here = height(at)
    for _ in range(STEPS):
        slope, curve = _slope_and_curve(seen, at)
        step = np.linalg.solve(curve + pull, slope - pull @ at)
        for _ in range(HALVINGS):
            there = height(at + step)
            if there >= here - STILL:
                break
            step = step / 2
        at, here = at + step, there
        if np.abs(step).max() < CLOSE:
            break
    return at
