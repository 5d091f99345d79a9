"""Whether those written to and the hold-out were alike when they were drawn, by a run's ledger alone."""

from datetime import date
from fractions import Fraction

import polars as pl

from winback.campaigns.campaign import HOLDOUT
from winback.lift.balance import Balance, balance
from winback.lift.intervals import Sums

_DRAWN = pl.col("arm").is_not_null() & ~pl.col("drawn_before")  # only they are compared (docs/decisions/010)


def arms_alike(ledger: pl.DataFrame, as_of: date, minor_per_major: int) -> list[Balance]:
    """The balance of those drawn in this run: who would be written to against the hold-out."""
    quiet = (pl.lit(as_of) - pl.col("last_order_on")).dt.total_days()
    columns = {  # scores are rounded to 1e-6, money to minor units: exact as whole numbers of these
        "risk": (pl.col("risk"), 10**6),
        "expected value": (pl.col("expected_value"), minor_per_major),
        "past value": (pl.col("past_value"), minor_per_major),
        "orders": (pl.col("orders"), 1),
        "days since order": (quiet, 1),
    }
    drawn = ledger.filter(_DRAWN)
    groups = drawn.filter(pl.col("arm") != HOLDOUT), drawn.filter(pl.col("arm") == HOLDOUT)
    return balance(
        {name: (_sums(groups[0], *column), _sums(groups[1], *column)) for name, column in columns.items()}
    )


def _sums(group: pl.DataFrame, value: pl.Expr, scale: int) -> Sums:
    """Sums of the values as whole ``scale``-ths, whose squares need more than 64 bits."""
    whole = group.select(((value * scale).round() if scale > 1 else value).cast(pl.Int128)).to_series()
    return Sums(
        n=group.height,
        total=Fraction(int(whole.sum()), scale),
        total_sq=Fraction(int((whole * whole).sum()), scale * scale),
    )
