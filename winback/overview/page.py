"""The page of the churn overview: one HTML file that opens anywhere, offline, in English or Chinese.

It shares the report's style and writers; what is undefined is an en dash. The same overview gives the same bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from babel.dates import format_date
from babel.numbers import format_currency
from markupsafe import Markup

from winback import words
from winback.churners.causes import CAUSE_NAMES
from winback.churners.kinds import KIND_NAMES
from winback.money import major
from winback.overview.charts import ROLES, Curve, CurveStep, MonthPoint, curves, day_ticks, line
from winback.overview.months import months_after
from winback.overview.overview import Overview
from winback.overview.staying import Segment, Staying
from winback.overview.trend import COMPARED, Comparison, Divergence, MonthChurn, MonthSales
from winback.overview.words import TEXTS
from winback.report.charts import Spec, Step, draw, waterfall
from winback.report.page import TEMPLATES, environment
from winback.report.words import Speaker
from winback.signals.early_warning import Reading, Tells
from winback.signals.registry import Signal
from winback.words import Language, Words

_REASONS = {key.value: name for names in (KIND_NAMES, CAUSE_NAMES) for key, name in names.items()}
_TELLS = {
    Tells.MORE: "leave_more",
    Tells.LESS: "leave_less",
    Tells.NOT_CLEAR: "not_clear",
    Tells.UNKNOWN: "not_known",
}
_MONTHS: dict[Language, tuple[str, str, str]] = {
    "en": ("MMMM y", "MMM yy", "en"),
    "zh": ("y年M月", "yy年M月", "zh"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveRow:
    """A segment's name, the role that colours its curve (None: in the table only), and shares after some days."""

    label: str
    role: str | None
    segment: Segment
    after: tuple[tuple[str, str | None], ...]  # the share and its interval, as written


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes months, money and names in one language and currency."""

    say: Speaker
    currency: str

    def money(self, amount: float | None) -> str:
        """Whole major units: ``$103,366``; cents are noise in an overview."""
        if amount is None:
            return words.UNDEFINED
        locale = words.LANG_TAGS[self.say.language].replace("-", "_")
        written: str = format_currency(
            round(amount), self.currency, "¤#,##0", locale=locale, currency_digits=False
        )
        return written.replace("-", words.MINUS)

    def minor(self, amount_minor: int | None) -> str:
        """As ``money``, from minor units."""
        return self.money(None if amount_minor is None else float(major(amount_minor, self.currency)))

    def round_share(self, share: float) -> str:
        """A share that is a round number: ``50%``."""
        return f"{share:.0%}"

    def per_order(self, sales: MonthSales) -> str:
        """Revenue per order with its cents; undefined without an order."""
        revenue = float(major(sales.revenue_minor, self.currency))
        return words.money(
            round(revenue / sales.orders, 2) if sales.orders else None, self.currency, self.say.language
        )

    def month(self, month: date) -> str:
        """``March 1998``, ``1998年3月``."""
        pattern, _, locale = _MONTHS[self.say.language]
        return str(format_date(month, pattern, locale=locale))

    def short_month(self, month: date) -> str:
        """``Mar 98``, ``98年3月``, for an axis."""
        _, pattern, locale = _MONTHS[self.say.language]
        return str(format_date(month, pattern, locale=locale))

    def reason(self, value: str | None) -> str:
        """The name of a kind or a cause of churn."""
        return self.say("reason_unknown") if value is None else _REASONS[value].say(self.say.language)

    def words(self, said: Words) -> str:
        """A name or a rule in the page's language."""
        return said.say(self.say.language)

    def counted(self, counts: Mapping[str, int]) -> str:
        """``Mug (60), Tray (3)``, as they were imported."""
        told = [f"{name} ({words.whole(count)})" for name, count in counts.items()]
        return words.listed(told, self.say.language)

    def counted_causes(self, counts: Mapping[str, int]) -> str:
        """The same of causes, by their names."""
        return self.counted({self.reason(cause): count for cause, count in counts.items()})

    def signal(self, signal: Signal) -> str:
        """A signal's name."""
        return signal.zh if self.say.language == "zh" else signal.en

    def meaning(self, signal: Signal, days: int) -> str:
        """A signal's definition."""
        return (signal.zh_text if self.say.language == "zh" else signal.en_text).format(days=days)

    def tells(self, reading: Reading) -> str:
        """Whether a signal was right more often than chance."""
        return self.say(_TELLS[reading.tells])

    def segment(self, value: str | None, dimension: str) -> str:
        """A segment's name; that of a first order holds its amount."""
        if value is None:
            return self.say("blank")
        if dimension != "first_order":
            return value
        under = value.startswith("under ")
        amount = words.money(float(value.removeprefix("under ").rstrip("+")), self.currency, self.say.language)
        return self.say("first_order_under" if under else "first_order_segment", amount=amount)


