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
from winback.lift.verdict import MONEY_FLOOR, MOST_CUSTOMERS, Verdict
from winback.outcomes.outcomes import Outcome
from winback.report.headline import customers, drawn_n, judged, judgement, mean_error, needed_n
from winback.report.words import Speaker

CLEARLY = 0.001  # by so much less must be visible for another hold-out to be worth a line
CLEARLY_OF_MEANS = 0.05  # the same of a mean, as a part of what is visible now
_INCONCLUSIVE = (Verdict.CANT_TELL, Verdict.NOT_ENOUGH_DATA)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What the two groups could show: ``visible`` and ``best`` in the measure's unit, None where not known."""

    have: int
    held_share: float
    visible: float | None
    best: Visibility | None


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
        best=best if isinstance(best, Visibility) and clearly else None,
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
    )  # fmt: skip


def _sentences(outcome: Outcome, seen: _Seen, say: Speaker) -> Iterator[str]:
    needed, smallest = needed_n(outcome), outcome.smallest_effect
    if seen.visible:
        yield say("needed_visible", visible=_size(seen.visible, outcome, say))
    if needed is not None and needed > seen.have:
        yield _runs(needed, seen.have, outcome, say)
    if seen.best:
        yield say(
            "needed_holdout", share=words.percent(seen.best.holdout_share),
            visible=_size(seen.best.effect, outcome, say), held=words.percent(seen.held_share),
        )  # fmt: skip
    if smallest and seen.visible and seen.visible > smallest:
        yield say(
            "needed_effect", smallest=_size(smallest, outcome, say), visible=_size(seen.visible, outcome, say)
        )


def _runs(needed: int, have: int, outcome: Outcome, say: Speaker) -> str:
    told = needed <= MOST_CUSTOMERS
    runs, smallest = math.ceil(needed / have), outcome.smallest_effect
    like_this = say("runs_like_this", runs=words.whole(runs), have=words.whole(have)) if told else ""
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
