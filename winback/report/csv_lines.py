"""Tables as lines of one shape: every number with the table, row and measure it belongs to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from winback.outcomes.responses import Share
from winback.sheet import Cell

Place = tuple[str, str, str]  # table, row, label


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One number (or word) of one row of one table, with its interval where it has one."""

    table: str
    row: str
    label: str
    measure: str
    value: Cell
    low: float | None = None
    high: float | None = None
    unit: str = ""


def plain(place: Place, values: Mapping[str, Cell], unit: str = "") -> Iterator[Line]:
    """Plain values of one row, one line each."""
    for measure, value in values.items():
        yield line(place, measure, value, unit=unit)


def counted(place: Place, shares: Mapping[str, Share]) -> Iterator[Line]:
    """Counts, each followed by its share of the group with the interval."""
    for measure, share in shares.items():
        yield line(place, measure, share.x, unit="customers")
        yield line(place, f"{measure}_share", share.rate, share.low, share.high)


def line(
    place: Place,
    measure: str,
    value: Cell,
    low: float | None = None,
    high: float | None = None,
    unit: str = "share",
) -> Line:
    """One number of a row, a share unless told."""
    table, row, label = place
    return Line(table=table, row=row, label=label, measure=measure, value=value, low=low, high=high, unit=unit)
