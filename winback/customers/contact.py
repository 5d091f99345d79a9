"""Addresses: one spelling per mailbox and per phone, so that equal addresses are equal text.

An address that cannot be written to is None, never a guess. The series functions take the common spellings
by pattern and look at the rest one distinct text at a time; both give what the single functions give.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable

import idna
import phonenumbers
import polars as pl
from phonenumbers import NumberParseException, PhoneNumberType, ValidationResult

from winback.customers.countries import region_of

EMAIL_CHARACTERS = 254  # RFC 5321 4.5.3.1.3: a path of 256 octets with its angle brackets
LOCAL_PART_CHARACTERS = 64  # RFC 5321 4.5.3.1.1
PHONE_CHARACTERS = 40  # longer text is not a number; E.164 has at most 15 digits

# RFC 5322 3.2.3 dot-atom before the @, host names of at least two labels after it
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = rf"{_ATOM}(?:\.{_ATOM})*"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_TOP = r"(?:[A-Za-z]{2,63}|[Xx][Nn]--[A-Za-z0-9-]{1,58}[A-Za-z0-9])"
_EMAIL = rf"^{_LOCAL}@(?:{_LABEL}\.)+{_TOP}$"
_LONG_LOCAL = rf"^[^@]{{{LOCAL_PART_CHARACTERS + 1}}}"

# what people put between digits, and the marks that come along when a number is copied from an address book
_SEPARATORS = r"[\s().\-/\u2010-\u2015\u2212\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
# numbers whose length and kind are plain from their digits: NANP, Chinese and British mobiles
_PLAIN_PHONE = r"^\+(?:1[2-9][0-9]{2}[2-9][0-9]{6}|861[3-9][0-9]{9}|447[1-57-9][0-9]{8})$"
# left to the library: service area codes, Caribbean ones with premium or access ranges, one digit repeated
_NOT_PLAIN = (
    r"^\+(?:1(?:[2-9]00|710|242|246|264|268|345|868)|447{10}$"
    r"|1(?:2{10}|3{10}|4{10}|5{10}|6{10}|7{10}|8{10}|9{10})$)"
)
# anywhere in a text
_WITHIN_EMAIL = re.compile(r"[^\s@＠<>\"'(),;:]+[@＠][^\s@＠<>\"'(),;:]+")
_WITHIN_PHONE = re.compile(
    r"\+[0-9](?:[ .()-]{0,2}[0-9]){6,14}|(?<![0-9])1[3-9][0-9]{9}(?![0-9])"
)  # abroad, and in China
_REFUSED_TYPES = frozenset(
    {PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST, PhoneNumberType.PAGER,
     PhoneNumberType.UAN, PhoneNumberType.VOICEMAIL}
)  # fmt: skip


FOREIGN_MAILBOX = "a character beyond ASCII before the @, which mail providers do not take (SMTPUTF8)"
IS_FOREIGN_MAILBOX = r"^[^@]*[^\x00-\x7f@][^@]*@"  # where the blanks around it are gone
_NO_CONTACT = "neither an e-mail address nor a phone number in international form (+44...)"


def why_no_contact(text: str) -> str:
    """What is wrong with an address that is typed as one word of a command."""
    return FOREIGN_MAILBOX if re.match(IS_FOREIGN_MAILBOX, text.strip()) else _NO_CONTACT


def normalise_email(text: str) -> str | None:
    """The address in lower case with its domain in ASCII, or None when no provider would take it.

    The part before the @ must be plain ASCII: folding a Turkish dotted I or a Kelvin sign to an ASCII letter
    would address somebody else. A domain in other scripts becomes punycode (IDNA 2008 with UTS 46 mapping).
    """
    local, at, domain = text.strip().partition("@")
    if not at or not local.isascii() or re.search(r"[\x1c-\x1f]", text):  # strip() takes these for blanks
        return None
    host = _ascii_host(domain)
    address = f"{local}@{host}".lower()
    return address if host and _is_email(address) else None


def _is_email(address: str) -> bool:
    short = len(address) <= EMAIL_CHARACTERS and not re.match(_LONG_LOCAL, address)
    return short and re.fullmatch(_EMAIL, address) is not None


def _ascii_host(domain: str) -> str | None:
    if domain.isascii():
        return domain
    try:
        return idna.encode(unicodedata.normalize("NFC", domain), uts46=True).decode("ascii")
    except UnicodeError:  # idna's own error is one too
        return None


def normalise_emails(texts: pl.Series) -> pl.Series:
    """``normalise_email`` for a text series; null stays null, an unusable address becomes null."""
    frame = pl.DataFrame({"text": texts}).with_columns(trimmed=pl.col("text").str.strip_chars())
    trimmed = pl.col("trimmed")
    plain = (
        trimmed.str.contains(_EMAIL)
        & (trimmed.str.len_bytes() <= EMAIL_CHARACTERS)
        & ~trimmed.str.contains(_LONG_LOCAL)
    )
    quick = frame.select(pl.when(plain).then(trimmed.str.to_lowercase()).alias("quick")).to_series()
    foreign = frame.select(pl.when(~plain & trimmed.str.contains(r"[^\x00-\x7f]")).then("text")).to_series()
    return quick.fill_null(each_distinct(foreign, normalise_email)).alias(texts.name)


def normalise_phone(text: str, country: str | None) -> str | None:
    """The number in E.164 form, or None for anything a text message should not go to.

    ``country`` (ISO code, or its English or Chinese name) is needed when the number is written without
    its country code. A number must have a length its country uses; the range need not be in the library's
    list, which lags behind new ranges and lacks those reserved for fiction. Short codes, premium and
    shared-cost numbers, pagers, one digit repeated (a placeholder) and text with letters are refused.
    """
    digits = _compact(text)
    if not re.fullmatch(r"\+?[0-9]{4,20}", digits):
        return None
    try:
        number = phonenumbers.parse(digits, region_of(country))
    except NumberParseException:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if _usable(number) else None


def _usable(number: phonenumbers.PhoneNumber) -> bool:
    national = str(number.national_number)
    possible = phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE
    premium_nanp = number.country_code == 1 and national.startswith("900")
    refused = premium_nanp or phonenumbers.number_type(number) in _REFUSED_TYPES
    return possible and not refused and len(set(national)) > 1


def _compact(text: str) -> str:
    if len(text) > PHONE_CHARACTERS:
        return ""
    folded = unicodedata.normalize("NFKC", text)
    return re.sub(_SEPARATORS, "", "".join(_ascii_digit(character) for character in folded))


def _ascii_digit(character: str) -> str:
    value = unicodedata.decimal(character, None)
    return character if value is None else str(value)


def normalise_phones(texts: pl.Series, countries: pl.Series) -> pl.Series:
    """``normalise_phone`` for two series of equal length; null stays null, an unusable number becomes null."""
    frame = pl.DataFrame({"text": texts, "country": countries, "region": each_distinct(countries, region_of)})
    frame = frame.with_columns(plain=_international(pl.col("text"), pl.col("region")))
    usable = pl.col("plain").str.contains(_PLAIN_PHONE) & ~pl.col("plain").str.contains(_NOT_PLAIN)
    frame = frame.with_columns(quick=pl.when(usable).then("plain"))
    rest = (
        frame.filter(pl.col("quick").is_null() & pl.col("text").is_not_null()).select("text", "country").unique()
    )
    found = [normalise_phone(text, country) for text, country in rest.iter_rows()]
    slow = rest.with_columns(slow=pl.Series(found, dtype=pl.String))
    joined = frame.join(slow, on=["text", "country"], how="left", nulls_equal=True, maintain_order="left")
    return joined.select(pl.coalesce("quick", "slow").alias(texts.name)).to_series()


def _international(text: pl.Expr, region: pl.Expr) -> pl.Expr:
    """Digits with their country code where that is plain to see, else null."""
    digits = text.str.normalize("NFKC").str.replace_all(_SEPARATORS, "")
    return (
        pl.when(text.str.len_chars() > PHONE_CHARACTERS)
        .then(None)
        .when(digits.str.starts_with("+"))
        .then(digits)
        .when((region == "CN") & digits.str.contains(r"^1[0-9]{10}$"))
        .then("+86" + digits)
        .when((region == "US") & digits.str.contains(r"^[2-9][0-9]{9}$"))
        .then("+1" + digits)
        .when((region == "GB") & digits.str.contains(r"^07[0-9]{9}$"))
        .then("+44" + digits.str.slice(1))
    )


def each_distinct(texts: pl.Series, function: Callable[[str], str | None]) -> pl.Series:
    """``function`` of every non-null text, called once per distinct text."""
    distinct = texts.drop_nulls().unique().to_list()
    answers = pl.Series([function(text) for text in distinct], dtype=pl.String)
    return texts.replace_strict(
        pl.Series(distinct, dtype=pl.String), answers, default=None, return_dtype=pl.String
    )


def address_hash(address: str) -> str:
    """sha256 (hex) of a normalised address: what suppressions keep when the person is erased."""
    return hashlib.sha256(address.encode()).hexdigest()


def mask_email(address: str) -> str:
    """The address for display: first characters of mailbox and domain, and the top-level domain."""
    local, _, domain = address.partition("@")
    _, dot, top = domain.rpartition(".")
    return f"{local[:1]}***@{domain[:1]}***{dot}{top[:10] if dot else ''}"


def mask_phone(number: str) -> str:
    """The number for display: its first three and last two characters."""
    return f"{number[:3]}***{number[-2:]}" if len(number) > 7 else "***"


def mask_contact(text: str) -> str:
    """Any text of a contact column for display, also one that is no address."""
    return mask_email(text) if "@" in text else mask_phone(text)


def without_addresses(text: str) -> str:
    """``text`` with e-mail addresses, international phone numbers and Chinese mobile numbers masked."""
    masked = _WITHIN_EMAIL.sub(lambda found: mask_email(found[0].replace("＠", "@")), text)
    return _WITHIN_PHONE.sub(lambda found: mask_phone(found[0]), masked)
