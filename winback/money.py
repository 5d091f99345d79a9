"""Money: integer minor units inside, decimals in major units outside, one currency per workspace."""

from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl
from babel import Locale
from babel.numbers import format_currency, get_currency_precision, is_currency

from winback.errors import WrongUse, nearest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from winback.digits import Words

INTEGER_DIGITS = 12  # up to 999,999,999,999: no sum of a million such amounts leaves 64 bits

_POINT = ord(".") ^ ord("0")
_AMOUNT = rf"^[+-]?0*[0-9]{{1,{INTEGER_DIGITS}}}(?:\.[0-9]+)?$"
_PLAIN = r"^[+-]?[0-9]+(?:\.[0-9]+)?$"


def exponent(currency: str) -> int:
    """Decimal digits of the minor unit (JPY 0, USD 2, BHD 3), from CLDR; WrongUse when there is no such code."""
    if not is_currency(currency):
        known = sorted(Locale("en").currencies)
        close = nearest(currency.upper(), known)
        raise WrongUse(f"unknown currency '{currency}'" + (f" (did you mean '{close}'?)" if close else ""))
    return int(get_currency_precision(currency))


def read_amount(text: pl.Expr, currency: str) -> pl.Expr:
    """Plain decimal text in major units (``11.77``, ``-3.5``) -> i64 minor units; null where it is not that.

    Digits beyond the minor unit are taken only when they are zeros: nothing is rounded.
    """
    digits = exponent(currency)
    return text.map_batches(lambda texts: _read(texts, digits), return_dtype=pl.Int64)


def _read(texts: pl.Series, digits: int) -> pl.Series:
    minor, sure = _common(texts, digits)
    others = (pl.Series(~sure) & texts.is_not_null()).arg_true()
    read = pl.Series(minor).set(pl.Series(~sure), None)
    if len(others):
        read = read.scatter(others, pl.select(_minor(pl.lit(texts.gather(others)), digits)).to_series())
    return read


def _common(texts: pl.Series, digits: int) -> tuple["NDArray[np.int64]", "NDArray[np.bool_]"]:
    """Texts without a sign and with at most the digits of the minor unit, as nearly all are, and which are such.

    Sixteen letters of each at once, zeros before the first: a fifth of the CPU that regular expressions take.
    """
    import numpy as np  # senders know money too, and need no arrays

    from winback.digits import CACHED, WORD, every_word

    lengths = texts.str.len_bytes().fill_null(0).to_numpy().astype(np.int64)
    words = every_word(b"0" * 2 * WORD + texts.str.join("").cast(pl.Binary).item())
    last, minor, sure = np.cumsum(lengths) + WORD, np.empty(len(texts), np.int64), np.empty(len(texts), bool)
    for at in range(0, len(texts), CACHED):
        some = slice(at, at + CACHED)
        minor[some], sure[some] = _written(words, last[some], lengths[some], digits)
    return minor, sure


def _written(
    words: "Words", last: "NDArray[np.int64]", lengths: "NDArray[np.int64]", digits: int
) -> tuple["NDArray[np.int64]", "NDArray[np.bool_]"]:
    """``_common`` of texts of some ``lengths`` whose last eight letters are the words at ``last``."""
    import numpy as np

    from winback.digits import TOP, WORD, ZEROS, are_digits, byte_of, number_of

    long = lengths.max() > WORD
    low = (words[last] ^ ZEROS) & TOP[np.minimum(lengths, WORD)]
    high = (words[last - WORD] ^ ZEROS) & TOP[np.clip(lengths - WORD, 0, WORD)] if long else TOP[:1]
    behind = np.zeros(len(last), np.int64)
    for place in range(1, digits + 1):
        behind[(lengths > place + 1) & (byte_of(low, WORD - 1 - place) == _POINT)] = place
    before = ((low & ~TOP[behind + 1]) << np.uint64(8)) | (high >> np.uint64(8 * (WORD - 1)))
    low = np.where(behind > 0, (low & TOP[behind]) | before, low)
    high = np.where(behind > 0, high << np.uint64(8), high) if long else high
    count = lengths - (behind > 0)
    sure = (count > behind) & (count <= INTEGER_DIGITS + behind) & are_digits(low) & are_digits(high)
    scale = np.array([10**place for place in range(digits + 1)])
    return (number_of(high) * 10**WORD + number_of(low)) * scale[digits - behind], sure


def _minor(text: pl.Expr, digits: int) -> pl.Expr:
    fraction = text.str.extract(r"\.([0-9]+)$").fill_null("").str.strip_chars_end("0")
    whole = text.str.extract(r"^[+-]?([0-9]+)")
    magnitude = pl.concat_str(whole, fraction.str.pad_end(digits, "0")).cast(pl.Int64, strict=False)
    signed = pl.when(text.str.starts_with("-")).then(-magnitude).otherwise(magnitude)
    return pl.when(text.str.contains(_AMOUNT) & (fraction.str.len_bytes() <= digits)).then(signed)


def why_no_amount(text: pl.Expr, currency: str) -> pl.Expr:
    """The reason for each text that ``read_amount`` gave null for."""
    return (
        pl.when(text.str.contains(r"^[+-]?[0-9]{1,3}(?:[,，' ][0-9]{3})+(?:\.[0-9]+)?$"))
        .then(pl.lit("write it without thousands separators, as 1234.50"))
        .when(text.str.contains(_PLAIN) & ~text.str.contains(_AMOUNT))
        .then(pl.lit("too large"))
        .when(text.str.contains(_PLAIN))
        .then(pl.lit(f"more than {exponent(currency)} decimals for {currency}"))
        .otherwise(pl.lit("not a plain decimal number such as 1234.50"))
    )


def major(amount_minor: int, currency: str) -> Decimal:
    """Minor units -> the decimal in major units that files and JSON carry."""
    return Decimal(amount_minor).scaleb(-exponent(currency))


def format_money(amount_minor: int, currency: str, locale: str) -> str:
    """An amount for people, by the customs of a locale such as ``en`` or ``zh-CN``."""
    return str(format_currency(major(amount_minor, currency), currency, locale=Locale.parse(locale, sep="-")))
