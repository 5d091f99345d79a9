"""What every early-warning signal says at the end of a day, and how often it was right one window earlier.

Watched are the active: customers with an order in the window up to the day, as in `winback churn`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, Final

import polars as pl

from winback.customers.behaviour import Behaviour, count_kinds
from winback.customers.standstill import Standstill
from winback.lift.intervals import Proportion, wilson
from winback.signals.registry import KINDS_READ, SIGNALS, Signal

WATCHED: Final = pl.Schema(
    {
        "as_of": pl.Date(),
        "customer_no": pl.Int64(),
        "first_order_on": pl.Date(),
        "last_order_on": pl.Date(),
        "purchase_days": pl.Int64(),  # distinct days with an order up to as_of
        "days_now": pl.Int64(),  # of them in the window up to as_of: 1 or more
        "days_before": pl.Int64(),  # in the window before that
        "net_now_minor": pl.Int64(),  # spent in the window, less what was refunded in it
        "net_before_minor": pl.Int64(),
        "refunds_now": pl.Int64(),
        "gone": pl.Boolean(),  # no order in the window after as_of
    }
)
LOW_NPS, LOW_CSAT = 6, 2


class Tells(StrEnum):
    """Whether those a signal flagged left more often than the base rate."""

    MORE = "more"
    LESS = "less"
    NOT_CLEAR = "not_clear"
    UNKNOWN = "not_known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a signal says: ``count`` of the active today, and ``hits`` of the ``flagged`` one window earlier.

    A hit had no order in the window that followed. The base rate is of all ``looked_at`` then, flagged or not:
    who bought once cannot buy less often, so he is no comparison. Rates 0-1 with the Wilson 95 % interval; None
    where the signal has nothing to read, where nobody was flagged, or while that window is not over.
    """

    signal: Signal
    count: int | None
    flagged: int | None
    hits: int | None
    hit_rate: float | None
    hit_low: float | None
    hit_high: float | None
    looked_at: int | None
    base_rate: float | None
    lift: float | None  # hit rate over base rate
    reason: str | None

    @property
    def tells(self) -> Tells:
        """Whether those it flagged left more often than those it looked at, beyond chance."""
        if self.base_rate is None or self.hit_low is None or self.hit_high is None:
            return Tells.UNKNOWN
        if self.hit_low > self.base_rate:
            return Tells.MORE
        return Tells.LESS if self.hit_high < self.base_rate else Tells.NOT_CLEAR

    def as_dict(self, window_days: int) -> dict[str, Any]:
        """The reading as a row of the JSON; words are English."""
        told = (
            "count", "flagged", "hits", "hit_rate", "hit_low", "hit_high", "looked_at", "base_rate", "lift",
            "reason",
        )  # fmt: skip
        return {
            "signal": self.signal.name,
            "name": self.signal.en,
            "definition": self.signal.en_text.format(days=window_days),
            "direction": self.signal.direction.value,
            **{name: getattr(self, name) for name in told},
            "tells": self.tells.value,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyWarnings:
    """All signals at the end of ``as_of``.

    ``active`` customers are watched now, ``active_before`` were one window earlier; ``gone`` of these, their
    ``base_rate``, had no order since: the churn of that window. ``standstill``: nobody orders any more.
    """

    as_of: date
    window_days: int
    data_through: date | None
    complete: bool
    active: int
    active_before: int
    gone: int | None
    base_rate: float | None
    readings: tuple[Reading, ...]
    standstill: Standstill | None = None

    def as_dict(self) -> dict[str, Any]:
        """The JSON of ``winback signals``."""
        return {
            "as_of": self.as_of.isoformat(),
            "window_days": self.window_days,
            "data_through": None if self.data_through is None else self.data_through.isoformat(),
            "complete": self.complete,
            "active": self.active,
            "active_before": self.active_before,
            "gone": self.gone,
            "base_rate": self.base_rate,
            "signals": [each.as_dict(self.window_days) for each in self.readings],
            "notes": [self.standstill.said.en] if self.standstill else [],
        }


def read_signals(
    watched: pl.DataFrame, behaviour: Behaviour, *, as_of: date, window_days: int, data_through: date | None
) -> EarlyWarnings:
    """Every signal at ``as_of`` and one window earlier; ``watched``: WATCHED of both days."""
    earlier = as_of - timedelta(days=window_days)
    complete = data_through is not None and data_through >= as_of
    today, before = (flags(watched, behaviour, day, window_days) for day in (as_of, earlier))
    base = Proportion(x=int(before["gone"].sum()), n=before.height)
    return EarlyWarnings(
        as_of=as_of,
        window_days=window_days,
        data_through=data_through,
        complete=complete,
        active=today.height,
        active_before=before.height,
        gone=base.x if complete else None,
        base_rate=base.rate if complete else None,
        readings=tuple(_read(each, behaviour, today, before if complete else None) for each in SIGNALS),
    )


def flags(watched: pl.DataFrame, behaviour: Behaviour, as_of: date, window_days: int) -> pl.DataFrame:
    """customer_no, gone, and of each signal whether it looks at him and, under its name, whether it flags him."""
    known = watched.filter(pl.col("as_of") == as_of)
    for part in _parts(behaviour, as_of, window_days):
        known = known.join(part, on="customer_no", how="left")
    known = known.with_columns(pl.col(pl.Int64).fill_null(0), pl.col("expires").fill_null(False))
    return known.select("customer_no", "gone", *(flag for each in SIGNALS for flag in _flag(each)))


def _flag(signal: Signal) -> tuple[pl.Expr, pl.Expr]:
    """Whether the signal looks at each row, and whether it flags it."""
    looked_at, flagged = (part.fill_null(False) for part in signal.test())
    return looked_at.alias(f"{signal.name} looks"), (looked_at & flagged).alias(signal.name)


def _parts(behaviour: Behaviour, as_of: date, window_days: int) -> Iterable[pl.DataFrame]:
    """What is known beside the orders, one row per customer in each frame."""
    starts = as_of - timedelta(days=window_days - 1)
    yield count_kinds(behaviour.activity, KINDS_READ, as_of, window_days)
    nps, csat = (pl.col("kind") == name for name in ("nps", "csat"))
    unhappy = pl.when(nps).then(pl.col("score") <= LOW_NPS).when(csat).then(pl.col("score") <= LOW_CSAT)
    known = behaviour.feedback.filter(pl.col("given_on").is_between(starts, as_of))
    answers = known.with_columns(unhappy=unhappy).drop_nulls("unhappy")
    yield answers.sort("given_on", maintain_order=True).group_by("customer_no").agg(pl.col("unhappy").last())
    yield _bound(behaviour.contracts, as_of, window_days)
    yield _unclicked(behaviour.activity.filter(pl.col("happened_on") <= as_of))


def _unclicked(activity: pl.DataFrame) -> pl.DataFrame:
    """customer_no, emails, unclicked: those after the day of his last click, which answers what came that day."""
    email, click, day = pl.col("kind") == "email", pl.col("kind") == "click", pl.col("happened_on")
    clicked_on = day.filter(click).max()
    since = email & (clicked_on.is_null() | (day > clicked_on))
    counts = activity.filter(email | click).group_by("customer_no")
    return counts.agg(emails=email.sum().cast(pl.Int64), unclicked=since.sum().cast(pl.Int64))


def _bound(contracts: pl.DataFrame, as_of: date, window_days: int) -> pl.DataFrame:
    """customer_no, monthly_now, monthly_before, expires."""

    def live(day: date) -> pl.Expr:
        return (pl.col("started_on") <= day) & (pl.col("ended_on").is_null() | (pl.col("ended_on") > day))

    def monthly(day: date) -> pl.Expr:
        return pl.col("monthly_minor").filter(live(day)).sum().cast(pl.Int64)

    after = pl.lit(as_of), pl.lit(as_of + timedelta(days=window_days))
    due = pl.col("renews_on").is_between(*after, closed="right")
    return contracts.group_by("customer_no").agg(
        monthly_now=monthly(as_of),
        monthly_before=monthly(as_of - timedelta(days=window_days)),
        expires=(live(as_of) & due).any(),
    )


def _read(signal: Signal, behaviour: Behaviour, today: pl.DataFrame, before: pl.DataFrame | None) -> Reading:
    if reason := _missing(signal, behaviour):
        return _nothing(signal, reason)
    count = int(today[signal.name].sum())
    if before is None:
        return _nothing(signal, "the orders do not reach the day: its past is not known yet", count)
    part, base = _gone(before, signal.name), _gone(before, f"{signal.name} looks")
    interval = wilson(part)
    return Reading(
        signal=signal,
        count=count,
        flagged=part.n,
        hits=part.x,
        hit_rate=part.rate,
        hit_low=interval.low if interval else None,
        hit_high=interval.high if interval else None,
        looked_at=base.n,
        base_rate=base.rate,
        lift=part.rate / base.rate if part.rate is not None and base.rate else None,
        reason=None if part.n else "it flagged nobody one window earlier",
    )


def _gone(before: pl.DataFrame, which: str) -> Proportion:
    found = before.filter(which)
    return Proportion(x=int(found["gone"].sum()), n=found.height)


def _nothing(signal: Signal, reason: str, count: int | None = None) -> Reading:
    return Reading(
        signal=signal, count=count, flagged=None, hits=None, hit_rate=None, hit_low=None, hit_high=None,
        looked_at=None, base_rate=None, lift=None, reason=reason,
    )  # fmt: skip


def _missing(signal: Signal, behaviour: Behaviour) -> str | None:
    """Why the signal has nothing to read, or None."""
    there = set(behaviour.kinds)
    there |= {"feedback"} if behaviour.feedback.height else set()
    there |= {"contracts"} if behaviour.contracts.height else set()
    if not signal.needs or there & set(signal.needs):
        return None
    if signal.needs[0] in ("feedback", "contracts"):
        return f"no {'subscriptions' if signal.needs[0] == 'contracts' else 'feedback'} imported"
    said = f"no activity of kind {' or '.join(signal.needs)} imported"
    return f"{said}, and no e-mail sent" if "email" in signal.needs else said
