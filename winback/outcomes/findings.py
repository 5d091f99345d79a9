"""What a reading finds beside its first answer: value, repeat orders, segments, days, variants, cost, guardrails.

Everything compares arms as assigned, over the members whose arm was drawn in this run. Shares are 0-1, amounts in
major units of ``Findings.currency`` per assigned customer unless said otherwise, intervals 95 % (of a reading
after looks: at its own level). What is undefined is None or a NoEstimate with its reason, never 0.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from winback.lift.contrast import MoneyContrast, RateContrast
from winback.lift.estimates import Estimate, Missing, NoEstimate
from winback.lift.intervals import Ratio
from winback.lift.survival import CurvePoint, LogRank
from winback.outcomes.responses import Share


class Dimension(StrEnum):
    """By what members are told apart, all of it known before t0."""

    VALUE = "value"  # top: the top 20 % of all scored by expected value; other
    RISK = "risk"  # low, middle, high: thirds of this run's members by predicted risk
    ORDERS = "orders"  # 1, 2-4, 5+: orders up to as_of
    CHANNEL = "channel"  # email, sms: by which they were or would have been written to
    KIND = "kind"  # of churn, by the rules the run pinned (campaigns.churn_kind), or none: no rule held


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """``x`` of ``n`` against the hold-out's, with the interval of the difference: explored, without a verdict."""

    x: int
    n: int
    rate: float | None
    control_x: int
    control_n: int
    control_rate: float | None
    difference: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explored(Compared):
    """One of several asked at once; ``p_bh``: corrected by Benjamini-Hochberg over its kind in the reading."""

    p_newcombe: float | None
    p_bh: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment(Explored):
    """The effect on a rate in one part of the members."""

    dimension: Dimension
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction:
    """Whether the effect differs between the segments of a dimension: asked before "works better for ...".

    ``segments``: those that took part; ``left_out``: those with fewer than five events or non-events in an arm.
    ``p_bh``: over all dimensions. ``apart``: those whose effect differs from all the others', none unless p_bh is
    at most 5 %. Without a test q, df, p and p_bh are None, for ``reason``.
    """

    dimension: Dimension
    segments: list[str]
    left_out: list[str]
    q: float | None
    df: int | None
    p: float | None
    p_bh: float | None
    apart: list[str]
    reason: Missing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Kaplan-Meier of "has not come back yet" by day since t0, of an arm of ``n``; no points: nobody came back."""

    arm: str
    n: int
    points: list[CurvePoint]


@dataclass(frozen=True, slots=True, kw_only=True)
class Week(Compared):
    """Who ordered for the first time in one week of the window.

    ``first_day`` to ``last_day``: days since t0, from 1; the last week may be short. Of all variants together and
    of the hold-out; the differences of all weeks add up to that of retention.
    """

    number: int
    first_day: int
    last_day: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Variant ``one`` minus variant ``other`` in the measure's column; ``p_holm`` over all pairs."""

    one: str
    other: str
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """Which variant won: the one that beat every other (Holm, 5 %), if the reading may be trusted.

    ``winner`` None: can't tell. ``column`` names what was compared.
    """

    column: str
    pairs: list[Pair]
    winner: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Returns:
    """What the campaign cost and brought; totals of the members compared, in major units, not per customer.

    ``cost``: arm -> what its messages cost; empty, and ``total_cost`` None, where a message had no known price.
    ``per_saved``: cost for each customer kept; no ``high`` where perhaps
    nobody was. ``revenue``: incremental, net of refunds. ``roi``: (margin x revenue - cost) / cost.
    ``per_delivered``: the effect on churn of a message that arrived (Bloom: the effect on all over the share
    delivered), never a comparison of the delivered with the hold-out.
    """

    cost: dict[str, float]
    total_cost: float | None
    margin: float | None
    per_saved: Ratio | NoEstimate
    revenue: Estimate | NoEstimate
    roi: Estimate | NoEstimate
    per_delivered: Estimate | NoEstimate


class Kept(StrEnum):
    """Whether a guardrail holds, by the Wilson interval of its share."""

    KEPT = "kept"  # the whole interval is at or below the limit
    BROKEN = "broken"  # the whole interval is above it
    CANT_TELL = "cant_tell"
    NO_LIMIT = "no_limit"  # the campaign file sets none


@dataclass(frozen=True, slots=True, kw_only=True)
class Guardrail:
    """Messages unsubscribed from, complained of or bounced, of those that left, of all variants together."""

    name: str  # unsubscribed, complained, bounced
    share: Share
    limit: float | None
    kept: Kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressure:
    """Messages of all campaigns to the ``n`` members of a group, in ``days`` days from the run's first message on.

    ``days``: those of the limit per person; then 30, where the limit has others. ``mean``: per member. ``over``:
    members who got more than ``cap``; both None without a limit, and of the 30 days beside it. Days yet to come
    have none, so an early reading tells those so far.
    """

    arm: str
    n: int
    days: int
    messages: int
    mean: float | None
    cap: int | None
    over: Share | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """Members of an arm who were in another campaign's live run too, whose days meet this one's."""

    arm: str
    share: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class Satisfaction:
    """Mean score of those who answered in the window, by ``kind``: nps (0-10) or csat (1-5). No verdict.

    ``answered``: of all assigned. ``low``, ``high``: of the difference for those who answer in either arm, by
    Lee's bounds (lift.trimming): wide where one arm answers more often; None below two answers in an arm.
    """

    kind: str
    arm: str
    answered: Share
    mean: float | None
    control_answered: Share
    control_mean: float | None
    difference: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseRisk(Explored):
    """Who was lost for one cause, of everybody assigned.

    ``cause``: of churners.causes.Cause, or "unknown". Over all causes ``x`` adds up to those who churned.
    """

    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All of it. Until the window is complete the lists of effects are empty: who looks early is told less.

    ``rates``: column repeated, before it retained where that is the measure, and first no_order where churn is a
    forecast. ``money``: first the score that judges (csat, nps; of those who answered), where one does, then
    revenue, revenue_capped (each customer's at most ``revenue_cap``, the 99th percentile of buyers),
    revenue_adjusted (CUPED: for spend before t0), orders (a number, not money), value_lost (spend before t0 of
    those who churned) and, with a margin, net_contribution. Each list holds, column by column, all variants
    together (arm "treated") and then each variant, under Holm. ``value_lost_share``: churn by percent of value.
    ``touched``: customer ids of the hold-out who were written to, the first 100. ``rows_lost``: customers assigned
    but not measured, or the other way round. ``pressure``: of all variants together (arm "treated") and of the
    hold-out; empty while no message has gone.
    """

    currency: str
    rates: list[RateContrast]
    money: list[MoneyContrast]
    value_lost_share: list[MoneyContrast] | NoEstimate
    segments: list[Segment]
    interactions: list[Interaction]
    curves: list[Curve]
    log_rank: LogRank | NoEstimate
    contest: Contest | None
    returns: Returns
    guardrails: list[Guardrail]
    overlap: list[Overlap]
    touched: list[str]
    rows_lost: int
    weeks: list[Week] = field(default_factory=list)  # as with pressure
    pressure: list[Pressure] = field(default_factory=list)  # none in readings frozen before it was counted
    satisfaction: list[Satisfaction] = field(default_factory=list)  # as with pressure
    causes: list[CauseRisk] = field(default_factory=list)  # as with pressure; empty where no cause is known
    revenue_cap: float | None = None  # as with pressure; None while nobody bought
