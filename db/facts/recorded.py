"""Lines, activity, feedback and subscriptions as they stand: of each fact the latest version, up to a day.

``files`` are the paths of the fact files of that kind (``db.facts.store.digests(session, kind)``). Lines, activity
and feedback may be many: they come lazily, so that only the columns asked for are read.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Final

import polars as pl

from db.facts.queries import CHURN_COUNTS, ask_contracts, one_group_each
from db.facts.writing import fact_columns
from winback.intake.fields import Kind
from winback.scores.contracts import CONTRACTS, in_order

Files = Sequence[Path]

LINES: Final = pl.Schema(
    {
        "customer_no": pl.Int64(),  # of its order, as is the day
        "ordered_on": pl.Date(),
        "source": pl.String(),
        "order_id": pl.String(),
        "product_id": pl.String(),
        "product_name": pl.String(),
        "category": pl.String(),
        "quantity": pl.Float64(),  # negative: taken back
        "unit_price_micros": pl.Int64(),  # millionths of a major unit
        "refunds": pl.Boolean(),  # its order's amount is below 0, or it names an order it refunds
    }
)
ACTIVITY: Final = pl.Schema(
    {
        "customer_no": pl.Int64(),
        "at": pl.Datetime("us", "UTC"),
        "happened_on": pl.Date(),  # the local day
        "kind": pl.String(),
        "value": pl.Float64(),
    }
)
FEEDBACK: Final = pl.Schema(
    {
        "customer_no": pl.Int64(),
        "at": pl.Datetime("us", "UTC"),
        "given_on": pl.Date(),  # the local day
        "kind": pl.String(),  # winback.intake.row_rules.FeedbackKind
        "score": pl.Float64(),
        "cause": pl.String(),
        "text": pl.String(),
    }
)
SUBSCRIPTIONS: Final = pl.Schema(
    {
        "customer_no": pl.Int64(),
        "source": pl.String(),
        "contract": pl.String(),  # unique within its source
        "started_on": pl.Date(),
        "ended_on": pl.Date(),  # the first day without it; null while it lives
        "renews_on": pl.Date(),  # as told last: of a past day it may be known too early
        "monthly_minor": pl.Int64(),
        "plan": pl.String(),
        "end_reason": pl.String(),
        "tenure_months": pl.Float64(),  # of a snapshot, on `told_on`; null for rows
        "told_on": pl.Date(),  # the day of the snapshot; null for rows
    }
)
_SPELLS: Final = pl.Schema({name: kind for name, kind in CONTRACTS.items() if name != "customer_id"})

HELD: Final = pl.Schema(
    {
        "customer_no": pl.Int64(),
        "held": pl.Boolean(),  # a contract was live at the start
        "kept": pl.Boolean(),  # one is live at the end, the same or another
        "held_minor": pl.Int64(),  # monthly amounts of those live at the start
        "kept_minor": pl.Int64(),  # at the end
    }
)


def read_lines(files: Files, orders: Files, *, as_of: date) -> pl.LazyFrame:
    """LINES of the orders on or before ``as_of``; a line whose order is not there has no day: left out."""
    if not files or not orders:
        return LINES.to_frame().lazy()
    of_orders = _standing(orders, "order_id").select(
        "customer_no",
        "source",
        "order_id",
        "ordered_on",
        refunds=(pl.col("amount_minor") < 0) | pl.col("refund_of").is_not_null(),
    )
    lines = _standing(files, "fact_id").drop("customer_no").join(of_orders, on=["source", "order_id"])
    return lines.filter(pl.col("ordered_on") <= as_of).select(LINES.names())


def read_activity(files: Files, *, as_of: date) -> pl.LazyFrame:
    """ACTIVITY on or before ``as_of``."""
    return _until(files, Kind.ACTIVITY, as_of).rename({"fact_on": "happened_on"}).select(ACTIVITY.names())


def read_feedback(files: Files, *, as_of: date) -> pl.LazyFrame:
    """FEEDBACK on or before ``as_of``."""
    return _until(files, Kind.FEEDBACK, as_of).rename({"fact_on": "given_on"}).select(FEEDBACK.names())


def read_subscriptions(files: Files, *, as_of: date) -> pl.DataFrame:
    """SUBSCRIPTIONS begun on or before ``as_of``, by customer; an end after it is not known yet."""
    return ask_contracts("subscriptions", files, SUBSCRIPTIONS, {"as_of": as_of})


def read_contracts(files: Files, ids: pl.DataFrame, *, as_of: date) -> pl.DataFrame:
    """CONTRACTS begun on or before ``as_of``, as told by then; ``ids``: customer_id, customer_no of everybody."""
    told = ask_contracts("contract_spells", files, _SPELLS, {"as_of": as_of})
    return in_order(told.join(ids, on="customer_no", how="inner", validate="m:1"))


def first_snapshot(files: Files) -> date | None:
    """The earliest day that a snapshot of contracts shows; None without any."""
    told = pl.scan_parquet(list(files), glob=False).select(pl.col("told_on").min())
    first: date | None = told.collect().item()
    return first


def held_contracts(files: Files, *, as_of: date, through: date) -> pl.DataFrame:
    """HELD at the end of ``as_of`` and of ``through``: who has a contract on neither day has no row."""
    return ask_contracts("held_contracts", files, HELD, {"as_of": as_of, "through": through})


def count_contract_churn(
    files: Files, *, as_of: date, window_days: int, by_plan: bool = False, groups: pl.DataFrame | None = None
) -> pl.DataFrame:
    """CHURN_COUNTS of contracts: live at the end of ``as_of``, ended or run out unrenewed in the window after it.

    One row per plan, or per value of ``groups`` (GROUPS, each customer at most once), nulls last.
    """
    bound = {"as_of": as_of, "window_days": window_days, "by_plan": by_plan}
    return ask_contracts("contract_churn", files, CHURN_COUNTS, bound, groups=one_group_each(groups))


def _until(files: Files, kind: Kind, as_of: date) -> pl.LazyFrame:
    if not files:
        return pl.LazyFrame(schema=dict(fact_columns(kind)))
    return _standing(files, "fact_id").filter(pl.col("fact_on") <= as_of)


def _standing(files: Files, own: str) -> pl.LazyFrame:
    """The latest version of each (source, ``own``); only a row marked `supersedes` can replace another."""
    written = pl.scan_parquet(list(files), glob=False)
    known_by = ["source", own]
    newest = written.filter("supersedes").group_by(known_by).agg(newest=pl.col("version").max())
    compared = written.join(newest, on=known_by, how="left")
    return compared.filter(pl.col("newest").is_null() | (pl.col("version") >= pl.col("newest")))
