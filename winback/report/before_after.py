"""The report's view of before and after: the same persons in both windows, in the words of what is judged.

What is counted is always who ordered. A campaign judged by retention is told of those who did, any other of those
who did not; where that is not what it is judged by, it is said.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

from winback import words
from winback.audience.selection import Reason
from winback.campaigns.campaign import HOLDOUT, Measure
from winback.outcomes.effects import COLUMNS
from winback.outcomes.outcomes import BASE, TOP, TREATED, BeforeAfter, Outcome
from winback.report.charts import Change
from winback.report.definitions import by_contract, by_model
from winback.report.headline import all_treated, variants
from winback.report.words import Speaker

ROLES = {TREATED: "treated", HOLDOUT: "holdout", BASE: "others", TOP: "others"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One group's before and after, with its name and the role that colours it.

    ``shares``: of those without an order; ``told``: the same, or of those with one where that is what is judged.
    """

    label: str
    role: str
    shares: BeforeAfter
    told: BeforeAfter

    @property
    def change(self) -> float | None:
        """After less before of ``shares``; None while one of them is not known."""
        return _change(self.shares)

    @property
    def change_told(self) -> float | None:
        """The same of ``told``."""
        return _change(self.told)


def _change(shares: BeforeAfter) -> float | None:
    return None if shares.before is None or shares.after is None else shares.after - shares.before


def before_after_groups(outcome: Outcome, say: Speaker) -> list[Group]:
    """Treated, each variant (if several), hold-out, whole base, whole top 20 %; those that were counted."""
    names = [arm.name for arm in variants(outcome)]
    order = [TREATED, *(names if len(names) > 1 else []), HOLDOUT, BASE, TOP]
    labels = {HOLDOUT: say(HOLDOUT), BASE: say(BASE), TOP: say(TOP), TREATED: all_treated(outcome, say)}
    known = {shares.name: shares for shares in outcome.before_after}
    return [
        Group(
            label=labels.get(name, name), role=ROLES.get(name, "treated"), shares=known[name],
            told=_turned(known[name]) if _of_orderers(outcome) else known[name],
        )
        for name in order
        if name in known
    ]  # fmt: skip


def _of_orderers(outcome: Outcome) -> bool:
    """Whether those with an order are what is told: who stayed, where orders say who did."""
    return outcome.judged_by is Measure.RETENTION and not (by_contract(outcome) or by_model(outcome))


def _turned(shares: BeforeAfter) -> BeforeAfter:
    """Of those with an order: the rest, the ends of its interval exchanged."""
    return replace(
        shares,
        before=_rest(shares.before), before_low=_rest(shares.before_high), before_high=_rest(shares.before_low),
        after=_rest(shares.after), after_low=_rest(shares.after_high), after_high=_rest(shares.after_low),
    )  # fmt: skip


def _rest(share: float | None) -> float | None:
    return None if share is None else 1 - share


def counted(outcome: Outcome, say: Speaker) -> str:
    """What the shares are of, in a word or two."""
    return say("ba_active_share" if _of_orderers(outcome) else "ba_inactive_share")


def before_after_sentences(outcome: Outcome, say: Speaker) -> list[str]:
    """What before/after alone would claim, and the hold-out's own before and after."""
    known = {group.shares.name: group for group in before_after_groups(outcome, say)}
    treated, held = known.get(TREATED), known.get(HOLDOUT)
    if treated is None or treated.told.before is None:
        return []
    if treated.told.after is None:
        return [say("ba_pending"), *_measured_otherwise(outcome, say)]
    key = "ba_treated_active" if _of_orderers(outcome) else "ba_treated"
    moved = say(key, before=words.percent(treated.told.before), after=words.percent(treated.told.after))
    claim = _claim(treated.change or 0, say)
    return [moved, claim, *_yardstick(treated, held, say), *_measured_otherwise(outcome, say)]


def _claim(change: float, say: Speaker) -> str:
    if words.size(change) == words.size(0):
        return say("ba_unchanged")
    return say("ba_improved" if change < 0 else "ba_worsened", change=words.size(change))


def _yardstick(treated: Group, held: Group | None, say: Speaker) -> Iterator[str]:
    seen = held if held and held.change is not None else None
    if seen:
        yield say("ba_holdout", before=words.percent(seen.told.before), after=words.percent(seen.told.after))
    else:
        yield say("ba_no_holdout")
    quieter_before = ((seen or treated).change or 0) < 0
    yield say("ba_quiet" if quieter_before else "ba_drift")


def _measured_otherwise(outcome: Outcome, say: Speaker) -> Iterator[str]:
    """Who ordered is not what every campaign is judged by."""
    if by_contract(outcome):
        yield say("ba_contract")
    elif by_model(outcome):
        at_risk = Reason.NOT_AT_RISK in outcome.waterfall  # by risk or by silence
        yield say("ba_forecast_of_risk" if at_risk else "ba_forecast")
    elif outcome.judged_by not in (Measure.CHURN, Measure.RETENTION):
        yield say("ba_otherwise", measure=say(f"of_{COLUMNS[outcome.judged_by]}"))


def changes(outcome: Outcome, say: Speaker) -> Iterator[Change]:
    """The groups as the chart draws them."""
    for group in before_after_groups(outcome, say):
        told = group.told
        if told.before is not None:
            yield Change(
                label=group.label, note=say("n", n=words.whole(told.n)), role=group.role,
                before=told.before, before_text=words.percent(told.before),
                after=told.after, after_text=words.percent(told.after),
            )  # fmt: skip


def before_window(outcome: Outcome) -> tuple[date, date]:
    """The window before, as long as the one after; both days included."""
    last = outcome.window.t0_on
    return last - timedelta(days=outcome.window.days - 1), last
