"""Recency and frequency quintiles: the fall-back where no model can be fitted.

A customer's risk is what was observed, not modelled: the share without an order among those who stood in the same
cell of recency and frequency one horizon earlier, over the horizon that followed. His expected value is his past
net at the pace it was recorded, so that all customers together go on as the whole business did.
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


def observed_risk(recency_days: Integers, purchase_days: Integers, earlier: EarlierWindow | None) -> Floats:
    """Share without an order in each customer's cell one horizon earlier; shape (n,), within [0, 1].

    The fifths' edges are those of the earlier customers, in days and in purchase days, so a cell means the same
    on both dates; equal values share a cell. A cell nobody stood in gets the share of all.
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
    share = np.where(customers > 0, lost / np.maximum(customers, 1), silent.mean())
    return np.asarray(share[_cell(recency_days, purchase_days, edges)])


def run_rate(net_minor: Integers, *, recorded_days: int, horizon_days: int) -> Floats:
    """Past net per day times the horizon, minor units; shape (n,). Negative for who took back more than he paid.

    The day's share is of all ``recorded_days`` (the first order of anybody to as_of), not of the customer's own:
    else who came yesterday would be expected to come every day.
    """
    return np.asarray(net_minor / recorded_days * horizon_days)


def _cell(recency_days: Integers, purchase_days: Integers, edges: tuple[Floats, Floats]) -> Integers:
    recency, frequency = (
        np.searchsorted(edge, values) for edge, values in zip(edges, (recency_days, purchase_days), strict=True)
    )
    return np.asarray(5 * recency + frequency, dtype=np.int64)
