"""Who of a run's members was lost, where something else than the orders of its window decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl
from sqlmodel import Session

from db.facts.sums import BY_ORDERS
from db.settings import Settings
from flows.candidates import said_of
from flows.scoring import score_all
from winback.campaigns.campaign import ChurnRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What the model says at the end of a day; ``lost``: customer_no, lost of everybody with an order until then.

    ``said``: what scoring says of itself, with as_of and the threshold.
    """

    lost: pl.DataFrame
    said: dict[str, Any]


def forecast_at(
    session: Session, settings: Settings, facts: Sequence[str], as_of: date, churn: ChurnRule
) -> Forecast:
    """Who is predicted lost at the end of ``as_of``: a risk of ``churn.lost_from`` or more of no order ``within``.

    The path of `winback churn --definition model`: fitted on all customers, of whom it does not know the arms, by
    the orders in ``facts`` up to ``as_of`` alone.
    """
    _, scored = score_all(session, settings, facts, as_of, churn.within)
    return Forecast(
        lost=scored.frame.select("customer_no", lost=pl.col("risk") >= churn.lost_from),
        said=said_of(scored, churn.within) | {"as_of": as_of.isoformat(), "threshold": churn.lost_from},
    )


def with_losses(members: pl.DataFrame, held: pl.DataFrame | None, forecast: Forecast | None) -> pl.DataFrame:
    """``members`` with lost, held_minor and kept_minor (MEMBER_CELLS), null where their orders decide.

    ``held``: HELD (db.facts.recorded), where contracts decide: who lost the last one, and what a month is worth as
    chosen and at the end. Whom a ``forecast`` does not know has no order left, so he is lost.
    """
    if held is not None:
        return members.join(held, on="customer_no", how="left").with_columns(
            pl.col("held_minor", "kept_minor").fill_null(0), lost=~pl.col("kept").fill_null(False)
        )
    if forecast is None:
        return members.with_columns(**BY_ORDERS)
    amounts = {name: unknown for name, unknown in BY_ORDERS.items() if name != "lost"}
    known = members.join(forecast.lost, on="customer_no", how="left")
    return known.with_columns(pl.col("lost").fill_null(True), **amounts)
