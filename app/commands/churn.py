"""Churn after a day, by month, cohort or segment, and the overview as a page."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
from sqlmodel import Session

from app.portrait_lines import show_portraits
from app.terminal import print_json, print_table, say, working
from db.campaigns import kind_rules
from db.customers import by_field
from db.engine import database, reading
from db.settings import Settings, here
from flows.behaving import behaviour_of
from flows.churning import (
    PLAN,
    Period,
    by_cohort,
    by_first_month,
    by_first_order,
    by_month,
    by_reason,
    by_value,
    churn_after,
    contract_churn,
    curves,
    expected_churn,
    overview,
    period,
    score_for,
)
from flows.portraying import portraits_after
from winback.churners.portraits import Portraits
from winback.customers.behaviour import Behaviour
from winback.errors import Exit, WrongUse
from winback.intake.fields import Kind
from winback.lift.survival import CurvePoint
from winback.money import exponent, major
from winback.overview.churn import Churn, ChurnBy, ChurnDefinition
from winback.overview.cohorts import Cohort
from winback.overview.months import month_key
from winback.overview.staying import Staying
from winback.overview.trend import Comparison, Divergence, MonthChurn
from winback.scores.high_value import HighValue, high_value, top_customers
from winback.scores.scoring import Scores
from winback.sheet import sheet

_REASONS = ("kind", "cause")
_OF_ORDERS = {"month", "cohort", "value", "first_order", *_REASONS}
_MONEY = {ChurnDefinition.MODEL: ("expected value", "expected of lost")}
_TIERS = {"top_20": "top 20 % by expected value", "others": "the other 80 %"}
# a cohort is one curve's time axis; value is known only at the end, and why somebody left when he has
_NO_CURVE = {"cohort", "value", *_REASONS}


def churn(arguments: argparse.Namespace) -> int:
    """Churn after a day; exit 1 while the window is not complete, 0 when a page was written."""
    settings = here(arguments.workspace)
    definition = ChurnDefinition(arguments.definition)
    _refuse(arguments, definition)
    with database(settings.database_url) as engine, reading(engine) as session:
        kind = Kind.SUBSCRIPTIONS if definition is ChurnDefinition.CONTRACT else Kind.ORDERS
        of = period(session, settings, arguments.as_of, arguments.window, kind)
        if arguments.out:
            return _write_page(session, settings, of, arguments)
        with working("counting"):
            said = _answer(session, settings, of, arguments)
    if arguments.json:
        print_json(said.as_dict())
    else:
        said.show()
    return Exit.DONE if said.found.complete else Exit.NO


def _refuse(arguments: argparse.Namespace, definition: ChurnDefinition) -> None:
    if definition is ChurnDefinition.CONTRACT and (arguments.by in _OF_ORDERS or arguments.out):
        raise WrongUse("that is told of orders: contracts are split by plan or a customer field, and have no page")
    if definition is ChurnDefinition.MODEL and (arguments.by == "month" or arguments.out):
        raise WrongUse("the model speaks of one day only: use --definition no_order")
    if arguments.portraits and (arguments.by or arguments.out or definition is ChurnDefinition.MODEL):
        raise WrongUse("--portraits are of all the lost: without --by, --out and the model")
    if arguments.out and arguments.json:
        raise WrongUse("--out writes a page, --json prints: use one of them")
    as_list = arguments.out is not None and arguments.out.suffix == ".csv"
    if as_list and arguments.by != "value":
        raise WrongUse("a list of customers is by value: --by value --out FILE.csv")
    if arguments.out and not as_list and arguments.by in {"month", *_NO_CURVE}:
        raise WrongUse("--by with --out names the segments of the page's curves: first_order or a customer field")


def _write_page(session: Session, settings: Settings, of: Period, arguments: argparse.Namespace) -> int:
    if arguments.out.suffix == ".csv":
        return _write_list(score_for(session, settings, of), arguments.out)
    from winback.overview.page import render  # with the charts 0.4 s to import

    dimension = arguments.by or "first_order"
    with working("counting"):
        groups = _groups(session, settings, of, dimension)
        scores = score_for(session, settings, of)
        found = overview(of, scores, dimension, groups, _behaviour(session, settings, of), kind_rules(settings))
        if found.newest:
            lately = replace(of, as_of=found.newest.as_of)
            found = replace(found, portraits=portraits_after(session, settings, lately))
        text = render(found, arguments.lang)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(text, encoding="utf-8")
    print(arguments.out)
    return Exit.DONE


def _write_list(scores: Scores, file: Path) -> int:
    """The high-value customers, one a line."""
    frame = top_customers(scores)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(sheet([frame.columns, *frame.rows()]), encoding="utf-8")
    print(file)
    return Exit.DONE


def _groups(session: Session, settings: Settings, of: Period, dimension: str) -> pl.DataFrame:
    if dimension == "cohort":
        return by_first_month(of)
    if dimension == "first_order":
        return by_first_order(of)
    if dimension == "value":
        return by_value(score_for(session, settings, of))
    if dimension in _REASONS:
        return by_reason(of, _behaviour(session, settings, of), kind_rules(settings), dimension)
    return by_field(session, dimension)


def _behaviour(session: Session, settings: Settings, of: Period) -> Behaviour:
    """As known at the end of the window."""
    return behaviour_of(session, settings, of.as_of + timedelta(days=of.window_days))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What was asked: churn with its slices, and what belongs to the dimension."""

    found: Churn
    months: tuple[MonthChurn, ...] | None = None
    comparison: Comparison | None = None
    cohorts: tuple[Cohort, ...] | None = None
    staying: Staying | None = None
    high_value: HighValue | None = None
    portraits: Portraits | None = None

    def as_dict(self) -> dict[str, Any]:
        said = self.found.as_dict()
        if self.months is not None:
            said["by"] = [each.as_dict(self.found.currency) for each in self.months]
            said["comparison"] = self.comparison and self.comparison.as_dict()
        if self.cohorts is not None:
            said["cohorts"] = [each.as_dict() for each in self.cohorts]
        if self.staying is not None:
            said["survival"] = self.staying.as_dict()
        if self.high_value is not None:
            said["high_value"] = self.high_value.as_dict()
        if self.portraits is not None:
            said |= self.portraits.as_dict(10 ** exponent(self.found.currency))
        return said

    def show(self) -> None:
        if self.found.reason:
            say(self.found.reason)
        _show_churn(self.found, [each.churn for each in self.months or ()])
        if self.months:
            _show_sales(self.months, self.found.currency)
        if self.comparison and self.comparison.divergence:
            say(_warning(self.comparison))
        if self.cohorts:
            _show_cohorts(self.cohorts)
        if self.staying:
            _show_staying(self.staying)
        if self.high_value:
            _show_high_value(self.high_value)
        if self.portraits:
            show_portraits(self.portraits, self.found.currency)


