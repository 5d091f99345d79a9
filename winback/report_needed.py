"""What would have to be true for an answer: said where the reading could not tell."""

import math
from collections.abc import Iterator

from winback import words
from winback.campaign import Measure
from winback.contrast import RateContrast
from winback.estimates import NoEstimate
from winback.headline import judged, judgement
from winback.outcomes import Outcome
from winback.planning import best_holdout, smallest_visible_effect
from winback.report_words import Speaker
from winback.verdict import Verdict

CLEARLY = 0.001  # by so much less must be visible for another hold-out to be worth a line
_INCONCLUSIVE = (Verdict.CANT_TELL, Verdict.NOT_ENOUGH_DATA)


def needed_sentences(outcome: Outcome, say: Speaker) -> list[str]:
    """Which effect could have been seen, how many customers it takes, which hold-out would show more."""
    found = judged(outcome)
    if not isinstance(found, RateContrast) or judgement(outcome).verdict not in _INCONCLUSIVE:
        return []
    return list(_sentences(outcome, found, say))


def _sentences(outcome: Outcome, found: RateContrast, say: Speaker) -> Iterator[str]:
    have, rate, churn = found.n + found.control_n, found.control_rate, outcome.judged_by is Measure.CHURN
    if rate is None or not found.control_n or not found.n:
        return
    share = found.control_n / have
    visible = smallest_visible_effect(control_rate=rate, total=have, holdout_share=share, upwards=not churn)
    if visible:
        yield say("needed_visible", visible=words.size(visible))
    if found.needed_n is not None and found.needed_n > have:
        runs, needed = math.ceil(found.needed_n / have), words.whole(found.needed_n)
        key = "needed_runs" if outcome.smallest_effect else "needed_runs_seen"
        smallest = words.size(outcome.smallest_effect)
        yield say(key, smallest=smallest, needed=needed, runs=words.whole(runs), have=words.whole(have))
    if churn and visible:
        yield from _other_holdout(rate, have, share, visible, say)
    if outcome.smallest_effect and visible and visible > outcome.smallest_effect:
        yield say("needed_effect", smallest=words.size(outcome.smallest_effect), visible=words.size(visible))


def _other_holdout(rate: float, have: int, share: float, visible: float, say: Speaker) -> Iterator[str]:
    """Only where it would show clearly more: a tenth of a point is no reason to plan anew."""
    best = best_holdout(control_rate=rate, total=have)
    if not isinstance(best, NoEstimate) and visible - best.effect >= CLEARLY:
        yield say(
            "needed_holdout", share=words.percent(best.holdout_share), visible=words.size(best.effect),
            held=words.percent(share),
        )  # fmt: skip
