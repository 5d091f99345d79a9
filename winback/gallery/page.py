"""The page of a preview: audience, cost and what can be seen, then every message as it will look.

One HTML file that opens anywhere, offline; each e-mail stands in a frame that runs no script and loads nothing.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unicodedata import east_asian_width

from babel import Locale
from markupsafe import Markup

from winback import words
from winback.campaigns.campaign import HOLDOUT, IN_POINTS, ONLY, Measure
from winback.campaigns.section import LocalName
from winback.gallery.letter_height import letter_height
from winback.gallery.letters import Sheet, dear_characters, preheader
from winback.gallery.preview import Preview
from winback.gallery.sight import BY_FORECAST, Sight
from winback.gallery.words import MEASURES, PREDICTED, TEXTS
from winback.lift.estimates import NoEstimate
from winback.lift.verdict import ANSWERS_FLOOR
from winback.message.rendering import Email, RenderFailure, Sms
from winback.message.sms import LONGEST_SIGNATURE, SHORTEST_SIGNATURE, is_signature, signatures
from winback.money import exponent, format_money
from winback.report import names
from winback.report.charts import Step, draw, waterfall
from winback.report.page import TEMPLATES, environment
from winback.report.words import Speaker
from winback.words import Language

_WIDTHS = {"desktop": 640, "phone": 375}
PHONE_SUBJECT = 35  # Latin characters of a subject that a phone shows


def render(
    found: Preview,
    name: LocalName,
    sheets: Sequence[Sheet],
    language: Language,
    *,
    segment_micros: int,
    templates: Path = TEMPLATES,
) -> str:
    """The page in ``language``; ``segment_micros``: the price of a segment, 0 = not known."""
    say = Speaker(language, TEXTS)
    page = environment(templates, say).get_template("gallery.html")
    steps = list(_steps(found, say))
    several = len({sheet.variant for sheet in sheets}) > 1
    return page.render(
        found=found,
        lang=words.LANG_TAGS[language],
        name=(name.zh if language == "zh" else None) or name.en,
        steps=steps,
        chart=Markup(draw(waterfall(steps))),
        arms=[(_group(arm.name, say), arm) for arm in found.arms],
        sight=list(sight_sentences(found.sight, found.arms_before, say)),
        balance=_balance(found, say),
        expected=_money(found.worth.expected_minor, found, language),
        at_risk=_money(found.worth.at_risk_minor, found, language),
        costs=list(_costs(found, say)),
        approval=_approval(found, say),
        sheets=[_view(sheet, say, found.currency, segment_micros, several) for sheet in sheets],
    )


def _group(arm: str, say: Speaker) -> str:
    """What a group is called: a variant as its campaign calls it, what has no name of its own in words."""
    return say({HOLDOUT: "holdout", ONLY: "written_to"}[arm]) if arm in (HOLDOUT, ONLY) else arm


def _steps(found: Preview, say: Speaker) -> Iterator[Step]:
    """All scored, those left out for each reason, those who are in."""
    left = sum(found.reasons.values()) + found.worth.customers
    yield Step(label=say("scored"), role="others", start=0, n=left, n_text=words.whole(left))
    for reason, count in found.reasons.items():
        left -= count
        label = names.name_of(reason, names.REASONS, say.language)
        yield Step(label=label, role="dropped", start=left, n=count, n_text=words.whole(count))
    yield Step(label=say("in"), role="treated", start=0, n=left, n_text=words.whole(left))


def _money(minor: int, found: Preview, language: Language) -> str:
    return format_money(minor, found.currency, words.LANG_TAGS[language])


def _costs(found: Preview, say: Speaker) -> Iterator[tuple[str, str]]:
    """(what, cost) of each channel."""
    for cost in found.costs:
        key = "emails" if cost.channel == "email" else "texts"
        what = say(key, n=words.whole(cost.messages), units=words.whole(cost.units))
        known = cost.cost_micros
        yield (
            what,
            say("cost_unknown") if known is None else _micros(known, found.currency, say.language),
        )


def _approval(found: Preview, say: Speaker) -> str | None:
    """Whose yes a run would wait for, and to what."""
    if (yes := found.approval) is None:
        return None
    who = say("anybody_but", owner=yes.owner) if yes.by is None else yes.by
    return say("approval", above=words.whole(yes.above), who=who, digest=yes.digest[:12])


def _micros(micros: int, currency: str, language: Language) -> str:
    minor = round(micros * 10 ** exponent(currency) / 10**6)
    if micros > 0 and minor < 10:  # a text costs less than a cent
        return f"{micros / 10**6:g} {currency}"
    return format_money(minor, currency, words.LANG_TAGS[language])


def sight_sentences(seen: Sight, arms_before: int, say: Speaker) -> Iterator[str]:
    """What the result could show, as sentences."""
    if arms_before:
        yield say("sight_before", n=words.whole(arms_before))
    if seen.of_answers:
        yield say("sight_answers", measure=MEASURES[seen.measure].say(say.language), enough=ANSWERS_FLOOR)
    if seen.expected is None:
        return
    if seen.unplannable:
        yield say("sight_unknown", days=seen.window_days, measure=_measure(seen, say))
        return
    start = {"n": words.whole(seen.customers), "share": words.percent(seen.holdout_share)}
    if seen.effect is None or not seen.verdict:
        yield say("sight_none", **start)
    else:
        yield say("sight_effect", effect=_size(seen.effect, seen, say), measure=_measure(seen, say), **start)
    if seen.probably_more:
        yield say("sight_more")
    if isinstance(seen.best, NoEstimate):
        return
    best = {"share": words.percent(seen.best.holdout_share), "effect": _size(seen.best.effect, seen, say)}
    if seen.smallest_effect is not None and seen.best.effect <= seen.smallest_effect:
        yield say("sight_enough", **best)
        return
    yield say("sight_best", **best)
    if seen.smallest_effect is not None and seen.needed_n:
        wanted = _size(seen.smallest_effect, seen, say)
        yield say("sight_wanted", effect=wanted, n=words.whole(seen.needed_n))


def _measure(seen: Sight, say: Speaker) -> str:
    """What is judged, called a forecast where it is one."""
    by_forecast = seen.expected is not None and seen.expected.basis in BY_FORECAST
    return (PREDICTED if by_forecast else MEASURES)[seen.measure].say(say.language)


def _size(effect: float, seen: Sight, say: Speaker) -> str:
    if seen.measure in IN_POINTS:
        return say("points", n=f"{100 * effect:.1f}")
    if seen.measure is Measure.PURCHASE_FREQUENCY:
        return say("orders", n=f"{effect:.3f}")
    return say("per_customer", amount=words.money(effect, seen.currency, say.language))


def _balance(found: Preview, say: Speaker) -> str:
    unequal = [say(f"b_{each.covariate}") for each in found.balance if each.noticeable]
    between = ", " if say.language == "en" else "、"
    return say("unequal", names=between.join(unequal)) if unequal else say("alike")


def _view(sheet: Sheet, say: Speaker, currency: str, segment_micros: int, several: bool) -> dict[str, Any]:
    """One variant in one language as the page shows it; ``several``: it is not the only variant."""
    tag = Locale.parse(sheet.language, sep="-")
    spoken = tag.get_display_name("zh" if say.language == "zh" else "en") or sheet.language
    cases = [
        {
            "title": say(f"case_{each.case}"),
            "name": each.name,
            "email": _email(each.email, say),
            "sms": _sms(each.sms, say, currency, segment_micros),
        }
        for each in sheet.written
    ]
    title = say("sheet", variant=sheet.variant, spoken=spoken) if several else spoken
    return {"title": title, "language": sheet.language, "usual": cases[0], "others": cases[1:]}


def shown_of(subject: str) -> int:
    """How many characters of its kind a phone shows: Chinese ones are twice as wide."""
    wide = sum(east_asian_width(character) in "WF" for character in subject)
    return int(PHONE_SUBJECT * len(subject) / (len(subject) + wide)) if subject else PHONE_SUBJECT


def _email(email: Email | RenderFailure | None, say: Speaker) -> dict[str, Any] | None:
    if not isinstance(email, Email):
        return None if email is None else {"fault": _fault(email, say)}
    return {
        "fault": None,
        "subject": email.subject,
        "length": say("subject_length", n=len(email.subject), shown=shown_of(email.subject)),
        "preheader": preheader(email.html),
        "html": email.html,
        "tall": {kind: letter_height(email.html, width) + 2 for kind, width in _WIDTHS.items()},  # 2: its border
        "text": email.text,
    }


def _sms(
    sms: Sms | RenderFailure | None, say: Speaker, currency: str, segment_micros: int
) -> dict[str, Any] | None:
    if not isinstance(sms, Sms):
        return None if sms is None else {"fault": _fault(sms, say)}
    size, dear = sms.size, dear_characters(sms)
    notes = [say("segments", encoding=size.encoding.value, units=size.units, n=size.segments)]
    if segment_micros:
        cost = _micros(segment_micros * size.segments, currency, say.language)
        notes.append(say("sms_cost", cost=cost))
    if dear:
        notes.append(say("sms_dear", letters=" ".join(dear)))
    if sms.language.startswith("zh") and not any(map(is_signature, signatures(sms.text))):
        notes.append(say("sms_unsigned", shortest=SHORTEST_SIGNATURE, longest=LONGEST_SIGNATURE))
    return {"fault": None, "text": sms.text, "notes": notes, "segments": size.segments}


def _fault(failure: RenderFailure, say: Speaker) -> str:
    place = failure.file if failure.line is None else f"{failure.file}:{failure.line}"
    return say("failed", problem=failure.problem, place=place)
