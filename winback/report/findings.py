"""The report's views of the findings: rows already written, so that the templates only lay them out."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from winback import words
from winback.campaigns.campaign import HOLDOUT
from winback.lift.contrast import MoneyContrast, RateContrast, p_deciding
from winback.lift.estimates import Estimate, Missing, NoEstimate
from winback.lift.survival import LogRank
from winback.lift.verdict import APPROXIMATE_UP_TO, MONEY_FLOOR, Rule, Verdict
from winback.outcomes.findings import Findings, Guardrail, Kept, Pressure, Returns
from winback.outcomes.outcomes import TREATED, Outcome
from winback.outcomes.part_sums import CONTRIBUTION, LOST_SHARE, NUMBERS, REVENUE, SCORES, SHARES, VALUE_LOST
from winback.report import names
from winback.report.charts import Difference, Spec, forest
from winback.report.curves import curve_chart, curve_rows, marked_days
from winback.report.headline import judged_column
from winback.report.judged_words import SIDES
from winback.report.segments import (
    compared_sentence,
    contest_row,
    gain,
    interaction_sentences,
    segment_chart,
    told_segments,
)
from winback.report.words import Speaker
from winback.words import UNDEFINED

VARIANTS_SHOWN = 8  # one by one in the table of measures; more would make a page nobody reads
_CHARTED = (
    "revenue",
    "revenue_capped",
    "revenue_adjusted",
    "net_contribution",
    "net_contribution_adjusted",
)  # amounts per customer, more is better
_KEPT = {Kept.KEPT: "fine", Kept.BROKEN: "bad", Kept.CANT_TELL: "unknown", Kept.NO_LIMIT: "unset"}

Contrast = RateContrast | MoneyContrast
Writer = Callable[[float | None], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A number as it is written, with its interval where it has one."""

    text: str
    interval: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureRow:
    """One measure of one treated group against the hold-out; ``pooled``: all variants together.

    ``counted``: of its ``n`` customers those with the event, or with an order. ``unit`` of the difference, where
    its numbers do not say it. ``p_note``: whether ``p``, the one that decides, is adjusted for several variants.
    """

    key: str
    arm: str
    label: str
    pooled: bool
    counted: str
    treated: str
    held: str
    difference: Shown
    unit: str
    p: float | None
    p_note: str
    verdict: str
    contrast: Contrast


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnRow:
    """One line of cost and return; ``note`` says why there is no number."""

    key: str
    label: str
    text: str
    interval: str
    note: str
    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardrailRow:
    """One guardrail; ``status`` colours the word ``kept``."""

    label: str
    found: Guardrail
    kept: str
    status: str


def measure_rows(outcome: Outcome, say: Speaker) -> list[MeasureRow]:
    """Every comparison beside churn: all variants together, then each where there are several; or none at all."""
    found = outcome.findings
    if found is None:
        return []
    contrasts = compared_in(found)
    if all(each.difference is None or Rule.EMPTY_ARM in each.rules for each in contrasts):
        return []  # nothing to compare: the cards say so
    several = len({each.arm for each in found.rates if each.arm != TREATED}) > 1
    shown = [each for each in contrasts if several or each.arm == TREATED]
    return [measure_row(each, p_of(each, contrasts), found.currency, say) for each in shown]


def told_measures(outcome: Outcome, say: Speaker) -> list[MeasureRow]:
    """The rows of the report: what the campaign is judged by has a section of its own."""
    return [row for row in measure_rows(outcome, say) if row.key != judged_column(outcome)]


def compared_in(found: Findings) -> list[Contrast]:
    """The comparisons of rates, of means and of the share of value lost."""
    shares = found.value_lost_share if isinstance(found.value_lost_share, list) else []
    return [*found.rates, *found.money, *shares]


def p_of(found: Contrast, among: Sequence[Contrast]) -> float | None:
    """The p that decides: of a variant by Holm over all variants in its column, of all together by itself."""
    if isinstance(found, RateContrast):
        return found.p_holm
    if found.arm == TREATED:
        return p_deciding([found])[0]
    means = [each for each in among if isinstance(each, MoneyContrast)]
    family = [each for each in means if each.column == found.column and each.arm != TREATED]
    return p_deciding(family)[family.index(found)]


def measure_row(found: Contrast, p: float | None, currency: str, say: Speaker) -> MeasureRow:
    """One comparison as it is written; ``p``: the one that decides."""
    pooled = found.arm == TREATED
    name = say(f"measured_{found.column}")
    if isinstance(found, RateContrast):
        level, held = words.percent(found.rate), words.percent(found.control_rate)
    else:
        level, held = (amount(each, found.column, currency, say) for each in (found.mean, found.control_mean))
    return MeasureRow(
        key=found.column, arm=found.arm, pooled=pooled,
        label=name if pooled else say("segment_name", dimension=found.arm, value=name),
        counted=counted(found, say), treated=level, held=held, difference=_difference(found, currency, say),
        unit=say("unit_points") if found.column in SHARES and found.difference is not None else "",
        p=p, p_note="" if pooled else say("holm"), verdict=_verdict(found.verdict, say), contrast=found,
    )  # fmt: skip


