"""Addresses: what becomes one spelling, what is refused, and that series and single functions agree."""

import hashlib
import string

import phonenumbers
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from winback.customers.contact import (
    address_hash,
    mask_contact,
    mask_email,
    mask_phone,
    normalise_email,
    normalise_emails,
    normalise_phone,
    normalise_phones,
)
from winback.customers.countries import region_of


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("A@X.cn", "a@x.cn"),
        ("  ada.lovelace@Example.COM\n", "ada.lovelace@example.com"),
        ("a+tag@x.com", "a+tag@x.com"),
        ("o'neil@x.com", "o'neil@x.com"),
        ("u@例子.公司", "u@xn--fsqu00a.xn--55qx5d"),  # RFC 3492's algorithm, by Python's own punycode codec below
        ("a@BÜCHER.example", "a@xn--bcher-kva.example"),  # the example of RFC 5890's predecessors
        ("a@bu\u0308cher.example", "a@xn--bcher-kva.example"),
    ],
)
def test_one_mailbox_has_one_spelling(text, address):
    assert normalise_email(text) == address


def test_the_punycode_above_is_what_another_codec_makes_of_it():
    assert "例子.公司".encode("idna") == b"xn--fsqu00a.xn--55qx5d"


UNUSABLE_EMAILS = [
    "",
    "not-an-email",
    "b@x.cn,c@x.cn",
    "b@x.cn;c@x.cn",
    '"a b"@x.cn',
    "a b@x.cn",
    "Bob <b@x.cn>",
    "a@b@x.cn",
    "用户@例子.公司",
    "İ@x.com",
    "mi\u212ae@x.com",  # a Kelvin sign, whose lower case is a plain k
    "a@localhost",
    "a@x..com",
    "a..b@x.com",
    ".a@x.com",
    "a.@x.com",
    "a@-x.com",
    "a@1.2.3.4",
    "a@[1.2.3.4]",
    "a\u202e@x.com",
    "a\x00@x.com",
    "a\r\nBcc: evil@x.com",
    "\ud800@x.com",
    "a@\ud800.com",
    "\x1ca@x.com",
    "x" * 65 + "@x.com",
    "a@" + "x" * 64 + ".com",
    "a@" + ".".join(["x" * 62] * 4) + ".example",
]


@pytest.mark.parametrize("text", UNUSABLE_EMAILS)
def test_an_address_no_provider_would_take_is_none(text):
    assert normalise_email(text) is None


def test_an_address_no_provider_would_take_is_null_in_a_column():
    texts = [text for text in UNUSABLE_EMAILS if "\ud800" not in text]  # which no column can hold

    assert normalise_emails(pl.Series(texts)).null_count() == len(texts)


def test_a_mailbox_of_64_and_an_address_of_254_characters_are_the_longest():
    longest = "x" * 64 + "@" + ".".join(["y" * 62] * 3)
    longest = f"{longest[: 254 - len('.example')]}.example"

    assert normalise_email(longest) == longest
    assert len(longest) == 254


emails = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.from_regex(r"[ \t]?[A-Za-z+.İ]{1,6}@[a-zA-Zü例.\-]{1,8}\.(?:com|公司)[ \n]?", fullmatch=True),
)


@settings(deadline=None)
@given(st.lists(st.none() | emails, max_size=8))
def test_a_column_of_emails_is_read_as_each_is_alone(texts):
    column = normalise_emails(pl.Series("email", texts, dtype=pl.String))

    assert column.to_list() == [None if text is None else normalise_email(text) for text in texts]


@settings(deadline=None)
@given(emails)
def test_normalising_an_email_twice_changes_nothing(text):
    once = normalise_email(text)

    assert once is None or normalise_email(once) == once


