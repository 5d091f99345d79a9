"""Scores of all customers from the facts: the same for a run, for `winback score` and for the scheduled flow."""

from collections.abc import Sequence
from datetime import date

import polars as pl
from sqlmodel import Session

from db.customers import numbers
from db.facts.queries import read_earlier, read_features
from db.facts.store import path_of
from db.settings import Settings
from winback.money import exponent
from winback.scores.scoring import Scores, score


def score_all(
    session: Session, settings: Settings, facts: Sequence[str], as_of: date, horizon_days: int
) -> tuple[pl.DataFrame, Scores]:
    """(features, scores) of every customer with an order on or before ``as_of``, from the fact files ``facts``."""
    files = [path_of(settings.facts, digest) for digest in facts]
    features = read_features(files, as_of=as_of).join(numbers(session), on="customer_no", how="left")
    scores = score(
        features,
        as_of=as_of,
        horizon_days=horizon_days,
        minor_per_major=10 ** exponent(settings.file.currency),
        earlier=read_earlier(files, as_of=as_of, horizon_days=horizon_days),
    )
    return features, scores
