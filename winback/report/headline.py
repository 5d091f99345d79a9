"""The answer in plain words: the verdict of an outcome, its sentences, and what before/after alone would claim."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from winback import words
from winback.campaigns.campaign import HOLDOUT, OF_ANSWERS, Measure
from winback.lift.contrast import MoneyContrast, RateContrast
from winback.lift.intervals import standard_error
from winback.lift.planning import needed_for_error
from winback.lift.verdict import (
    ANSWERS_FLOOR,
    APPROXIMATE_UP_TO,
    CONTAMINATION_LIMIT,
    FEWEST_EVENTS,
    MONEY_FLOOR,
    MOST_CUSTOMERS,
    Conditions,
    Evidence,
    Judgement,
    Rule,
    Verdict,
    first_to_speak,
    judge,
)
from winback.outcomes.effects import COLUMNS
from winback.outcomes.findings import Kept
from winback.outcomes.outcomes import TREATED, ArmResult, Outcome
from winback.outcomes.part_sums import ADJUSTED_CONTRIBUTION, LOST_SHARE, NO_ORDER, NUMBERS
from winback.outcomes.second_reading import FirstReading
from winback.report import judged_words, names
from winback.report.definitions import (
    by_contract,
    no_value,
    nobody_churned,
    own_facts,
    rule_words,
    titled,
)
from winback.report.words import TEXTS, Speaker

Writer = Callable[[float | None], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The verdict, its title and the sentences under it."""

    verdict: Verdict
    title: str
    sentences: tuple[str, ...]


def comparable(outcome: Outcome) -> Outcome:
    """The outcome without the comparisons that may not be shown: those with an arm of fewer than 2 (rule 1)."""
    primary = outcome.primary and _or_nothing(outcome.primary)
    saved = outcome.saved if primary and primary.difference is not None else None
    return replace(
        outcome, primary=primary, variants=[_or_nothing(each) for each in outcome.variants], saved=saved
    )


def _or_nothing(contrast: RateContrast) -> RateContrast:
    if Rule.EMPTY_ARM not in contrast.rules:
        return contrast
    return replace(contrast, difference=None, low=None, high=None, p_holm=None, needed_n=None)


def held_n(outcome: Outcome) -> int:
    """Customers of the hold-out."""
    return sum(arm.n for arm in outcome.arms if arm.name == HOLDOUT)


def treated_n(outcome: Outcome) -> int:
    """Customers of all variants together."""
    return included(outcome) - held_n(outcome)


def included(outcome: Outcome) -> int:
    """Customers of all arms."""
    return sum(arm.n for arm in outcome.arms)


def variants(outcome: Outcome) -> list[ArmResult]:
    """The arms that were to be written to."""
    return [arm for arm in outcome.arms if arm.name != HOLDOUT]


def all_treated(outcome: Outcome, say: Speaker) -> str:
    """What all variants together are called; a single one is simply those written to."""
    return say("all_variants" if len(variants(outcome)) > 1 else "treated")


def contaminated_share(outcome: Outcome) -> float | None:
    """The part of the hold-out that was written to, 0-1; None without a hold-out."""
    return outcome.contaminated / held_n(outcome) if held_n(outcome) else None


def judged(outcome: Outcome) -> RateContrast | MoneyContrast | None:
    """The contrast that is the answer: that of what the campaign file wants to be judged by."""
    return outcome.primary if outcome.judged_by is Measure.CHURN else outcome.success


def first_of(outcome: Outcome) -> FirstReading | None:
    """A final reading as the second one keeps it; None where nothing could be compared."""
    found = judged(outcome)
    if found is None or found.difference is None or Rule.EMPTY_ARM in found.rules:
        return None
    return FirstReading(days=outcome.window.days, alpha=outcome.alpha, found=found)


def judged_column(outcome: Outcome) -> str:
    """The column that judges: the measure's own, but of net contribution the adjusted one where there is one."""
    return outcome.success.column if outcome.success else COLUMNS[outcome.judged_by]


