"""Whether orders still come in, from the facts: what every risk takes for granted."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

from db.facts.history import order_days
from winback.customers.standstill import QUIET_DAYS, Standstill, standstill


def standstill_at(files: Sequence[str | Path], as_of: date) -> Standstill | None:
    """What there is to say of it at the end of ``as_of``; a shop that goes on costs a look at its newest days."""
    if order_days(files, since=as_of - timedelta(days=QUIET_DAYS - 1), as_of=as_of):
        return None
    return standstill(order_days(files, since=date.min, as_of=as_of), as_of)
