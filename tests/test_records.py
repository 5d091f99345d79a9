"""Rows: what a row of each kind may say, and that every row is either good or listed with one reason."""

import json
from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from winback.intake.cells import locale_tag
from winback.intake.fields import ATTRIBUTE, FIELDS, REJECTS, SCHEMAS, Kind
from winback.intake.records import last_of_each, parse

ORDER = {"customer_id": "00123", "order_id": "A-1", "ordered_at": "2024-03-31", "amount": "11.77"}


def a_table(*rows, start=2):
    columns = list(dict.fromkeys(column for row in rows for column in row))
    texts = {column: pl.Series([row.get(column) for row in rows], dtype=pl.String) for column in columns}
    return pl.DataFrame({"line": range(start, start + len(rows)), **texts}, schema_overrides={"line": pl.Int64})


def read(kind, *rows, timezone="Europe/London", currency="GBP", not_after=None):
    return parse(kind, a_table(*rows), timezone=timezone, currency=currency, not_after=not_after)


def an_order(**cells):
    return ORDER | cells


def a_customer(**cells):
    return {"customer_id": "1"} | cells


def reason(kind, row, **settings):
    """(column, reason) of the one reject a single row gives."""
    parsed = read(kind, row, **settings)
    assert parsed.good.height == 0
    return parsed.rejects.select("column", "reason").row(0)


def good(kind, row, **settings):
    parsed = read(kind, row, **settings)
    assert parsed.rejects.height == 0, parsed.rejects
    return parsed.good.row(0, named=True)


def test_an_order_becomes_minor_units_an_instant_and_a_local_day():
    order = good(Kind.ORDERS, an_order(ordered_at="2024-07-01 00:30", amount="-3.50", refund_of="A-0"))

    assert order == {
        "line": 2,
        "customer_id": "00123",
        "order_id": "A-1",
        "ordered_at": datetime(2024, 6, 30, 23, 30, tzinfo=UTC),
        "ordered_on": date(2024, 7, 1),
        "amount_minor": -350,
        "refund_of": "A-0",
    }


@pytest.mark.parametrize("kind", list(Kind))
def test_the_typed_frame_has_the_written_schema_with_and_without_rows(kind):
    empty = read(kind)

    assert dict(empty.good.schema) == dict(SCHEMAS[kind])
    assert dict(empty.rejects.schema) == dict(REJECTS)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2024-07-01", datetime(2024, 6, 30, 23, 0)),
        ("2024-07-01 14:05", datetime(2024, 7, 1, 13, 5)),
        ("2024-07-01T14:05:06", datetime(2024, 7, 1, 13, 5, 6)),
        ("2024-07-01 14:05:06.1234567", datetime(2024, 7, 1, 13, 5, 6, 123456)),
        ("2024-07-01T14:05:06Z", datetime(2024, 7, 1, 14, 5, 6)),
        ("2024-07-01 14:05+08:00", datetime(2024, 7, 1, 6, 5)),
        ("2024-07-01 14:05:00 -0330", datetime(2024, 7, 1, 17, 35)),
        ("2024-07-01T14:05-03", datetime(2024, 7, 1, 17, 5)),
        ("2024-10-27 01:30", datetime(2024, 10, 27, 0, 30)),  # twice that night: the first
        ("2024-03-31 01:30", datetime(2024, 3, 31, 1, 30)),  # never that night: with the offset before
    ],
)
def test_a_time_without_offset_is_local_and_one_with_offset_is_not(text, instant):
    order = good(Kind.ORDERS, an_order(ordered_at=f"  {text} "))

    assert order["ordered_at"] == instant.replace(tzinfo=UTC)


