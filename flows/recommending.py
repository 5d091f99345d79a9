"""What customers may want next, from the lines of their orders, and how often such advice was right before."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import polars as pl
from sqlmodel import Session

from db.customers import numbers
from db.facts.recorded import read_lines
from db.facts.store import digests, path_of
from db.settings import Settings
from flows.churning import Period
from winback.errors import WrongUse
from winback.fields import Kind
from winback.intervals import Proportion
from winback.recommending import LINES, hit_rate, popular, recommend


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """``products``: customer_id, place, product_id, product_name, best first.

    ``hits`` and ``popular_hits``: of those who bought in the window up to the day, who bought one of the three
    that would have been recommended at its start, and one of the three that plain popularity would.
    """

    products: pl.DataFrame
    hits: Proportion
    popular_hits: Proportion

    def as_dict(self, of: Period) -> dict[str, Any]:
        """The JSON of ``winback recommend``."""
        return {
            "as_of": of.as_of.isoformat(),
            "window_days": of.window_days,
            "customers": self.products["customer_id"].n_unique(),
            "products": self.products["product_id"].n_unique(),
            "bought_since": self.hits.n,
            "hits": self.hits.x,
            "hit_rate": self.hits.rate,
            "popular_hits": self.popular_hits.x,
            "popular_hit_rate": self.popular_hits.rate,
        }


def advise(session: Session, settings: Settings, of: Period) -> Advice:
    """Up to three products for everybody with lines, and the hit rate of the window up to ``of.as_of``."""
    files = [path_of(settings.facts, digest) for digest in digests(session, Kind.LINES)]
    returned = pl.col("refunds") | (pl.col("quantity") < 0)
    lines = read_lines(files, of.files, as_of=of.as_of).with_columns(returned=returned).collect()
    if lines.is_empty():
        raise WrongUse("there are no lines of orders: winback import lines FILE")
    told = recommend(lines.select(LINES.names()))
    names = lines.sort("ordered_on").group_by("product_id").agg(pl.col("product_name").drop_nulls().last())
    products = told.join(names, on="product_id", how="left").join(numbers(session), on="customer_no")
    before, after = _cut(lines, of)
    return Advice(
        products=products.sort("customer_id", "place").select(
            "customer_id", "place", "product_id", "product_name"
        ),
        hits=hit_rate(recommend(before), after),
        popular_hits=hit_rate(popular(before), after),
    )


def _cut(lines: pl.DataFrame, of: Period) -> tuple[pl.DataFrame, pl.DataFrame]:
    """LINES one window before the day, and what was bought since."""
    earlier = pl.col("ordered_on") <= of.as_of - timedelta(days=of.window_days)
    since = lines.filter(~earlier & ~pl.col("returned"))
    return lines.filter(earlier).select(LINES.names()), since.select("customer_no", "product_id").unique()
