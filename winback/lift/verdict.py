"""What may be said of a difference, and why: the rules of the report.

The rules speak in a fixed order; the first that speaks is the verdict, and all that apply are listed. There is
no verdict "no effect": an interval that holds 0 is either small enough not to matter, or can't tell.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

SRM_LEVEL = 0.001  # below this p the split itself is wrong
CONTAMINATION_LIMIT = 0.01  # more of the hold-out written to than this, and it is no hold-out
FEWEST_EVENTS = 5  # with the event, and as many without it, in either arm
MONEY_FLOOR = 50  # buyers in either arm: measured, docs/decisions/006
ANSWERS_FLOOR = 50  # answers in either arm: measured, docs/decisions/035
MOST_CUSTOMERS = 10_000_000  # whoever would need more is told so, not how many
APPROXIMATE_UP_TO = 250  # buyers: below, the interval of a heavy-tailed mean is a little too narrow


class Verdict(StrEnum):
    """The one word for a contrast."""

    BETTER = "better"
    WORSE = "worse"
    NO_EFFECT_WORTH_HAVING = "no_effect_worth_having"
    CANT_TELL = "cant_tell"
    NOT_ENOUGH_DATA = "not_enough_data"
    DO_NOT_TRUST = "do_not_trust"
    INTERIM = "interim"


class Rule(StrEnum):
    """Why: the rules in the order in which they speak (the numbers are those of the contract)."""

    EMPTY_ARM = "empty_arm"  # 1: an arm has fewer than two customers
    SPLIT_WRONG = "split_wrong"  # 2: sample ratio mismatch
    ROWS_LOST = "rows_lost"  # 2: customers who were assigned are missing from what was measured
    HOLDOUT_CONTAMINATED = "holdout_contaminated"  # 10: more than 1 % of the hold-out was written to
    HOLDOUT_TOUCHED = "holdout_touched"  # 10: some of it, but not more; is listed, never speaks
    NOT_MATURED = "not_matured"  # 3: the window is not complete for all
    BOUNDARY_CROSSED = "boundary_crossed"  # 3: nor is it, but this look may speak; is listed, never speaks
    FEW_EVENTS = "few_events"  # 4: rates
    FEW_BUYERS = "few_buyers"  # 7: money
    FEW_ANSWERS = "few_answers"  # 7: scores
    APPROXIMATE = "approximate"  # 7: money, up to 250 buyers; is listed, never speaks
    NO_INTERVAL = "no_interval"  # nothing varies, so nothing can be said
    EXCLUDES_ZERO = "excludes_zero"  # 5
    INSIDE_SMALLEST_EFFECT = "inside_smallest_effect"  # 6
    UNDECIDED = "undecided"  # 6


_SPEAKS = {
    Rule.EMPTY_ARM: Verdict.NOT_ENOUGH_DATA,
    Rule.SPLIT_WRONG: Verdict.DO_NOT_TRUST,
    Rule.ROWS_LOST: Verdict.DO_NOT_TRUST,
    Rule.HOLDOUT_CONTAMINATED: Verdict.DO_NOT_TRUST,
    Rule.NOT_MATURED: Verdict.INTERIM,
    Rule.FEW_EVENTS: Verdict.NOT_ENOUGH_DATA,
    Rule.FEW_BUYERS: Verdict.NOT_ENOUGH_DATA,
    Rule.FEW_ANSWERS: Verdict.NOT_ENOUGH_DATA,
    Rule.NO_INTERVAL: Verdict.NOT_ENOUGH_DATA,
    Rule.INSIDE_SMALLEST_EFFECT: Verdict.NO_EFFECT_WORTH_HAVING,
    Rule.UNDECIDED: Verdict.CANT_TELL,
}
SILENT = frozenset(
    {Rule.HOLDOUT_TOUCHED, Rule.BOUNDARY_CROSSED, Rule.APPROXIMATE}
)  # listed, but another rule is the verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What holds for the whole comparison; shares 0-1, None = not known (and so not a reason).

    ``rows_lost``: customers assigned but not measured, or measured but not assigned.
    ``planned_look``: the evidence decides at the boundary of this look (lift.looks), so it may speak early.
    """

    srm_p: float | None
    contaminated_share: float | None = None
    matured: bool = True
    planned_look: bool = False
    rows_lost: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What one contrast has: its customers, the scarcest count, the interval and whether it decides.

    ``scarcest`` must reach ``enough``: of rates it is the least of events and non-events of both arms, of money
    the fewer buyers; ``scarcity`` is the rule that speaks when it does not. ``decides``: 0 is excluded with
    every arm counted (Holm). ``smallest_effect`` is in the interval's unit.
    """

    customers: int
    smallest_arm: int
    scarcest: int
    enough: int
    scarcity: Rule
    low: float | None
    high: float | None
    decides: bool
    lower_is_better: bool
    smallest_effect: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The verdict and every rule that applies, in the order of the rules."""

    verdict: Verdict
    rules: tuple[Rule, ...]


