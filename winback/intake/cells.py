"""One cell: text of a given type -> typed value, or a reason why not; as polars expressions over whole columns.

Each type has a reader of three steps: ``clean`` gives trimmed text ("" = blank), ``value`` the typed value
(null = cannot be read), ``why`` the reason for a text that has no value.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from zoneinfo import available_timezones

import polars as pl
from babel import Locale, UnknownLocaleError, parse_locale

from winback.customers.contact import (
    FOREIGN_MAILBOX,
    IS_FOREIGN_MAILBOX,
    each_distinct,
    normalise_emails,
    normalise_phones,
)
from winback.intake.fields import CellType
from winback.intake.moments import read_day, read_moments, why_no_day, why_no_moments
from winback.intake.rates import known_currency, read_own_amount, why_no_own_amount

ID_CHARACTERS = 128
TEXT_CHARACTERS = 200
ATTRIBUTE_CHARACTERS = 2000
WORD_CHARACTERS = 40
MOST_MONTHS = 1200


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """What reading a cell needs to know: the zone of naive times, its currency, the last believable day,
    that of a snapshot of subscriptions, what other currencies were worth, and how tidy the cells are."""

    timezone: str
    currency: str
    not_after: date | None
    snapshot_on: date | None
    rates: pl.DataFrame  # winback.intake.rates.RATES
    tidy: bool  # nothing to trim, no id damaged


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """The three steps of one cell type."""

    clean: Callable[[pl.Expr], pl.Expr]
    value: Callable[[pl.Expr, Workspace], pl.Expr]
    why: Callable[[pl.Expr, Workspace], pl.Expr]


# NUL and other controls, bidirectional marks and overrides, byte order mark; joiners stay (emoji need them)
_VISIBLE = bytes(range(0x21, 0x7F))
_COMMON_IDS = r'^[!-"$-*,-~]*$'  # visible ASCII without the signs of what a spreadsheet does to ids
_INVISIBLE = r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
_BREAKS = r"[\t\n\x0b\x0c\r\x85\u2028\u2029]+"
_SHEET_ERROR = r"^#(?:N/A|REF!|VALUE!|NAME\?|NULL!|DIV/0!|NUM!)$"
_SHEET_NUMBER = r"^[0-9](?:[.,][0-9]+)?[eE]\+[0-9]+$"

_NUMBER = r"^[+-]?[0-9]{1,12}(?:\.[0-9]+)?$"
_WORD = r"^[\p{L}\p{N}_]+$"
_YES_NO = {"yes": True, "y": True, "true": True, "1": True, "是": True,
           "no": False, "n": False, "false": False, "0": False, "否": False}  # fmt: skip
_CHANNELS = {"email": "email", "e-mail": "email", "mail": "email", "sms": "sms", "text": "sms", "all": "all"}


def trimmed(text: pl.Expr) -> pl.Expr:
    """Without blanks and byte order marks at its ends: changes nothing where texts are known to be tidy."""
    return text.map_batches(_trim, return_dtype=pl.String)


def _trim(texts: pl.Series) -> pl.Series:
    return texts if _is_visible(texts) else texts.str.strip_chars().str.strip_chars("\ufeff")


def _is_visible(texts: pl.Series) -> bool:
    """Is every character of the column visible ASCII? Seen at once, at a fifth of the CPU a cell by cell takes."""
    text: str = texts.str.join("\n").item()
    rest = text.encode().translate(None, _VISIBLE)
    return rest.count(b"\n") == len(rest)


def _one_line(text: pl.Expr) -> pl.Expr:
    """Text fit for a name: NFC, line breaks and tabs as one space, nothing invisible, trimmed."""
    return (
        text.str.replace_all(_BREAKS, " ").str.replace_all(_INVISIBLE, "").str.normalize("NFC").str.strip_chars()
    )


def _id(text: pl.Expr, workspace: Workspace) -> pl.Expr:
    if workspace.tidy:
        return pl.when(text.str.len_bytes() <= ID_CHARACTERS).then(text)
    return text.map_batches(_ids, return_dtype=pl.String)


def _ids(texts: pl.Series) -> pl.Series:
    short = (texts.str.len_bytes() <= ID_CHARACTERS).all()
    if short and texts.str.contains(_COMMON_IDS).all():
        return texts
    return texts.to_frame("text").select(_sound_id(pl.col("text"))).to_series()


def _sound_id(text: pl.Expr) -> pl.Expr:
    damaged = text.str.contains(_SHEET_NUMBER) | text.str.contains(_SHEET_ERROR)
    unfit = text.str.contains(_INVISIBLE) | text.str.contains(_BREAKS) | (text.str.len_chars() > ID_CHARACTERS)
    return pl.when(~damaged & ~unfit).then(text)


def _why_no_id(text: pl.Expr, _: Workspace) -> pl.Expr:
    return (
        pl.when(text.str.contains(_SHEET_NUMBER) | text.str.contains(_SHEET_ERROR))
        .then(pl.lit("damaged by a spreadsheet: export ids as text"))
        .when(text.str.len_chars() > ID_CHARACTERS)
        .then(pl.lit(f"longer than {ID_CHARACTERS} characters"))
        .otherwise(pl.lit("an id cannot contain line breaks or invisible characters"))
    )


def _line(characters: int) -> Reader:
    return Reader(
        clean=_one_line,
        value=lambda text, _: pl.when(text.str.len_chars() <= characters).then(text),
        why=lambda _text, _workspace: pl.lit(f"longer than {characters} characters"),
    )


def _email(text: pl.Expr, _: Workspace) -> pl.Expr:
    return text.map_batches(normalise_emails, return_dtype=pl.String)


def _why_no_address(otherwise: str) -> Callable[[pl.Expr, Workspace], pl.Expr]:
    def why(text: pl.Expr, _: Workspace) -> pl.Expr:
        foreign = text.str.contains(IS_FOREIGN_MAILBOX)
        return pl.when(foreign).then(pl.lit(FOREIGN_MAILBOX)).otherwise(pl.lit(otherwise))

    return why


def _phone(text: pl.Expr, _: Workspace) -> pl.Expr:
    return _phones(text, pl.col("country"))


def _address(text: pl.Expr, _: Workspace) -> pl.Expr:
    emails = pl.when(text.str.contains("@", literal=True)).then(text)
    phones = pl.when(~text.str.contains("@", literal=True)).then(text)
    return pl.coalesce(
        emails.map_batches(normalise_emails, return_dtype=pl.String),
        _phones(phones, pl.lit(None, dtype=pl.String)),
    )


def _phones(text: pl.Expr, country: pl.Expr) -> pl.Expr:
    def both(pairs: pl.Series) -> pl.Series:
        return normalise_phones(pairs.struct.field("text"), pairs.struct.field("country"))

    return pl.struct(text=text, country=country).map_batches(both, return_dtype=pl.String)


def _locale(text: pl.Expr, _: Workspace) -> pl.Expr:
    return text.map_batches(lambda series: each_distinct(series, locale_tag), return_dtype=pl.String)


def locale_tag(text: str) -> str | None:
    """A locale as ``en`` or ``zh-CN`` (``zh_cn`` is taken too); None when there is no such locale."""
    tag = text.replace("_", "-")
    try:
        Locale.parse(tag, sep="-")
        language, territory, script, *_ = parse_locale(tag, sep="-")
    except (ValueError, UnknownLocaleError):
        return None
    return "-".join(part for part in (language, script, territory) if part)


def _zone(text: pl.Expr, _: Workspace) -> pl.Expr:
    return pl.when(text.is_in(_zones())).then(text)


@cache  # the list is read from files
def _zones() -> list[str]:
    return sorted(available_timezones() - {"Factory", "localtime"})  # placeholders of the machine, not places


def _currency(text: pl.Expr, workspace: Workspace) -> pl.Expr:
    return known_currency(text, workspace.currency, workspace.rates)


def _yes_no(text: pl.Expr, _: Workspace) -> pl.Expr:
    return text.str.to_lowercase().replace_strict(_YES_NO, default=None, return_dtype=pl.Boolean)


def _channel(text: pl.Expr, _: Workspace) -> pl.Expr:
    return text.str.to_lowercase().replace_strict(_CHANNELS, default=None, return_dtype=pl.String)


def _amount(text: pl.Expr, workspace: Workspace) -> pl.Expr:
    return read_own_amount(text, workspace.currency, workspace.rates)


def _why_no_amount(text: pl.Expr, workspace: Workspace) -> pl.Expr:
    return why_no_own_amount(text, workspace.currency, workspace.rates)


def _moment(text: pl.Expr, workspace: Workspace) -> pl.Expr:
    def read(texts: pl.Series) -> pl.Series:
        return read_moments(texts, workspace.timezone, workspace.not_after)

    return text.map_batches(read, return_dtype=pl.Datetime("us", "UTC"))


def _why_no_moment(text: pl.Expr, workspace: Workspace) -> pl.Expr:
    def explain(texts: pl.Series) -> pl.Series:
        return why_no_moments(texts, workspace.timezone, workspace.not_after)

    return text.map_batches(explain, return_dtype=pl.String)


def _number(text: pl.Expr, _: Workspace) -> pl.Expr:
    return pl.when(text.str.contains(_NUMBER)).then(text).cast(pl.Float64, strict=False)


def _months(text: pl.Expr, _: Workspace) -> pl.Expr:
    number = pl.when(text.str.contains(_NUMBER)).then(text).cast(pl.Float64, strict=False)
    return pl.when(number.is_between(0, MOST_MONTHS)).then(number)


def _price(text: pl.Expr, _: Workspace) -> pl.Expr:
    """Major units with up to six decimals -> millionths: a unit price may be finer than the currency."""
    fraction = text.str.extract(r"\.([0-9]+)$").fill_null("").str.strip_chars_end("0")
    whole = text.str.extract(r"^[+-]?([0-9]+)")
    micros = pl.concat_str(whole, fraction.str.pad_end(6, "0")).cast(pl.Int64, strict=False)
    signed = pl.when(text.str.starts_with("-")).then(-micros).otherwise(micros)
    return pl.when(text.str.contains(_NUMBER) & (fraction.str.len_bytes() <= 6)).then(signed)


def _word(text: pl.Expr) -> pl.Expr:
    return _one_line(text).str.to_lowercase().str.replace_all(r"[\s_-]+", "_")


def _known_word(text: pl.Expr, _: Workspace) -> pl.Expr:
    return pl.when(text.str.contains(_WORD) & (text.str.len_chars() <= WORD_CHARACTERS)).then(text)


def _say(reason: str) -> Callable[[pl.Expr, Workspace], pl.Expr]:
    return lambda _text, _workspace: pl.lit(reason)


_NO_PHONE = "not a usable phone number: write it as +44..., or give the customer's country"

READERS: Mapping[CellType, Reader] = {
    CellType.ID: Reader(clean=trimmed, value=_id, why=_why_no_id),
    CellType.TEXT: _line(TEXT_CHARACTERS),
    CellType.ATTRIBUTE: _line(ATTRIBUTE_CHARACTERS),
    CellType.EMAIL: Reader(clean=trimmed, value=_email, why=_why_no_address("not a usable e-mail address")),
    CellType.PHONE: Reader(clean=trimmed, value=_phone, why=_say(_NO_PHONE)),
    CellType.ADDRESS: Reader(
        clean=trimmed,
        value=_address,
        why=_why_no_address("neither an e-mail address nor a phone number as +44..."),
    ),
    CellType.AMOUNT: Reader(clean=trimmed, value=_amount, why=_why_no_amount),
    CellType.CURRENCY: Reader(clean=trimmed, value=_currency, why=_say("no_rate")),
    CellType.MOMENT: Reader(clean=trimmed, value=_moment, why=_why_no_moment),
    CellType.DAY: Reader(clean=trimmed, value=lambda t, _: read_day(t), why=lambda t, _: why_no_day(t)),
    CellType.YES_NO: Reader(clean=trimmed, value=_yes_no, why=_say("write yes, no or leave it blank")),
    CellType.LOCALE: Reader(clean=trimmed, value=_locale, why=_say("unknown locale: write it as en or zh-CN")),
    CellType.ZONE: Reader(clean=trimmed, value=_zone, why=_say("unknown time zone: write it as Europe/London")),
    CellType.NUMBER: Reader(clean=trimmed, value=_number, why=_say("not a plain number such as 3 or 2.5")),
    CellType.MONTHS: Reader(
        clean=trimmed, value=_months, why=_say(f"not a number of months from 0 to {MOST_MONTHS}")
    ),
    CellType.PRICE: Reader(
        clean=trimmed, value=_price, why=_say("not a plain price such as 1234.50, with up to six decimals")
    ),
    CellType.WORD: Reader(
        clean=_word, value=_known_word, why=_say(f"letters and digits only, up to {WORD_CHARACTERS}")
    ),
    CellType.CHANNEL: Reader(clean=trimmed, value=_channel, why=_say("write email, sms, all or leave it blank")),
}
