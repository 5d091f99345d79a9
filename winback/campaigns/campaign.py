"""The campaign file: what it may say, as values.

A field that is not implemented is refused by name, never ignored. Reading the text: winback.campaigns.file.
"""

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from winback.campaigns.faults import CURRENCY, EMAIL
from winback.campaigns.limits import micros
from winback.campaigns.schedule import Season, check_cron
from winback.campaigns.section import Names, Section, Texts
from winback.campaigns.values import (
    Amount,
    BlankDays,
    ChurnKinds,
    Day,
    Days,
    Filter,
    Hours,
    Identifier,
    LawPacks,
    MessagesPerPerson,
    MostShare,
    Points,
    PositiveShare,
    Quiet,
    Share,
    check_zone,
    is_pinned,
    same_name,
)
from winback.channel import CHANNELS, Channel
from winback.errors import nearest

HOLDOUT = "holdout"
ONLY = "message"  # the one variant of a campaign that names none


class Measure(StrEnum):
    """What a campaign's success is judged by."""

    CHURN = "churn"  # lost, as ``ChurnRule`` has it
    VALUE_LOST = "value_lost"  # what those who churned had spent before
    VALUE_LOST_SHARE = "value_lost_share"  # the same as a part of what all had spent before
    RETENTION = "retention"  # an order in the window
    REPEAT_RATE = "repeat_rate"  # orders on two days or more
    PURCHASE_FREQUENCY = "purchase_frequency"  # orders per customer
    CSAT = "csat"  # satisfaction, 1 to 5, of those who answer
    NPS = "nps"  # the score from 0 to 10, of those who answer
    NET_CONTRIBUTION = "net_contribution"  # margin x net revenue - cost of the messages


IN_POINTS = (Measure.CHURN, Measure.VALUE_LOST_SHARE, Measure.RETENTION, Measure.REPEAT_RATE)  # shares of a whole
OF_ANSWERS = (Measure.CSAT, Measure.NPS)  # only those who answer have one
RESERVED = {HOLDOUT, "treated", "base", "top"}  # the groups of a report
DEFAULT_THRESHOLD = 0.5  # as in `winback churn --threshold`
SMALL_AUDIENCE = 5_000  # below it the default hold-out is a half, else a fifth (outcomes A0)


def _measure(value: object) -> object:
    if isinstance(value, str) and value in set(Measure):
        return Measure(value)
    close = nearest(str(value), list(Measure))
    *first, last = Measure
    known = f"{', '.join(first)} or {last}"
    raise ValueError(f"must be {known}" + (f": did you mean '{close}'?" if close else ""))


def _one_step(value: object) -> object:
    if isinstance(value, list) and len(value) > 1:
        raise ValueError("several steps come with a later version: keep one, a send")
    return tuple(value) if isinstance(value, list) else value


class ChurnRule(Section):
    """What "lost" means: no order in the window, no contract at its end, or by the model a risk at its end.

    ``within``: the risk's horizon. ``threshold``: the risk from which on the model counts a customer as lost.
    """

    definition: Literal["no_order", "contract", "model"] = "no_order"
    within: Days
    threshold: PositiveShare | None = None

    @model_validator(mode="after")
    def _threshold_of_a_model(self) -> "ChurnRule":
        if self.threshold is not None and not self.by_model:
            raise ValueError(f"threshold is a risk of the model: not with definition {self.definition}")
        return self

    @property
    def by_orders(self) -> bool:
        """Whether the orders of the window decide who is lost, so that it can be seen before its end."""
        return self.definition == "no_order"

    @property
    def by_model(self) -> bool:
        """Whether a forecast at the end of the window decides who is lost."""
        return self.definition == "model"

    @property
    def lost_from(self) -> float:
        """The risk from which on the model counts a customer as lost."""
        return DEFAULT_THRESHOLD if self.threshold is None else self.threshold

    @property
    def by_contract(self) -> bool:
        """Whether contracts decide who is lost."""
        return self.definition == "contract"


class ValueRule(Section):
    """High-value customers: the top share by expected or by past value."""

    top: PositiveShare
    by: Literal["expected", "past"] = "expected"


class RiskRule(Section):
    """At-risk customers: probability of no order within ``churn.within``."""

    at_least: Share