def test_the_local_day_of_an_instant_is_the_workspaces_and_not_the_files():
    order = good(Kind.ORDERS, an_order(ordered_at="2024-07-01T20:00:00-05:00"), timezone="Asia/Shanghai")

    assert order["ordered_on"] == date(2024, 7, 2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-13-45", "no such date or time"),
        ("2023-02-29", "no such date or time"),
        ("2024-01-01 25:00", "no such date or time"),
        ("2024-01-01 10:60", "no such date or time"),
        ("2024-01-01 10:00:60", "no such date or time"),
        ("2024-01-01 10:00+25:00", "no such date or time"),
        ("31/02/2024", "write the date as 2024-03-31 or 2024-03-31 14:05"),
        ("2024-1-5", "write the date as 2024-03-31 or 2024-03-31 14:05"),
        ("yesterday", "write the date as 2024-03-31 or 2024-03-31 14:05"),
        ("２０２４-01-01", "write the date as 2024-03-31 or 2024-03-31 14:05"),
        ("45292", "a spreadsheet's serial number: write the date as 2024-03-31"),
        ("45292.5", "a spreadsheet's serial number: write the date as 2024-03-31"),
        ("1969-12-31", "outside the years 1970-2099"),
        ("2100-01-01", "outside the years 1970-2099"),
        ("  ", "empty"),
    ],
)
def test_a_date_that_is_none_is_refused_with_what_to_write_instead(text, expected):
    assert reason(Kind.ORDERS, an_order(ordered_at=text)) == ("ordered_at", expected)


def test_an_order_after_the_last_believable_day_is_refused():
    """Else one order of the year 2099 would say that the data reach to 2099."""
    today = date(2024, 6, 30)

    assert good(Kind.ORDERS, an_order(ordered_at="2024-06-30 23:59"), not_after=today)
    assert reason(Kind.ORDERS, an_order(ordered_at="2024-07-01"), not_after=today) == (
        "ordered_at",
        "in the future (after 2024-06-30)",
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "empty"),
        (" \u3000 ", "empty"),
        (None, "empty"),
        ("1.23E+17", "damaged by a spreadsheet: export ids as text"),
        ("1E+05", "damaged by a spreadsheet: export ids as text"),
        ("#N/A", "damaged by a spreadsheet: export ids as text"),
        ("a\tb", "an id cannot contain line breaks or invisible characters"),
        ("a\nb", "an id cannot contain line breaks or invisible characters"),
        ("a\x00b", "an id cannot contain line breaks or invisible characters"),
        ("a\u202eb", "an id cannot contain line breaks or invisible characters"),
        ("x" * 129, "longer than 128 characters"),
    ],
)
def test_an_id_that_cannot_be_one_is_refused(text, expected):
    assert reason(Kind.CUSTOMERS, a_customer(customer_id=text)) == ("customer_id", expected)


@pytest.mark.parametrize("text", ["00123", "12e4", "O'Neil", "客户-7", "{{7*7}}", "0", "x" * 128])
def test_an_id_is_kept_as_it_is_but_for_blanks_around_it(text):
    assert good(Kind.CUSTOMERS, a_customer(customer_id=f" {text}\u00a0"))["customer_id"] == text


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("{{7*7}}", "{{7*7}}"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ('O\'Neil "Bob" & Co', 'O\'Neil "Bob" & Co'),
        ('=HYPERLINK("http://evil","x")', '=HYPERLINK("http://evil","x")'),
        ("a\r\nBcc: evil@x", "a Bcc: evil@x"),
        ("a\u2028b", "a b"),
        ("\u202eevil", "evil"),
        ("An\x00n\x07", "Ann"),
        ("👩\u200d🎤 Zoë", "👩\u200d🎤 Zoë"),
        ("Zoe\u0308", "Zoë"),
        ("null", "null"),
        ("NaN", "NaN"),
        ("None", "None"),
        (" \t ", None),
        ("\x00\u202e", None),
        ("👩" + "\u200d🎤" * 99 + "x", "👩" + "\u200d🎤" * 99 + "x"),
    ],
)
def test_a_name_is_kept_literally_without_what_nobody_sees(text, name):
    assert good(Kind.CUSTOMERS, a_customer(name=text))["name"] == name


def test_a_name_of_more_than_200_characters_is_refused():
    assert reason(Kind.CUSTOMERS, a_customer(name="x" * 201)) == ("name", "longer than 200 characters")


@pytest.mark.parametrize(
    ("text", "consent"),
    [("yes", True), ("Y", True), ("TRUE", True), ("1", True), ("是", True), ("no", False), ("n", False),
     ("False", False), ("0", False), ("否", False), ("", None), (" ", None), (None, None)],
)  # fmt: skip
def test_consent_is_yes_no_or_unknown(text, consent):
    customer = good(Kind.CUSTOMERS, a_customer(email_consent=text, no_personalisation=text))

    assert (customer["email_consent"], customer["no_personalisation"]) == (consent, consent)


