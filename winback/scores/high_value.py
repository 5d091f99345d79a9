"""The customers worth most and how many of them are about to leave, from their scores."""

from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

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

    ``expected_share`` and ``spent_share``: what they hold of all expected value, and of all spent before.
    ``past_share`` and ``past_expected_share``: what the top 20 % by past value hold of what was spent, and of
    expected value. ``in_both``: customers in both. Shares 0-1, None of nothing.
    """

    scored: int
    customers: int
    expected_value: float
    expected_share: float | None
    spent_share: float | None
    past_share: float | None
    past_expected_share: float | None
    in_both: int
    model: str
    at_risk: tuple[AtRisk, ...]

    def as_dict(self) -> dict[str, Any]:
        """The JSON of ``winback churn --by value``."""
        return asdict(self)


def high_value(scores: Scores) -> HighValue:
    """The top 20 % = value_rank <= ceil(0.2 x rows), as in a campaign's audience."""
    frame = scores.frame
    top, past = (frame.filter(is_top(frame, rank)) for rank in ("value_rank", "past_rank"))
    return HighValue(
        scored=frame.height,
        customers=top.height,
        expected_value=_sum(top, "expected_value"),
        expected_share=_share(top, frame, "expected_value"),
        spent_share=_share(top, frame, "past_value"),
        past_share=_share(past, frame, "past_value"),
        past_expected_share=_share(past, frame, "expected_value"),
        in_both=top.join(past, on="customer_no", how="semi").height,
        model=scores.model,
        at_risk=tuple(_at_risk(top, threshold) for threshold in THRESHOLDS),
    )


def top_customers(scores: Scores) -> pl.DataFrame:
    """Whoever is in the top 20 % by expected or by past value, best first: one row each, for a list."""
    frame = scores.frame.with_columns(
        top_by_expected=is_top(scores.frame, "value_rank"), top_by_past=is_top(scores.frame, "past_rank")
    )
    told = "customer_id", "risk", "expected_value", "value_rank", "past_value", "past_rank"
    either = frame.filter(pl.col("top_by_expected") | pl.col("top_by_past")).sort("value_rank")
    return either.select(*told, "top_by_expected", "top_by_past")


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
