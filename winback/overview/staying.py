"""How long customers stay active, by segment: Kaplan-Meier from the first order to the first lapse.

A customer has lapsed on the day on which he had ordered nothing for a whole window (W days): the churn of
``no_order``, looked for on every day instead of one. Until he lapses he is still active; who has not lapsed when
the data end is censored there. A lapse is read from the days up to it alone, so nothing that happens later changes
a curve, and new customers make it no lower. Nobody can lapse before day W. Who orders again after his first lapse
stays counted as left; ``returned`` says how many did.

A segment must be known on the first day. One that time itself makes (the top 20 % by value of today) would have
its members stay by its own definition.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from winback.lift.estimates import NoEstimate
from winback.lift.survival import CurvePoint, Exits, LogRank, kaplan_meier, log_rank


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One segment's customers, how many lapsed, how many of these ordered again, and the curve.

    ``value`` None: the customers without one.
    """

    value: str | None
    exits: tuple[Exits, ...]
    returned: int
    curve: tuple[CurvePoint, ...]

    @property
    def customers(self) -> int:
        """All of the segment."""
        return sum(each.left + each.censored for each in self.exits)

    @property
    def left(self) -> int:
        """Those who lapsed."""
        return sum(each.left for each in self.exits)

    @property
    def watched_days(self) -> int:
        """The last day on which anybody was still watched."""
        return max(each.day for each in self.exits)

    @property
    def returned_share(self) -> float | None:
        """Of those who lapsed, 0-1."""
        return self.returned / self.left if self.left else None

    @property
    def median_days(self) -> int | None:
        """The first day with at most half of them still active; None while more are."""
        return next((point.day for point in self.curve if point.staying <= 0.5), None)

    def still_active(self, day: int) -> int:
        """Customers watched beyond ``day`` who had not lapsed on or before it."""
        return sum(each.left + each.censored for each in self.exits if each.day > day)

    def staying(self, day: int) -> CurvePoint | None:
        """The last step of the curve on or before ``day``; None before the first."""
        return next((point for point in reversed(self.curve) if point.day <= day), None)

    def as_dict(self) -> dict[str, Any]:
        """The segment in the JSON."""
        return {
            "value": self.value,
            "customers": self.customers,
            "left": self.left,
            "returned": self.returned,
            "median_days": self.median_days,
            "curve": [
                {
                    "day": point.day, "at_risk": point.at_risk, "left": point.left, "staying": point.staying,
                    "low": point.low, "high": point.high,
                }
                for point in self.curve
            ],
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Staying:
    """The segments of one dimension, the largest first, watched through a day, and the test of no difference."""

    dimension: str
    window_days: int
    watched_through: date
    segments: tuple[Segment, ...]
    test: LogRank | NoEstimate

    @property
    def days_told(self) -> tuple[int, ...]:
        """After one, two and four windows, as far as anybody was watched: what tables show of a curve."""
        watched = max([each.watched_days for each in self.segments], default=0)
        return tuple(self.window_days * times for times in (1, 2, 4) if self.window_days * times <= watched)

    def as_dict(self) -> dict[str, Any]:
        """The key ``survival`` in the JSON; ``log_rank`` is null where there is nothing to compare."""
        test = self.test
        compared = None if isinstance(test, NoEstimate) else {"chi2": test.chi2, "df": test.df, "p": test.p}
        return {
            "watched_through": self.watched_through.isoformat(),
            "log_rank": compared,
            "segments": [each.as_dict() for each in self.segments],
        }


def staying(
    rows: Mapping[str | None, Sequence[tuple[int, int, int, int]]],
    *,
    dimension: str,
    window_days: int,
    watched_through: date,
) -> Staying:
    """Curves from ``rows``: value of the segment -> (day, left, censored, returned)."""
    found = sorted((_segment(value, counts) for value, counts in rows.items()), key=_largest_first)
    return Staying(
        dimension=dimension,
        window_days=window_days,
        watched_through=watched_through,
        segments=tuple(found),
        test=log_rank([each.exits for each in found]),
    )


def _largest_first(segment: Segment) -> tuple[int, str]:
    return -segment.customers, segment.value or ""


def _segment(value: str | None, counts: Sequence[tuple[int, int, int, int]]) -> Segment:
    exits = tuple(Exits(day=day, left=left, censored=censored) for day, left, censored, _ in counts)
    curve = kaplan_meier(exits)
    return Segment(
        value=value,
        exits=exits,
        returned=sum(returned for *_, returned in counts),
        curve=() if isinstance(curve, NoEstimate) else curve,
    )