def counted(found: Contrast, say: Speaker) -> str:
    """Of its customers those with the event of a rate, those lost where it is of value lost, else the buyers."""
    if isinstance(found, RateContrast):
        return say("count_of", x=words.whole(found.x), n=words.whole(found.n))
    return counted_mean(found.column, found.buyers, found.n, say)


def counted_mean(column: str, buyers: int, n: int, say: Speaker) -> str:
    """What a mean is carried by: scores by who answered, value by who churned, everything else by the buyers."""
    if column in SCORES:
        return say("answered_of", x=words.whole(buyers), n=words.whole(n))
    if column in (VALUE_LOST, LOST_SHARE):
        return say("lost_of", x=words.whole(n - buyers), n=words.whole(n))
    return say("buyers", buyers=words.whole(buyers), n=words.whole(n))


def _verdict(verdict: Verdict, say: Speaker) -> str:
    """More revenue is no "fewer churned": what got better is what the row says."""
    if verdict in (Verdict.BETTER, Verdict.WORSE):
        return say(verdict.value)
    return names.VERDICTS[verdict].say(say.language)


def amount(value: float | None, column: str, currency: str, say: Speaker) -> str:
    """A mean as it is written: a share of value, a number of orders, an amount."""
    if column == LOST_SHARE:
        return words.percent(value)
    return words.number(value) if column in NUMBERS else words.money(value, currency, say.language)


def _difference(found: Contrast, currency: str, say: Speaker) -> Shown:
    if found.difference is None:
        return Shown(text=UNDEFINED)
    ends = [gain(each, found.column, currency, say) for each in (found.difference, found.low, found.high)]
    return Shown(text=ends[0], interval=words.between(ends[1], ends[2], say.language))


def money_chart(outcome: Outcome, say: Speaker) -> Spec | None:
    """Differences per customer of all variants together, in one currency."""
    rows = [
        Difference(
            label=row.label, note=difference_note(row.contrast, say),
            difference=row.contrast.difference, low=row.contrast.low, high=row.contrast.high,
        )
        for row in told_measures(outcome, say)
        if row.pooled and row.key in _CHARTED
        if row.contrast.difference is not None and row.contrast.low is not None and row.contrast.high is not None
    ]  # fmt: skip
    less, more = (side.say(say.language) for side in SIDES[CONTRIBUTION])
    return forest(rows, smallest_effect=None, fewer=less, more=more, unit="amount") if rows else None


def difference_note(found: Contrast, say: Speaker) -> str:
    """The difference with its interval, without the currency that the caption names: there is little room."""
    write = words.points if found.column in SHARES else words.gain_number
    return f"{write(found.difference)} ({words.between(write(found.low), write(found.high), say.language)})"


def return_rows(outcome: Outcome, say: Speaker) -> list[ReturnRow]:
    """Cost, what came of it, and what one customer kept cost; none in readings without findings."""
    if outcome.findings is None:
        return []
    found, currency = outcome.findings.returns, outcome.findings.currency
    return list(_returns(found, currency, say))


def told_returns(outcome: Outcome, say: Speaker) -> list[ReturnRow]:
    """The rows of the report: with their reasons once anything is estimated, till then only what was spent."""
    rows = return_rows(outcome, say)
    if any(row.value is not None for row in rows if row.key not in ("cost", "margin")):
        return rows
    return [row for row in rows if row.key == "cost" and row.value != 0]


def few_buyers(outcome: Outcome) -> Rule | None:
    """FEW_BUYERS or APPROXIMATE where that holds of revenue: its intervals are not to be taken at their word."""
    found = outcome.findings.money if outcome.findings else []
    rules = next((each.rules for each in found if (each.column, each.arm) == (REVENUE, TREATED)), ())
    return next((rule for rule in (Rule.FEW_BUYERS, Rule.APPROXIMATE) if rule in rules), None)


def _returns(found: Returns, currency: str, say: Speaker) -> Iterator[ReturnRow]:
    def money(value: float | None) -> str:
        return words.money(value, currency, say.language)

    arms = "; ".join(f"{arm} {money(cost)}" for arm, cost in found.cost.items()) if len(found.cost) > 1 else ""
    yield ReturnRow(
        key="cost",
        label=say("r_cost"),
        text=money(found.total_cost),
        interval="",
        note=names.MISSING[Missing.COST_UNKNOWN].say(say.language) if found.total_cost is None else arms,
        value=found.total_cost,
    )
    yield _estimated("revenue", found.revenue, lambda value: words.gain_total(value, currency, say.language), say)
    margin = "" if found.margin is not None else say("r_margin_none")
    yield ReturnRow(
        key="margin", label=say("r_margin"), text=words.percent(found.margin), interval="", note=margin,
        value=found.margin,
    )  # fmt: skip
    yield _estimated("roi", found.roi, words.gain_percent, say)
    yield _per_saved(found, money, say)
    yield _estimated("per_delivered", found.per_delivered, words.points, say)