def render(found: Overview, language: Language, templates: Path = TEMPLATES) -> str:
    """The overview as one self-contained HTML page: no script, nothing loaded from outside."""
    say = Speaker(language, TEXTS)
    page = environment(templates, say).get_template("overview.html")
    return page.render(
        found=found, lang=words.LANG_TAGS[language], **_views(found, Writer(say, found.churn.currency))
    )


def _views(found: Overview, write: Writer) -> dict[str, Any]:
    rows = curve_rows(found.staying, write)
    return {
        "write": write,
        "headline": headline(found, write),
        "warning": found.comparison and found.comparison.divergence,
        "still": found.warnings.standstill and found.warnings.standstill.said,
        "comparison": comparison_sentences(found.comparison, write),
        "newest": found.newest,
        "earlier": [("card_month", found.before(1)), ("card_year", found.before(12))],
        "urgent": found.high_value.at_risk[0],
        "curve_rows": rows,
        "untold": len(rows) - len([row for row in rows if row.role]),
        "roles": ROLES,
        "charts": {name: Markup(draw(spec)) for name, spec in chart_specs(found, write).items()},
        "columns": range(1, max([len(each.cells) for each in found.cohorts] + [0]) + 1),
        "deepest": max([cell.share for each in found.cohorts for cell in each.cells] + [0.001]),
        "command": f"winback churn --as-of {found.churn.as_of} --window {found.churn.window_days}",
        "unfinished": any(not cell.complete for each in found.cohorts for cell in each.cells),
        "share_of": share_of,
        "silent": words.listed(
            [write.signal(each.signal) for each in found.warnings.readings if each.count is None],
            write.say.language,
        ),
    }


def share_of(part: float, whole: float) -> float | None:
    """0-1; None of nothing."""
    return part / whole if whole else None


def headline(found: Overview, write: Writer) -> tuple[str, list[str]]:
    """The title and sentences of the newest month with a rate."""
    say, days, newest = write.say, found.churn.window_days, found.newest
    if newest is None:
        return say("none_title"), [say("none_text", days=days)]
    part = newest.churn
    interval = words.between(words.percent(part.rate_low), words.percent(part.rate_high), say.language)
    day = words.day(newest.as_of, say.language)
    rate = words.percent(part.rate)
    sentences = [
        say("lost_text", active=words.whole(part.active), lost=words.whole(part.lost), days=days, day=day,
            rate=rate, interval=interval),
        say("lost_value", value=write.minor(part.value_lost_minor), days=days,
            share=words.percent(part.value_lost_share)),
    ]  # fmt: skip
    if newest.as_of != found.months[-1].as_of:
        later = found.months[-1]
        day, last = (words.day(each, say.language) for each in (later.as_of, later.as_of + timedelta(days=days)))
        key = "lost_nobody" if later.complete else "lost_newest"
        sentences.append(say(key, day=day, last=last, days=days))
    return say("lost_title", rate=rate), sentences


def comparison_sentences(found: Comparison | None, write: Writer) -> tuple[str | None, list[str]]:
    """The warning's title, None without one, and its sentences."""
    say = write.say
    if found is None:
        return None, [say("compared_none")]
    figures = say(
        "compared_year" if found.a_year_before else "compared_before",
        first=write.month(found.first), last=write.month(months_after(found.first, COMPARED - 1)),
        customers=change(found.customers_change), orders=change(found.orders_change),
        revenue=change(found.revenue_change),
    )  # fmt: skip
    if found.divergence is None:
        return None, [say("together"), figures]
    key = "warn_revenue" if found.divergence is Divergence.REVENUE_HIDES_LOSS else "warn_customers"
    return say(key), [say(f"{key}_text"), figures]


