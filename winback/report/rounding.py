"""Whether printed numbers and their printed difference agree in the last digit: differences are rounded last."""

import re
from collections.abc import Iterable
from decimal import Decimal

from winback import words
from winback.lift.contrast import RateContrast
from winback.outcomes.findings import Compared
from winback.outcomes.outcomes import BeforeAfter
from winback.report.answers import SatisfactionRow
from winback.report.findings import MeasureRow

_DIGITS = re.compile(r"\d[\d,]*(?:\.\d+)?")

Printed = tuple[str, str, str]  # one number, the other, and one less the other


def apart(rows: Iterable[Printed]) -> bool:
    """Whether in any row the printed numbers' difference is not the one printed; an undefined one never is."""
    return any(_apart(*row) for row in rows)


def _apart(one: str, other: str, difference: str) -> bool:
    numbers = [_number(text) for text in (one, other, difference)]
    if None in numbers:
        return False
    first, second, between = (Decimal(each or 0) for each in numbers)
    return first - second != between


def _number(text: str) -> Decimal | None:
    """The number in a text as the report writes it: ``−$1,234.50``, ``71.8%``, ``+0.9 points``."""
    found = _DIGITS.search(text)
    if found is None:
        return None
    size = Decimal(found.group().replace(",", ""))
    return -size if text.startswith(words.MINUS) else size


def of_rate(found: RateContrast | Compared) -> Printed:
    """Both rates and their difference as every table of rates writes them."""
    return words.percent(found.rate), words.percent(found.control_rate), words.points(found.difference)


def of_measure(row: MeasureRow | SatisfactionRow) -> Printed:
    """A row that is written already."""
    difference = row.difference if isinstance(row.difference, str) else row.difference.text
    return row.treated, row.held, difference


def of_change(shares: BeforeAfter) -> Printed:
    """After, before and the change of one group."""
    known = shares.before is not None and shares.after is not None
    change = (shares.after or 0) - (shares.before or 0) if known else None
    return words.percent(shares.after), words.percent(shares.before), words.points(change)
