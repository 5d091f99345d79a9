"""Churn of one window: of those active at its start, how many were lost, and what they were worth.

Values are frozen and made from counts; ``as_dict`` is the JSON of ``winback churn``. A window that the data do not
cover to its end has no rate: lost, rate and value lost are None and ``reason`` says why.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from winback.lift.intervals import Proportion, wilson
from winback.money import major


class ChurnDefinition(StrEnum):
    """What counts as lost."""

    NO_ORDER = "no_order"
    CONTRACT = "contract"
    MODEL = "model"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChurnCounts:
    """Customers active at the start and lost by the end, with their value in minor units of one currency.

    The value is net spend in the window before, of contracts the monthly amount, by the model what is
    expected of them in the window after.
    ``dimension`` and ``value`` name the slice; both are None for all customers.
    """

    active: int
    lost: int
    value_at_start_minor: int
    value_lost_minor: int
    dimension: str | None = None
    value: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChurnBy:
    """Churn of one slice, rates 0-1 with the Wilson 95 % interval, values in minor units; unknown is None."""

    dimension: str | None
    value: str | None
    active: int
    lost: int | None
    rate: float | None
    rate_low: float | None
    rate_high: float | None
    value_at_start_minor: int
    value_lost_minor: int | None
    value_lost_share: float | None

    def as_dict(self, currency: str) -> dict[str, Any]:
        """The slice as a row of ``by``; money in major units of ``currency``."""
        name = {"dimension": self.dimension, "value": self.value}
        return name | self.rates() | self.values(currency)

    def rates(self) -> dict[str, Any]:
        """The slice's customers, in the JSON's words."""
        return {
            "active": self.active,
            "lost": self.lost,
            "rate": self.rate,
            "rate_low": self.rate_low,
            "rate_high": self.rate_high,
        }

    def values(self, currency: str) -> dict[str, Any]:
        """The slice's money, in the JSON's words."""
        lost = self.value_lost_minor
        return {
            "value_at_start": float(major(self.value_at_start_minor, currency)),
            "value_lost": None if lost is None else float(major(lost, currency)),
            "value_lost_share": self.value_lost_share,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Churn:
    """Churn of the window (``as_of``, ``as_of`` + ``window_days``]; ``total`` and its slices ``by``."""

    definition: ChurnDefinition
    as_of: date
    window_days: int
    data_through: date | None
    complete: bool
    currency: str
    total: ChurnBy
    by: tuple[ChurnBy, ...] = ()
    reason: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The JSON of ``winback churn``; ``reason`` is there only where there is no rate."""
        return {
            "definition": self.definition.value,
            "as_of": self.as_of.isoformat(),
            "window_days": self.window_days,
            "data_through": None if self.data_through is None else self.data_through.isoformat(),
            "complete": self.complete,
            **self.total.rates(),
            "currency": self.currency,
            **self.total.values(self.currency),
            "by": [each.as_dict(self.currency) for each in self.by],
            **({} if self.reason is None else {"reason": self.reason}),
        }


def churn(
    counts: ChurnCounts,
    *,
    definition: ChurnDefinition,
    as_of: date,
    window_days: int,
    data_through: date | None,
    currency: str,
    by: Sequence[ChurnCounts] = (),
) -> Churn:
    """Churn from counts; the window is complete when the data reach its last day.

    The model's definition asks for a probability, not for what happened: it needs the data of ``as_of`` only.
    """
    needed = as_of if definition is ChurnDefinition.MODEL else as_of + timedelta(days=window_days)
    complete = data_through is not None and data_through >= needed
    return Churn(
        definition=definition,
        as_of=as_of,
        window_days=window_days,
        data_through=data_through,
        complete=complete,
        currency=currency,
        total=_slice(counts, complete),
        by=tuple(_slice(each, complete) for each in by),
        reason=_why_not(complete, needed, data_through, counts),
    )


def _why_not(complete: bool, needed: date, data_through: date | None, counts: ChurnCounts) -> str | None:
    if not complete:
        reached = "there are none" if data_through is None else f"they end on {data_through}"
        return f"the window is not complete: it needs data through {needed}, {reached}"
    return None if counts.active else "nobody was active at the start of the window"


def _slice(counts: ChurnCounts, complete: bool) -> ChurnBy:
    part = Proportion(x=counts.lost, n=counts.active)
    interval = wilson(part) if complete else None
    at_start, lost = counts.value_at_start_minor, counts.value_lost_minor
    return ChurnBy(
        dimension=counts.dimension,
        value=counts.value,
        active=counts.active,
        lost=counts.lost if complete else None,
        rate=part.rate if complete else None,
        rate_low=None if interval is None else interval.low,
        rate_high=None if interval is None else interval.high,
        value_at_start_minor=at_start,
        value_lost_minor=lost if complete else None,
        # A share of nothing, or of a sum that refunds have turned negative, says nothing.
        value_lost_share=lost / at_start if complete and at_start > 0 else None,
    )