def rows_lost(assigned: Mapping[str, int], measured: Mapping[str, int]) -> int:
    """Customers by which the arms as measured differ from the arms as assigned, added up over the arms.

    The sample-ratio check sees a tenth of a 20 % hold-out vanish in 6 of 100 campaigns of 2,000 customers, 78 of
    100 of 10,000 and 99 of 100 of 20,000; counting sees it always.
    """
    return sum(abs(assigned.get(arm, 0) - measured.get(arm, 0)) for arm in {*assigned, *measured})


def judge(conditions: Conditions, evidence: Evidence) -> Judgement:
    """The verdict of one contrast: the first rule that speaks, and all that apply."""
    rules = (*_about_the_whole(conditions, evidence), *_about_the_data(evidence), _about_the_effect(evidence))
    speaker = first_to_speak(rules)
    return Judgement(verdict=_SPEAKS.get(speaker) or _direction(evidence), rules=rules)


def first_to_speak(rules: Iterable[Rule]) -> Rule:
    """The rule whose verdict it is."""
    return next(rule for rule in rules if rule not in SILENT)


def _about_the_whole(conditions: Conditions, evidence: Evidence) -> list[Rule]:
    touched = conditions.contaminated_share or 0.0
    crossed = conditions.planned_look and evidence.decides
    applies = {
        Rule.EMPTY_ARM: evidence.smallest_arm < 2,
        Rule.SPLIT_WRONG: conditions.srm_p is not None and conditions.srm_p < SRM_LEVEL,
        Rule.ROWS_LOST: conditions.rows_lost > 0,
        Rule.HOLDOUT_CONTAMINATED: touched > CONTAMINATION_LIMIT,
        Rule.HOLDOUT_TOUCHED: 0 < touched <= CONTAMINATION_LIMIT,
        Rule.NOT_MATURED: not conditions.matured and not crossed,
        Rule.BOUNDARY_CROSSED: not conditions.matured and crossed,
    }
    return [rule for rule, holds in applies.items() if holds]


def _about_the_data(evidence: Evidence) -> list[Rule]:
    if evidence.scarcest < evidence.enough:
        return [evidence.scarcity]
    money = evidence.scarcity is Rule.FEW_BUYERS and evidence.low is not None
    return [Rule.APPROXIMATE] if money and evidence.scarcest <= APPROXIMATE_UP_TO else []


def _about_the_effect(evidence: Evidence) -> Rule:
    low, high, smallest = evidence.low, evidence.high, evidence.smallest_effect
    if low is None or high is None:
        return Rule.NO_INTERVAL
    if evidence.decides:
        return Rule.EXCLUDES_ZERO
    if smallest is not None and -smallest <= low and high <= smallest:
        return Rule.INSIDE_SMALLEST_EFFECT
    return Rule.UNDECIDED