@pytest.mark.parametrize(
    ("text", "country", "number"),
    [
        ("+86 138-0013 8000", None, "+8613800138000"),
        ("１３８００１３８０００", "CN", "+8613800138000"),
        ("＋86 １３８ 0013 8000", None, "+8613800138000"),
        ("138 0013 8000", "中国", "+8613800138000"),
        ("8613800138000", "China", "+8613800138000"),
        ("(212) 555-0142", "US", "+12125550142"),
        ("+1 212 555 0142", "GB", "+12125550142"),
        ("07700 900123", "United Kingdom", "+447700900123"),
        ("+44 (0)20 7946 0018", None, "+442079460018"),
        ("\u202a+44 7700 900123\u202c", None, "+447700900123"),
        ("٠٧٧٠٠٩٠٠١٢٣", "GB", "+447700900123"),
    ],
)
def test_one_phone_has_one_spelling(text, country, number):
    assert normalise_phone(text, country) == number


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("", "US"),
        ("+1 900 555 1234", None),
        ("900-555-1234", "US"),
        ("+44 909 879 0000", None),
        ("10086", "CN"),
        ("12345", "US"),
        ("+12345", None),
        ("00000000000", "US"),
        ("+12222222222", None),
        ("13800138000", None),
        ("13800138000", "Atlantis"),
        ("+1 212 555 0142 ext. 7", None),
        ("call me", "US"),
        ("+999 123 456 789", None),
        ("1" * 1000, "US"),
        ("\ud800", "US"),
    ],
)
def test_what_a_text_message_should_not_go_to_is_none(text, country):
    assert normalise_phone(text, country) is None


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.none()
            | st.text(string.digits + "+- ()１x", max_size=15)
            | st.from_regex(r"\+1[2-9][0-9]{2}[2-9][0-9]{6}", fullmatch=True)
            | st.from_regex(r"(?:\+86|0)?1[3-9][0-9]{9}", fullmatch=True)
            | st.from_regex(r"(?:\+?44|0)7[0-9]{9}", fullmatch=True)
            | st.from_regex(r"1?[2-9][0-9]{9}", fullmatch=True),
            st.sampled_from([None, "US", "CN", "United Kingdom", "Atlantis"]),
        ),
        max_size=8,
    )
)
def test_a_column_of_phones_is_read_as_each_is_alone(pairs):
    texts = pl.Series("phone", [text for text, _ in pairs], dtype=pl.String)
    countries = pl.Series([country for _, country in pairs], dtype=pl.String)

    column = normalise_phones(texts, countries)

    assert column.to_list() == [
        None if text is None else normalise_phone(text, country) for text, country in pairs
    ]


def test_the_quick_pattern_lets_no_premium_or_shared_cost_number_through():
    """Every North American area code, judged by the library; some Caribbean ones have premium exchanges (976)."""
    texts = [f"+1{area}{exchange}0142" for area in range(200, 1000) for exchange in (417, 555, 619, 976)]

    column = normalise_phones(pl.Series(texts), pl.Series([None] * len(texts), dtype=pl.String))

    refused = {phonenumbers.PhoneNumberType.PREMIUM_RATE, phonenumbers.PhoneNumberType.SHARED_COST,
               phonenumbers.PhoneNumberType.UAN, phonenumbers.PhoneNumberType.VOICEMAIL,
               phonenumbers.PhoneNumberType.PAGER}  # fmt: skip
    kinds = {number: phonenumbers.number_type(phonenumbers.parse(number)) for number in column if number}
    assert not [number for number, kind in kinds.items() if kind in refused or number.startswith("+1900")]
    assert len(kinds) > 3100


def test_a_country_is_known_by_code_and_by_english_and_chinese_name():
    found = [region_of(name) for name in ("cn", "China", "中国", "United Kingdom", "英国", "UK", "Atlantis", None)]

    assert found == ["CN", "CN", "CN", "GB", "GB", "GB", None, None]


def test_an_address_hash_is_the_sha256_of_the_address():
    # echo -n a@x.cn | sha256sum
    assert address_hash("a@x.cn") == hashlib.sha256(b"a@x.cn").hexdigest()
    assert len(address_hash("a@x.cn")) == 64


def test_a_masked_address_shows_too_little_to_write_to():
    assert mask_email("ada.lovelace@example.com") == "a***@e***.com"
    assert mask_phone("+447700900123") == "+44***23"
    assert mask_phone("12345") == "***"
    assert mask_contact("bob smith at example") == "bob***le"


@settings(deadline=None)
@given(st.text(min_size=1, max_size=60))
def test_a_masked_text_hides_at_least_its_middle(text):
    shown = mask_contact(text)

    assert "***" in shown
    assert len(shown.replace("***", "")) <= 14