class LimitRule(Section):
    """At most so many people, the hold-out counted; of more the ``first`` by risk times value, risk or value."""

    people: Annotated[int, Field(ge=1, le=100_000_000)]
    first: Literal["value_at_risk", "risk", "value"] = "value_at_risk"


class AudienceRule(Section):
    """Whom the campaign is for; all parts given must hold."""

    value: ValueRule | None = None
    inactive: Days | None = None
    risk: RiskRule | None = None
    where: Filter | None = None
    limit: LimitRule | None = None
    exclude_kinds: ChurnKinds = ()

    @model_validator(mode="after")
    def _chooses_somebody(self) -> "AudienceRule":
        if self.value is None and self.inactive is None and self.risk is None and self.where is None:
            raise ValueError("say whom: value, inactive, risk or where")
        return self


def _no_group(value: str, info: ValidationInfo) -> str:
    if value in RESERVED and not is_pinned(info):
        raise ValueError(f"no variant is called {', '.join(sorted(RESERVED))}: these are groups of the report")
    return value


class Variant(Section):
    """One version of the message; ``template`` defaults to the template of the step."""

    name: Annotated[Identifier, AfterValidator(_no_group)]
    weight: Annotated[float, Field(gt=0, le=1_000)] = 1
    template: Identifier | None = None

    @field_validator("weight", mode="before")
    @classmethod
    def _number(cls, value: object) -> object:
        return float(min(value, 10**6)) if isinstance(value, int) and not isinstance(value, bool) else value


class Step(Section):
    """One message of the journey: a template folder and the channels, first allowed one wins."""

    send: Identifier
    channels: tuple[Channel, ...] = Field(default=CHANNELS, min_length=1)

    @field_validator("channels", mode="before")
    @classmethod
    def _as_tuple(cls, value: object) -> object:
        if isinstance(value, list) and len({str(item) for item in value}) < len(value):
            raise ValueError("each channel once")
        return tuple(value) if isinstance(value, list) else value


class Schedule(Section):
    """When the campaign runs by itself: a cron line in a named zone, how late is too late, and for how long.

    ``starts`` and ``ends``: the first and the last day of the zone on which a slot is due.
    """

    cron: Annotated[str, AfterValidator(check_cron)]
    timezone: Annotated[str, AfterValidator(check_zone)]
    late_limit: Hours = 4
    starts: Day | None = None
    ends: Day | None = None

    @field_validator("ends")
    @classmethod
    def _after_its_start(cls, value: date | None, info: ValidationInfo) -> date | None:
        starts = info.data.get("starts")
        if value and starts and value < starts:
            raise ValueError(f"is before it starts, on {starts}")
        return value

    @property
    def zone(self) -> ZoneInfo:
        """The schedule's time zone."""
        return ZoneInfo(self.timezone)

    @property
    def season(self) -> Season:
        """The days on which its slots are due."""
        return Season(starts=self.starts, ends=self.ends)


class Budget(Section):
    """What sending may cost: an amount in major units of the workspace's currency."""

    amount: Amount
    currency: str = Field(pattern=CURRENCY)

    @property
    def micros(self) -> int:
        """The amount in millionths of a major unit."""
        return micros(self.amount)


class Limits(Section):
    """How much is enough: checked whenever messages are claimed."""

    per_person: MessagesPerPerson | None = None
    quiet_hours: Quiet | None = None
    per_day: Annotated[int, Field(ge=1, le=100_000_000)] | None = None
    budget: Budget | None = None
    priority: int = Field(default=50, ge=0, le=100)

    @property
    def counted(self) -> bool:
        """Whether what the campaign sends must be counted by the day."""
        return self.per_day is not None or self.budget is not None


class Utm(Section):
    """What is added to the address of a counted link when a reader follows it, for a web site's statistics."""

    source: Identifier
    medium: Identifier = "email"
    campaign: Identifier | None = None


class Guardrails(Section):
    """What may not get worse: of the messages that left, the most that may be unsubscribed from and so on."""

    unsubscribed: MostShare | None = None
    complained: MostShare | None = None
    bounced: MostShare | None = None


