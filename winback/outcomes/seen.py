"""What was seen of a run beside its first counts, and all that is found in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from winback.campaigns.campaign import HOLDOUT, Guardrails, Success
from winback.campaigns.limits import MICROS, PerPerson
from winback.events import State
from winback.lift.contrast import RateContrast, Terms
from winback.lift.estimates import Estimate, Missing, NoEstimate
from winback.lift.intervals import Ratio, welch
from winback.outcomes.answers import cause_risks, satisfaction
from winback.outcomes.effects import (
    Question,
    contest,
    curves,
    interactions,
    lost_share_contrasts,
    money_contrasts,
    rate_contrasts,
    segments,
    weeks,
)
from winback.outcomes.findings import Findings, Guardrail, Kept, Overlap, Pressure, Returns
from winback.outcomes.part_sums import NO_ORDER, REPEATED, RETAINED, PartSums, RunSums
from winback.outcomes.responses import WENT_OUT, MessageCount, Share, share
from winback.outcomes.returns import cost_per_saved, incremental, per_delivered, roi, scaled

MONTH = 30  # days in which messages to a person are told, whatever the limit
MOST_TOUCHED = 100  # members of the hold-out named one by one


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """``sums``: of those drawn in this run. ``members``: arm -> all its members, ``messages``: theirs.

    ``overlap``: arm -> members who were in another campaign's live run too. ``touched``: customer ids of hold-out
    members who were written to. ``rows_lost``: by lift.verdict.rows_lost. ``minor``: minor units of one major.
    ``priced``: every message that went out had a known price. ``by_contract``: who churned is told by contracts;
    ``by_model``: by a forecast.
    ``letters``: arm -> messages of all campaigns -> members who got so many, within the days of ``per_person``;
    ``in_30_days``: the same within 30 days, empty where these are the days.
    """

    sums: RunSums
    members: Mapping[str, int]
    messages: Sequence[MessageCount] = ()
    overlap: Mapping[str, int] = field(default_factory=dict)
    touched: Sequence[str] = ()
    rows_lost: int = 0
    letters: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    in_30_days: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    per_person: PerPerson | None = None
    priced: bool = True
    by_contract: bool = False
    by_model: bool = False
    currency: str
    minor: int


def question(seen: Seen, success: Success, variants: Sequence[str], pooled: str, terms: Terms) -> Question:
    """What is compared, from the campaign's own words."""
    return Question(
        sums=seen.sums, variants=variants, pooled=pooled, terms=terms,
        measure=success.measure, minor=seen.minor, margin=_margin(success), priced=seen.priced,
    )  # fmt: skip


def _margin(success: Success) -> Fraction | None:
    """As it is written: 0.4 is two fifths, whatever a float makes of it."""
    return None if success.margin is None else Fraction(str(success.margin))


def find(seen: Seen, success: Success, ask: Question, primary: RateContrast | None) -> Findings:
    """Everything; without the effects while the window is not complete.

    ``primary``: the contrast of churn of all variants together.
    """
    known = ask.terms.conditions.matured
    comparable = known and bool(ask.variants)
    by_days = comparable and not seen.by_contract  # days are those of orders
    drawn, log_rank_test = curves(ask) if by_days else ([], _not_yet(ask))
    return Findings(
        currency=seen.currency,
        rates=[c for column in _rates(ask, seen) for c in rate_contrasts(ask, column)] if comparable else [],
        money=money_contrasts(ask) if comparable else [],
        value_lost_share=lost_share_contrasts(ask) if comparable else _not_yet(ask),
        segments=segments(ask) if comparable else [],
        interactions=interactions(ask) if comparable else [],
        curves=drawn,
        weeks=weeks(ask) if by_days else [],
        log_rank=log_rank_test,
        contest=contest(ask) if comparable else None,
        returns=_returns(seen, ask, primary if comparable else None),
        guardrails=_guardrails(seen.messages, success.guardrails),
        overlap=[Overlap(arm=arm, share=share(seen.overlap.get(arm, 0), n)) for arm, n in seen.members.items()],
        touched=list(seen.touched[:MOST_TOUCHED]),
        rows_lost=seen.rows_lost,
        pressure=_pressure(seen, ask),
        satisfaction=satisfaction(ask) if comparable else [],
        causes=cause_risks(ask) if comparable else [],
        revenue_cap=seen.sums.cap_minor / seen.minor if comparable and seen.sums.cap_minor else None,
    )


def _rates(ask: Question, seen: Seen) -> list[str]:
    """Retention says what churn says, so it has rows of its own only where it is the measure.

    Beside a forecast stands what was seen.
    """
    retained = [RETAINED] if ask.column == RETAINED else []
    return [*([NO_ORDER] if seen.by_model else []), *retained, REPEATED]


def _not_yet(ask: Question) -> NoEstimate:
    matured = ask.terms.conditions.matured
    return NoEstimate(reason=Missing.NOTHING_TO_COMPARE if matured else Missing.NOT_COMPLETE)


