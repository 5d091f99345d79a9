"""What became of a campaign's audience: the hold-out-adjusted answer, and everything a reader needs beside it.

Everybody stays in the arm he was assigned to, written to or not (intent-to-treat). *Churned* = no order in the
window of whole local days, by contract: no live contract at its end, or by the model: predicted lost then.
Before/after of a group compares the same persons with themselves, always by orders; it is shown, labelled, and is
not the effect.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from pydantic import TypeAdapter

from winback.campaigns.campaign import HOLDOUT, Campaign, Measure
from winback.lift.balance import Balance
from winback.lift.contrast import MoneyContrast, RateContrast, RateSums, Terms
from winback.lift.interim import LookTaken
from winback.lift.intervals import ALPHA, Proportion, wilson
from winback.lift.lift import Arm, compare
from winback.lift.significance import SampleRatio
from winback.lift.verdict import Conditions, Verdict
from winback.outcomes.effects import COLUMNS, LOWER_IS_BETTER, Question, success_contrast
from winback.outcomes.findings import Findings
from winback.outcomes.part_sums import CHURNED
from winback.outcomes.responses import Responses
from winback.outcomes.second_reading import FirstReading
from winback.outcomes.seen import Seen, find, question

TREATED = "treated"  # all variants together
BASE = "base"  # every scored customer
TOP = "top"  # the top 20 % of them by past value
TOP_SHARE = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupCount:
    """Customers of one group, and how many of them had no order in the window before and after t0."""

    name: str
    n: int
    inactive_before: int
    inactive_after: int | None  # None while the window is not complete


@dataclass(frozen=True, slots=True, kw_only=True)
class BeforeAfter:
    """The same persons before and after, with Wilson 95 % intervals; shares 0-1. Not the effect."""

    name: str
    n: int
    before: float | None
    before_low: float | None
    before_high: float | None
    after: float | None
    after_low: float | None
    after_high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmResult:
    """One arm as assigned, and what happened to its messages (state -> count)."""

    name: str
    n: int
    drawn: int  # of them those whose arm was drawn in this run, not at an earlier entry
    planned_share: float
    messages: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """Customers kept by the campaign: -(difference) x treated; negative = lost. 95 % interval."""

    customers: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The outcome window: local days, both ends included; complete when the data reach its end."""

    t0_on: date
    days: int
    first_on: date
    last_on: date
    data_through: date | None
    complete: bool
    blank_out: int = (
        0  # days between t0's and the first that count for nothing; 0 in readings before there were any
    )

    @property
    def begins_after(self) -> date:
        """The day before its first: that of t0, or the last of the blank ones."""
        return self.first_on - timedelta(days=1)

    @property
    def days_seen(self) -> int:
        """How many of its days the data reach."""
        return ((self.seen_through or self.begins_after) - self.begins_after).days

    @property
    def seen_through(self) -> date | None:
        """The last day of the window that the data reach; None when they reach none of it."""
        if self.data_through is None or self.data_through < self.first_on:
            return None
        return min(self.data_through, self.last_on)


