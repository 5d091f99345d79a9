"""Those who are in, as a CSV that a spreadsheet opens without running any of it."""

from collections.abc import Sequence

import polars as pl

from winback.campaigns.campaign import HOLDOUT
from winback.customers.contact import mask_contact
from winback.sheet import safe_texts

COLUMNS = (
    "customer_id", "arm", "channel", "to", "risk", "expected_value", "past_value", "orders", "last_order_on",
)  # fmt: skip


def members(ledger: pl.DataFrame, addresses: pl.DataFrame, *, masked: bool) -> pl.DataFrame:
    """COLUMNS of everybody who is in, the most valuable first; every text is safe to open.

    ``addresses``: customer_no, email, phone. ``masked``: addresses, and customer ids that are addresses, are. The
    hold-out has none: nobody is to write to it by other means.
    """
    inside = ledger.filter(pl.col("arm").is_not_null()).sort("value_rank")
    by_channel = pl.when(pl.col("channel") == "email").then("email").otherwise("phone")
    named = inside.join(addresses, on="customer_no", how="left", maintain_order="left")
    found = named.with_columns(to=pl.when(pl.col("arm") != HOLDOUT).then(by_channel))
    if masked:
        found = found.with_columns(
            customer_id=_masked(found["customer_id"].to_list(), only_addresses=True),
            to=_masked(found["to"].to_list(), only_addresses=False),
        )
    return found.select(COLUMNS).with_columns(safe_texts(name) for name in ("customer_id", "arm", "channel", "to"))


def _masked(texts: Sequence[str | None], *, only_addresses: bool) -> pl.Series:
    def shown(text: str | None) -> str | None:
        return text if text is None or (only_addresses and "@" not in text) else mask_contact(text)

    return pl.Series([shown(text) for text in texts], dtype=pl.String)