def _answer(session: Session, settings: Settings, of: Period, arguments: argparse.Namespace) -> _Answer:
    by = arguments.by
    if arguments.portraits:
        return _Answer(found=churn_after(of), portraits=portraits_after(session, settings, of))
    if by == "month":
        months, _, comparison = by_month(of)
        return _Answer(found=churn_after(of), months=months, comparison=comparison)
    if arguments.definition == ChurnDefinition.CONTRACT:
        contracts_by = by_field(session, by) if by and by != PLAN else None
        return _Answer(found=contract_churn(of, by, contracts_by))
    groups = _groups(session, settings, of, by) if by else None
    if arguments.definition == ChurnDefinition.MODEL:
        scores = score_for(session, settings, of)
        return _Answer(found=expected_churn(of, scores, arguments.threshold, by, groups))
    found = churn_after(of, by, groups)
    if by == "cohort":
        return _Answer(found=found, cohorts=by_cohort(of))
    if by == "value":
        return _Answer(found=found, high_value=high_value(score_for(session, settings, of)))
    if groups is None or by in _NO_CURVE:
        return _Answer(found=found)
    return _Answer(found=found, staying=curves(of, by, groups))


def _show_churn(found: Churn, months: list[ChurnBy]) -> None:
    rows = [found.total, *found.by, *months]
    print_table(
        [
            "contracts" if found.definition is ChurnDefinition.CONTRACT else "customers",
            "active",
            "lost",
            "rate",
            "95 % interval",
            *_MONEY.get(found.definition, ("value at start", "value lost")),
            "share",
        ],
        [
            (
                "all" if part is found.total else _called(part),
                part.active,
                part.lost,
                _percent(part.rate),
                f"{_percent(part.rate_low)} to {_percent(part.rate_high)}",
                f"{part.values(found.currency)['value_at_start']:,.2f} {found.currency}",
                _money(part.values(found.currency)["value_lost"]),
                _percent(part.value_lost_share),
            )
            for part in rows
        ],
    )