def _direction(evidence: Evidence) -> Verdict:
    """Better or worse, for an interval that excludes 0."""
    lower = evidence.high is not None and evidence.high < 0
    return Verdict.BETTER if lower == evidence.lower_is_better else Verdict.WORSE


_SENTENCES = {
    Rule.EMPTY_ARM: "an arm has fewer than 2 customers",
    Rule.SPLIT_WRONG: "the split is not as planned (sample ratio mismatch, p = {srm_p:.2g})",
    Rule.ROWS_LOST: "what was measured differs from what was assigned by {rows_lost:,} customers",
    Rule.HOLDOUT_CONTAMINATED: "{touched:.1%} of the hold-out was written to",
    Rule.HOLDOUT_TOUCHED: "{touched:.2%} of the hold-out was written to",
    Rule.NOT_MATURED: "the window is not complete for all customers",
    Rule.BOUNDARY_CROSSED: "the window is not complete, but the boundary for this early look is crossed",
    Rule.FEW_EVENTS: "an arm has fewer than {enough} customers with the event or without it",
    Rule.FEW_BUYERS: "an arm has fewer than {enough} buyers",
    Rule.FEW_ANSWERS: "an arm has fewer than {enough} answers",
    Rule.APPROXIMATE: "approximate, as an arm has only {scarcest} buyers",
    Rule.NO_INTERVAL: "no interval can be computed",
    Rule.EXCLUDES_ZERO: "the interval excludes 0",
    Rule.INSIDE_SMALLEST_EFFECT: "the whole interval is within the smallest effect worth having",
    Rule.UNDECIDED: "{undecided}",
}


def explain(
    judgement: Judgement, conditions: Conditions, evidence: Evidence, *, needed_n: int | None = None
) -> str:
    """The rules that apply as one English line, the one that spoke first."""
    facts = {
        "srm_p": conditions.srm_p,
        "touched": conditions.contaminated_share,
        "rows_lost": conditions.rows_lost,
        "enough": evidence.enough,
        "scarcest": evidence.scarcest,
        "undecided": _undecided(evidence, needed_n, matured=conditions.matured),
    }
    return "; ".join(_SENTENCES[rule].format_map(facts) for rule in judgement.rules)


def enough_n(*, customers: int, scarcest: int, enough: int) -> int | None:
    """Customers at which the scarcest count, growing with them, is ``enough``; None where there is none of it."""
    if scarcest <= 0:
        return None
    return max(customers, -(-customers * enough // scarcest))  # rounded up


def needed_for_verdict(evidence: Evidence, needed_n: int | None) -> int | None:
    """What the formula asks for, which knows of the difference alone, but at least what the counts must reach."""
    if evidence.scarcest >= evidence.enough:
        return needed_n
    counts = enough_n(customers=evidence.customers, scarcest=evidence.scarcest, enough=evidence.enough)
    return None if counts is None else max(counts, needed_n or 0)


def _undecided(evidence: Evidence, needed_n: int | None, *, matured: bool) -> str:
    said = "the interval includes 0"
    if (evidence.low or 0) > 0 or (evidence.high or 0) < 0:
        also = " or not in the pooled-variance test" if evidence.scarcity is Rule.FEW_BUYERS else ""
        said = f"the interval excludes 0, but not at its Holm level{also}"
    need = needed_for_verdict(evidence, needed_n) if matured else None
    # With enough customers for the smallest effect and still no answer, a number already reached would mislead.
    if need is None or need <= evidence.customers:
        return said
    needed = "more customers than anybody has" if need > MOST_CUSTOMERS else f"{need:,} customers"
    scarce = need > (needed_n or 0)
    why = f", as a verdict takes {evidence.enough} {_COUNTED[evidence.scarcity]} in each arm" if scarce else ""
    return f"{said}: would need {needed}{why}"


_COUNTED = {
    Rule.FEW_EVENTS: "customers with the event and as many without it",
    Rule.FEW_BUYERS: "buyers",
    Rule.FEW_ANSWERS: "answers",
}
