"""Portraits of those lost in the window after a day, from the facts."""

from datetime import timedelta

import polars as pl
from sqlmodel import Session

from db.campaigns import kind_rules, portrait_names
from db.facts.queries import read_features
from db.facts.recorded import read_lines
from db.facts.store import digests, path_of
from db.facts.watching import read_watched
from db.settings import Settings
from flows.behaving import behaviour_of
from flows.churning import Period, by_reason
from winback.churners.portraits import CHURNED, Portraits, portraits
from winback.intake.fields import Kind
from winback.money import exponent


def portraits_after(session: Session, settings: Settings, of: Period) -> Portraits:
    """Portraits of the customers active at ``of.as_of`` who ordered nothing in the window after it."""
    end = of.as_of + timedelta(days=of.window_days)
    if of.data_through is None or of.data_through < end:
        said = f"the window is not complete: it needs data through {end}"
        return Portraits(portraits=(), stability=None, agreement=None, reason=said)
    gone = read_watched(of.files, as_ofs=[of.as_of], window_days=of.window_days).filter("gone")
    silent = (pl.lit(of.as_of) - pl.col("last_order_on")).dt.total_days()
    known = read_features(of.files, as_of=of.as_of).with_columns(recency_days=silent)
    churned = known.join(gone, on="customer_no", how="semi").select(CHURNED.names())
    causes = by_reason(of, behaviour_of(session, settings, end), kind_rules(settings), "cause")
    return portraits(
        churned,
        _bought(session, settings, of),
        causes.rename({"value": "cause"}),
        10 ** exponent(of.currency),
        portrait_names(settings),
    )


def _bought(session: Session, settings: Settings, of: Period) -> pl.DataFrame:
    """customer_no, name: the categories each bought from, else the products."""
    files = [path_of(settings.facts, digest) for digest in digests(session, Kind.LINES)]
    kept = read_lines(files, of.files, as_of=of.as_of).filter((pl.col("quantity") > 0) & ~pl.col("refunds"))
    name = pl.coalesce("category", "product_name", "product_id")
    return kept.select("customer_no", name=name).unique().sort("customer_no", "name").collect()
