"""The campaign file: what it may say, as values.

A field that is not implemented is refused by name, never ignored. Reading the text: winback.campaign_file.
"""

import re
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from winback.channel import CHANNELS, Channel
from winback.errors import nearest
from winback.faults import CURRENCY, EMAIL, IDENTIFIER
from winback.limits import PerPerson, micros
from winback.quiet_hours import QuietHours, read_quiet_hours
from winback.schedule import check_cron

HOLDOUT = "holdout"


class Measure(StrEnum):
    """What a campaign's success is judged by."""

    CHURN = "churn"  # no order in the window
    VALUE_LOST = "value_lost"  # what those who churned had spent before
    VALUE_LOST_SHARE = "value_lost_share"  # the same as a part of what all had spent before
    RETENTION = "retention"  # an order in the window
    REPEAT_RATE = "repeat_rate"  # orders on two days or more
    PURCHASE_FREQUENCY = "purchase_frequency"  # orders per customer
    NET_CONTRIBUTION = "net_contribution"  # margin x net revenue - cost of the messages


IN_POINTS = (Measure.CHURN, Measure.VALUE_LOST_SHARE, Measure.RETENTION, Measure.REPEAT_RATE)  # shares of a whole
RESERVED = {HOLDOUT, "treated", "base", "top"}  # the groups of a report
SMALL_AUDIENCE = 5_000  # below it the default hold-out is a half, else a fifth (outcomes A0)

NOT_YET = {
    "objective", "offers", "offer", "limit", "where", "exclude_kinds", "local_time", "ends", "wait",
    "call", "unless", "when", "due", "approval", "compliance", "threshold",
}  # fmt: skip  # words of later versions: refused by name with that sentence


def _days(value: object) -> object:
    if isinstance(value, str) and (found := re.fullmatch(r"(\d{1,4})d", value.strip())):
        return int(found[1])
    raise ValueError("write days as a number and d, such as 90d")


def _hours(value: object) -> object:
    if isinstance(value, str) and (found := re.fullmatch(r"(\d{1,3})h", value.strip())):
        return int(found[1])
    raise ValueError("write hours as a number and h, such as 4h")


def _share(value: object) -> object:
    if isinstance(value, str) and (found := re.fullmatch(r"(\d{1,3}(?:\.\d+)?)\s*%", value.strip())):
        return float(found[1]) / 100
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise ValueError("write a share as a percentage, such as 20%, or as a number from 0 to 1")


def _points(value: object) -> object:
    if isinstance(value, str) and (found := re.fullmatch(r"(\d{1,2}(?:\.\d+)?)\s*pp", value.strip())):
        return float(found[1]) / 100
    raise ValueError("write percentage points as a number and pp, such as 3pp")


def _per_person(value: object) -> object:
    found = re.fullmatch(r"([1-9][0-9]?) in ([1-9][0-9]{0,2})d", value.strip()) if isinstance(value, str) else None
    if found:
        return PerPerson(messages=int(found[1]), days=int(found[2]))
    raise ValueError("write messages in days, such as 2 in 30d: 1 to 99 in 1d to 999d")


def _quiet(value: object) -> object:
    return read_quiet_hours(value if isinstance(value, str) else "")


