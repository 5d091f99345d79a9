"""What the list of bad rows shows of a value: enough to find it, and nobody's address, number or name.

Where the columns of a row are shifted, any of them may hold a contact.
"""

import re

import polars as pl

from winback.customers.contact import mask_phone, without_addresses

VALUE_CHARACTERS = 80  # of a rejected value: enough to find it
FIRST_LETTERS = 3
_NUMBER = re.compile(r"\+?\(?[0-9](?:[ .()/-]{0,2}[0-9]){6,14}")
_DATE = re.compile(
    r"[0-9]{4}([-/.])[0-9]{1,2}\1[0-9]{1,2}|[0-9]{1,2}([-/.])[0-9]{1,2}\2[0-9]{2,4}|(?:19|20)[0-9]{6}"
)
_WORDS = re.compile(r"[^\W\d_][\w.'’-]*(?: +[^\W\d_][\w.'’-]*)+")  # Ada Lovelace; not America/New_York, yes


def shortened(value: pl.Expr) -> pl.Expr:
    """Of a long text the first letters and how long it is."""
    beginning = pl.format("{}... ({} characters)", value.str.head(FIRST_LETTERS), value.str.len_chars())
    return pl.when(value.str.len_chars() > VALUE_CHARACTERS).then(beginning).otherwise(value)


def shown(value: str) -> str:
    """A rejected value of any column: addresses and numbers masked, of names the first letters."""
    plain = value.strip()
    if _WORDS.fullmatch(plain):
        return f"{plain[:FIRST_LETTERS]}... ({len(plain)} characters)"
    if _NUMBER.fullmatch(plain) and not _DATE.fullmatch(plain):
        return mask_phone(plain)
    return without_addresses(value)