def _called(part: ChurnBy) -> str:
    """A slice as people say it."""
    named = _TIERS if part.dimension == "value" else {}
    return named.get(part.value or "", part.value or "(blank)")


def _show_sales(months: Sequence[MonthChurn], currency: str) -> None:
    print()
    print_table(
        ["month", "customers", "orders", f"revenue {currency}"],
        [
            (
                month_key(each.as_of),
                each.sales.customers,
                each.sales.orders,
                f"{major(each.sales.revenue_minor, currency):,.2f}",
            )
            for each in months
        ],
    )


def _warning(found: Comparison) -> str:
    changes = f"customers {found.customers_change:+.1%}, orders {found.orders_change:+.1%}"
    spans = f"three months from {month_key(found.first)} against those from {month_key(found.before_first)}"
    if found.divergence is Divergence.REVENUE_HIDES_LOSS:
        return f"warning: revenue ({found.revenue_change:+.1%}) hides a loss: {changes}; {spans}"
    return f"warning: revenue fell ({found.revenue_change:+.1%}) all the same: {changes}; {spans}"


def _show_cohorts(found: Sequence[Cohort]) -> None:
    widest = max(len(each.cells) for each in found)
    print()
    print_table(
        ["first order", "customers", *(f"+{since}" for since in range(1, widest + 1))],
        [
            (
                month_key(each.month) + ("" if each.complete else "*"),
                each.customers,
                *(f"{cell.share:.1%}{'' if cell.complete else '*'}" for cell in each.cells),
                *[""] * (widest - len(each.cells)),
            )
            for each in found
        ],
    )
    if any(not cell.complete for each in found for cell in each.cells):
        say("* not the whole month")


def _show_staying(found: Staying) -> None:
    days = found.days_told
    print()
    print_table(
        ["still active", "customers", *(f"after {day} days" for day in days), "ordered again"],
        [
            (
                each.value or "(blank)",
                each.customers,
                *(_staying(each.staying(day), each.watched_days >= day) for day in days),
                each.returned,
            )
            for each in found.segments
        ],
    )


def _staying(point: CurvePoint | None, watched: bool) -> str:
    if not watched:
        return "-"
    return "100.00%" if point is None else _percent(point.staying)


def _show_high_value(found: HighValue) -> None:
    print()
    print_table(
        ["top 20 %", "customers", "of expected value", "of all spent"],
        [
            ("by expected value", found.customers, _percent(found.expected_share), _percent(found.spent_share)),
            ("by past value", found.customers, _percent(found.past_expected_share), _percent(found.past_share)),
        ],
    )
    print(f"{found.in_both:,} are in both")


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.2%}"


def _money(amount: float | None) -> str:
    return "-" if amount is None else f"{amount:,.2f}"
