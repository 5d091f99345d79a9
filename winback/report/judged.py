"""The report's view of what a campaign is judged by, where that is not churn: variants against the hold-out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from winback import words
from winback.campaigns.campaign import HOLDOUT, OF_ANSWERS, Measure
from winback.lift.contrast import MoneyContrast, RateContrast
from winback.outcomes.outcomes import TREATED, Outcome
from winback.outcomes.part_sums import ADJUSTED_CONTRIBUTION, SCORES, SHARES
from winback.report.charts import Difference, Spec, forest
from winback.report.definitions import sides_of, titled
from winback.report.findings import (
    MeasureRow,
    compared_in,
    counted_mean,
    difference_note,
    measure_row,
    p_of,
)
from winback.report.headline import drawn_n, judged, judged_column
from winback.report.segments import difference_head
from winback.report.words import Speaker

Contrast = RateContrast | MoneyContrast


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRow:
    """One group: ``level`` is its rate or mean, ``compared`` what it is against the hold-out, None of itself."""

    key: str
    label: str
    role: str
    n: int
    level: str
    counted: str
    compared: MeasureRow | None
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The table of the measure; ``compared``: there is a difference to show. ``several``: variants, under Holm.

    ``caption``: the unit of the chart where that is no share. ``of_means``: two tests decide.
    ``adjusted``: for past spend.
    """

    measure: str
    level_head: str
    difference_head: str
    caption: str
    rows: list[JudgedRow]
    compared: bool
    several: bool
    of_means: bool
    adjusted: bool


def judged_view(outcome: Outcome, pooled_name: str, say: Speaker) -> Judged | None:
    """None for a campaign judged by churn, whose table is another."""
    if outcome.judged_by is Measure.CHURN:
        return None
    column, found = judged_column(outcome), _contrasts(outcome)
    return Judged(
        measure=say(f"of_{column}"),
        level_head=say(f"measured_{column}"),
        difference_head=difference_head(column, say),
        caption="" if column in SHARES else chart_unit(outcome, say),
        rows=list(_rows(found, outcome, pooled_name, say)),
        compared=any(each.difference is not None for each in found),
        several=len(found) > 1,
        adjusted=column == ADJUSTED_CONTRIBUTION,
        of_means=column not in SCORES and any(isinstance(each, MoneyContrast) for each in found),
    )


def answer_rows(outcome: Outcome, say: Speaker) -> list[MeasureRow]:
    """The contrast that is the answer as it is written; none before there is one."""
    found, currency = judged(outcome), outcome.findings.currency if outcome.findings else ""
    return [measure_row(found, None, currency, say)] if found else []


def chart_unit(outcome: Outcome, say: Speaker) -> str:
    """Of a chart of means: orders, the score, or the currency."""
    currency = outcome.findings.currency if outcome.findings else ""
    if outcome.judged_by in OF_ANSWERS:
        return say(f"score_{outcome.judged_by}")
    frequency = outcome.judged_by is Measure.PURCHASE_FREQUENCY
    return say("orders_each") if frequency else say("per_customer", currency=currency)


def _contrasts(outcome: Outcome) -> list[Contrast]:
    """All variants together, then each where there are several; none before the window's end."""
    column, found = judged_column(outcome), outcome.findings
    known = [each for each in compared_in(found) if each.column == column] if found else []
    if not known:
        return [outcome.success] if outcome.success else []
    return known if len(known) > 2 else known[:1]


def _rows(found: Sequence[Contrast], outcome: Outcome, pooled_name: str, say: Speaker) -> Iterator[JudgedRow]:
    currency = outcome.findings.currency if outcome.findings else ""
    for each in found:
        row = measure_row(each, p_of(each, found), currency, say)
        yield JudgedRow(
            key=each.arm, label=pooled_name if each.arm == TREATED else each.arm, role="treated", n=each.n,
            level=row.treated, counted=row.counted, compared=row,
            verdict=titled(outcome, each.verdict).say(say.language),
        )  # fmt: skip
    held = drawn_n(outcome, HOLDOUT)
    if found and held:
        row = measure_row(found[0], None, currency, say)
        yield JudgedRow(
            key=HOLDOUT, label=say(HOLDOUT), role="holdout", n=held, level=row.held,
            counted=held_counted(found[0], held, say), compared=None, verdict=say("yardstick"),
        )  # fmt: skip


def held_counted(found: Contrast, held: int, say: Speaker) -> str:
    """Of the ``held`` customers of the hold-out those with the event, those lost or the buyers."""
    if isinstance(found, RateContrast):
        return say("count_of", x=words.whole(found.control_x), n=words.whole(found.control_n))
    return counted_mean(found.column, found.control_buyers, held, say)


def judged_chart(outcome: Outcome, pooled_name: str, say: Speaker) -> Spec | None:
    """The differences in the measure, in the order of the table; None where there is none."""
    rows = [
        Difference(
            label=pooled_name if each.arm == TREATED else each.arm, note=difference_note(each, say),
            difference=each.difference, low=each.low, high=each.high,
        )
        for each in _contrasts(outcome)
        if each.difference is not None and each.low is not None and each.high is not None
    ]  # fmt: skip
    column = judged_column(outcome)
    less, more = (side.say(say.language) for side in sides_of(outcome, column))
    return (
        forest(
            rows, smallest_effect=outcome.smallest_effect, fewer=less, more=more,
            unit="share" if column in SHARES else "amount",
        )
        if rows
        else None
    )  # fmt: skip
