"""The file of bad rows: it shows no addresses and runs no formulas."""

import csv
import stat

import polars as pl
import pytest

from db.intake import write_rejects
from winback.intake.fields import REJECTS, Kind
from winback.intake.records import parse


def cells_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def rejects_of(*rows):
    return pl.DataFrame(list(rows), schema=dict(REJECTS), orient="row")


def test_rejects_are_written_with_contact_values_masked(tmp_path):
    path = tmp_path / "rejects.csv"
    rows = [
        (2, "email", "ada@exa mple.com", "not a usable e-mail address"),
        (3, "phone", "+44 7700 900", "no"),
        (4, "salesperson_email", "bob", "no"),
        (5, "address", "eve@x.com", "no"),
        (6, "amount", "1,50", "no"),
        (7, None, None, "3 columns, the header has 2"),
    ]

    write_rejects(path, rejects_of(*rows))

    assert cells_of(path) == [
        ["line", "column", "value", "reason"],
        ["2", "email", "a***@e***.com", "not a usable e-mail address"],
        ["3", "phone", "'+44***00", "no"],
        ["4", "salesperson_email", "***", "no"],
        ["5", "address", "e***@x***.com", "no"],
        ["6", "amount", "1,50", "no"],
        ["7", "", "", "3 columns, the header has 2"],
    ]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("timezone", "eve@example.com", "e***@e***.com"),
        ("email_consent", "+447700900666", "'+44***66"),
        ("locale", "(212) 555-0100", "(21***00"),
        ("at", "from eve@example.com, 13800138000", "from e***@e***.com, 138***00"),
        ("birthday_on", "Ada Lovelace", "Ada... (12 characters)"),
        ("birthday_on", "Lovelace", "Lov... (8 characters)"),
        ("email_consent", "Ada", "A... (3 characters)"),
        ("email_consent", "ada", "a... (3 characters)"),
        ("locale", "O’Neil", "O’N... (6 characters)"),
        ("started_on", "王磊", "王... (2 characters)"),
        ("started_on", "王", "... (1 character)"),
        ("country", "d'Arc-Émile", "d'A... (11 characters)"),
        ("email_consent", "Maybe", "Maybe"),
        ("sms_consent", "未知", "未知"),
        ("currency", "EUR", "EUR"),
        ("timezone", "UTC+8", "UTC+8"),
        ("amount", "12x", "12x"),
        ("birthday_on", "31/06/2025", "31/06/2025"),
        ("ordered_at", "2025-13-45 10:00", "2025-13-45 10:00"),
        ("timezone", "America/New_Yrok", "America/New_Yrok"),
        ("amount", "1,234,567.8.9", "1,234,567.8.9"),
    ],
)
def test_contacts_in_a_column_that_is_not_theirs_are_masked_too(tmp_path, column, value, told):
    path = tmp_path / "rejects.csv"
    write_rejects(path, rejects_of((2, column, value, "no")))

    _, row = cells_of(path)

    assert row[2] == told


def test_a_long_value_is_told_by_its_first_letters_and_its_length():
    long = "Eve of 36 Canary Lane, +447700900999 " + "a" * 213
    frame = pl.DataFrame({"line": [2], "customer_id": ["1"], "name": [long]})

    rejects = parse(Kind.CUSTOMERS, frame, timezone="UTC", currency="USD").rejects

    assert rejects["value"].to_list() == ["Eve... (250 characters)"]


def test_only_its_owner_can_read_the_file(tmp_path):
    path = tmp_path / "rejects.csv"
    (tmp_path / "rejects.csv.part").touch(0o644)  # of an import that was killed

    write_rejects(path, rejects_of((2, "amount", "1,50", "no")))

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\0", "＝", "＋", "－", "＠"])
def test_no_cell_of_the_rejects_file_begins_as_a_formula(tmp_path, first):
    path = tmp_path / "rejects.csv"
    write_rejects(path, rejects_of((2, f"{first}c", f"{first}HYPERLINK(1)", "no")))

    _, row = cells_of(path)

    assert row[1][0] == row[2][0] == "'"
    assert "\0" not in path.read_text(encoding="utf-8")
