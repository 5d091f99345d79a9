"""Amounts: decimals in files, integer minor units inside."""

import re
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from winback.errors import WrongUse
from winback.money import exponent, format_money, major, read_amount, why_no_amount


def read(text: str, currency: str = "USD") -> int | None:
    return pl.DataFrame({"x": [text]}).select(read_amount(pl.col("x"), currency)).item()


def why(text: str, currency: str = "USD") -> str:
    return pl.DataFrame({"x": [text]}).select(why_no_amount(pl.col("x"), currency)).item()


def test_minor_units_are_those_of_iso_4217():
    assert [exponent(code) for code in ("JPY", "USD", "GBP", "CNY", "BHD")] == [0, 2, 2, 2, 3]


def test_an_unknown_currency_is_refused_with_the_nearest_code():
    with pytest.raises(WrongUse, match="unknown currency 'EURO'.*did you mean 'EUR'"):
        exponent("EURO")


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("11.77", "USD", 1177),
        ("-3.5", "USD", -350),
        ("-0", "USD", 0),
        ("0", "USD", 0),
        ("+5", "USD", 500),
        ("0001", "USD", 100),
        ("11.7700", "USD", 1177),
        ("0.29", "USD", 29),  # 28 when it goes through a binary float: int(0.29 * 100)
        ("1234", "JPY", 1234),
        ("1234.0", "JPY", 1234),
        ("1.234", "BHD", 1234),
        ("999999999999.99", "USD", 99_999_999_999_999),
    ],
)
def test_a_plain_decimal_is_read_exactly(text, currency, minor):
    assert read(text, currency) == minor


@pytest.mark.parametrize(
    ("text", "currency", "reason"),
    [
        ("1,234.50", "USD", "thousands separators"),
        ("1'234.50", "USD", "thousands separators"),
        ("￥1,234", "CNY", "not a plain decimal"),
        ("￥1", "CNY", "not a plain decimal"),
        ("$1", "USD", "not a plain decimal"),
        ("1e3", "USD", "not a plain decimal"),
        ("1e309", "USD", "not a plain decimal"),
        ("NaN", "USD", "not a plain decimal"),
        ("Infinity", "USD", "not a plain decimal"),
        ("1,50", "USD", "not a plain decimal"),
        (".5", "USD", "not a plain decimal"),
        ("5.", "USD", "not a plain decimal"),
        ("--5", "USD", "not a plain decimal"),
        ("１２", "USD", "not a plain decimal"),
        ("12 USD", "USD", "not a plain decimal"),
        ("11.777", "USD", "more than 2 decimals for USD"),
        ("0.5", "JPY", "more than 0 decimals for JPY"),
        ("1234567890123", "USD", "too large"),
    ],
)
def test_anything_else_is_refused_and_the_reason_says_how_to_write_it(text, currency, reason):
    assert read(text, currency) is None
    assert reason in why(text, currency)


@settings(deadline=None)
@given(
    st.lists(st.integers(-(10**12) + 1, 10**12 - 1), min_size=1, max_size=20),
    st.sampled_from(["JPY", "USD", "BHD"]),
)
def test_an_amount_written_as_a_decimal_is_read_back(minors, currency):
    frame = pl.DataFrame({"x": [f"{major(minor, currency):f}" for minor in minors]})

    assert frame.select(read_amount(pl.col("x"), currency)).to_series().to_list() == minors


def test_major_units_are_exact_decimals():
    assert major(250_031_563, "USD") == Decimal("2500315.63")
    assert major(5, "JPY") == Decimal("5")


def test_people_see_money_by_the_customs_of_their_locale():
    """The forms of CLDR: symbol first in English; US$ in Chinese, where $ alone would be ambiguous."""
    assert format_money(123_450, "USD", "en") == "$1,234.50"
    assert format_money(123_450, "USD", "zh-CN") == "US$1,234.50"
    assert format_money(-1234, "JPY", "en") == "-¥1,234"
    assert format_money(1234, "BHD", "en").endswith("1.234")


@given(
    st.lists(st.one_of(st.none(), st.text("0159.+-x李", max_size=17)), max_size=20),
    st.sampled_from(["JPY", "USD", "BHD"]),
)
def test_a_column_of_anything_is_read_as_decimals_are(texts, currency):
    """Against Python's own Decimal: up to 12 digits before the point, after it no more than zeros too many."""
    texts = [*texts, "1.5", "12", "999999999999.00", "1234567890123", "1..5", ".5", "5."]

    read = pl.DataFrame({"x": texts}).select(read_amount(pl.col("x"), currency)).to_series().to_list()

    assert read == [as_decimals_are(text, currency) for text in texts]


def as_decimals_are(text: str | None, currency: str) -> int | None:
    if text is None or not re.fullmatch(r"[+-]?0*[0-9]{1,12}(\.[0-9]+)?", text):
        return None
    minor = Decimal(text).scaleb(exponent(currency))
    return int(minor) if minor == int(minor) else None