def change(share: float | None) -> str:
    """A change as a percentage with its sign: ``−12.3%``."""
    return words.UNDEFINED if share is None else f"{words.points(share)}%"


def _longest(found: Staying) -> int:
    return max([1, *(each.watched_days for each in found.segments)])


def curve_rows(found: Staying, write: Writer) -> list[CurveRow]:
    """The segments, the largest first; the first ones have a curve."""
    return [
        CurveRow(
            label=write.segment(each.value, found.dimension),
            role=ROLES[place] if place < len(ROLES) else None,
            segment=each,
            after=tuple(_after(each, day, write.say.language) for day in found.days_told),
        )
        for place, each in enumerate(found.segments)
    ]


def _after(segment: Segment, day: int, language: Language) -> tuple[str, str | None]:
    """The share still active after ``day``, and its interval; undefined where nobody was watched so long."""
    point = segment.staying(day)
    if segment.watched_days < day:
        return words.UNDEFINED, None
    if point is None:
        return words.percent(1.0), None
    ends = None
    if point.low is not None and point.high is not None:
        ends = words.between(words.percent(point.low), words.percent(point.high), language)
    return words.percent(point.staying), ends


def chart_specs(found: Overview, write: Writer) -> dict[str, Spec]:
    """The page's charts by name; none for what has no rows."""
    specs: dict[str, Spec] = {}
    if found.months:
        specs |= _churn_lines(found.months, write)
        specs |= _sales_lines(found.sales, write)
    if found.staying.segments:
        specs["curves"] = curves(
            [_curve(each, found.staying) for each in found.staying.segments[: len(ROLES)]],
            ticks=day_ticks(found.staying.window_days, _longest(found.staying)),
            still_active=write.say("still_active"),
        )
    specs["top"] = waterfall(list(_top_steps(found, write)))
    return specs


def _churn_lines(months: Sequence[MonthChurn], write: Writer) -> dict[str, Spec]:
    rate, value, share = [], [], []
    for each in months:
        part, label, whole = each.churn, write.short_month(each.as_of), each.covered
        rate.append(
            MonthPoint(
                label=label, value=part.rate, text=words.percent(part.rate), low=part.rate_low,
                high=part.rate_high, whole=whole,
            )
        )  # fmt: skip
        lost = None if part.value_lost_minor is None else float(major(part.value_lost_minor, write.currency))
        value.append(MonthPoint(label=label, value=lost, text=write.money(lost), whole=whole))
        text = words.percent(part.value_lost_share)
        share.append(MonthPoint(label=label, value=part.value_lost_share, text=text, whole=whole))
    return {
        "rate": line(rate, percent=True),
        "value_lost": line(value, percent=False),
        "value_share": line(share, percent=True),
    }


def _sales_lines(sales: Sequence[MonthSales], write: Writer) -> dict[str, Spec]:
    def points(name: str) -> list[MonthPoint]:
        found = []
        for each in sales:
            money = name == "revenue"
            value = float(major(each.revenue_minor, write.currency) if money else getattr(each, name))
            text = write.money(value) if money else words.whole(value)
            found.append(
                MonthPoint(label=write.short_month(each.month), value=value, text=text, whole=each.complete)
            )
        return found

    return {name: line(points(name), percent=False) for name in ("customers", "orders", "revenue")}


def _curve(segment: Segment, found: Staying) -> Curve:
    start = CurveStep(day=0, staying=1.0, low=1.0, high=1.0)
    steps = [
        CurveStep(day=point.day, staying=point.staying, low=point.low, high=point.high) for point in segment.curve
    ]
    return Curve(
        steps=[start, *steps],
        watched_days=segment.watched_days,
        still_active=[
            words.whole(segment.still_active(day)) for day in day_ticks(found.window_days, _longest(found))
        ],
    )  # fmt: skip


def _top_steps(found: Overview, write: Writer) -> list[Step]:
    top = found.high_value
    every = Step(
        label=write.say("all_top"), role="others", start=0, n=top.customers, n_text=words.whole(top.customers)
    )
    return [
        every,
        *(
            Step(
                label=write.say("risk_from", risk=write.round_share(each.threshold)), role="holdout", start=0,
                n=each.customers, n_text=words.whole(each.customers),
            )
            for each in top.at_risk
        ),
    ]  # fmt: skip