@pytest.mark.parametrize("text", ["maybe", "-", "2", "unknown", "subscribed"])
def test_any_other_consent_is_refused_and_never_guessed(text):
    expected = ("sms_consent", "write yes, no or leave it blank")

    assert reason(Kind.CUSTOMERS, a_customer(sms_consent=text)) == expected


def test_a_customer_with_an_unusable_address_is_refused_rather_than_silently_unreachable():
    assert reason(Kind.CUSTOMERS, a_customer(email="b@x.cn,c@x.cn")) == ("email", "not a usable e-mail address")
    column, why = reason(Kind.CUSTOMERS, a_customer(phone="12345", country="US"))
    assert (column, why[:25]) == ("phone", "not a usable phone number")


@pytest.mark.parametrize(
    "text",
    ["用户@例子.公司", "josé@example.com", " İ@x.com", "\u200bada@x.com", "ada＠x@x.com"],
)
def test_an_address_that_needs_smtputf8_is_refused_as_that(text):
    """RFC 6531; in either column that takes one. Only what is before the @ counts."""
    why = "a character beyond ASCII before the @, which mail providers do not take (SMTPUTF8)"

    assert reason(Kind.CUSTOMERS, a_customer(email=text)) == ("email", why)
    assert reason(Kind.SUPPRESSIONS, {"address": text}) == ("address", why)


def test_letters_beyond_ascii_after_the_at_are_no_such_reason():
    assert good(Kind.CUSTOMERS, a_customer(email="u@例子.公司"))["email"] == "u@xn--fsqu00a.xn--55qx5d"
    assert reason(Kind.CUSTOMERS, a_customer(email="a b@例子.公司")) == ("email", "not a usable e-mail address")
    assert reason(Kind.SUPPRESSIONS, {"address": "例子"})[1][:7] == "neither"


def test_a_phone_in_national_form_is_read_by_the_customers_country():
    customer = good(Kind.CUSTOMERS, a_customer(phone="138-0013 8000", country="China", email="A@X.cn"))

    assert (customer["phone"], customer["country"], customer["email"]) == ("+8613800138000", "China", "a@x.cn")


@pytest.mark.parametrize(
    ("text", "tag"),
    [("en", "en"), ("zh-CN", "zh-CN"), ("zh_cn", "zh-CN"), ("ZH-hans-cn", "zh-Hans-CN"), ("xx-YY", None),
     ("english", None), ("en-", None), ("../etc", None)],
)  # fmt: skip
def test_a_locale_is_one_that_babel_knows(text, tag):
    assert locale_tag(text) == tag


@pytest.mark.parametrize("text", ["Mars/Base", "UTC+8", "localtime", "../../etc/passwd", "europe/london"])
def test_an_unknown_time_zone_is_refused(text):
    column, why = reason(Kind.CUSTOMERS, a_customer(timezone=text))

    assert (column, why) == ("timezone", "unknown time zone: write it as Europe/London")


@pytest.mark.parametrize("amount", ["3.50", "0", "0.00", "-0"])
def test_a_refund_of_nothing_or_less_is_not_taken_for_one_more_order(amount):
    expected = ("amount", "what refunds an order (refund_of) has a negative amount")

    assert reason(Kind.ORDERS, an_order(amount=amount, refund_of="A-0")) == expected
    assert good(Kind.ORDERS, an_order(amount=amount))


def test_another_currency_than_the_workspaces_has_no_rate():
    assert reason(Kind.ORDERS, an_order(currency="USD")) == ("currency", "no_rate")
    assert good(Kind.ORDERS, an_order(currency=" gbp "))["amount_minor"] == 1177


def test_a_birthday_may_lie_before_1970_and_loses_a_spreadsheets_midnight():
    assert good(Kind.CUSTOMERS, a_customer(birthday_on="1931-05-08 00:00:00"))["birthday_on"] == date(1931, 5, 8)
    assert reason(Kind.CUSTOMERS, a_customer(birthday_on="1831-05-08"))[1] == "outside the years 1900-2099"
    assert reason(Kind.CUSTOMERS, a_customer(birthday_on="1931-05-08 10:00"))[1] == "no such date or time"


