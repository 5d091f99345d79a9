"""The models of orders behind one face: fitted, judged whether the customers identify them, and asked."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from winback.scores.btyd import Family, Fit, Histories, expected_orders, fit, probability_of_no_order
from winback.scores.pareto_nbd import ParetoFit, fit_pareto, pareto_outlook
from winback.scores.recipe import Model

Floats = NDArray[np.float64]
OrderFit = Fit | ParetoFit

MIN_REPEATERS: Final = 100
MIN_GAIN: Final = 1.92  # of log-likelihood: half the 95 % point of chi-squared with one degree of freedom
RATE_BOUNDS: Final = (1e-3, 1e3)  # r, and alpha in units of the middle age


def fit_orders(
    wanted: Model, histories: Histories, near: OrderFit | None = None
) -> tuple[OrderFit | None, str | None]:
    """The model of orders the customers can carry, None when none, and why it is not the one ``wanted``.

    ``near``: a fit of much the same customers, which spares Pareto/NBD its search.
    """
    repeaters = int((histories.repeats > 0).sum())
    if repeaters < MIN_REPEATERS:
        return None, f"{repeaters} customers ordered on two days or more, fewer than {MIN_REPEATERS}"
    chosen, remark = _with_dropout(wanted, histories, near)
    low, high = RATE_BOUNDS
    alpha = chosen.alpha / max(float(np.median(histories.age)), 1.0)
    if not (low <= chosen.r <= high and low <= alpha <= high):
        edge = f"r {chosen.r:.3g}, alpha {alpha:.3g} of the middle age"
        return None, f"order rate not identified by {model_of(chosen)}: {edge}"
    return chosen, remark


def _with_dropout(wanted: Model, histories: Histories, near: OrderFit | None) -> tuple[OrderFit, str | None]:
    """``wanted``, or NBD and the reason, where stopping for good explains nothing."""
    simpler = fit(Family.NBD, histories)
    known = near if isinstance(near, ParetoFit) else None
    full = (
        fit_pareto(histories, known)
        if wanted in (Model.PARETO_NBD, Model.SEASONAL)
        else fit(wanted.family, histories)
    )
    gain = max(full.log_likelihood - simpler.log_likelihood, 0.0)
    if gain >= MIN_GAIN:
        return full, None
    said = f"dropout not identified: log-likelihood of {wanted} {gain:.2f} above NBD's, less than {MIN_GAIN}"
    return simpler, f"{said}: NBD used"


def model_of(fitted: OrderFit) -> Model:
    """Which model it is."""
    return Model.PARETO_NBD if isinstance(fitted, ParetoFit) else Model(fitted.family.value)


def asked(fitted: OrderFit, histories: Histories, *, horizon: float) -> tuple[Floats, Floats]:
    """(P(no order within ``horizon``), expected orders within it); each of shape (n,)."""
    if isinstance(fitted, ParetoFit):
        return pareto_outlook(fitted, histories, horizon=horizon)
    return (
        probability_of_no_order(fitted, histories, horizon=horizon),
        expected_orders(fitted, histories, horizon=horizon),
    )
