"""Recency and frequency quintiles: the fall-back where no model can be fitted.

A customer's risk is what was observed, not modelled: the share without an order among those who stood in the same
cell of recency and frequency one horizon earlier, over the horizon that followed. What he brings, if he orders at
all, follows from the pace he has ordered at.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from winback.customers.features import EarlierWindow

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FIFTHS: Final = (0.2, 0.4, 0.6, 0.8)
UNKNOWN_RISK: Final = 0.5
"""Where nothing was observed one horizon earlier, not even by anybody: no share is better than another."""

PRIOR: Final = 2
"""Customers like the average that each cell is given besides its own: a cell of one says neither 0 nor 1."""


def observed_risk(recency_days: Integers, purchase_days: Integers, earlier: EarlierWindow | None) -> Floats:
    """Share without an order in each customer's cell one horizon earlier; shape (n,), within [0, 1].

    The fifths' edges are those of the earlier customers, in days and in purchase days, so a cell means the same
    on both dates; equal values share a cell. PRIOR customers of the share of all are counted into each cell, so a
    cell nobody stood in gets that share.
    """
    if earlier is None or earlier.customers.is_empty():
        return np.full(len(recency_days), UNKNOWN_RISK)
    then = earlier.customers
    recencies, frequencies = then["recency_days"].to_numpy(), then["purchase_days"].to_numpy()
    edges = np.quantile(recencies, FIFTHS), np.quantile(frequencies, FIFTHS)
    silent = ~then["ordered"].to_numpy()
    cell = _cell(recencies, frequencies, edges)
    customers = np.bincount(cell, minlength=25)
    lost = np.bincount(cell, weights=silent, minlength=25)
    share = (lost + PRIOR * silent.mean()) / (customers + PRIOR)
    return np.asarray(share[_cell(recency_days, purchase_days, edges)])


def orders_if_any(purchase_days: Integers, age_days: Integers, horizon_days: int) -> Floats:
    """Expected purchase days within the horizon of one who has at least one; shape (n,), at least 1.

    Orders come at a steady pace (Poisson): his purchase days over his age, to which the mean time of all customers
    for one order is added (or the horizon, if longer), so that who came yesterday is not expected every day.
    """
    usual = max(float((age_days + 1).sum() / purchase_days.sum()), horizon_days)
    pace = purchase_days / (age_days + usual) * horizon_days
    return np.asarray(pace / -np.expm1(-pace))


def _cell(recency_days: Integers, purchase_days: Integers, edges: tuple[Floats, Floats]) -> Integers:
    recency, frequency = (
        np.searchsorted(edge, values) for edge, values in zip(edges, (recency_days, purchase_days), strict=True)
    )
    return np.asarray(5 * recency + frequency, dtype=np.int64)