def _amount(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        amount = Decimal(str(value))
        if amount.is_finite():
            return amount
    raise ValueError("must be a number such as 500 or 499.99")


def _exact(value: Decimal) -> Decimal:
    micros(value)
    return value


def _measure(value: object) -> object:
    if isinstance(value, str) and value in set(Measure):
        return Measure(value)
    close = nearest(str(value), list(Measure))
    *first, last = Measure
    known = f"{', '.join(first)} or {last}"
    raise ValueError(f"must be {known}" + (f": did you mean '{close}'?" if close else ""))


_NOT_OBSERVED = {
    "contract": "needs subscriptions, and there are none, so no contract can have ended: write no_order",
    "model": "is a forecast, and a campaign is judged by what was observed: write no_order",
}


def _definition(value: object) -> object:
    if isinstance(value, str) and value in _NOT_OBSERVED:
        raise ValueError(_NOT_OBSERVED[value])
    return value


def _names(value: object) -> object:
    return {"en": value} if isinstance(value, str) else value


Days = Annotated[int, BeforeValidator(_days), Field(ge=1, le=3650)]
Hours = Annotated[int, BeforeValidator(_hours), Field(ge=1, le=168)]
Share = Annotated[float, BeforeValidator(_share), Field(ge=0, le=1)]
PositiveShare = Annotated[float, BeforeValidator(_share), Field(gt=0, le=1)]
Points = Annotated[float, BeforeValidator(_points), Field(gt=0, le=1)]
Amount = Annotated[Decimal, BeforeValidator(_amount), Field(gt=0, le=1_000_000_000), AfterValidator(_exact)]
Identifier = Annotated[str, Field(pattern=IDENTIFIER, max_length=60)]


class Section(BaseModel):
    """A part of a campaign file: nothing unknown, nothing coerced, nothing changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class LocalName(Section):
    """A name in the languages it is shown in; English is the fallback."""

    en: str = Field(min_length=1, max_length=120)
    zh: str | None = Field(default=None, min_length=1, max_length=120)


Names = Annotated[LocalName, BeforeValidator(_names)]


class ChurnRule(Section):
    """What "lost" means: no order within so many days."""

    definition: Annotated[Literal["no_order"], BeforeValidator(_definition)] = "no_order"
    within: Days


class ValueRule(Section):
    """High-value customers: the top share by expected or by past value."""

    top: PositiveShare
    by: Literal["expected", "past"] = "expected"


class RiskRule(Section):
    """At-risk customers: probability of no order within ``churn.within``."""

    at_least: Share


class AudienceRule(Section):
    """Whom the campaign is for; all parts given must hold."""

    value: ValueRule | None = None
    inactive: Days | None = None
    risk: RiskRule | None = None

    @model_validator(mode="after")
    def _chooses_somebody(self) -> "AudienceRule":
        if self.value is None and self.inactive is None and self.risk is None:
            raise ValueError("say whom: value, inactive or risk")
        return self


class Variant(Section):
    """One version of the message; ``template`` defaults to the template of the step."""

    name: Identifier
    weight: Annotated[float, Field(gt=0, le=1_000)] = 1
    template: Identifier | None = None

    @field_validator("weight", mode="before")
    @classmethod
    def _number(cls, value: object) -> object:
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


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
    """When the campaign runs by itself: a cron line in a named zone, and how late is too late."""

    cron: str
    timezone: str
    late_limit: Hours = 4

    @field_validator("cron")
    @classmethod
    def _cron(cls, value: str) -> str:
        return check_cron(value)

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        return check_zone(value)

    @property
    def zone(self) -> ZoneInfo:
        """The schedule's time zone."""
        return ZoneInfo(self.timezone)


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

    per_person: Annotated[PerPerson, BeforeValidator(_per_person)] | None = None
    quiet_hours: Annotated[QuietHours, BeforeValidator(_quiet)] | None = None
    per_day: Annotated[int, Field(ge=1, le=100_000_000)] | None = None
    budget: Budget | None = None
    priority: int = Field(default=50, ge=0, le=100)


class Utm(Section):
    """What is added to the address of a counted link when a reader follows it, for a web site's statistics."""

    source: Identifier
    medium: Identifier = "email"
    campaign: Identifier | None = None


class Guardrails(Section):
    """What may not get worse: of the messages that left, the most that may be unsubscribed from and so on."""

    unsubscribed: PositiveShare | None = None
    complained: PositiveShare | None = None
    bounced: PositiveShare | None = None


class Success(Section):
    """How the result is judged: the outcome window, by what, and the smallest effect worth having.

    ``margin``: the share of revenue that is contribution.
    """

    window: Days
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


class Campaign(Section):
    """One campaign file."""

    id: Identifier
    name: Names
    owner: str = Field(pattern=EMAIL, max_length=254)
    churn: ChurnRule
    audience: AudienceRule
    holdout: Share | None = None
    variants: tuple[Variant, ...] = ()
    journey: tuple[Step, ...] = Field(min_length=1, max_length=1)
    schedule: Schedule | None = None
    again_after: Days | None = None
    limits: Limits = Limits()
    on_uncertain: Literal["hold", "resend_after_reconcile"] = "hold"
    topic: Identifier | None = None
    utm: Utm | None = None
    success: Success

    @field_validator("variants", "journey", mode="before")
    @classmethod
    def _as_tuple(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("variants")
    @classmethod
    def _one_name_each(cls, value: tuple[Variant, ...]) -> tuple[Variant, ...]:
        names = [variant.name for variant in value]
        if RESERVED & set(names) or len(set(names)) < len(names):
            raise ValueError(f"variants need names of their own, none called {', '.join(sorted(RESERVED))}")
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
        """Variant name -> template folder; a campaign without variants has one, called 'message'."""
        if not self.variants:
            return {"message": self.step.send}
        return {variant.name: variant.template or self.step.send for variant in self.variants}

    def holdout_for(self, people: int) -> float:
        """The share held out of an audience of ``people``."""
        if self.holdout is not None:
            return self.holdout
        return 0.5 if people < SMALL_AUDIENCE else 0.2

    def arm_shares(self, people: int) -> dict[str, float]:
        """Arm -> planned share, hold-out first, in the order of the file; they sum to 1."""
        held = self.holdout_for(people)
        weights = {variant.name: variant.weight for variant in self.variants} or {"message": 1.0}
        total = sum(weights.values())
        return {HOLDOUT: held} | {name: (1 - held) * weight / total for name, weight in weights.items()}


def check_zone(value: str) -> str:
    """The zone's own name, or ValueError: it must be in the time zone database."""
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):  # listing all zones to look it up would take 50 ms
        raise ValueError("not a time zone; zones are named like Europe/London or Asia/Shanghai") from None
    return value
