"""What customers said, in the report and its CSV: scores of those who answered, and why those lost were lost."""

from collections.abc import Iterator
from dataclasses import dataclass

from winback import words
from winback.churners.causes import CAUSE_NAMES, Cause
from winback.outcomes.answers import UNKNOWN
from winback.outcomes.findings import CauseRisk, Satisfaction
from winback.outcomes.outcomes import TREATED, Outcome
from winback.report.csv_lines import Line, counted, line, plain
from winback.report.findings import VARIANTS_SHOWN
from winback.report.words import Speaker
from winback.words import UNDEFINED


@dataclass(frozen=True, slots=True, kw_only=True)
class SatisfactionRow:
    """One kind of score of one group, its means and their difference as they are written."""

    label: str
    found: Satisfaction
    treated: str
    held: str
    difference: str
    interval: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseRow:
    """One cause, named."""

    label: str
    found: CauseRisk


def told_satisfaction(outcome: Outcome, say: Speaker) -> list[SatisfactionRow]:
    """The rows of the page: of many variants only all together."""
    few = len(outcome.variants) <= VARIANTS_SHOWN
    return [row for row in satisfaction_rows(outcome, say) if few or row.found.arm == TREATED]


def satisfaction_rows(outcome: Outcome, say: Speaker) -> list[SatisfactionRow]:
    """The kinds of score that somebody gave."""
    found = outcome.findings.satisfaction if outcome.findings else []
    given = {each.kind for each in found if each.answered.x or each.control_answered.x}
    return [_satisfaction(each, say) for each in found if each.kind in given]


def _satisfaction(found: Satisfaction, say: Speaker) -> SatisfactionRow:
    name = say(f"score_{found.kind}")
    known = found.difference is not None and found.low is not None
    ends = (words.gain_number(found.low), words.gain_number(found.high))
    return SatisfactionRow(
        label=name if found.arm == TREATED else say("segment_name", dimension=found.arm, value=name), found=found,
        treated=words.number(found.mean), held=words.number(found.control_mean),
        difference=UNDEFINED if found.difference is None else words.gain_number(found.difference),
        interval=words.between(*ends, say.language) if known else "",
    )  # fmt: skip


def cause_rows(outcome: Outcome, say: Speaker) -> list[CauseRow]:
    """Every cause somebody named, then the unknown."""
    found = outcome.findings.causes if outcome.findings else []
    return [CauseRow(label=_cause(each.cause, say), found=each) for each in found]


def _cause(cause: str, say: Speaker) -> str:
    return say("cause_unknown") if cause == UNKNOWN else CAUSE_NAMES[Cause(cause)].say(say.language)


def answer_lines(outcome: Outcome, say: Speaker) -> Iterator[Line]:
    """Both tables as lines of the CSV file."""
    for row in satisfaction_rows(outcome, say):
        score, place = row.found, ("satisfaction", f"{row.found.kind}: {row.found.arm}", row.label)
        yield from counted(place, {"answered": score.answered, "holdout_answered": score.control_answered})
        yield from plain(place, {"mean": score.mean, "holdout_mean": score.control_mean}, unit="score")
        yield line(place, "difference", score.difference, score.low, score.high, unit="score")
    for each in cause_rows(outcome, say):
        risk, place = each.found, ("causes", each.found.cause, each.label)
        yield from plain(place, {"customers": risk.n, "lost": risk.x}, unit="customers")
        held = {"holdout_customers": risk.control_n, "holdout_lost": risk.control_x}
        yield from plain(place, held, unit="customers")
        yield from plain(place, {"rate": risk.rate, "holdout_rate": risk.control_rate}, unit="share")
        yield line(place, "difference", risk.difference, risk.low, risk.high)
        yield from plain(place, {"p_bh": risk.p_bh})