def test_the_other_columns_of_a_customer_are_kept_as_one_json_object_with_sorted_keys():
    cells = {"tier": "gold", 'odd "key"': 'a "b"\\', "city": " 上海 ", "empty": "  "}
    customer = good(Kind.CUSTOMERS, a_customer(**{f"{ATTRIBUTE}{key}": cell for key, cell in cells.items()}))

    assert json.loads(customer["attributes"]) == {"city": "上海", 'odd "key"': 'a "b"\\', "tier": "gold"}
    assert customer["attributes"].startswith('{"city":')
    assert good(Kind.CUSTOMERS, a_customer())["attributes"] == "{}"


def test_an_overlong_attribute_is_refused_under_the_files_own_column_name():
    long = {f"{ATTRIBUTE}notes": "x" * 2000}

    assert good(Kind.CUSTOMERS, a_customer(**long))
    assert reason(Kind.CUSTOMERS, a_customer(**long | {f"{ATTRIBUTE}notes": "x" * 2001})) == (
        "notes",
        "longer than 2000 characters",
    )


def test_a_bad_row_is_listed_once_under_its_first_bad_field():
    parsed = read(Kind.ORDERS, an_order(amount="x", ordered_at="y", currency="USD"), an_order())

    assert parsed.rejects.rows() == [(2, "ordered_at", "y", "write the date as 2024-03-31 or 2024-03-31 14:05")]
    assert parsed.good["line"].to_list() == [3]


def test_a_missing_column_makes_every_row_bad_when_it_is_required():
    assert reason(Kind.ORDERS, {"customer_id": "1", "order_id": "2", "ordered_at": "2024-01-01"}) == (
        "amount",
        "empty",
    )


def test_a_suppression_names_an_address_or_a_customer():
    rows = [
        {"address": "A@x.com", "channel": "E-Mail", "at": "2024-01-01", "reason": "complaint"},
        {"address": "+44 7700 900123"},
        {"customer_id": "7", "channel": "sms"},
        {"customer_id": "7", "address": "a@x.com", "channel": "sms"},
    ]

    parsed = read(Kind.SUPPRESSIONS, *rows)

    assert parsed.good.select("customer_id", "address", "channel", "reason").rows() == [
        (None, "a@x.com", "email", "complaint"),
        (None, "+447700900123", "all", None),
        ("7", None, "sms", None),
        ("7", "a@x.com", "sms", None),
    ]
    assert parsed.good["at"].to_list() == [datetime(2024, 1, 1, tzinfo=UTC), None, None, None]


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ({"channel": "email"}, "address"),
        ({"address": "07700 900123"}, "address"),
        ({"address": "not-an-email"}, "address"),
        ({"address": "a@x.com", "channel": "post"}, "channel"),
        ({"address": "a@x.com", "channel": "sms"}, "channel"),
        ({"address": "+447700900123", "channel": "email"}, "channel"),
    ],
)
def test_a_suppression_that_would_suppress_nothing_is_refused(row, column):
    assert reason(Kind.SUPPRESSIONS, row)[0] == column


def test_of_a_repeated_id_the_last_row_wins():
    parsed = read(Kind.ORDERS, an_order(amount="1"), an_order(order_id="B"), an_order(amount="2"))

    assert last_of_each(Kind.ORDERS, parsed.good)["line"].to_list() == [3, 4]


cells = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
likely = st.sampled_from(
    ["1", "00123", "yes", "a@x.com", "+12125550142", "2024-01-01", "2024-03-31 01:30", "11.77", "-0", "US", "en"]
)


@settings(deadline=None)
@given(st.data(), st.sampled_from(list(Kind)), st.integers(0, 6))
def test_every_row_is_either_good_or_rejected_with_a_reason(data, kind, height):
    names = [field.name for field in FIELDS[kind]] + [f"{ATTRIBUTE}x", f"{ATTRIBUTE}line"]
    used = data.draw(st.lists(st.sampled_from(names), unique=True))
    rows = [{name: data.draw(cells | likely) for name in used} for _ in range(height)]
    table = a_table(*rows) if used else pl.DataFrame({"line": range(2, 2 + height)}, schema={"line": pl.Int64})

    parsed = parse(kind, table, timezone="America/Sao_Paulo", currency="USD")

    lines = parsed.good["line"].to_list() + parsed.rejects["line"].to_list()
    assert sorted(lines) == list(range(2, 2 + height))
    assert parsed.rejects["reason"].null_count() == parsed.rejects["column"].null_count() == 0
