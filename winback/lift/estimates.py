"""An estimate with its interval, or the reason why there is none."""

from dataclasses import dataclass
from enum import StrEnum


class Missing(StrEnum):
    """Why a number cannot be had."""

    TOO_FEW_CUSTOMERS = "too_few_customers"  # fewer than two in an arm or group
    TOO_FEW_EVENTS = "too_few_events"  # fewer than five with the event, or without it
    TOO_FEW_BUYERS = "too_few_buyers"  # below the money floor
    NO_SPREAD = "no_spread"  # nothing varies
    NO_VALUE = "no_value"  # the customers were worth nothing at the start
    NO_COST = "no_cost"  # nothing was spent
    COST_UNKNOWN = "cost_unknown"  # messages went out at no known price
    NOBODY_DELIVERED = "nobody_delivered"
    NOBODY_SAVED = "nobody_saved"  # as many or more churned than in the hold-out
    NOT_FOLLOWED = "not_followed"  # nobody was watched for that long
    NOTHING_TO_COMPARE = "nothing_to_compare"  # fewer than two groups
    NOT_VISIBLE = "not_visible"  # no split of this audience would show any effect
    NO_MARGIN = "no_margin"  # the campaign file does not say what share of revenue is contribution
    NOT_COMPLETE = "not_complete"  # the window is not over


@dataclass(frozen=True, slots=True, kw_only=True)
class NoEstimate:
    """No number, and why; never a zero."""

    reason: Missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value with both ends of its 95 % interval, all in one unit."""

    value: float
    low: float
    high: float