@dataclass(frozen=True, slots=True, kw_only=True)
class KindsMade:
    """What the members' kinds of churn were made of when they were chosen, as the run pinned it.

    ``rules``: sha256 of kinds.yaml. ``facts``: digests by kind of fact, orders first. Beside them the rules read
    what winback itself had sent by then, and what came of it.
    """

    rules: str
    facts: dict[str, list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """What must be known to repeat the run. ``facts``: digests of the order facts; ``other_facts``: by kind.

    ``seed``: names the salt that drew the arms, and does not tell it. ``forecast``: where one says who was lost,
    what it says of itself, as_of, horizon_days and threshold among it. ``kinds``: None where nobody had a kind of
    churn, of runs that did not pin what they are made of, and in readings before it was named.
    """

    audience_digest: str
    facts: list[str]
    campaign_digest: str
    code_version: str
    score: dict[str, Any]
    other_facts: dict[str, list[str]] = field(default_factory=dict)  # none in readings before they counted
    seed: str = ""  # none in readings before it was named, or where that salt is lost
    forecast: dict[str, Any] = field(default_factory=dict)
    kinds: KindsMade | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """Which of a run's readings it is, counted from 1, and the sha256 of the reading as JSON without this."""

    number: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One reading of one run; ``read_outcome(write_outcome(o)) == o``.

    ``primary`` and ``variants`` are of churn, before the window's end of churn so far. ``success``: the contrast,
    of all variants together, that ``judged_by`` asks for where that is not churn; the verdict is then its.
    ``look``: the level of this reading, None for 95 %; ``looks``: the readings before it that counted. ``second``:
    it is the planned reading at twice the window ("did they stay?").
    """

    run: str
    campaign_id: str
    campaign_name: dict[str, str]
    placebo: bool
    as_of: date
    window: Window
    smallest_effect: float | None
    scored: int
    waterfall: dict[str, int]
    arms: list[ArmResult]
    srm: SampleRatio | None
    contaminated: int
    primary: RateContrast | None
    variants: list[RateContrast]
    saved: Saved | None
    before_after: list[BeforeAfter]
    responses: list[Responses] = field(default_factory=list)  # none in readings frozen before they were counted
    method: Method
    judged_by: Measure = Measure.CHURN
    success: RateContrast | MoneyContrast | None = None
    look: LookTaken | None = None
    looks: list[LookTaken] = field(default_factory=list)
    second: bool = False
    findings: Findings | None = None  # none in readings frozen before there were any
    balance: list[Balance] = field(default_factory=list)  # of the arms when drawn; none in readings before it
    churn_definition: str = "no_order"  # contract, model; no_order in readings before there was another
    first: FirstReading | None = None  # beside a second reading; none in those frozen before they kept it
    objective: dict[str, str] = field(default_factory=dict)  # what the campaign is for, where its file says it
    revision: Revision | None = None  # once it is stored

    @property
    def alpha(self) -> float:
        """The level of this reading's differences, two-sided: 5 %, or that of its look."""
        return self.look.look.alpha if self.look else ALPHA

    @property
    def winner_helped(self) -> bool | None:
        """Whether the variant that won is itself better than the hold-out; None without either of them."""
        contest = self.findings.contest if self.findings else None
        if self.findings is None or contest is None or not any(arm.name == HOLDOUT and arm.n for arm in self.arms):
            return None
        shares = self.findings.value_lost_share
        seen: list[RateContrast | MoneyContrast] = [*self.variants, *self.findings.rates, *self.findings.money]
        seen += shares if isinstance(shares, list) else []
        own = [each.verdict for each in seen if (each.column, each.arm) == (contest.column, contest.winner)]
        return Verdict.BETTER in own if contest.winner else None


def outcome_window(t0_on: date, days: int, data_through: date | None, *, blank_out: int = 0) -> Window:
    """The window of ``days`` whole days after the day of t0 and ``blank_out`` days more."""
    first_on, last_on = (t0_on + timedelta(days=blank_out + day) for day in (1, days))
    complete = data_through is not None and data_through >= last_on
    return Window(
        t0_on=t0_on,
        days=days,
        first_on=first_on,
        last_on=last_on,
        data_through=data_through,
        complete=complete,
        blank_out=blank_out,
    )


def measure(
    *,
    run: str,
    campaign: Campaign,
    placebo: bool,
    as_of: date,
    window: Window,
    waterfall: Mapping[str, int],
    arms: Sequence[ArmResult],
    counts: Sequence[GroupCount],
    contaminated: int,
    responses: Sequence[Responses],
    method: Method,
    seen: Seen | None = None,
    look: LookTaken | None = None,
    looks: Sequence[LookTaken] = (),
) -> Outcome:
    """The outcome from counts alone; ``counts`` holds every arm, TREATED, BASE and TOP.

    ``contaminated``: hold-out members who were written to. While the window is not complete there is a contrast
    only at a ``look``. ``looks``: those before it; the same data read again is the same look. Without ``seen``
    there are no findings.
    """
    by_name = {count.name: count for count in counts}
    present = [arm for arm in arms if arm.planned_share or arm.n]  # no hold-out asked for is no arm
    held = by_name[HOLDOUT].n if HOLDOUT in by_name else 0
    touched = contaminated / held if held else None
    lost = seen.rows_lost if seen else 0
    lift = compare(
        control=HOLDOUT,
        arms=[_arm(arm) for arm in present],
        rates=_churned(present, by_name, window, seen, look, campaign),
        lower_is_better={CHURNED},
        smallest_effect=_smallest_effect(campaign, CHURNED),
        matured=window.complete,
        contaminated_share=touched,
        pooled_as=TREATED,
        look=look.look if look else None,
        rows_lost=lost,
    )
    primary = lift.pooled_rates[0] if lift.pooled_rates else None
    conditions = Conditions(
        srm_p=lift.srm.p if lift.srm else None,
        contaminated_share=touched,
        matured=window.complete,
        rows_lost=lost,
    )
    ask = seen and _question(campaign, seen, [a.name for a in present if a.name != HOLDOUT], conditions, look)
    return Outcome(
        run=run,
        campaign_id=campaign.id,
        campaign_name={"en": campaign.name.en, "zh": campaign.name.zh or campaign.name.en},
        placebo=placebo,
        as_of=as_of,
        window=window,
        smallest_effect=campaign.success.smallest_effect,
        scored=by_name[BASE].n,
        waterfall=dict(waterfall),
        arms=list(arms),
        srm=lift.srm,
        contaminated=contaminated,
        primary=primary,
        variants=list(lift.rates),
        saved=saved_customers(primary) if primary and window.complete else None,
        before_after=[before_after(count) for count in counts],
        responses=list(responses),
        method=method,
        judged_by=campaign.success.measure,
        success=success_contrast(ask) if ask and window.complete else None,
        look=look,
        looks=[each for each in looks if look is None or each.information != look.information],
        findings=find(seen, campaign.success, ask, primary) if seen and ask else None,
        churn_definition=campaign.churn.definition,
        objective=campaign.objective.model_dump(exclude_none=True) if campaign.objective else {},
    )


def _smallest_effect(campaign: Campaign, column: str) -> dict[str, float]:
    """In the column of the campaign's own measure; the others have none."""
    smallest = campaign.success.smallest_effect
    return {column: smallest} if smallest and COLUMNS[campaign.success.measure] == column else {}


def _question(
    campaign: Campaign, seen: Seen, variants: Sequence[str], conditions: Conditions, look: LookTaken | None
) -> Question:
    terms = Terms(
        conditions=conditions,
        lower_is_better=LOWER_IS_BETTER,
        smallest_effect=_smallest_effect(campaign, COLUMNS[campaign.success.measure]),
        look=look.look if look else None,
    )
    return question(seen, campaign.success, variants, TREATED, terms)


def _churned(
    arms: Sequence[ArmResult],
    counts: Mapping[str, GroupCount],
    window: Window,
    seen: Seen | None,
    look: LookTaken | None,
    campaign: Campaign,
) -> list[RateSums]:
    """Without an order in the window, or so far where there is a look at that; else lost, only at its end."""
    if not campaign.churn.by_orders:
        return [seen.sums.arm(arm.name).rate(CHURNED) for arm in arms] if window.complete and seen else []
    if window.complete:
        return [_at_the_end(counts[arm.name]) for arm in arms]
    return [seen.sums.arm(arm.name).rate(CHURNED) for arm in arms] if look and seen else []


def _at_the_end(count: GroupCount) -> RateSums:
    return RateSums(column=CHURNED, arm=count.name, x=count.inactive_after or 0, n=count.n)


def _arm(arm: ArmResult) -> Arm:
    """The arm as drawn; without a planned share (it left the campaign file) the split has no test."""
    return Arm(name=arm.name, n=arm.drawn, planned_share=arm.planned_share or None)


def saved_customers(primary: RateContrast) -> Saved | None:
    """Customers the campaign kept, from the pooled contrast; None where the difference is undefined."""
    if primary.difference is None or primary.low is None or primary.high is None:
        return None
    n = primary.n
    return Saved(customers=-primary.difference * n, low=-primary.high * n, high=-primary.low * n)


def looks_of(outcome: Outcome | None) -> list[LookTaken]:
    """Every look that counted up to a reading, its own among them."""
    if outcome is None:
        return []
    return [*outcome.looks, *([outcome.look] if outcome.look else [])]


def before_after(count: GroupCount) -> BeforeAfter:
    """The group's two shares with their intervals; undefined ones are None."""
    before = Proportion(x=count.inactive_before, n=count.n)
    after = None if count.inactive_after is None else Proportion(x=count.inactive_after, n=count.n)
    low, high = _ends(before)
    after_low, after_high = _ends(after)
    return BeforeAfter(
        name=count.name, n=count.n,
        before=before.rate, before_low=low, before_high=high,
        after=after.rate if after else None, after_low=after_low, after_high=after_high,
    )  # fmt: skip


def _ends(proportion: Proportion | None) -> tuple[float | None, float | None]:
    interval = wilson(proportion) if proportion else None
    return (interval.low, interval.high) if interval else (None, None)


_ADAPTER = TypeAdapter(Outcome)


def write_outcome(outcome: Outcome) -> str:
    """The outcome as JSON, keys in the order of the fields."""
    return _ADAPTER.dump_json(outcome, indent=2).decode()


def read_outcome(text: str) -> Outcome:
    """The outcome written by ``write_outcome``."""
    return _ADAPTER.validate_json(text)


def as_dict(outcome: Outcome) -> dict[str, Any]:
    """The outcome as plain values, dates as ISO text."""
    plain: dict[str, Any] = _ADAPTER.dump_python(outcome, mode="json")
    return plain
