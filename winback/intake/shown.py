"""What the list of bad rows shows of a value: enough to find it, and nobody's address, number or name.

Where the columns of a row are shifted, any of them may hold a contact.
"""

import re
from functools import cache

import polars as pl
from babel import Locale

from winback.customers.contact import mask_phone, without_addresses

VALUE_CHARACTERS = 80  # of a rejected value: enough to find it
FIRST_LETTERS = 3
_NUMBER = re.compile(r"\+?\(?[0-9](?:[ .()/-]{0,2}[0-9]){6,14}")
_DATE = re.compile(
    r"[0-9]{4}([-/.])[0-9]{1,2}\1[0-9]{1,2}|[0-9]{1,2}([-/.])[0-9]{1,2}\2[0-9]{2,4}|(?:19|20)[0-9]{6}"
)
# Ada Lovelace, O'Neil, 王磊; not America/New_York, UTC+8
_WORDS = re.compile(r"[^\W\d_][\w.'’-]*(?: +[^\W\d_][\w.'’-]*)+|[^\W\d_](?:[^\W\d_]|[.'’-])*")
_NO_NAME = re.compile(
    "yes|no|y|n|true|false|on|off|unknown|maybe|none|null|nil|nan|n[.]?a|empty|blank|error|e-?mail|mail|sms|text|"
    "phone|all|subscribed|unsubscribed|是|否|有|无|未知|空",
    re.IGNORECASE,
)


def shortened(value: pl.Expr) -> pl.Expr:
    """Of a long text the first letters and how long it is."""
    beginning = pl.format("{}... ({} characters)", value.str.head(FIRST_LETTERS), value.str.len_chars())
    return pl.when(value.str.len_chars() > VALUE_CHARACTERS).then(beginning).otherwise(value)


@cache
def _currencies() -> frozenset[str]:
    return frozenset(Locale("en").currencies)


def _characters(count: int) -> str:
    return f"{count} character{'' if count == 1 else 's'}"


def shown(value: str) -> str:
    """A rejected value of any column: addresses and numbers masked, of names the first letters.

    Any word may be one, save what stands for yes, no or nothing, a channel, and the code of a currency.
    """
    plain = value.strip()
    if _WORDS.fullmatch(plain) and not _NO_NAME.fullmatch(plain) and plain not in _currencies():
        return f"{plain[: min(FIRST_LETTERS, len(plain) // 2)]}... ({_characters(len(plain))})"
    if _NUMBER.fullmatch(plain) and not _DATE.fullmatch(plain):
        return mask_phone(plain)
    return without_addresses(value)
