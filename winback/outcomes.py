"""What became of a campaign's audience: the hold-out-adjusted answer, and everything a reader needs beside it.

Everybody stays in the arm he was assigned to, written to or not (intent-to-treat). *Churned* = no order in the
window of whole local days after t0. Before/after of a group compares the same persons with themselves; it is
shown, labelled, and is not the effect.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from pydantic import TypeAdapter

from winback.campaign import HOLDOUT, Campaign
from winback.contrast import MoneyContrast, RateContrast, RateSums
from winback.findings import Findings, Measure
from winback.intervals import Proportion, wilson
from winback.lift import Arm, compare
from winback.responses import Responses
from winback.significance import SampleRatio

CHURNED = "churned"
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

    @property
    def seen_through(self) -> date | None:
        """The last day of the window that the data reach; None when they reach none of it."""
        if self.data_through is None or self.data_through < self.first_on:
            return None
        return min(self.data_through, self.last_on)


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """What must be known to repeat the run."""

    audience_digest: str
    facts: list[str]
    campaign_digest: str
    code_version: str
    score: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class LookTaken:
    """A reading before the window's end, or the one at its end after such: ``boundary`` takes the place of 1.96.

    ``information``: pooled odds of having come back by ``through``, what the difference's precision grows with;
    ``fraction``: that as a share (0-1) of what is expected at the window's end.
    """

    through: date
    information: float
    fraction: float
    boundary: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One reading of one run; ``read_outcome(write_outcome(o)) == o``.

    ``primary`` and ``variants`` are of churn. ``success``: the contrast, of all variants together, that
    ``judged_by`` asks for where that is not churn; the verdict is then its. ``looks``: all readings that
    counted so far, this one last; empty for a reading at the window's end that nothing went before. ``second``: it
    is the planned reading at twice the window ("did they stay?").
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
    looks: list[LookTaken] = field(default_factory=list)
    second: bool = False
    findings: Findings | None = None  # none in readings frozen before there were any


def outcome_window(t0_on: date, days: int, data_through: date | None) -> Window:
    """The window of ``days`` whole days after the day of t0."""
    first_on, last_on = t0_on + timedelta(days=1), t0_on + timedelta(days=days)
    complete = data_through is not None and data_through >= last_on
    return Window(
        t0_on=t0_on, days=days, first_on=first_on, last_on=last_on, data_through=data_through, complete=complete
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
) -> Outcome:
    """The outcome from counts alone; ``counts`` holds every arm, TREATED, BASE and TOP.

    ``contaminated``: hold-out members who were written to. While the window is not complete there is no contrast.
    """
    by_name = {count.name: count for count in counts}
    primary, variants, srm = _contrasts(campaign, window, arms, by_name, contaminated)
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
        srm=srm,
        contaminated=contaminated,
        primary=primary,
        variants=variants,
        saved=saved_customers(primary) if primary else None,
        before_after=[before_after(count) for count in counts],
        responses=list(responses),
        method=method,
    )


def _contrasts(
    campaign: Campaign,
    window: Window,
    arms: Sequence[ArmResult],
    counts: Mapping[str, GroupCount],
    contaminated: int,
) -> tuple[RateContrast | None, list[RateContrast], SampleRatio | None]:
    held = counts[HOLDOUT].n if HOLDOUT in counts else 0
    present = [arm for arm in arms if arm.planned_share or arm.n]  # no hold-out asked for is no arm
    lift = compare(
        control=HOLDOUT,
        arms=[_arm(arm) for arm in present],
        rates=[_churned(counts[arm.name]) for arm in present] if window.complete else [],
        lower_is_better={CHURNED},
        smallest_effect={CHURNED: campaign.success.smallest_effect} if campaign.success.smallest_effect else {},
        matured=window.complete,
        contaminated_share=contaminated / held if held else None,
        pooled_as=TREATED,
    )
    primary = lift.pooled_rates[0] if lift.pooled_rates else None
    return primary, list(lift.rates), lift.srm


def _arm(arm: ArmResult) -> Arm:
    """The arm as drawn; without a planned share (it left the campaign file) the split has no test."""
    return Arm(name=arm.name, n=arm.drawn, planned_share=arm.planned_share or None)


def _churned(count: GroupCount) -> RateSums:
    return RateSums(column=CHURNED, arm=count.name, x=count.inactive_after or 0, n=count.n)


def saved_customers(primary: RateContrast) -> Saved | None:
    """Customers the campaign kept, from the pooled contrast; None where the difference is undefined."""
    if primary.difference is None or primary.low is None or primary.high is None:
        return None
    n = primary.n
    return Saved(customers=-primary.difference * n, low=-primary.high * n, high=-primary.low * n)


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
