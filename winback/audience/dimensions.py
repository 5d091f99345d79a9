"""By what the members of a run are told apart, from its ledger alone: all of it known before t0."""

import polars as pl

from winback.audience.selection import top_count
from winback.campaigns.churn_kind import NO_KIND

TOP_SHARE = 0.2  # by expected value, of all scored


def dimensions(ledger: pl.DataFrame) -> pl.DataFrame:
    """customer_no, arm, value, risk, orders, channel, kind of every member whose arm was drawn in this run.

    ``ledger``: winback.audience.selection.LEDGER. ``risk``: thirds of these members by predicted risk; equal
    risks are in one third, so the thirds may differ in size. ``kind``: null of all where nobody's is known. The
    words are those of outcomes.findings.Dimension.
    """
    top = pl.col("value_rank") <= top_count(TOP_SHARE, ledger.height)
    drawn = ledger.filter(pl.col("arm").is_not_null() & ~pl.col("drawn_before"))
    thrice = 3 * pl.col("risk").rank("average")  # a division by 3 would move who stands on the edge
    return drawn.select(
        "customer_no",
        "arm",
        value=pl.when(top).then(pl.lit("top")).otherwise(pl.lit("other")),
        risk=pl.when(thrice <= pl.len())
        .then(pl.lit("low"))
        .when(thrice <= 2 * pl.len())
        .then(pl.lit("middle"))
        .otherwise(pl.lit("high")),
        orders=pl.when(pl.col("orders") <= 1)
        .then(pl.lit("1"))
        .when(pl.col("orders") < 5)
        .then(pl.lit("2-4"))
        .otherwise(pl.lit("5+")),
        channel="channel",
        kind=pl.when(pl.col("kind").is_not_null().any()).then(pl.col("kind").fill_null(NO_KIND)),
    )


def expected_back(ledger: pl.DataFrame, *, horizon_days: int, days: int) -> float:
    """The share of the members drawn in this run who will have ordered after ``days``, as scoring expected; 0-1.

    ``horizon_days``: of the ledger's risk, P(no order within these); for other days as if orders came at a steady
    rate.
    """
    drawn = ledger.filter(pl.col("arm").is_not_null() & ~pl.col("drawn_before"))
    stayed_away = drawn["risk"].pow(days / horizon_days).mean()
    return 1 - float(str(stayed_away)) if drawn.height else 0.0
