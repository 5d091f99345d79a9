"""Churn and its overview from the order facts: one question to the facts for each part."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from math import ceil
from pathlib import Path
from typing import Any

import polars as pl
from sqlmodel import Session

from db.facts.history import cohort_counts, count_lapses, sales_by_month
from db.facts.queries import GROUPS, count_churn, count_churns, read_features
from db.facts.recorded import count_contract_churn
from db.facts.store import data_through, digests, path_of
from db.facts.watching import read_watched
from db.settings import Settings
from flows.behaving import Rules, kinds_at
from flows.scoring import model_churn, score_all
from flows.standing_still import standstill_at
from winback.customers.behaviour import Behaviour
from winback.errors import WrongUse
from winback.intake.fields import Kind
from winback.money import major
from winback.overview.churn import Churn, ChurnCounts, ChurnDefinition
from winback.overview.churn import churn as churn_of
from winback.overview.cohorts import Cohort, cohorts
from winback.overview.months import month_key
from winback.overview.overview import Overview
from winback.overview.staying import Staying, staying
from winback.overview.trend import (
    Comparison,
    MonthChurn,
    MonthSales,
    compare_sales,
    ends_told,
    months_of_churn,
    sales_through,
)
from winback.scores.high_value import TOP_SHARE, high_value, is_top
from winback.scores.scoring import Scores
from winback.signals.early_warning import EarlyWarnings, read_signals


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """The facts a question is put to, and the day and window it is about."""

    facts: tuple[str, ...]  # digests
    files: tuple[Path, ...]
    data_through: date | None
    as_of: date
    window_days: int
    currency: str

    @property
    def watched_through(self) -> date:
        """The last day of ``as_of`` and before that the data reach."""
        return self.as_of if self.data_through is None else min(self.as_of, self.data_through)


def period(
    session: Session, settings: Settings, as_of: date, window_days: int, kind: Kind = Kind.ORDERS
) -> Period:
    """The facts of a kind as they are now."""
    facts = tuple(digests(session, kind.value))
    return Period(
        facts=facts,
        files=tuple(path_of(settings.facts, digest) for digest in facts),
        data_through=data_through(session, kind.value),
        as_of=as_of,
        window_days=window_days,
        currency=settings.file.currency,
    )


def churn_after(of: Period, dimension: str | None = None, groups: pl.DataFrame | None = None) -> Churn:
    """Churn of the window after ``of.as_of``, split by ``groups`` (GROUPS) where they are given."""
    counts = count_churn(of.files, as_of=of.as_of, window_days=of.window_days, groups=groups)
    return _churn(of, ChurnDefinition.NO_ORDER, counts, dimension)


PLAN = "plan"  # what contracts are split by besides the fields of their customers


def contract_churn(of: Period, dimension: str | None = None, groups: pl.DataFrame | None = None) -> Churn:
    """Churn of contracts in the window after ``of.as_of``; ``of`` holds the subscriptions.

    WrongUse while there are none.
    """
    if not of.files:
        raise WrongUse(
            "there are no subscriptions, so no contracts can have ended: winback import subscriptions FILE"
        )
    counts = count_contract_churn(
        of.files, as_of=of.as_of, window_days=of.window_days, by_plan=dimension == PLAN, groups=groups
    )
    return _churn(of, ChurnDefinition.CONTRACT, counts, dimension)


def expected_churn(
    of: Period, scores: Scores, threshold: float, dimension: str | None, groups: pl.DataFrame | None
) -> Churn:
    """Churn by the model: a risk of ``threshold`` or more."""
    counts = model_churn(scores, threshold, of.currency, groups)
    return _churn(of, ChurnDefinition.MODEL, counts, dimension)


def _churn(of: Period, definition: ChurnDefinition, counts: pl.DataFrame, dimension: str | None) -> Churn:
    slices = [_counts(row, dimension) for row in counts.iter_rows(named=True)]
    return churn_of(
        _total(slices),
        definition=definition,
        as_of=of.as_of,
        window_days=of.window_days,
        data_through=of.data_through,
        currency=of.currency,
        by=slices if dimension else [],
    )


def _counts(row: dict[str, Any], dimension: str | None) -> ChurnCounts:
    return ChurnCounts(
        active=row["active"],
        lost=row["lost"],
        value_at_start_minor=row["at_start_minor"],
        value_lost_minor=row["lost_minor"],
        dimension=dimension,
        value=row["value"],
    )


def _total(slices: Iterable[ChurnCounts]) -> ChurnCounts:
    parts = list(slices)
    return ChurnCounts(
        active=sum(part.active for part in parts),
        lost=sum(part.lost for part in parts),
        value_at_start_minor=sum(part.value_at_start_minor for part in parts),
        value_lost_minor=sum(part.value_lost_minor for part in parts),
    )


def by_month(of: Period) -> tuple[tuple[MonthChurn, ...], tuple[MonthSales, ...], Comparison | None]:
    """Churn after the ends of months up to ``of.as_of``, all sales, and the warning where these part."""
    ends = ends_told(of.as_of, of.window_days, of.data_through)
    counts = count_churns(of.files, as_ofs=ends, window_days=of.window_days)
    known = {row["as_of"]: row for row in counts.iter_rows(named=True)}
    nobody = {"active": 0, "lost": 0, "at_start_minor": 0, "lost_minor": 0}
    found = [
        churn_of(
            _counts(known.get(end, nobody) | {"value": month_key(end)}, "month"),
            definition=ChurnDefinition.NO_ORDER,
            as_of=end,
            window_days=of.window_days,
            data_through=of.data_through,
            currency=of.currency,
        )
        for end in ends
    ]
    rows = {row[0]: row[1:] for row in sales_by_month(of.files, as_of=of.as_of).iter_rows()}
    sales = sales_through(rows, as_of=of.as_of, data_through=of.data_through)
    months = months_of_churn(found, sales)
    return months, sales, compare_sales(sales)


def by_cohort(of: Period) -> tuple[Cohort, ...]:
    """The newest cohorts and their months since."""
    counts: dict[date, dict[int, int]] = {}
    for cohort, since, ordered in cohort_counts(of.files, as_of=of.watched_through).iter_rows():
        counts.setdefault(cohort, {})[since] = ordered
    return cohorts(counts, as_of=of.as_of, data_through=of.data_through)


def curves(of: Period, dimension: str, groups: pl.DataFrame) -> Staying:
    """How long the customers of each group stayed active."""
    counts = count_lapses(of.files, as_of=of.watched_through, window_days=of.window_days, groups=groups)
    rows: dict[str | None, list[tuple[int, int, int, int]]] = {}
    for value, day, left, censored, returned in counts.iter_rows():
        rows.setdefault(value, []).append((day, left, censored, returned))
    return staying(
        rows, dimension=dimension, window_days=of.window_days, watched_through=of.watched_through
    )  # fmt: skip


def by_reason(of: Period, behaviour: Behaviour, rules: str, column: str) -> pl.DataFrame:
    """GROUPS by ``kind`` or ``cause`` of churn, as known at the end of the window: why the lost were lost.

    ``behaviour``: up to that day.
    """
    ended = of.as_of + timedelta(days=of.window_days)
    asked = Rules(text=rules, as_of=ended, window_days=of.window_days)
    found = kinds_at(of.files, behaviour, read_features(of.files, as_of=ended), asked)
    return found.select("customer_no", value=column)


def by_first_month(of: Period) -> pl.DataFrame:
    """GROUPS by the month of the first order."""
    features = read_features(of.files, as_of=of.as_of)
    return features.select("customer_no", value=pl.col("first_order_on").dt.strftime("%Y-%m"))


def by_first_order(of: Period) -> pl.DataFrame:
    """GROUPS by the amount of the first purchase day: the highest fifth of them against the rest."""
    features = read_features(of.files, as_of=of.as_of)
    amount = features["gross_minor"] - features["repeat_positive_minor"]
    if features.is_empty():
        return GROUPS.to_frame()
    least = int(amount.sort(descending=True)[ceil(TOP_SHARE * len(amount)) - 1])
    limit = major(least, of.currency)
    return features.select(
        "customer_no",
        value=pl.when(pl.lit(amount) >= least).then(pl.lit(f"{limit}+")).otherwise(pl.lit(f"under {limit}")),
    )


def by_value(scores: Scores) -> pl.DataFrame:
    """GROUPS by expected value: the top 20 % against the others."""
    top = pl.lit(is_top(scores.frame, "value_rank"))
    return scores.frame.select(
        "customer_no", value=pl.when(top).then(pl.lit("top_20")).otherwise(pl.lit("others"))
    )  # fmt: skip


def early_warnings(of: Period, behaviour: Behaviour) -> EarlyWarnings:
    """Every signal at ``of.as_of``, and how often it was right one window earlier."""
    days = of.as_of, of.as_of - timedelta(days=of.window_days)
    found = read_signals(
        read_watched(of.files, as_ofs=days, window_days=of.window_days),
        behaviour,
        as_of=of.as_of,
        window_days=of.window_days,
        data_through=of.data_through,
    )
    return replace(found, standstill=standstill_at(of.files, of.as_of))


def overview(
    of: Period, scores: Scores, dimension: str, groups: pl.DataFrame, behaviour: Behaviour, rules: str
) -> Overview:
    """Everything the page shows; ``groups`` are the segments of its curves, ``scores`` those of ``of.as_of``.

    ``behaviour``: up to the end of the window after ``of.as_of``; ``rules``: those of the kinds of churn.
    """
    if not of.files:
        raise WrongUse("there are no orders yet: winback import orders FILE")
    months, sales, comparison = by_month(of)
    whole = next((each.as_of for each in reversed(months) if each.churn.rate is not None), None)
    return Overview(
        churn=churn_after(of),
        begins=sales[0].month if sales else None,
        months=months,
        sales=tuple(each for each in sales if each.month >= months[0].sales.month) if months else (),
        comparison=comparison,
        cohorts=by_cohort(of),
        staying=curves(of, dimension, groups),
        high_value=high_value(scores),
        warnings=early_warnings(of, behaviour),
        reasons=_reasons(replace(of, as_of=whole), behaviour, rules) if whole else (),
    )


def _reasons(of: Period, behaviour: Behaviour, rules: str) -> tuple[Churn, ...]:
    """Churn by kind, and by cause."""
    groups = {column: by_reason(of, behaviour, rules, column) for column in ("kind", "cause")}
    return tuple(churn_after(of, column, group) for column, group in groups.items())


def score_for(session: Session, settings: Settings, of: Period) -> Scores:
    """The scores at ``of.as_of`` over the window after it."""
    return score_all(session, settings, list(of.facts), of.as_of, of.window_days)[1]
