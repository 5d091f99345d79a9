"""Scores of all customers from the facts: the same for a run, for `winback score` and for the scheduled flow."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import polars as pl
from sqlmodel import Session

from db.choices import last_horizon, latest_choice
from db.customers import identified
from db.facts.queries import CHURN_COUNTS, read_log
from db.facts.store import path_of
from db.settings import Settings
from winback.customers.order_log import OrderLog, recent_of
from winback.money import exponent
from winback.scores.learners import has_lightgbm
from winback.scores.material import material
from winback.scores.reasons import Recent, reasons
from winback.scores.recipe import Model, Recipe, default_recipe
from winback.scores.scoring import Scores, score
from winback.words import Language, in_singular


def score_all(
    session: Session, settings: Settings, facts: Sequence[str], as_of: date, horizon_days: int
) -> tuple[pl.DataFrame, Scores]:
    """(features, scores) of every customer with an order on or before ``as_of``, from the fact files ``facts``.

    By the recipe the last backtest before ``as_of`` chose, else by the default.
    """
    _, features, scores = _scored(session, settings, facts, as_of, horizon_days)
    return features, scores


def score_and_explain(
    session: Session, settings: Settings, facts: Sequence[str], as_of: date, horizon_days: int, language: Language
) -> Scores:
    """The same scores, their frame with ``reasons``: a list of up to three strings."""
    log, features, scores = _scored(session, settings, facts, as_of, horizon_days)
    orders, orders_before, minor, minor_before = recent_of(log, as_of, features, horizon_days)
    recent = Recent(
        days=horizon_days, orders=orders, orders_before=orders_before, minor=minor, minor_before=minor_before
    )
    unit = 10 ** exponent(settings.file.currency)
    told = reasons(features, scores.frame["risk"].to_numpy(), recent, unit, language)
    return replace(scores, frame=scores.frame.with_columns(reasons=told))


def _scored(
    session: Session, settings: Settings, facts: Sequence[str], as_of: date, horizon_days: int
) -> tuple[OrderLog, pl.DataFrame, Scores]:
    log = read_log([path_of(settings.facts, digest) for digest in facts], as_of=as_of)
    recipe, remark = recipe_at(session, as_of, horizon_days)
    given = material(log, identified(session), as_of, horizon_days, recipe)
    scores = score(
        given.features,
        as_of=as_of,
        horizon_days=horizon_days,
        minor_per_major=10 ** exponent(settings.file.currency),
        recipe=recipe,
        windows=given.windows,
        lesson=given.lesson,
        season=given.season,
        earlier=given.earlier,
        clock=given.clock,
        keys=given.keys,
        remark="; ".join(said for said in (remark, given.remark) if said) or None,
    )
    reason = scores.fallback_reason and in_singular(scores.fallback_reason)
    return log, given.features, replace(scores, fallback_reason=reason)


def recipe_at(session: Session, as_of: date, horizon_days: int) -> tuple[Recipe, str | None]:
    """The recipe to score ``as_of`` over the horizon by, and what is missing of it, in words."""
    chosen = latest_choice(session, as_of, horizon_days)
    if chosen is None:
        other = last_horizon(session, as_of)
        said = f"the last backtest was over {other} days, not {horizon_days}: the default models are used"
        return default_recipe(lightgbm=has_lightgbm()), said if other is not None else None
    if Model.LIGHTGBM in chosen.parts and not has_lightgbm():
        left = tuple(part for part in chosen.parts if part is not Model.LIGHTGBM) or (chosen.orders,)
        return replace(chosen, parts=left), "the backtest chose LightGBM, which is not installed (extra [ml])"
    return chosen, None


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
