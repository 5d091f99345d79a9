"""The outcome report: one HTML file that opens anywhere, offline, in English or Chinese.

Templates are handed the outcome and the few views below; every number is written by winback.words, so what is
undefined is an en dash. The same outcome gives the same bytes.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from winback import words
from winback.campaigns.campaign import HOLDOUT, Measure
from winback.campaigns.schedule import REPLAY
from winback.events import State
from winback.lift.contrast import RateContrast
from winback.outcomes.outcomes import TREATED, ArmResult, Outcome
from winback.outcomes.part_sums import CHURNED
from winback.outcomes.responses import Responses
from winback.report import names
from winback.report.answers import cause_rows, told_satisfaction
from winback.report.balance import balance_rows
from winback.report.before_after import (
    ROLES,
    before_after_groups,
    before_after_sentences,
    before_window,
    changes,
    counted,
)
from winback.report.cards import cards
from winback.report.charts import (
    FONTS,
    PALETTE,
    Difference,
    Spec,
    Step,
    draw,
    dumbbell,
    forest,
    waterfall,
)
from winback.report.checks import checks
from winback.report.compiled import COMPILED
from winback.report.definitions import churn_title, sides_of
from winback.report.findings import VARIANTS_SHOWN, finding_charts, finding_views
from winback.report.headline import (
    all_treated,
    attribution_sentences,
    comparable,
    headline,
    held_n,
    included,
    judgement,
    rule_sentence,
    treated_n,
    variants,
)
from winback.report.judged import answer_rows, judged_chart, judged_view
from winback.report.needed import needed_sentences
from winback.report.picture_frame import framed
from winback.report.rounding import apart, of_change, of_measure, of_rate
from winback.report.second import second_chart, second_view
from winback.report.segments import smallest_in
from winback.report.words import Speaker, speaker
from winback.words import Language

TEMPLATES = Path(__file__).parents[2] / "templates" / "report"
WORD_JOINER = "\N{WORD JOINER}"
_MINUS_AND_MONEY = re.compile(f"{words.MINUS}(?=[^\\d\\s])")
FACTS_SHOWN = 12  # digests of fact files written out; a long history would fill the page
_RECORDED = (
    "model", "weights", "fallback_reason", "horizon_days", "digest", "as_of", "threshold",
    "standstill",
)  # what scoring says of itself  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectRow:
    """One treated group; ``contrast`` is None while there is none."""

    key: str
    label: str
    n: int
    contrast: RateContrast | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseRow:
    """What one arm did, with its name and the role that colours it."""

    label: str
    role: str
    found: Responses


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceRow:
    """One step from all scored customers to the groups: ``n`` customers, drawn from ``start`` on."""

    key: str
    label: str
    note: str
    role: str
    start: int
    n: int


def render(outcome: Outcome, language: Language, templates: Path = TEMPLATES) -> str:
    """The report as one self-contained HTML page: no script, nothing loaded from outside.

    ``templates``: the folder of the report's templates. Jinja's errors pass through: a broken template of ours is
    a defect, not a person's mistake.
    """
    say = speaker(outcome.churn_definition, language)
    shown = comparable(outcome)
    page = environment(templates, say).get_template("page.html")
    return page.render(outcome=shown, lang=words.LANG_TAGS[language], **_views(shown, say))


def environment(templates: Path, say: Speaker) -> Environment:
    """The templates of ``templates`` with the writers of numbers, in the language of ``say``."""
    made = Environment(
        loader=FileSystemLoader(templates),
        bytecode_cache=COMPILED,
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_written,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    writers: dict[str, Callable[..., str]] = {
        name: getattr(words, name)
        for name in ("whole", "gain", "percent", "points", "size", "p_value", "p_claim", "figure")
    }
    made.filters.update(writers)
    made.filters["day"] = partial(words.day, language=say.language)
    made.filters["money"] = partial(words.money, language=say.language)
    made.globals.update(
        say=say,
        between=partial(words.between, language=say.language),
        nothing=words.UNDEFINED,
        palette=PALETTE,
        fonts=Markup(FONTS),
        gap=" " if say.language == "en" else "",  # between sentences
    )
    return made


def _written(value: object) -> object:
    """What is undefined as a dash; a minus sign is kept on the line of the currency that follows it."""
    if value is None:
        return words.UNDEFINED
    if isinstance(value, str) and not isinstance(value, Markup):
        return _MINUS_AND_MONEY.sub(words.MINUS + WORD_JOINER, value)
    return value


def _views(outcome: Outcome, say: Speaker) -> dict[str, Any]:
    shown = _shown(outcome, say)
    return shown | {"rounded": _rounded(shown)}


def _rounded(shown: dict[str, Any]) -> set[str]:
    """The sections in which a printed difference is not that of the printed numbers in its last digit."""
    told = {
        "headline": [of_measure(row) for row in shown["answer"]],
        "before-after": [of_change(group.told) for group in shown["groups"]],
        "effect": [of_rate(row.contrast) for row in shown["effects"] if row.contrast]
        + [of_measure(row.compared) for row in (shown["judged"].rows if shown["judged"] else []) if row.compared],
        "second": [of_measure(row.found) for row in (shown["second"].rows if shown["second"] else [])],
        "segments": [of_rate(row.found) for row in shown["segments"]],
        "weeks": [of_rate(week) for week in shown["weeks"]],
        "money": [of_measure(row) for row in shown["measures"]],
        "satisfaction": [of_measure(row) for row in shown["satisfaction"]],
        "causes": [of_rate(row.found) for row in shown["causes"]],
    }
    return {section for section, rows in told.items() if apart(rows)}


def _shown(outcome: Outcome, say: Speaker) -> dict[str, Any]:
    method = outcome.method
    return {
        "name": outcome.campaign_name.get(say.language) or outcome.campaign_id,
        "objective": outcome.objective.get(say.language) or outcome.objective.get("en"),
        "headline": headline(outcome, say),
        "cards": cards(outcome, say),
        "answer": answer_rows(outcome, say),
        "held_n": held_n(outcome),
        "before_first": before_window(outcome)[0],
        "before_last": before_window(outcome)[1],
        "before_after": before_after_sentences(outcome, say),
        "groups": before_after_groups(outcome, say),
        "ba_counted": counted(outcome, say),
        "effects": _churn_rows(outcome, say),
        "judged": judged_view(outcome, all_treated(outcome, say), say),
        "second": second_view(outcome, say),
        "level": words.level(outcome.alpha),
        "responses": response_rows(outcome, say),
        "attribution": attribution_sentences(outcome, say),
        "audience": audience_rows(outcome, say),
        "arms": [(arm_name(arm.name, say), arm, observed_share(arm, outcome)) for arm in outcome.arms],
        "states": message_states(outcome),
        "state_words": partial(names.name_of, names=names.STATES, language=say.language),
        "included": included(outcome),
        "checks": list(checks(outcome, say)),
        "balance": balance_rows(outcome, say),
        "rules": [rule_sentence(rule, outcome, say) for rule in judgement(outcome).rules],
        "verdict_words": lambda verdict: churn_title(outcome, verdict).say(say.language),
        "score": recorded(method.score, say),
        "forecast": recorded(method.forecast, say),
        "facts": list(_facts_named({"orders": method.facts} | method.other_facts, say)),
        "kind_facts": list(_facts_named(method.kinds.facts if method.kinds else {}, say)),
        "needed": needed_sentences(outcome, say),
        "repeat": repeat_commands(outcome),
        **finding_views(outcome, say, all_treated(outcome, say)),
        "satisfaction": told_satisfaction(outcome, say),
        "causes": cause_rows(outcome, say),
        "charts": {name: spec and Markup(draw(spec)) for name, spec in chart_specs(outcome, say).items()},
    }  # fmt: skip


def repeat_commands(outcome: Outcome) -> list[str]:
    """What to type to have the reading again; a replay stays one, else it would be sent to real people."""
    replayed = " --replay" if outcome.run.partition("/")[2].startswith(REPLAY) else ""
    second = " --second" if outcome.second else ""
    return [
        f"winback run {outcome.campaign_id}{replayed} --as-of {outcome.as_of}",
        f"winback measure {outcome.run}{second}",
    ]


def chart_specs(outcome: Outcome, say: Speaker) -> dict[str, Spec | None]:
    """The report's charts by name; None where there is nothing to draw."""
    pooled, by_churn = all_treated(outcome, say), outcome.judged_by is Measure.CHURN
    churn = _churn_chart(outcome, say)
    moved = list(changes(outcome, say))
    steps = [
        Step(label=row.label, role=row.role, start=row.start, n=row.n, n_text=words.whole(row.n))
        for row in audience_rows(outcome, say)
    ]
    return {
        "effect": churn if by_churn else judged_chart(outcome, pooled, say),
        "churn": None if by_churn else churn,
        "second": second_chart(outcome, say),
        "before_after": dumbbell(moved) if moved else None,
        "audience": waterfall(steps),
        **finding_charts(outcome, say, pooled),
    }  # fmt: skip