class Success(Section):
    """How the result is judged: the outcome window, by what, and the smallest effect worth having.

    ``margin``: the share of revenue that is contribution, for net contribution and ROI. ``blank_out``: days after
    the start that do not count.
    """

    window: Days
    blank_out: BlankDays = 0
    measure: Annotated[Measure, BeforeValidator(_measure)] = Measure.CHURN
    smallest_effect: Points | None = None
    margin: PositiveShare | None = None
    guardrails: Guardrails = Guardrails()

    @model_validator(mode="after")
    def _can_be_judged(self) -> "Success":
        if self.measure is Measure.NET_CONTRIBUTION and self.margin is None:
            raise ValueError(
                "net_contribution needs margin, the share of revenue that is contribution, such as 40%"
            )
        if self.measure not in IN_POINTS and self.smallest_effect is not None:
            raise ValueError(f"smallest_effect is in percentage points: not with {self.measure}")
        return self

    @property
    def lasts(self) -> int:
        """Days from that of t0 to the window's last."""
        return self.blank_out + self.window


class Approval(Section):
    """When a run that is really sent waits for somebody else's yes: with more people in it than ``above``.

    ``by``: the name that must be given, if any.
    """

    above: Annotated[int, Field(ge=0, le=100_000_000)]
    by: str | None = Field(default=None, min_length=1, max_length=120)


class Campaign(Section):
    """One campaign file."""

    id: Identifier
    name: Names
    owner: str = Field(pattern=EMAIL, max_length=254)
    objective: Texts | None = None
    churn: ChurnRule
    audience: AudienceRule
    holdout: Share | None = None
    variants: tuple[Variant, ...] = ()
    journey: Annotated[tuple[Step, ...], Field(min_length=1), BeforeValidator(_one_step)]
    schedule: Schedule | None = None
    again_after: Days | None = None
    limits: Limits = Limits()
    on_uncertain: Literal["hold", "resend_after_reconcile"] = "hold"
    topic: Identifier | None = None
    approval: Approval | None = None
    compliance: LawPacks = ("default",)
    utm: Utm | None = None
    success: Success

    @field_validator("variants", mode="before")
    @classmethod
    def _as_tuple(cls, value: object, info: ValidationInfo) -> object:
        if value == [] and not is_pinned(info):
            raise ValueError("is empty: name the variants, or take the line out for one message to all")
        return tuple(value) if isinstance(value, list) else value

    @field_validator("variants")
    @classmethod
    def _one_name_each(cls, value: tuple[Variant, ...]) -> tuple[Variant, ...]:
        names = [variant.name for variant in value]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two variants are called '{twice}': the report could not tell them apart")
        return value

    @field_validator("approval")
    @classmethod
    def _by_somebody_else(cls, value: Approval | None, info: ValidationInfo) -> Approval | None:
        same = value and value.by and same_name(value.by, info.data.get("owner", ""))
        if same and not is_pinned(info):
            raise ValueError("by must be somebody else than the owner")
        return value

    @property
    def utm_parameters(self) -> dict[str, str]:
        """utm_source and so on; empty where none are wanted."""
        if self.utm is None:
            return {}
        wanted = {"source": self.utm.source, "medium": self.utm.medium, "campaign": self.utm.campaign or self.id}
        return {f"utm_{name}": value for name, value in wanted.items()}

    @property
    def step(self) -> Step:
        """The one message of this version's journey."""
        return self.journey[0]

    def templates(self) -> dict[str, str]:
        """Variant name -> template folder; a campaign without variants has ONLY one."""
        if not self.variants:
            return {ONLY: self.step.send}
        return {variant.name: variant.template or self.step.send for variant in self.variants}

    def holdout_for(self, people: int) -> float:
        """The share held out of an audience of ``people``."""
        if self.holdout is not None:
            return self.holdout
        return 0.5 if people < SMALL_AUDIENCE else 0.2

    def arm_shares(self, people: int) -> dict[str, float]:
        """Arm -> planned share, hold-out first, in the order of the file; they sum to 1."""
        held = self.holdout_for(people)
        weights = {variant.name: variant.weight for variant in self.variants} or {ONLY: 1.0}
        total = sum(weights.values())
        return {HOLDOUT: held} | {name: (1 - held) * weight / total for name, weight in weights.items()}
