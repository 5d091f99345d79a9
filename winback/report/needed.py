"""What would have to be true for an answer: said where the reading could not tell."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from winback import words
from winback.campaigns.campaign import HOLDOUT, IN_POINTS, Measure
from winback.lift.contrast import MoneyContrast, RateContrast
from winback.lift.estimates import NoEstimate
from winback.lift.planning import (
    Visibility,
    best_holdout,
    best_share,
    smallest_visible_effect,
    smallest_visible_mean,
    visible_for_error,
)
from winback.lift.verdict import FEWEST_EVENTS, MONEY_FLOOR, MOST_CUSTOMERS, Verdict, enough_n
from winback.outcomes.outcomes import Outcome
from winback.report.headline import customers, drawn_n, judged, judgement, mean_error, needed_n
from winback.report.judged_words import VALUE
from winback.report.words import Speaker

CLEARLY = 0.001  # by so much less must be visible for another hold-out to be worth a line
CLEARLY_OF_MEANS = 0.05  # the same of a mean, as a part of what is visible now
_INCONCLUSIVE = (Verdict.CANT_TELL, Verdict.NOT_ENOUGH_DATA)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What the two groups could show: ``visible`` and ``best`` in the measure's unit, None where not known.

    ``scarcest`` must reach ``enough`` for a verdict, whatever could be seen.
    """

    have: int
    held_share: float
    visible: float | None
    best: Visibility | None
    scarcest: int
    enough: int


def needed_sentences(outcome: Outcome, say: Speaker) -> list[str]:
    """Which effect could have been seen, how many customers it takes, which hold-out would show more."""
    if judgement(outcome).verdict not in _INCONCLUSIVE:
        return []
    found = judged(outcome)
    seen = _mean_seen(found, outcome) if isinstance(found, MoneyContrast) else _rate_seen(found, outcome)
    return list(_sentences(outcome, seen, say)) if seen else []


def _rate_seen(found: RateContrast | None, outcome: Outcome) -> _Seen | None:
    if found is None or found.control_rate is None or not found.control_n or not found.n:
        return None
    have, rate, churn = found.n + found.control_n, found.control_rate, outcome.judged_by is Measure.CHURN
    share = found.control_n / have
    visible = smallest_visible_effect(control_rate=rate, total=have, holdout_share=share, upwards=not churn)
    best = best_holdout(control_rate=rate, total=have) if churn else None
    clearly = isinstance(best, Visibility) and visible is not None and visible - best.effect >= CLEARLY
    return _Seen(
        have=have, held_share=share, visible=visible,
        best=best if isinstance(best, Visibility) and clearly else None, enough=FEWEST_EVENTS,
        scarcest=min(found.x, found.n - found.x, found.control_x, found.control_n - found.control_x),
    )  # fmt: skip


def _mean_seen(found: MoneyContrast, outcome: Outcome) -> _Seen | None:
    """By the standard error there was; another hold-out as if both groups scattered alike."""
    error, held = mean_error(outcome), drawn_n(outcome, HOLDOUT)
    if error is None:
        return None
    have, visible = found.n + held, visible_for_error(error)
    spread, buyers = error / math.sqrt(1 / found.n + 1 / held), (found.buyers + found.control_buyers) / have
    best = best_share(
        lambda share: smallest_visible_mean(spread=spread, total=have, holdout_share=share),
        lambda share: buyers * have * share >= MONEY_FLOOR,
        None,
    )
    clearly = not isinstance(best, NoEstimate) and visible - best.effect >= CLEARLY_OF_MEANS * visible
    return _Seen(
        have=have, held_share=held / have, visible=visible,
        best=best if isinstance(best, Visibility) and clearly else None,
        scarcest=min(found.buyers, found.control_buyers), enough=MONEY_FLOOR,
    )  # fmt: skip


def _sentences(outcome: Outcome, seen: _Seen, say: Speaker) -> Iterator[str]:
    needed, smallest = needed_n(outcome), outcome.smallest_effect
    scarce = seen.scarcest < seen.enough  # then no effect could have been seen, however large
    counts = enough_n(customers=seen.have, scarcest=seen.scarcest, enough=seen.enough) if scarce else None
    if scarce:
        yield _enough(counts, seen, outcome, say)
    elif seen.visible:
        yield say("needed_visible", visible=_size(seen.visible, outcome, say))
    if needed is not None and needed > max(seen.have, counts or 0):
        yield _runs(needed, seen.have, outcome, say)
    if seen.best:
        yield say(
            "needed_holdout", share=words.percent(seen.best.holdout_share),
            visible=_size(seen.best.effect, outcome, say), held=words.percent(seen.held_share),
        )  # fmt: skip
    if smallest and seen.visible and seen.visible > smallest and not scarce:
        yield say(
            "needed_effect", smallest=_size(smallest, outcome, say), visible=_size(seen.visible, outcome, say)
        )


def _enough(counts: int | None, seen: _Seen, outcome: Outcome, say: Speaker) -> str:
    """How many customers bring the counts a verdict takes: by the formula of the difference fewer may do."""
    what = say(_counted(outcome), enough=seen.enough)
    if counts is None:
        return say("needed_enough_unknown", what=what)
    return say("needed_enough", what=what, needed=customers(counts, say), runs=_like_this(counts, seen.have, say))


def _counted(outcome: Outcome) -> str:
    if isinstance(judged(outcome), MoneyContrast):
        own = {"contract": "enough_contracts", "model": "enough_staying"} if outcome.judged_by in VALUE else {}
        return own.get(outcome.churn_definition, "enough_buyers")
    return "enough_repeated" if outcome.judged_by is Measure.REPEAT_RATE else "enough_churned"


def _like_this(needed: int, have: int, say: Speaker) -> str:
    """So many runs of this one's size; nothing where nobody has so many customers."""
    runs = words.whole(math.ceil(needed / have))
    return say("runs_like_this", runs=runs, have=words.whole(have)) if needed <= MOST_CUSTOMERS else ""


def _runs(needed: int, have: int, outcome: Outcome, say: Speaker) -> str:
    smallest, like_this = outcome.smallest_effect, _like_this(needed, have, say)
    if smallest:
        size = _size(smallest, outcome, say)
        return say("needed_runs", smallest=size, needed=customers(needed, say), runs=like_this)
    instead = say("needed_instead") if outcome.judged_by in IN_POINTS else ""
    return say("needed_runs_seen", needed=customers(needed, say), runs=like_this, instead=instead)


def _size(effect: float, outcome: Outcome, say: Speaker) -> str:
    """An effect in the unit of the measure."""
    if outcome.judged_by in IN_POINTS:
        return say("size_points", size=words.size(effect))
    if outcome.judged_by is Measure.PURCHASE_FREQUENCY:
        return say("size_orders", size=words.number(effect))
    currency = outcome.findings.currency if outcome.findings else ""
    return say("size_money", size=words.money(effect, currency, say.language))
