"""What is known of each customer at the end of a day, from his orders alone.

FEATURES has one row per customer with at least one order (amount >= 0) on or before ``as_of``, sorted by
``customer_no``. Orders collapse to customer-days; refunds (amount < 0) count in ``net_minor`` only.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

import polars as pl

FEATURES: Final = pl.Schema(
    {
        "customer_no": pl.Int64(),  # opaque
        "first_order_on": pl.Date(),
        "last_order_on": pl.Date(),
        "orders": pl.Int64(),  # orders with amount >= 0
        "purchase_days": pl.Int64(),  # distinct local days with an order
        "span_days": pl.Int64(),  # first to last order
        "age_days": pl.Int64(),  # first order to as_of
        "gross_minor": pl.Int64(),  # sum of the amounts >= 0
        "net_minor": pl.Int64(),  # sum of all amounts
        "positive_days": pl.Int64(),  # purchase days whose orders sum to more than 0
        "positive_minor": pl.Int64(),  # their sum
        "repeat_positive_days": pl.Int64(),  # the same without the first purchase day
        "repeat_positive_minor": pl.Int64(),
    }
)

IDENTIFIED: Final = pl.Schema({**FEATURES, "customer_id": pl.String()})
"""FEATURES with the customer's own id joined to it: what scoring takes."""

EARLIER: Final = pl.Schema(
    {
        "customer_no": pl.Int64(),
        "recency_days": pl.Int64(),  # last order to the end of the earlier day
        "purchase_days": pl.Int64(),
        "ordered": pl.Boolean(),  # an order within the horizon that followed
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierWindow:
    """The customers as they stood at the end of ``as_of``, one horizon before the day that is scored, and
    whether each then ordered in [as_of + 1, as_of + horizon_days]; ``customers`` is an EARLIER frame."""

    as_of: date
    horizon_days: int
    customers: pl.DataFrame