def judgement(outcome: Outcome) -> Judgement:
    """The verdict of all variants together; before there is a contrast, what may be said without one."""
    if found := judged(outcome):
        return Judgement(verdict=found.verdict, rules=found.rules)
    conditions = Conditions(
        srm_p=outcome.srm.p if outcome.srm else None,
        contaminated_share=contaminated_share(outcome),
        matured=outcome.window.complete,
        rows_lost=outcome.findings.rows_lost if outcome.findings else 0,
    )
    nothing_known = Evidence(
        customers=included(outcome), smallest_arm=min(held_n(outcome), treated_n(outcome)),
        scarcest=FEWEST_EVENTS, enough=FEWEST_EVENTS, scarcity=Rule.FEW_EVENTS,
        low=None, high=None, decides=False, lower_is_better=True, smallest_effect=None,
    )  # fmt: skip
    return judge(conditions, nothing_known)


def headline(outcome: Outcome, say: Speaker) -> Headline:
    """The answer in plain words."""
    found = judgement(outcome)
    missing = _missing_group(outcome)
    if missing:
        sentence = say(f"{missing}_text", n=words.whole(included(outcome)))
        return Headline(verdict=found.verdict, title=say(missing), sentences=(sentence,))
    title = titled(outcome, found.verdict).say(say.language)
    return Headline(verdict=found.verdict, title=title, sentences=tuple(_sentences(outcome, found, say)))


def _missing_group(outcome: Outcome) -> str | None:
    if included(outcome) == 0:
        return "nobody"
    if held_n(outcome) == 0:
        return "no_holdout"
    return "nobody_written" if treated_n(outcome) == 0 else None


def _sentences(outcome: Outcome, found: Judgement, say: Speaker) -> Iterator[str]:
    speaker = first_to_speak(found.rules)
    why = rule_sentence(speaker, outcome, say)
    facts = [*_facts(outcome, say), *_forecast(outcome, say), *_approximate(found, outcome, say)]
    yield from [why, *facts] if found.verdict is Verdict.DO_NOT_TRUST else [*facts, why]
    if found.verdict in (Verdict.BETTER, Verdict.WORSE):
        yield from _kept(outcome, say, lost=found.verdict is Verdict.WORSE)
    if found.verdict is Verdict.CANT_TELL:
        yield from _needed(outcome, say)
    if not outcome.window.complete and found.verdict is not Verdict.DO_NOT_TRUST and not _unanswered(outcome):
        yield say(_interim(outcome), day=outcome.window.days_seen, days=outcome.window.days)
    yield from _broken(outcome, say)


def _unanswered(outcome: Outcome) -> bool:
    """Whether no day of the window is known, which may be for want of answers alone: then no day is counted."""
    return outcome.judged_by in OF_ANSWERS and outcome.window.seen_through is None


def _approximate(found: Judgement, outcome: Outcome, say: Speaker) -> Iterator[str]:
    """That an interval is too narrow must stand beside it, whatever the verdict."""
    if Rule.APPROXIMATE in found.rules:
        yield rule_sentence(Rule.APPROXIMATE, outcome, say)


def _interim(outcome: Outcome) -> str:
    """What of the effect is shown before the end: what judges, churn beside it, or nothing."""
    if judged(outcome):
        return "interim_look"
    if by_contract(outcome):
        return "interim_contract"
    return "interim_churn" if outcome.primary else "interim_day"


def _facts(outcome: Outcome, say: Speaker) -> Iterator[str]:
    found = judged(outcome)
    if found is None or found.difference is None or found.low is None:
        return
    if isinstance(found, MoneyContrast):
        yield _mean_facts(found, outcome, say)
        if found.column == ADJUSTED_CONTRIBUTION:
            yield say("contribution_is_adjusted")
        return
    yield _rate_facts(outcome).say(
        say.language,
        rate=words.percent(found.rate), n=words.whole(found.n),
        control_rate=words.percent(found.control_rate), control_n=words.whole(found.control_n),
        days=outcome.window.days if outcome.window.complete else outcome.window.days_seen,
        difference=words.points(found.difference),
        interval=words.between(words.points(found.low), words.points(found.high), say.language),
        level=words.level(outcome.alpha),
    )  # fmt: skip