def _estimated(key: str, found: Estimate | NoEstimate, write: Writer, say: Speaker) -> ReturnRow:
    label = say(f"r_{key}")
    if isinstance(found, NoEstimate):
        return _unknown(key, label, found, say)
    interval = words.between(write(found.low), write(found.high), say.language)
    return ReturnRow(
        key=key, label=label, text=write(found.value), interval=interval, note="",
        value=found.value, low=found.low, high=found.high,
    )  # fmt: skip


def _unknown(key: str, label: str, found: NoEstimate, say: Speaker) -> ReturnRow:
    nobody = found.reason is Missing.NOBODY_SAVED
    reason = say("r_nobody_saved") if nobody else names.MISSING[found.reason].say(say.language)
    return ReturnRow(key=key, label=label, text=UNDEFINED, interval="", note=reason, value=None)


def _per_saved(found: Returns, money: Writer, say: Speaker) -> ReturnRow:
    """A price, so without a sign; its upper end is open where perhaps nobody was kept."""
    price, label = found.per_saved, say("r_per_saved")
    if isinstance(price, NoEstimate):
        return _unknown("per_saved", label, price, say)
    low, high = money(price.low), money(price.high)
    interval = say("r_from", low=low) if price.high is None else words.between(low, high, say.language)
    return ReturnRow(
        key="per_saved", label=label, text=money(price.value), interval=interval, note="",
        value=price.value, low=price.low, high=price.high,
    )  # fmt: skip


def guardrail_rows(outcome: Outcome, say: Speaker) -> list[GuardrailRow]:
    """What may not get worse, of the messages that left; none while none did."""
    found = outcome.findings.guardrails if outcome.findings else []
    return [
        GuardrailRow(label=say(each.name), found=each, kept=say(f"kept_{each.kept}"), status=_KEPT[each.kept])
        for each in found
        if each.share.n
    ]


def pressure_sentence(outcome: Outcome, say: Speaker) -> str:
    """How often the two groups were written to by all campaigns; empty while no message has gone."""
    found = outcome.findings.pressure if outcome.findings else []
    spans = [[each for each in found if each.days == days] for days in dict.fromkeys(each.days for each in found)]
    gap = " " if say.language == "en" else ""
    key = "pressure_placebo" if outcome.placebo else "pressure"
    return gap.join(_pressed({each.arm: each for each in span}, key, say) for span in spans)


def _pressed(groups: dict[str, Pressure], key: str, say: Speaker) -> str:
    treated, held = groups[TREATED], groups[HOLDOUT]
    mean = say(key, days=treated.days, mean=words.number(treated.mean), held=words.number(held.mean))
    if treated.over is None:
        return mean
    x, rate = words.whole(treated.over.x), words.percent(treated.over.rate)
    return mean + say("pressure_over", x=x, rate=rate, cap=treated.cap)


def finding_views(outcome: Outcome, say: Speaker, pooled_name: str) -> dict[str, Any]:
    """What the templates of the findings are handed; empty lists in readings without any."""
    found = outcome.findings
    few = len(outcome.variants) <= VARIANTS_SHOWN
    return {
        "measures": [row for row in told_measures(outcome, say) if row.pooled or few],
        "few_buyers": say(f"money_{rule}", floor=MONEY_FLOOR, most=APPROXIMATE_UP_TO)
        if (rule := few_buyers(outcome))
        else "",
        "measures_in_csv": "" if few else say("variants_in_csv"),
        "returns": told_returns(outcome, say),
        "guardrails": guardrail_rows(outcome, say),
        "pressure": pressure_sentence(outcome, say),
        "segments": told_segments(outcome, say),
        "segments_of": compared_sentence(outcome, say),
        "interactions": interaction_sentences(outcome, say),
        "contest": contest_row(found.contest, outcome.winner_helped, found.currency, say)
        if found and found.contest
        else None,
        "weeks": found.weeks if found else [],
        "curves": curve_rows(outcome, say, pooled_name),
        "log_rank": found.log_rank if found and isinstance(found.log_rank, LogRank) else None,
        "curve_days": marked_days(outcome)[1:],
    }


def finding_charts(outcome: Outcome, say: Speaker, pooled_name: str) -> dict[str, Spec | None]:
    """The charts of the findings by name; None where there is nothing to draw."""
    return {
        "segments": segment_chart(outcome, say),
        "curve": curve_chart(outcome, say, pooled_name),
        "money": money_chart(outcome, say),
    }
