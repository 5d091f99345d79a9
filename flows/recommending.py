"""What customers may want next, from the lines of their orders, and how often such advice was right before."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import polars as pl
from sqlmodel import Session

from db.campaigns import pinned_templates
from db.customers import numbers
from db.facts.recorded import read_lines
from db.facts.store import digests, path_of, pinned_digests
from db.occurrences import pinned_others, version_files
from db.settings import Settings
from db.tables import Occurrence
from flows.churning import Period
from winback.customers.products import Product, page_of, write_products
from winback.customers.recommending import LINES, hit_rate, popular, recommend
from winback.errors import WrongUse
from winback.intake.fields import Kind
from winback.lift.intervals import Proportion
from winback.message.fields import asks_for_products

RETURNED = pl.col("refunds") | (pl.col("quantity") < 0)


def products_for(
    session: Session, settings: Settings, occurrence: Occurrence, ledger: pl.DataFrame
) -> dict[int, str]:
    """What a run recommends to its members, from the facts it is pinned to: customer number -> JSON.

    Nothing where none of its templates asks for it.
    """
    if not asks_for_products(pinned_templates(version_files(session, occurrence.version_id or 0))):
        return {}
    whom = ledger.filter(pl.col("arm").is_not_null())["customer_no"]
    orders, others = json.loads(occurrence.facts), pinned_others(occurrence)
    return recommended_to(session, settings, whom, occurrence.as_of, orders, others)


def recommended_to(
    session: Session,
    settings: Settings,
    whom: pl.Series,
    as_of: date,
    orders: Sequence[str],
    others: Collection[str] | None,
) -> dict[int, str]:
    """Customer number -> up to three products as JSON, learned from all lines; only products with a name."""
    of_lines = pinned_digests(session, Kind.LINES, others)
    files = [[path_of(settings.facts, digest) for digest in kind] for kind in (of_lines, orders)]
    lines = read_lines(files[0], files[1], as_of=as_of).with_columns(returned=RETURNED).collect()
    names = product_names(lines).drop_nulls("product_name")
    lines = lines.join(names, on="product_id", how="semi")
    if lines.is_empty() or whom.is_empty():
        return {}
    told = recommend(lines.select(LINES.names()), whom).join(names, on="product_id").sort("customer_no", "place")
    page, found = settings.file.product_link, dict[int, list[Product]]()
    for number, product, name in told.select("customer_no", "product_id", "product_name").iter_rows():
        found.setdefault(number, []).append(Product(name=name, link=page_of(page, product)))
    return {number: write_products(products) for number, products in found.items()}


def product_names(lines: pl.DataFrame) -> pl.DataFrame:
    """product_id, product_name: the newest name of each, null without any."""
    by_day = lines.sort("ordered_on", maintain_order=True).group_by("product_id", maintain_order=True)
    return by_day.agg(pl.col("product_name").drop_nulls().last())


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
    lines = read_lines(files, of.files, as_of=of.as_of).with_columns(returned=RETURNED).collect()
    if lines.is_empty():
        raise WrongUse("there are no lines of orders: winback import lines FILE")
    told = recommend(lines.select(LINES.names()))
    products = told.join(product_names(lines), on="product_id", how="left").join(
        numbers(session), on="customer_no"
    )
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
