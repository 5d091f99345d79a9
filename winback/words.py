"""Texts in English and Chinese, and how figures are written; what is undefined is an en dash, never 0."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from math import isfinite
from typing import Literal

from babel.dates import format_date
from babel.numbers import format_currency

from winback.money import exponent, format_money

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")
LANG_TAGS: dict[Language, str] = {"en": "en", "zh": "zh-CN"}

UNDEFINED = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
_ONE_OF_MANY = re.compile(r"(?<![\w.,-])1 (customer|order|day|contract|month)s\b")
_DAYS: dict[Language, tuple[str, str]] = {"en": ("d MMMM y", "en"), "zh": ("y年M月d日", "zh")}
_RANGES: dict[Language, str] = {
    "en": "{}\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}{}",
    "zh": "{}\N{NO-BREAK SPACE}至\N{NO-BREAK SPACE}{}",
}


@dataclass(frozen=True, slots=True)
class Words:
    """One text in both languages; ``{names}`` are filled in when it is said."""

    en: str
    zh: str

    def say(self, language: Language, **values: object) -> str:
        """The text in ``language`` with its values; KeyError when one is missing."""
        return (self.en if language == "en" else self.zh).format_map(values)


def in_singular(english: str) -> str:
    """``1 day`` where a count of one made it ``1 days``."""
    return _ONE_OF_MANY.sub(r"1 \1", english)


def defined(value: float | None) -> bool:
    """Whether there is a number to write."""
    return value is not None and isfinite(value)


def whole(value: float | None) -> str:
    """A count: ``23,570``."""
    return UNDEFINED if value is None or not defined(value) else _signed(f"{value:,.0f}")


def gain(value: float | None) -> str:
    """A count with its sign: ``+1``, ``−39``."""
    return UNDEFINED if value is None or not defined(value) else _signed(f"{value:+,.0f}")


def level(alpha: float) -> str:
    """The level of an interval, from its two-sided alpha: ``95%``, after early looks ``95.6%``."""
    if alpha < 0.0005:  # a first look: no number of nines is worth reading
        return ">99.9%"
    return f"{100 * (1 - alpha):.1f}".removesuffix(".0") + "%"


def percent(share: float | None) -> str:
    """A share 0-1 as a percentage with one decimal: ``71.4%``."""
    return UNDEFINED if share is None or not defined(share) else f"{share * 100:.1f}%"


def gain_percent(share: float | None) -> str:
    """A gain on what was spent, in whole percent with its sign: ``+35%``; from tenfold on ``+83.8×``."""
    if share is None or not defined(share):
        return UNDEFINED
    if abs(share) < 10:
        return _signed(f"{share * 100:+,.0f}") + "%"
    return _signed(f"{share:+,.0f}" if abs(share) >= 100 else f"{share:+.1f}") + "\N{MULTIPLICATION SIGN}"


def points(share: float | None) -> str:
    """A difference of shares in percentage points with sign and one decimal: ``−0.9``."""
    return UNDEFINED if share is None or not defined(share) else _signed(f"{share * 100:+.1f}")


def size(share: float | None) -> str:
    """A distance of shares in percentage points, without sign: ``3.0``."""
    return UNDEFINED if share is None or not defined(share) else f"{abs(share) * 100:.1f}"


def p_value(p: float | None) -> str:
    """A p with three decimals, or ``<0.001``."""
    if p is None or not defined(p):
        return UNDEFINED
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def p_claim(p: float | None) -> str:
    """A p within a sentence: ``p = 0.914``, ``p < 0.001``."""
    written = p_value(p)
    return f"p < {written[1:]}" if written.startswith("<") else f"p = {written}"


def figure(value: float | None) -> str:
    """Any other number, to four digits."""
    return UNDEFINED if value is None or not defined(value) else _signed(f"{value:.4g}")


def number(value: float | None) -> str:
    """A mean: two decimals, none from 100 on: ``0.51``, ``1,235``."""
    return gain_number(value).lstrip("+")


def gain_number(value: float | None) -> str:
    """A difference of means with its sign: ``+0.07``, ``−1,235``."""
    if value is None or not defined(value):
        return UNDEFINED
    return _signed(f"{value:+,.0f}" if abs(value) >= 100 else f"{value:+.2f}")


def money(amount: float | None, currency: str, language: Language) -> str:
    """An amount in major units of ``currency``, by the customs of the language: ``$1,234.50``."""
    if amount is None or not defined(amount):
        return UNDEFINED
    minor = round(Decimal(str(amount)).scaleb(exponent(currency)))
    return format_money(minor, currency, LANG_TAGS[language]).replace("-", MINUS)


def gain_money(amount: float | None, currency: str, language: Language) -> str:
    """A difference of amounts, with its sign: ``+$0.31``."""
    written = money(amount, currency, language)
    gained = amount is not None and amount > 0 and any(digit in written for digit in "123456789")
    return f"+{written}" if gained else written


def gain_total(amount: float | None, currency: str, language: Language) -> str:
    """A sum over many customers, with its sign, in whole units from 1,000 on: ``+$3,943``."""
    if amount is None or not defined(amount) or abs(amount) < 1000:
        return gain_money(amount, currency, language)
    written = format_currency(
        round(amount), currency, format="¤#,##0", locale=LANG_TAGS[language].replace("-", "_"),
        currency_digits=False,
    ).replace("-", MINUS)  # fmt: skip
    return f"+{written}" if amount > 0 else str(written)


def listed(names: Sequence[str], language: Language) -> str:
    """Names beside each other: ``a, b``, ``a、b``."""
    return ("、" if language == "zh" else ", ").join(names)


def between(low: str, high: str, language: Language) -> str:
    """Two ends as a range that no line breaks; an en dash when one is undefined."""
    return UNDEFINED if UNDEFINED in (low, high) else _RANGES[language].format(low, high)


def day(value: date | None, language: Language) -> str:
    """A day: ``31 December 1997``, ``1997年12月31日``."""
    pattern, locale = _DAYS[language]
    return UNDEFINED if value is None else str(format_date(value, pattern, locale=locale))


def _signed(text: str) -> str:
    """With a true minus sign, and none on a number that rounds to 0."""
    rounds_to_zero = not any(digit in text for digit in "123456789")
    return text.lstrip("+-") if rounds_to_zero else text.replace("-", MINUS)