def _churn_rows(outcome: Outcome, say: Speaker) -> list[EffectRow]:
    """Every variant where churn is the answer; for comparison many of them would be a page nobody reads."""
    rows = effect_rows(outcome, say)
    many = outcome.judged_by is not Measure.CHURN and len(rows) > VARIANTS_SHOWN + 1
    return rows[:1] if many else rows


def _churn_chart(outcome: Outcome, say: Speaker) -> Spec | None:
    rows = list(_differences(_churn_rows(outcome, say), say))
    fewer, more = (side.say(say.language) for side in sides_of(outcome, CHURNED))
    smallest = smallest_in(CHURNED, outcome)
    return forest(rows, smallest_effect=smallest, fewer=fewer, more=more) if rows else None


def picture_specs(outcome: Outcome, say: Speaker) -> dict[str, Spec]:
    """The charts there are, each with a head and a legend: for where no page stands around them."""
    shown = comparable(outcome)
    return {
        name: framed(name, spec, shown, say, all_treated(shown, say))
        for name, spec in chart_specs(shown, say).items()
        if spec
    }


def _differences(rows: list[EffectRow], say: Speaker) -> Iterator[Difference]:
    for row in rows:
        found = row.contrast
        if found and found.difference is not None and found.low is not None and found.high is not None:
            ends = words.between(words.points(found.low), words.points(found.high), say.language)
            note = f"{words.points(found.difference)} ({ends})"
            yield Difference(
                label=row.label, note=note, difference=found.difference, low=found.low, high=found.high
            )


