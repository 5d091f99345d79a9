"""The customers worth most and how many of them are about to leave, from their scores."""

from dataclasses import dataclass
from math import ceil

import polars as pl

from winback.scores.scoring import Scores

TOP_SHARE = 0.2
THRESHOLDS = (0.5, 0.7, 0.9)  # of the risk


@dataclass(frozen=True, slots=True, kw_only=True)
class AtRisk:
    """Of the top 20 % those with a risk of ``threshold`` or more; their expected value in major units."""

    threshold: float
    customers: int
    expected_value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HighValue:
    """The top 20 % of the scored by expected value over the horizon, major units, and those of them at risk.

    ``expected_share``: what they hold of all expected value; ``past_share``: what the top 20 % by past value hold
    of all past value. Both 0-1, None of nothing.
    """

    scored: int
    customers: int
    expected_value: float
    expected_share: float | None
    past_share: float | None
    model: str
    at_risk: tuple[AtRisk, ...]


def high_value(scores: Scores) -> HighValue:
    """The top 20 % = value_rank <= ceil(0.2 x rows), as in a campaign's audience."""
    frame = scores.frame
    top = frame.filter(is_top(frame, "value_rank"))
    return HighValue(
        scored=frame.height,
        customers=top.height,
        expected_value=_sum(top, "expected_value"),
        expected_share=_share(top, frame, "expected_value"),
        past_share=_share(frame.filter(is_top(frame, "past_rank")), frame, "past_value"),
        model=scores.model,
        at_risk=tuple(_at_risk(top, threshold) for threshold in THRESHOLDS),
    )


def is_top(frame: pl.DataFrame, rank: str) -> pl.Series:
    """Which rows of a SCORES frame are in the top 20 % by ``rank``."""
    return frame[rank] <= ceil(TOP_SHARE * frame.height)


def _at_risk(top: pl.DataFrame, threshold: float) -> AtRisk:
    found = top.filter(pl.col("risk") >= threshold)
    return AtRisk(
        threshold=threshold, customers=found.height, expected_value=_sum(found, "expected_value")
    )  # fmt: skip


def _share(part: pl.DataFrame, whole: pl.DataFrame, column: str) -> float | None:
    total = _sum(whole, column)
    return _sum(part, column) / total if total > 0 else None


def _sum(frame: pl.DataFrame, column: str) -> float:
    return float(frame[column].sum())