def _forecast(outcome: Outcome, say: Speaker) -> Iterator[str]:
    """What is predicted is said to be so, and what was seen stands beside it."""
    told, primary = outcome.method.forecast, outcome.primary
    judged_so = outcome.judged_by in own_facts(outcome)
    if not told or not judged_so or primary is None or primary.difference is None:
        return
    last = words.day(outcome.window.last_on, say.language)
    yield say(
        "forecast", threshold=share_plainly(told["threshold"]), within=told["horizon_days"], last=last,
    )  # fmt: skip
    for seen in outcome.findings.rates if outcome.findings else []:
        if seen.column == NO_ORDER and seen.arm == TREATED and seen.difference is not None:
            yield say(
                "forecast_seen", rate=words.percent(seen.rate), control_rate=words.percent(seen.control_rate),
                difference=words.points(seen.difference), level=words.level(outcome.alpha),
                interval=words.between(words.points(seen.low), words.points(seen.high), say.language),
            )  # fmt: skip


def share_plainly(share: float) -> str:
    """A share that somebody wrote, as he would: ``50%``, ``62.5%``."""
    return f"{100 * share:.4g}%"


def _rate_facts(outcome: Outcome) -> words.Words:
    if told := own_facts(outcome).get(outcome.judged_by):
        return told
    if outcome.judged_by is not Measure.CHURN:
        return judged_words.FACTS[outcome.judged_by]
    return TEXTS["facts" if outcome.window.complete else "facts_so_far"]


def _mean_facts(found: MoneyContrast, outcome: Outcome, say: Speaker) -> str:
    level, gain = _writers(found.column, outcome.findings.currency if outcome.findings else "", say)
    return {**judged_words.FACTS, **own_facts(outcome)}[outcome.judged_by].say(
        say.language, days=outcome.window.days,
        mean=level(found.mean), n=words.whole(found.n),
        control_mean=level(found.control_mean), control_n=words.whole(drawn_n(outcome, HOLDOUT)),
        answered=words.whole(found.buyers), control_answered=words.whole(found.control_buyers),
        difference=gain(found.difference),
        interval=words.between(gain(found.low), gain(found.high), say.language),
        level=words.level(outcome.alpha),
    )  # fmt: skip


def _writers(column: str, currency: str, say: Speaker) -> tuple[Writer, Writer]:
    """How a mean of this column is written, and how a difference of two."""
    if column == LOST_SHARE:
        return words.percent, words.points
    if column in NUMBERS:
        return words.number, words.gain_number
    money = partial(words.money, currency=currency, language=say.language)
    return money, money


def drawn_n(outcome: Outcome, arm: str) -> int:
    """Customers of an arm who were drawn in this run: those whom comparisons are about."""
    return sum(each.drawn for each in outcome.arms if each.name == arm)


def _broken(outcome: Outcome, say: Speaker) -> Iterator[str]:
    """Guardrails that surely do not hold: said beside whatever verdict there is."""
    for rail in outcome.findings.guardrails if outcome.findings else []:
        if rail.kept is Kept.BROKEN:
            rate, limit = words.percent(rail.share.rate), words.percent(rail.limit)
            yield judged_words.BROKEN[rail.name].say(say.language, rate=rate, limit=limit)


def _kept(outcome: Outcome, say: Speaker, *, lost: bool) -> Iterator[str]:
    if outcome.saved and outcome.judged_by in (Measure.CHURN, Measure.RETENTION):
        kept = (outcome.saved.customers, outcome.saved.low, outcome.saved.high)
        count, low, high = (-kept[0], -kept[2], -kept[1]) if lost else kept
        interval = words.between(words.whole(low), words.whole(high), say.language)
        level = words.level(outcome.alpha)
        yield say("lost" if lost else "kept", customers=words.whole(count), interval=interval, level=level)


def _needed(outcome: Outcome, say: Speaker) -> Iterator[str]:
    """How many customers it would take; nothing where that many were there and still could not tell."""
    needed, have = needed_n(outcome), included(outcome)
    if needed is not None and needed > have:
        key = "needed_for_difference" if outcome.smallest_effect is None else "needed_for_effect"
        smallest = words.size(outcome.smallest_effect)
        yield say(key, smallest=smallest, needed=customers(needed, say), have=words.whole(have))


def customers(needed: int, say: Speaker) -> str:
    """So many customers, or that nobody has so many."""
    return say("more_than_anybody") if needed > MOST_CUSTOMERS else say("about", n=words.whole(needed))