def _returns(seen: Seen, ask: Question, primary: RateContrast | None) -> Returns:
    """Cost is that of the members compared, so that it stands beside what the same members brought."""
    cost = {group.arm: float(_cost(group)) for group in ask.groups} if ask.priced else {}
    total = float(_cost(ask.treated)) if ask.priced else None
    effect = _estimate(primary) or _not_yet(ask)
    revenue = _revenue(ask) if primary else _not_yet(ask)
    return Returns(
        cost=cost,
        total_cost=total,
        margin=None if ask.margin is None else float(ask.margin),
        per_saved=_per_saved(effect, ask.treated.n, total),
        revenue=revenue,
        roi=_roi(revenue, ask.margin, total),
        per_delivered=effect if isinstance(effect, NoEstimate) else _delivered(effect, seen),
    )


def _cost(part: PartSums) -> Fraction:
    return Fraction(part.messages.x) / MICROS


def _estimate(contrast: RateContrast | None) -> Estimate | None:
    if contrast is None or contrast.difference is None or contrast.low is None or contrast.high is None:
        return None
    return Estimate(value=contrast.difference, low=contrast.low, high=contrast.high)


def _per_saved(effect: Estimate | NoEstimate, n: int, cost: float | None) -> Ratio | NoEstimate:
    return effect if isinstance(effect, NoEstimate) else cost_per_saved(scaled(effect, -n), cost)


def _revenue(ask: Question) -> Estimate | NoEstimate:
    one, zero = [
        part.money("revenue", part.spend.y, part.spend.yy, ask.minor).sums for part in (ask.treated, ask.held)
    ]
    if min(one.n, zero.n) < 2:
        return NoEstimate(reason=Missing.TOO_FEW_CUSTOMERS)
    test = welch(one, zero, alpha=ask.terms.alpha)
    return incremental(test, one.n) if test else NoEstimate(reason=Missing.NO_SPREAD)


def _roi(revenue: Estimate | NoEstimate, margin: Fraction | None, cost: float | None) -> Estimate | NoEstimate:
    if isinstance(revenue, NoEstimate):
        return revenue
    if margin is None:
        return NoEstimate(reason=Missing.NO_MARGIN)
    return roi(scaled(revenue, float(margin)), cost)


def _delivered(effect: Estimate, seen: Seen) -> Estimate | NoEstimate:
    delivered = _count(seen.messages, State.DELIVERED, State.COMPLAINED)
    assigned = sum(n for arm, n in seen.members.items() if arm != HOLDOUT)
    return per_delivered(effect, delivered=delivered, assigned=assigned)


def _count(messages: Sequence[MessageCount], *states: State) -> int:
    return sum(count.messages for count in messages if count.state in states)


def _guardrails(messages: Sequence[MessageCount], limits: Guardrails) -> list[Guardrail]:
    left = _count(messages, *WENT_OUT, State.BOUNCED)
    counted = {
        "unsubscribed": (sum(count.unsubscribed for count in messages), limits.unsubscribed),
        "complained": (_count(messages, State.COMPLAINED), limits.complained),
        "bounced": (_count(messages, State.BOUNCED), limits.bounced),
    }
    return [
        Guardrail(name=name, share=(part := share(min(x, left), left)), limit=limit, kept=_kept(part, limit))
        for name, (x, limit) in counted.items()
    ]


def _pressure(seen: Seen, ask: Question) -> list[Pressure]:
    """Within the days of the limit, then within 30 where these are others."""
    groups = {ask.pooled: [arm for arm in seen.members if arm != HOLDOUT], HOLDOUT: [HOLDOUT]}
    counted = ((seen.letters, seen.per_person), (seen.in_30_days, None))
    return [
        _pressure_of(name, arms, seen, letters, limit)
        for letters, limit in counted
        if letters
        for name, arms in groups.items()
    ]


def _pressure_of(
    name: str,
    arms: Sequence[str],
    seen: Seen,
    letters: Mapping[str, Mapping[int, int]],
    limit: PerPerson | None,
) -> Pressure:
    n = sum(seen.members.get(arm, 0) for arm in arms)
    got = [(count, members) for arm in arms for count, members in letters.get(arm, {}).items()]
    messages = sum(count * members for count, members in got)
    return Pressure(
        arm=name,
        n=n,
        days=span_of(limit),
        messages=messages,
        mean=messages / n if n else None,
        cap=limit.messages if limit else None,
        over=share(sum(m for count, m in got if count > limit.messages), n) if limit else None,
    )


def span_of(limit: PerPerson | None) -> int:
    """Over how many days messages to a person are counted: those of the campaign's limit, else 30."""
    return limit.days if limit else MONTH


def _kept(part: Share, limit: float | None) -> Kept:
    if limit is None:
        return Kept.NO_LIMIT
    if part.high is not None and part.high <= limit:
        return Kept.KEPT
    return Kept.BROKEN if part.low is not None and part.low > limit else Kept.CANT_TELL