_FACTS = {
    "orders": "m_facts_digests",
    "activity": "m_facts_activity",
    "feedback": "m_facts_feedback",
    "subscriptions": "m_facts_subscriptions",
}


def _facts_named(kinds: Mapping[str, list[str]], say: Speaker) -> Iterator[tuple[str, list[str], int]]:
    """The facts by kind, orders first: what they are, the first digests, and how many more there are."""
    shown = FACTS_SHOWN // max(len(kinds), 1)
    for kind, digests in kinds.items():
        yield say(_FACTS[kind], n=len(digests)), digests[:shown], max(len(digests) - shown, 0)


def observed_share(arm: ArmResult, outcome: Outcome) -> float | None:
    """The arm's part of the audience, 0-1; None for nobody at all."""
    return arm.n / included(outcome) if included(outcome) else None


def arm_name(name: str, say: Speaker) -> str:
    """An arm's name as the report writes it; variants keep the name of the campaign file."""
    return say(HOLDOUT) if name == HOLDOUT else name


def effect_rows(outcome: Outcome, say: Speaker) -> list[EffectRow]:
    """All variants together, then each; a single variant only once."""
    arms = variants(outcome)
    contrasts = {each.arm: each for each in outcome.variants}
    pooled = EffectRow(
        key=TREATED, label=all_treated(outcome, say), n=treated_n(outcome), contrast=outcome.primary
    )
    each = [EffectRow(key=arm.name, label=arm.name, n=arm.n, contrast=contrasts.get(arm.name)) for arm in arms]
    return [pooled, *(each if len(arms) > 1 else [])]


def response_rows(outcome: Outcome, say: Speaker) -> list[ResponseRow]:
    """Every arm in the order of the outcome; none in a reading that did not count them."""
    return [
        ResponseRow(label=arm_name(each.arm, say), role=ROLES.get(each.arm, "treated"), found=each)
        for each in outcome.responses
    ]


def audience_rows(outcome: Outcome, say: Speaker) -> list[AudienceRow]:
    """All scored, those dropped for each first reason, those in, the arms."""
    note = say("scored_note")
    rows = [AudienceRow(key="scored", label=say("scored"), note=note, role="others", start=0, n=outcome.scored)]
    left = outcome.scored
    for reason, n in outcome.waterfall.items():
        left -= n
        label = names.name_of(reason, names.REASONS, say.language)
        note = names.name_of(reason, names.REASON_NOTES, say.language)
        row = AudienceRow(key=reason, label=label, note=note, role="dropped", start=max(left, 0), n=n)
        rows.append(row)
    note = say("included_note")
    inside = AudienceRow(
        key="included", label=say("included"), note=note, role="ink", start=0, n=included(outcome)
    )
    return [*rows, inside, *_arm_rows(outcome, say)]


def _arm_rows(outcome: Outcome, say: Speaker) -> Iterator[AudienceRow]:
    start = 0
    for arm in outcome.arms:
        role = "holdout" if arm.name == HOLDOUT else "treated"
        note = say("holdout_note" if arm.name == HOLDOUT else "variant_note")
        label = arm_name(arm.name, say)
        yield AudienceRow(key=arm.name, label=label, note=note, role=role, start=start, n=arm.n)
        start += arm.n


def message_states(outcome: Outcome) -> list[str]:
    """The states any message of the run is in, in the order of State; unknown ones last."""
    found = {state for arm in outcome.arms for state in arm.messages}
    known = [state.value for state in State if state.value in found]
    return known + sorted(found - set(known))


def recorded(said: Mapping[str, object], say: Speaker) -> list[tuple[str, str]]:
    """What scoring says of itself, named and written."""
    told = dict(said)
    if isinstance(still := told.get("standstill"), dict):
        told["standstill"] = still[say.language]
    return [(score_name(key, say), plain(value)) for key, value in told.items()]


def score_name(key: str, say: Speaker) -> str:
    """A key of the score's record in words, where there are words for it."""
    return say(f"score_{key}") if key in _RECORDED else key


def plain(value: object) -> str:
    """A recorded value as text: fractions to four digits, lists and mappings in one line."""
    if isinstance(value, dict):
        return "; ".join(f"{key} = {plain(each)}" for key, each in value.items()) or words.UNDEFINED
    if isinstance(value, list | tuple):
        return ", ".join(plain(each) for each in value) or words.UNDEFINED
    if isinstance(value, float):
        return words.figure(value)
    return words.UNDEFINED if value is None else str(value)