def needed_n(outcome: Outcome) -> int | None:
    """Customers of both groups needed for the smallest effect, else to tell what was seen from chance."""
    found = judged(outcome)
    if not isinstance(found, MoneyContrast):
        return found.needed_n if found else None
    error, effect = mean_error(outcome), outcome.smallest_effect or found.difference
    if error is None or effect is None:
        return None
    return needed_for_error(error=error, total=found.n + drawn_n(outcome, HOLDOUT), effect=effect)


def mean_error(outcome: Outcome) -> float | None:
    """The standard error of the difference of means that is judged; None where there is no interval."""
    found = judged(outcome)
    if not isinstance(found, MoneyContrast) or found.low is None or found.high is None or found.df is None:
        return None
    return standard_error(low=found.low, high=found.high, df=found.df, alpha=outcome.alpha)


def rule_sentence(rule: Rule, outcome: Outcome, say: Speaker) -> str:
    """Why, in words, with the outcome's own numbers."""
    if rule is Rule.NO_INTERVAL:
        return _no_interval(outcome, say)
    return rule_words(rule, outcome).say(
        say.language,
        srm_p=words.p_claim(outcome.srm.p if outcome.srm else None),
        contaminated=words.whole(outcome.contaminated), held=words.whole(held_n(outcome)),
        touched=words.percent(contaminated_share(outcome)), limit=words.percent(CONTAMINATION_LIMIT),
        through=words.day(outcome.window.data_through, say.language),
        last=words.day(outcome.window.last_on, say.language),
        level=words.level(outcome.alpha), enough=FEWEST_EVENTS, floor=MONEY_FLOOR, most=APPROXIMATE_UP_TO,
        answers=ANSWERS_FLOOR,
        smallest=words.size(outcome.smallest_effect),
    )  # fmt: skip


def _no_interval(outcome: Outcome, say: Speaker) -> str:
    found = judged(outcome)
    means = (found.mean, found.control_mean) if isinstance(found, MoneyContrast) else (None, None)
    return _why_no_interval(outcome, found).say(
        say.language, n=words.whole(treated_n(outcome)), control_n=words.whole(held_n(outcome)),
        mean=words.number(means[0]), control_mean=words.number(means[1]),
    )  # fmt: skip


def _why_no_interval(outcome: Outcome, found: RateContrast | MoneyContrast | None) -> words.Words:
    """The reason in words, where there are two groups, the window is over, and it can be told."""
    by, churn = outcome.judged_by, outcome.primary
    if not outcome.window.complete or churn is None or _missing_group(outcome):
        return names.RULES[Rule.NO_INTERVAL]
    if by is Measure.NET_CONTRIBUTION and outcome.findings and outcome.findings.returns.total_cost is None:
        return judged_words.COST_UNKNOWN
    if by is Measure.VALUE_LOST_SHARE and found is None:
        return no_value(outcome)
    if by in judged_words.VALUE and churn.x == churn.control_x == 0:
        return nobody_churned(outcome)
    return judged_words.ALL_ALIKE if by is Measure.PURCHASE_FREQUENCY else names.RULES[Rule.NO_INTERVAL]


def attribution_sentences(outcome: Outcome, say: Speaker) -> list[str]:
    """How far the orders are known, and why those after a message are not the effect."""
    through = outcome.window.seen_through
    if through is None:
        return [say("answers_not_seen" if _unanswered(outcome) else "orders_not_seen")]
    known = (
        [] if outcome.window.complete
        else [say("orders_so_far", through=words.day(through, say.language), day=outcome.window.days_seen,
                  days=outcome.window.days)]
    )  # fmt: skip
    return [*known, say("attribution"), *_came_anyway(outcome, say)]


def _came_anyway(outcome: Outcome, say: Speaker) -> Iterator[str]:
    if outcome.placebo:
        yield say("attribution_placebo")
    held = next((each.orders for each in outcome.responses if each.arm == HOLDOUT and each.members), None)
    if held is None:
        yield say("attribution_unknown")
        return
    found = held.ordered
    yield say("attribution_held", x=words.whole(found.x), n=words.whole(found.n), rate=words.percent(found.rate))
    effect = judged(outcome)
    if effect and effect.difference is not None:
        yield say("attribution_effect")
    drawn = sum(arm.drawn for arm in outcome.arms)
    if drawn < included(outcome):
        yield say("re_entered", drawn=words.whole(drawn))
