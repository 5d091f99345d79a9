"""The file of bad rows: it shows no addresses and runs no formulas."""

import csv

import polars as pl
import pytest

from db.intake import write_rejects
from winback.intake.fields import REJECTS


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


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\0", "＝", "＋", "－", "＠"])
def test_no_cell_of_the_rejects_file_begins_as_a_formula(tmp_path, first):
    path = tmp_path / "rejects.csv"
    write_rejects(path, rejects_of((2, f"{first}c", f"{first}HYPERLINK(1)", "no")))

    _, row = cells_of(path)

    assert row[1][0] == row[2][0] == "'"
    assert "\0" not in path.read_text(encoding="utf-8")
