"""A table as the text of a CSV file that a spreadsheet opens as it is meant."""

import csv
from collections.abc import Iterable, Sequence
from datetime import date
from io import StringIO

from winback.report.csv_lines import Cell

BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"  # tells Excel that the file is UTF-8
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def sheet(rows: Iterable[Sequence[Cell]]) -> str:
    """The rows, the first of which names the columns, with the byte order mark by which Excel knows UTF-8."""
    written = StringIO(newline="")
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerows([safe(cell) for cell in row] for row in rows)
    return BOM + written.getvalue()


def safe(value: Cell) -> str | int | float:
    """A cell no spreadsheet takes for a formula: such text gets an apostrophe before it, numbers stay numbers.

    Source of the rule: OWASP, CSV Injection.
    """
    if value is None:
        return ""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str) and value.lstrip(" ").startswith(FORMULA_STARTS):
        return f"'{value}"
    return value
