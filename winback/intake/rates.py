"""Other currencies: amounts of the day they were paid, in the workspace's currency, by a table of rates.

A rate is what one unit of the other currency was worth in the workspace's on one day. Nothing is carried
over to a day that has none.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Final

import polars as pl

from winback.money import INTEGER_DIGITS, exponent, read_amount, why_no_amount

RATES: Final = pl.Schema({"day": pl.Date(), "currency": pl.String(), "rate": pl.Decimal(38, 10)})


def currencies(rates: pl.DataFrame) -> list[str]:
    """Whose rates there are on any day."""
    return sorted(rates["currency"].unique())


def known_currency(text: pl.Expr, own: str, rates: pl.DataFrame) -> pl.Expr:
    """The code in capitals where it is the workspace's own or has a rate on any day; else null."""
    code = text.str.to_uppercase()
    return pl.when(code.is_in([own, *currencies(rates)])).then(code)


def read_own_amount(text: pl.Expr, own: str, rates: pl.DataFrame) -> pl.Expr:
    """``money.read_amount`` with the decimals of the row's ``currency`` (blank: ``own``): minor units of it."""
    return _by_currency(lambda code: read_amount(text, code), own, rates)


def why_no_own_amount(text: pl.Expr, own: str, rates: pl.DataFrame) -> pl.Expr:
    """The reason for each text that ``read_own_amount`` gave null for."""
    return _by_currency(lambda code: why_no_amount(text, code), own, rates)


def _by_currency(read: Callable[[str], pl.Expr], own: str, rates: pl.DataFrame) -> pl.Expr:
    made = read(own)
    for code in currencies(rates):
        made = pl.when(pl.col("currency").str.to_uppercase() == code).then(read(code)).otherwise(made)
    return made


def convert(
    frame: pl.DataFrame, *, amount: str, currency: str, day: pl.Expr, own: str, rates: pl.DataFrame
) -> pl.DataFrame:
    """``frame`` with ``amount`` (minor units of ``currency``; null: of ``own``) in minor units of ``own``.

    Rounded to the nearest, halves to the even one, but what is below 0, a refund, not to 0. Null where ``day``
    has no rate, or where the result has more digits than an amount may have.
    """
    factors = rates.select("day", pl.col("currency").alias(currency), _minor_per_minor(own, rates).alias("factor"))
    joined = frame.with_columns(day=day).join(factors, on=["day", currency], how="left", maintain_order="left")
    exact = pl.col(amount).cast(RATES["rate"]) * pl.col("factor")
    nearest = exact.round(0, mode="half_to_even").cast(pl.Int64, strict=False)
    whole = pl.when((nearest == 0) & (pl.col(amount) < 0)).then(-1).otherwise(nearest)
    fitting = pl.when(whole.abs() < 10 ** (INTEGER_DIGITS + exponent(own))).then(whole)
    is_own = (pl.col(currency) == own).fill_null(True)
    return joined.with_columns(pl.when(is_own).then(amount).otherwise(fitting).alias(amount)).drop("day", "factor")


def _minor_per_minor(own: str, rates: pl.DataFrame) -> pl.Expr:
    """The rate between minor units, which are not of the same size in all currencies."""
    scales = {code: Decimal(10) ** (exponent(own) - exponent(code)) for code in currencies(rates)}
    scale = pl.col("currency").replace_strict(scales, default=None, return_dtype=RATES["rate"])
    return pl.col("rate") * scale
