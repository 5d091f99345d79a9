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

STEPS: Final = 30

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

    def standard(rows: Floats) -> Floats:
        return np.column_stack((np.ones(len(rows)), (rows - middle) / spread))

    known, target = standard(matrix), silent.astype(np.float64)
    penalty = np.full(known.shape[1], RIDGE)
    penalty[0] = 1e-9
    weights = np.zeros(known.shape[1])
    weights[0] = np.log((target.mean() + 1e-6) / (1 - target.mean() + 1e-6))
    for _ in range(STEPS):
        guess = expit(_times(known, weights))
        curve = np.einsum("ni,nj->ij", known * (guess * (1 - guess))[:, None], known) + np.diag(penalty)
        slope = np.einsum("ni,n->i", known, guess - target) + penalty * weights
        step = np.linalg.solve(curve, slope)
        weights -= step
        if np.abs(step).max() < 1e-9:
            break
    slope = weights[1:] / spread
    level = weights[0] - (slope * middle).sum()

    def logits(rows: Floats) -> Floats:
        found = np.full(len(rows), level)
        for column, by in zip(rows.T, slope, strict=True):
            found += column * by
        return found

    return logits


def _times(rows: Floats, weights: Floats) -> Floats:
    """Their product without BLAS, whose last bits hang on where a row stands and how many threads there are."""
    return np.asarray(np.einsum("ni,i->n", rows, weights))


def learn_boosted(matrix: Floats, silent: Mask) -> Learned:
    """LightGBM on P(no order); the returned function gives logits."""
    import lightgbm  # an optional extra, and half a second to import

    data = lightgbm.Dataset(matrix, silent.astype(np.float64))
    model = lightgbm.train({**BOOSTED, "objective": "binary"}, data, TREES)
    return asker(_trees(model.dump_model()))


def learn_value(matrix: Floats, value: Floats, expected: Floats) -> Learned:
    """LightGBM (Tweedie) on value >= 0, boosted from ``expected`` > 0; it gives logs of value/expected."""
    import lightgbm

    data = lightgbm.Dataset(matrix, value, init_score=np.log(expected))
    model = lightgbm.train({**BOOSTED, "objective": "tweedie"}, data, VALUE_TREES)
    return asker(_trees(model.dump_model()))


def _trees(dumped: dict[str, Any]) -> list[Node]:
    return [tree["tree_structure"] for tree in dumped["tree_info"]]
