"""How good scores of contracts would have been: measured on what followed past days.

Concordance is Harrell's C over the window: of two contracts of which one ended while the other lived on for
longer, or until the window's end, the share in which the first had the higher risk; ties half.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from winback.customers.tie_key import tie_keys
from winback.scores.backtest import Band, Measured, Truth, bands, measured
from winback.scores.contract_clock import DAYS_A_MONTH
from winback.scores.contracts import ContractModel, ahead, at_one_rate, learn
from winback.scores.scoring import smallest

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

PAIRED: Final = 5_000
"""Contracts compared two by two, so that the price does not grow with the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredContracts:
    """One model over one window of contracts; ``base_rate``: share that ended, ``concordance`` None of no pair."""

    row: Measured
    concordance: float | None

    def as_dict(self) -> dict[str, Any]:
        """As JSON says it."""
        return self.row.as_dict() | {"concordance": self.concordance}


@dataclass(frozen=True, slots=True, kw_only=True)
class AtCut:
    """What was measured at one cut, the learned model's calibration, its name, and what it said of itself."""

    measured: tuple[MeasuredContracts, ...]
    calibration: tuple[Band, ...]
    model: ContractModel
    notes: tuple[str, ...]


def contracts_at_cut(
    contracts: pl.DataFrame, attributes: pl.DataFrame, later: pl.DataFrame, *, cut: date, horizon_days: int
) -> AtCut | None:
    """Scores of ``contracts`` (CONTRACTS at ``cut``) against their ends in ``later`` (CONTRACTS when it was over).

    One row for what is learned and one for a hazard that is the same for all. None where no contract lived.
    """
    learned = learn(contracts, attributes, cut, horizon_days)
    if not len(learned.live):
        return None
    living = contracts[learned.live]
    kept, ended = _followed(living, later, cut, horizon_days)
    monthly = living["monthly_minor"].cast(pl.Float64).to_numpy() / DAYS_A_MONTH
    truth = Truth(
        cut=cut,
        silent=ended,
        minor=monthly * kept,
        past_minor=monthly * learned.age[learned.live],
        keys=tie_keys(living["customer_id"]),
    )
    asked = {learned.model: learned, ContractModel.CONSTANT: at_one_rate(learned)}
    found = []
    for model, one in asked.items():
        risk, days = ahead(one, horizon_days)
        row = measured(model.value, model.value, truth, risk, monthly * days)
        pairs = smallest(truth.keys, PAIRED)
        found.append(MeasuredContracts(row=row, concordance=concordance(kept[pairs], ended[pairs], risk[pairs])))
    return AtCut(
        measured=tuple(found),
        calibration=bands(ahead(learned, horizon_days)[0], ended),
        model=learned.model,
        notes=learned.remarks,
    )


def concordance(days: Floats, ended: Mask, risk: Floats) -> float | None:
    """Harrell's C of contracts seen for so many ``days``; None where no two can be compared."""
    right = total = 0.0
    for row in np.flatnonzero(ended):
        longer = (days > days[row]) | ((days == days[row]) & ~ended)
        right += (risk[row] > risk[longer]).sum() + 0.5 * (risk[row] == risk[longer]).sum()
        total += longer.sum()
    return round(right / total, 6) if total else None


def _followed(living: pl.DataFrame, later: pl.DataFrame, cut: date, horizon_days: int) -> tuple[Floats, Mask]:
    """(Days kept of the window, whether it ended in it) of the contracts that lived at ``cut``."""
    over = later.select("source", "contract", over_on="ended_on")
    ends = living.join(over, on=["source", "contract"], how="left", maintain_order="left", validate="1:1")[
        "over_on"
    ]
    last = cut + timedelta(days=horizon_days)
    ended = (ends <= last).fill_null(value=False)
    kept = (ends - cut).dt.total_days() - 1  # the day it ends is the first without it
    whole = pl.Series([horizon_days] * len(kept), dtype=pl.Int64)
    return kept.zip_with(ended, whole).cast(pl.Float64).to_numpy(), ended.to_numpy()
