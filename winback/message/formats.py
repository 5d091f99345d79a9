"""The template filters ``date``, ``money``, ``number``, ``plural``: Babel's, by the message's locale, remembered.

Formatting a date costs Babel about as much as rendering a whole text; the same few values come again and again.
"""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache, partial

from babel import Locale
from babel.core import get_global
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal
from jinja2 import TemplateRuntimeError, Undefined, pass_context
from jinja2.runtime import Context

from winback.message.cleaning import clean_text

DATE_STYLES = ("short", "medium", "long", "full")
PLURAL_FORMS = frozenset({"zero", "one", "two", "few", "many", "other"})  # CLDR
MAX_DECIMALS = 6
REMEMBERED = 8192


# Typed, so that yes/no is never answered with what was remembered for 1 and 0.
_remembered = lru_cache(maxsize=REMEMBERED, typed=True)


@_remembered
def local_date(value: date, style: str, tag: str) -> str:
    """``value`` as the locale ``tag`` writes it; ``style`` is one of DATE_STYLES."""
    return clean_text(format_date(value, format=style, locale=tag.replace("-", "_")))


@_remembered
def local_number(value: int | float, decimals: int, tag: str) -> str:
    """``value`` with ``decimals`` places and the locale's separators."""
    pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
    return clean_text(format_decimal(Decimal(str(value)), format=pattern, locale=tag.replace("-", "_")))


@_remembered
def local_money(value: int | float, currency: str, tag: str) -> str:
    """``value`` in major units of ``currency`` (ISO 4217), as the locale writes money."""
    return clean_text(format_currency(Decimal(str(value)), currency, locale=tag.replace("-", "_")))


def is_currency(code: str) -> bool:
    """Whether ``code`` is one of ISO 4217, of today or of the past."""
    return code in get_global("all_currencies")


def _date(tag: str, value: object, style: str = "long") -> str:
    """``{{ customer.last_order_on|date }}`` or ``|date("short")``."""
    if style not in DATE_STYLES:
        raise TemplateRuntimeError(f"|date knows the styles {', '.join(DATE_STYLES)}")
    if not isinstance(value, date):
        raise _wrong(value, "date", "a date")
    return local_date(value, style, tag)


def _number(tag: str, value: object, decimals: int = 0) -> str:
    """``{{ customer.orders|number }}`` or ``|number(2)``."""
    if not isinstance(value, int | float):
        raise _wrong(value, "number", "a number")
    if decimals not in range(MAX_DECIMALS + 1):
        raise TemplateRuntimeError(f"|number takes 0 to {MAX_DECIMALS} decimals")
    return local_number(value, decimals, tag)


def _money(tag: str, value: object, currency: str) -> str:
    """``{{ 12.5|money("GBP") }}``: major units and an ISO 4217 code."""
    if not isinstance(value, int | float):
        raise _wrong(value, "money", "a number")
    if not (isinstance(currency, str) and len(currency) == 3 and currency.isascii() and currency.isupper()):
        raise TemplateRuntimeError("|money needs a currency such as GBP or CNY")
    if not is_currency(currency):
        raise TemplateRuntimeError(f"|money knows no currency {currency}")
    return local_money(value, currency, tag)


def _plural(tag: str, value: object, **forms: str) -> str:
    """``{{ customer.orders|plural(one="order", other="orders") }}``: the form a language has for a number."""
    if not isinstance(value, int | float):
        raise _wrong(value, "plural", "a number")
    if "other" not in forms or not forms.keys() <= PLURAL_FORMS or not all(type(f) is str for f in forms.values()):
        raise TemplateRuntimeError('|plural needs other="..." and takes zero, one, two, few and many')
    return forms.get(Locale.parse(tag, sep="-").plural_form(Decimal(str(value))), forms["other"])


_WRITERS: Mapping[str, Callable[..., str]] = {
    "date": _date,
    "number": _number,
    "money": _money,
    "plural": _plural,
}


def _by_message(writer: Callable[..., str]) -> Callable[..., str]:
    @pass_context
    def filter_(context: Context, *arguments: object, **named: object) -> str:
        return writer(str(context["message"]["language"]), *arguments, **named)

    return filter_


FORMATS = {name: _by_message(writer) for name, writer in _WRITERS.items()}


def formats_in(tag: str) -> dict[str, Callable[..., str]]:
    """FORMATS for messages whose language is known to be ``tag``; what they wrote is remembered whole."""
    return {name: _remembered(partial(writer, tag)) for name, writer in _WRITERS.items()}


def _wrong(value: object, name: str, expected: str) -> Exception:
    if isinstance(value, Undefined):
        str(value)  # says which field is missing
    return TemplateRuntimeError(f"|{name} needs {expected}")
