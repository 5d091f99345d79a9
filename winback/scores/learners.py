"""Learners: what followed for customers one label window ago, applied to those of today.

Logistic regression needs nothing; LightGBM is the optional extra ``[ml]`` and is imported only when it is asked.
Both give logits of P(no order); LightGBM also learns value, as a correction to what is expected without it.
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from winback.scores.trees import LEAVES, Node, asker

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Learned = Callable[[Floats], Floats]

RIDGE: Final = 1.0
"""Of the logistic regression's standardised coefficients: finite where a column separates the two."""

STEPS, SMALL = 50, 1e-9
"""Of its search: at most so many steps, until no weight moves by more."""

SEED: Final = 1

TREES: Final = 80
VALUE_TREES: Final = 60

BOOSTED: Final[dict[str, Any]] = {
    "num_leaves": LEAVES,
    "learning_rate": 0.05,
    "min_data_in_leaf": 100,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "verbosity": -1,
    "seed": SEED,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
}
"""Small trees, many of them, on part of the rows and columns: thousands of customers, a few dozen columns."""


def has_lightgbm() -> bool:
    """Is the extra ``[ml]`` installed? Does not import it."""
    return find_spec("lightgbm") is not None


def learn_logistic(matrix: Floats, silent: Mask) -> Learned:
    """Logistic regression on standardised columns by Newton's method; the returned function gives logits."""
    middle, spread = matrix.mean(axis=0), matrix.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    known = np.vstack((np.ones(len(matrix)), ((matrix - middle) / spread).T))
    weights = _climbed(known, silent.astype(np.float64))
    slope = weights[1:] / spread
    level = weights[0] - (slope * middle).sum()

    def logits(rows: Floats) -> Floats:
        found = np.full(len(rows), level)
        for column, by in zip(rows.T, slope, strict=True):
            found += column * by
        return found

    return logits


def _climbed(known: Floats, target: Floats) -> Floats:
    """The weights of the rows of ``known``, shape (k, n), the first of which is constant and bears no ridge.

    A step that leads up is halved: where columns tell nearly all, whole steps of Newton's can run away.
    """
    penalty = np.full(len(known), RIDGE)
    penalty[0] = 1e-9
    weights, curve, moved, before = np.zeros(len(known)), np.diag(penalty), 1.0, 1.0
    weights[0] = np.log((target.mean() + 1e-6) / (1 - target.mean() + 1e-6))
    loss, logits = _loss(weights, known, target, penalty)
    for _ in range(STEPS):
        guess = expit(logits)
        if moved > before / 10:  # as long as steps shrink tenfold the curve, most of the work, is good enough
            curve = _squares(known, guess * (1 - guess)) + np.diag(penalty)
        slope = np.einsum("in,n->i", known, guess - target) + penalty * weights
        step = np.linalg.solve(curve, slope)
        new, logits = _loss(weights - step, known, target, penalty)
        while new > loss * (1 + 1e-12) and np.abs(step).max() > SMALL:
            step /= 2
            new, logits = _loss(weights - step, known, target, penalty)
        weights, loss = weights - step, new
        moved, before = float(np.abs(step).max()), moved
        if moved < SMALL:
            break
    return weights


def _loss(weights: Floats, known: Floats, target: Floats, penalty: Floats) -> tuple[float, Floats]:
    """Minus the penalised log-likelihood, and the logits it is of."""
    logits = np.einsum("in,i->n", known, weights)
    misfit = np.maximum(logits, 0) + np.log1p(np.exp(-np.abs(logits))) - target * logits
    return float(misfit.sum() + (penalty * weights**2).sum() / 2), logits


def _squares(columns: Floats, weight: Floats) -> Floats:
    """Sums of weighted products of each two ``columns``, shape (k, n).

    Without BLAS, whose last bits hang on where a row stands and how many threads there are.
    """
    sums = np.empty((len(columns), len(columns)))
    for at, weighted in enumerate(columns * weight):
        sums[at, : at + 1] = sums[: at + 1, at] = np.einsum("n,jn->j", weighted, columns[: at + 1])
    return sums


def learn_boosted(matrix: Floats, silent: Mask) -> Learned:
    """LightGBM on P(no order); the returned function gives logits."""
    import lightgbm  # an optional extra, and half a second to import

    data = lightgbm.Dataset(matrix, silent.astype(np.float64))
    model = lightgbm.train({**BOOSTED, "objective": "binary"}, data, TREES)
    return asker(_trees(model.dump_model()))


def learn_value(matrix: Floats, value: Floats, expected: Floats) -> Learned:
    """LightGBM (Tweedie) on value >= 0, boosted from ``expected`` > 0; it gives logs of value/expected.

    In units of the mean of ``expected``: its loss and ridge are not free of the unit.
    """
    import lightgbm

    unit = expected.mean()
    data = lightgbm.Dataset(matrix, value / unit, init_score=np.log(expected / unit))
    model = lightgbm.train({**BOOSTED, "objective": "tweedie"}, data, VALUE_TREES)
    return asker(_trees(model.dump_model()))


def _trees(dumped: dict[str, Any]) -> list[Node]:
    return [tree["tree_structure"] for tree in dumped["tree_info"]]
