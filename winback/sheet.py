"""A table as the text of a CSV file that a spreadsheet opens as it is meant."""

import csv
import re
from collections.abc import Iterable, Sequence
from datetime import date
from io import StringIO

import polars as pl

Cell = str | int | float | date | None
BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"  # tells Excel that the file is UTF-8
# How a text begins that a spreadsheet takes for a formula, in full width too (ASVS 1.2.10; OWASP, CSV Injection).
# Where the comma is the decimal sign a cell ends at a semicolon, so what comes after one begins a text as well.
FORMULA = r"(^|[;\t\r\n])( *[=+\-@\t\r\n\x00＝＋－＠])"


def sheet(rows: Iterable[Sequence[Cell]]) -> str:
    """The rows, the first of which names the columns, with the byte order mark by which Excel knows UTF-8."""
    written = StringIO(newline="")
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerows([safe(cell) for cell in row] for row in rows)
    return BOM + written.getvalue()


def safe(value: Cell) -> str | int | float:
    """A cell no spreadsheet takes for a formula: such text gets an apostrophe before it, numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, date):
        return value.isoformat()
    return re.sub(FORMULA, r"\1'\2", value) if isinstance(value, str) else value


def safe_texts(name: str) -> pl.Expr:
    """``safe`` for a column of texts."""
    return pl.col(name).str.replace_all(FORMULA, "${1}'${2}")
