"""The clock of contracts that end some days after a term is over: prepaid terms with days of grace, late notices.

Within a term their hazard is high for some days and next to none for the rest. By this clock a term passes as fast
as contracts end in it: what lies between two days of the same term is the share of a term's hazard between them,
learned from all terms, so that the hazard is even within a term again (see ``contract_clock`` for turns alone).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from winback.scores.contract_clock import DAYS, DAYS_A_MONTH, Clock, days_until, months_between

Floats = NDArray[np.float64]

MONTHS: Final = (1, 3, 6, 12)
"""Terms that are looked for; the shortest that tells nearly as much as the best (NEARLY) is taken."""
PARTS: Final = 12
CLEAR: Final = 20.0
"""Log likelihood by which phases must foretell the ends of other terms better than an even hazard does."""
EACH: Final = 0.05
"""And by how much an end: of a million contracts the days that short months lack are clear, and mean nothing."""
NEARLY: Final = 0.9
OWN: Final = 100
"""Ends of a plan, from which it has the clock of its own ends or none; with fewer that of all."""
HALF_AN_END: Final = 0.5
"""Added to the ends of each day of a term, or each part of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseClock:
    """``months`` of a term; ``over``: the share of a term's hazard that is over at the begin of each of its days,
    and at its end. Ages are told in days of an even hazard."""

    months: int
    over: Floats
    early: float = 0.0
    month: int | None = None

    def age(self, started: pl.Series, day: pl.Series | date) -> Floats:
        """Age at the end of ``day``."""
        return self._age(*_place(started, day, self.months), 0.0)

    def age_at_end(self, started: pl.Series, ended: pl.Series) -> Floats:
        """Age at which contracts ended: in the middle of their last day."""
        return self._age(*_place(started, ended, self.months), 0.5)

    def _age(self, whole: Floats, phase: Floats, before: float) -> Floats:
        begin = np.maximum(phase - before, 0)
        return (whole + np.interp(begin, np.arange(len(self.over)), self.over)) * self.months * DAYS_A_MONTH


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanClocks:
    """Clocks of rows: whoever asks must name all of them, in the order they were made for."""

    parts: tuple[tuple[NDArray[np.bool_], PhaseClock | Clock], ...]
    early: float = 0.0
    month: int | None = None

    def age(self, started: pl.Series, day: pl.Series | date) -> Floats:
        """Age at the end of ``day``."""
        return self._joined(
            clock.age(started.filter(rows), day.filter(rows) if isinstance(day, pl.Series) else day)
            for rows, clock in self.parts
        )

    def age_at_end(self, started: pl.Series, ended: pl.Series) -> Floats:
        """Age at which contracts ended."""
        return self._joined(
            clock.age_at_end(started.filter(rows), ended.filter(rows)) for rows, clock in self.parts
        )

    def _joined(self, ages: Iterable[Floats]) -> Floats:
        found = np.empty(sum(int(rows.sum()) for rows, _ in self.parts))
        for (rows, _), each in zip(self.parts, ages, strict=True):
            found[rows] = each
        return found


def phase_clocks(started: pl.Series, ended: pl.Series, plan: pl.Series, as_of: date) -> PlanClocks | None:
    """The clock of each plan (null is one too), see ``phase_clock``; None where no plan has one."""
    common = phase_clock(started, ended, as_of) or DAYS
    parts: list[tuple[NDArray[np.bool_], PhaseClock | Clock]] = []
    for one in plan.unique(maintain_order=True):
        of = (plan.is_null() if one is None else (plan == one).fill_null(value=False)).to_numpy()
        begun, over = started.filter(of), ended.filter(of)
        few = over.is_not_null().sum() < OWN
        parts.append((of, common if few else phase_clock(begun, over, as_of) or DAYS))
    return PlanClocks(parts=tuple(parts)) if any(clock is not DAYS for _, clock in parts) else None


def phase_clock(started: pl.Series, ended: pl.Series, as_of: date) -> PhaseClock | None:
    """The clock of contracts by the ends told of them (null: they live at ``as_of``).

    None where ends have no phase in the terms that are looked for, or only in one of them: that is age.
    """
    gone = ended.is_not_null().to_numpy()
    until = ended.fill_null(as_of)
    told = {months: _table(*_place(started, until, months), gone, months) for months in MONTHS}
    gains = {months: _gain(*table) for months, table in told.items()}
    if max(gains.values()) < max(CLEAR, EACH * gone.sum()):
        return None
    months = next(months for months in MONTHS if gains[months] >= NEARLY * max(gains.values()))
    ends, at_risk = (each[1:].sum(axis=0) for each in told[months])
    hazard = _smooth(ends, at_risk)
    return PhaseClock(months=months, over=np.append(0.0, np.cumsum(hazard) / hazard.sum()))


def _place(started: pl.Series, day: pl.Series | date, months: int) -> tuple[Floats, Floats]:
    """(Whole terms over at ``day``, days since the last of them)."""
    whole = np.floor_divide(months_between(started, day)[0], months)
    first = started.to_numpy().astype("datetime64[D]")
    begun = first.astype("datetime64[M]")
    turned = begun + whole.astype(np.int64) * months
    last = (turned + 1).astype("datetime64[D]") - 1  # a short month ends early
    turn = np.minimum(turned.astype("datetime64[D]") + (first - begun.astype("datetime64[D]")), last)
    return whole, days_until(pl.Series(turn), day)


def _table(whole: Floats, phase: Floats, gone: NDArray[np.bool_], months: int) -> tuple[Floats, Floats]:
    """By term and day of it: ends, and contracts that came to that day; each of shape (terms, days)."""
    days, terms = _longest(months), int(whole.max(initial=0)) + 1
    at = whole.astype(np.int64) * days + np.minimum(phase.astype(np.int64), days - 1)
    last, ends = (
        np.bincount(at[rows], minlength=terms * days).reshape(terms, days).astype(float)
        for rows in (np.ones_like(gone), gone)
    )
    return ends, np.cumsum(last.ravel()[::-1])[::-1].reshape(terms, days)


def _longest(months: int) -> int:
    return {1: 31, 3: 92, 6: 184, 12: 366}[months]


def _smooth(ends: Floats, at_risk: Floats) -> Floats:
    """Ends over those at risk, held to the mean."""
    return np.asarray((ends + HALF_AN_END) / (at_risk + HALF_AN_END * at_risk.sum() / max(ends.sum(), 1.0)))


def _gain(ends: Floats, at_risk: Floats) -> float:
    """Log likelihood of when in a term its ends came: by the phases of all other terms, over an even hazard.

    The first term is left out: before its end age and phase are one.
    """
    part = np.arange(ends.shape[1]) * PARTS // ends.shape[1]
    came, seen = (
        np.stack([each[1:, part == one].sum(axis=1) for one in range(PARTS)], axis=1) for each in (ends, at_risk)
    )
    gain = 0.0
    for term in np.flatnonzero((came.sum(axis=1) > 0) & (seen.sum(axis=1) < seen.sum())):
        others = _smooth(came.sum(axis=0) - came[term], seen.sum(axis=0) - seen[term])
        some = came[term] > 0
        told, even = others * seen[term], seen[term]
        lift = others[some] * even.sum() / told.sum()  # a phase's share by the others, over that of its days
        gain += float((came[term][some] * np.log(lift)).sum())
    return gain
