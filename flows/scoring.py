"""Scores of all customers from the facts: the same for a run, for `winback score` and for the scheduled flow."""

from collections.abc import Sequence
from datetime import date
from functools import partial

import polars as pl
from sqlmodel import Session

from db.customers import numbers
from db.facts.queries import CHURN_COUNTS, read_earlier, read_features
from db.facts.store import path_of
from db.settings import Settings
from winback.money import exponent
from winback.scores.scoring import Model, Scores, score


def score_all(
    session: Session, settings: Settings, facts: Sequence[str], as_of: date, horizon_days: int
) -> tuple[pl.DataFrame, Scores]:
    """(features, scores) of every customer with an order on or before ``as_of``, from the fact files ``facts``."""
    files = [path_of(settings.facts, digest) for digest in facts]
    features = read_features(files, as_of=as_of).join(numbers(session), on="customer_no", how="left")
    scorer = partial(
        score,
        features,
        as_of=as_of,
        horizon_days=horizon_days,
        minor_per_major=10 ** exponent(settings.file.currency),
    )
    scores = scorer()
    if scores.model is Model.QUINTILES:  # only it looks one horizon back, at the price of a second pass
        scores = scorer(earlier=read_earlier(files, as_of=as_of, horizon_days=horizon_days))
    return features, scores


def model_churn(scores: Scores, threshold: float, currency: str, groups: pl.DataFrame | None) -> pl.DataFrame:
    """CHURN_COUNTS by the model: of the scored, lost = risk >= ``threshold``; value = expected value."""
    frame = scores.frame.with_columns(
        lost=pl.col("risk") >= threshold,
        minor=(pl.col("expected_value") * 10 ** exponent(currency)).round().cast(pl.Int64),
    )
    named = (
        frame.join(groups, on="customer_no", how="left") if groups is not None else frame.with_columns(value=None)
    )
    counts = named.group_by(pl.col("value").cast(pl.String)).agg(
        active=pl.len().cast(pl.Int64),
        lost=pl.col("lost").sum().cast(pl.Int64),
        at_start_minor=pl.col("minor").sum(),
        lost_minor=pl.col("minor").filter("lost").sum(),
    )
    return counts.sort("value", nulls_last=True).select(CHURN_COUNTS.names())
