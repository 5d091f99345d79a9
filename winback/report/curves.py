"""The report's view of the come-back curves: who has not ordered again yet, read off at a few days."""

from collections.abc import Sequence
from dataclasses import dataclass

from winback import words
from winback.campaigns.campaign import HOLDOUT
from winback.lift.survival import CurvePoint
from winback.outcomes.findings import Curve
from winback.outcomes.outcomes import TREATED, Outcome
from winback.report.charts import Spec
from winback.report.curve_chart import Line, Point, come_back
from winback.report.words import Speaker

FEWEST = 2  # customers of a curve
_ROLES = {HOLDOUT: "holdout"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCell:
    """The share not back after a day, its interval, and how many customers that is."""

    share: float | None
    low: float | None
    high: float | None
    away: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveRow:
    """One group's curve at the days that are marked; day 0 is left out, everybody is away then."""

    key: str
    label: str
    role: str
    n: int
    cells: list[DayCell]


def marked_days(outcome: Outcome) -> list[int]:
    """Day 0, the last day and two between: where the curve is read off."""
    days = outcome.window.days
    return sorted({0, round(days / 3), round(2 * days / 3), days})


def curve_rows(outcome: Outcome, say: Speaker, pooled_name: str) -> list[CurveRow]:
    """All variants together, each where there are several, the hold-out; none before the end or of one person."""
    curves = outcome.findings.curves if outcome.findings else []
    days = marked_days(outcome)[1:]
    names = {TREATED: pooled_name, HOLDOUT: say(HOLDOUT)}
    return [
        CurveRow(
            key=each.arm, label=names.get(each.arm, each.arm), role=_ROLES.get(each.arm, "treated"),
            n=each.n, cells=[_on(each, day) for day in days],
        )
        for each in curves
        if each.n >= FEWEST
    ]  # fmt: skip


def _on(curve: Curve, day: int) -> DayCell:
    """After the last day up to ``day`` on which somebody came back."""
    past = [point for point in curve.points if point.day <= day]
    if not past:
        return DayCell(share=1.0, low=None, high=None, away=curve.n)
    last = past[-1]
    return DayCell(share=last.staying, low=last.low, high=last.high, away=last.at_risk - last.left)


def curve_chart(outcome: Outcome, say: Speaker, pooled_name: str) -> Spec | None:
    """All variants together beside the hold-out, each with its band."""
    rows = {row.key: row for row in curve_rows(outcome, say, pooled_name)}
    curves = [
        each for each in (outcome.findings.curves if outcome.findings else []) if each.arm in (TREATED, HOLDOUT)
    ]
    if len(curves) < 2 or not all(each.points for each in curves):
        return None
    lines = [
        Line(
            label=rows[each.arm].label, role=rows[each.arm].role, points=_steps(each.points, outcome.window.days),
            end_text=words.percent(each.points[-1].staying),
            counts=[words.whole(_on(each, day).away) for day in marked_days(outcome)],
        )
        for each in curves
    ]  # fmt: skip
    axis = say("curve_days", t0=words.day(outcome.window.begins_after, say.language))
    return come_back(lines, days=marked_days(outcome), axis_title=axis, counts_title=say("curve_away"))


def _steps(points: Sequence[CurvePoint], days: int) -> list[Point]:
    """From everybody on day 0 to the last day."""
    steps = [Point(day=0, staying=1.0, low=1.0, high=1.0)]
    steps += [Point(day=each.day, staying=each.staying, low=each.low, high=each.high) for each in points]
    last = steps[-1]
    return (
        steps
        if last.day >= days
        else [*steps, Point(day=days, staying=last.staying, low=last.low, high=last.high)]
    )
