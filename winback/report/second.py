"""The report's view of the second reading: both readings side by side, and whether the effect lasted."""

from collections.abc import Iterator
from dataclasses import dataclass

from winback import words
from winback.lift.contrast import MoneyContrast, RateContrast
from winback.outcomes.outcomes import Outcome
from winback.outcomes.part_sums import SHARES
from winback.outcomes.second_reading import lasted
from winback.report.charts import Difference, Spec, forest
from winback.report.definitions import sides_of, titled
from winback.report.findings import MeasureRow, difference_note, measure_row
from winback.report.headline import judged, judged_column
from winback.report.judged import chart_unit
from winback.report.segments import difference_head
from winback.report.words import Speaker


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingRow:
    """One reading; ``level`` is that of its interval."""

    key: str
    label: str
    found: MeasureRow
    level: str
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Second:
    """Both readings of what is judged, and the sentence; ``name``: the measure's, ``measure`` within a sentence.

    ``caption``: the unit of a chart of means.
    """

    sentence: str
    measure: str
    name: str
    difference_head: str
    caption: str
    rows: list[ReadingRow]


def second_view(outcome: Outcome, say: Speaker) -> Second | None:
    """None in a first reading, and in second ones frozen before they kept the first."""
    if outcome.first is None:
        return None
    column = judged_column(outcome)
    days = {"first": outcome.first.days, "days": outcome.window.days}
    return Second(
        sentence=say(f"lasted_{lasted(outcome.first, judged(outcome))}", **days),
        measure=say(f"of_{column}"),
        name=say(f"measured_{column}"),
        difference_head=difference_head(column, say),
        caption="" if column in SHARES else chart_unit(outcome, say),
        rows=list(_rows(outcome, say)),
    )


def _readings(outcome: Outcome) -> Iterator[tuple[str, int, float, RateContrast | MoneyContrast]]:
    if outcome.first:
        yield "first_reading", outcome.first.days, outcome.first.alpha, outcome.first.found
    if outcome.first and (found := judged(outcome)):
        yield "second_reading", outcome.window.days, outcome.alpha, found


def _rows(outcome: Outcome, say: Speaker) -> Iterator[ReadingRow]:
    currency = outcome.findings.currency if outcome.findings else ""
    for key, days, alpha, found in _readings(outcome):
        yield ReadingRow(
            key=key, label=say(key, days=days), found=measure_row(found, None, currency, say),
            level=words.level(alpha), verdict=titled(outcome, found.verdict).say(say.language),
        )  # fmt: skip


def second_chart(outcome: Outcome, say: Speaker) -> Spec | None:
    """Both differences under each other; None without both."""
    rows = [
        Difference(
            label=say(f"{key}_short"), note=difference_note(each, say),
            difference=each.difference, low=each.low, high=each.high,
        )
        for key, _, _, each in _readings(outcome)
        if each.difference is not None and each.low is not None and each.high is not None
    ]  # fmt: skip
    if len(rows) < 2:
        return None
    column = judged_column(outcome)
    less, more = (side.say(say.language) for side in sides_of(outcome, column))
    return forest(
        rows, smallest_effect=outcome.smallest_effect, fewer=less, more=more,
        unit="share" if column in SHARES else "amount",
    )  # fmt: skip
