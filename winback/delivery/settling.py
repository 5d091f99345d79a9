"""What becomes of a message nobody knows about, once somebody has looked or said. Pure: values in, values out.

Looking too early makes duplicates: a provider may note a message later than it answers for it. So an absence
counts only after the settle window, which is longer than the lease (2 min: until then its sender may still be at
it), the request timeout (10 s) and the provider's own delay together.

    found                                     accepted, or as its callback would settle it
    not found, and the campaign says
    ``resend_after_reconcile``, it is not late,
    nothing stops it, it may have gone once   queued
    not found otherwise                       stays uncertain, with what was seen and when
    a person says it was sent                 accepted
    a person says it was not                  queued; abandoned when it is late or may have
                                              gone twice
    a person gives it up                      abandoned
    nobody knows 72 h after its last chance   abandoned: by then the provider has stopped repeating its events
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from winback.events import State

# Providers that can be asked. Not SMTP: a mail server keeps nothing that could be looked up.
SETTLE = {"folder": timedelta(minutes=2), "sendgrid": timedelta(minutes=15), "twilio": timedelta(minutes=15)}
MOST_RESENDS = 1  # so a message may have gone twice; tries that are known not to have left count for nothing
HORIZON = timedelta(hours=72)  # how long providers repeat an event that was not taken
Policy = Literal["hold", "resend_after_reconcile"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """One message nobody knows about, since ``since``; after ``late_after`` it may not leave any more.

    ``resends``: how often it was queued again after it may have gone.
    """

    since: datetime
    resends: int
    late_after: datetime | None
    stopped: bool
    policy: Policy


def may_be_asked_from(since: datetime, provider: str) -> datetime | None:
    """From when on an answer of ``provider`` counts; None where it cannot be asked."""
    window = SETTLE.get(provider)
    return None if window is None else since + window


def after_absence(message: Unknown, provider: str, now: datetime) -> State:
    """The state of a message the provider, asked at ``now``, does not know."""
    ripe = may_be_asked_from(message.since, provider)
    if ripe is None or now < ripe or message.policy == "hold" or message.stopped or not _may_leave(message, now):
        return State.UNCERTAIN
    return State.QUEUED


def after_denial(message: Unknown, now: datetime) -> State:
    """The state of a message of which a person says that it was not sent; a stop only makes it wait."""
    return State.QUEUED if _may_leave(message, now) else State.ABANDONED


def is_past(message: Unknown, now: datetime) -> bool:
    """Whether nothing can be learnt about it any more."""
    last = max(message.since, message.late_after or message.since)
    return now >= last + HORIZON


def _may_leave(message: Unknown, now: datetime) -> bool:
    late = message.late_after is not None and now >= message.late_after
    return not late and message.resends < MOST_RESENDS
