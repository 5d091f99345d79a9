"""What can become of a message, and the one vocabulary every provider's events are translated into.

The state of a message is the maximum over a rank of everything known, so the order and the number of events do not
matter, and an event may arrive before our own answer was stored. The same holds for why an address is closed.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    """The states of a message (DESIGN: the message state machine)."""

    __hash__ = str.__hash__  # that of Enum is Python code, and runs several times a message

    PLANNED = "planned"
    QUEUED = "queued"
    SENDING = "sending"
    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    SKIPPED = "skipped"
    REJECTED = "rejected"
    UNCERTAIN = "uncertain"
    ABANDONED = "abandoned"


class EventKind(StrEnum):
    """What a provider or a customer can tell us about a message."""

    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    RESUBSCRIBED = "resubscribed"
    OPENED = "opened"
    CLICKED = "clicked"
    REPLIED = "replied"
    UNKNOWN = "unknown"
    NOT_FOUND = "not_found"  # the provider was asked and does not know the message
    NOT_SENT = "not_sent"  # somebody of the staff says so
    GIVEN_UP = "given_up"  # by somebody of the staff


class Event(NamedTuple):
    """One event: ``id`` is unique within ``provider``; ``message_key`` is our opaque key or None.

    ``link``: which of the message's links was clicked; ``flag``: why that is taken for a machine's doing.
    ``permanent``: a bounce that will not go away. ``address_hash`` and ``channel`` say who it was where a person
    writes by himself, not about one message.
    """

    provider: str
    id: str
    message_key: str | None
    kind: EventKind
    at: datetime
    reason: str | None = None
    link: int | None = None
    flag: str | None = None
    permanent: bool = True
    address_hash: str | None = None
    channel: str | None = None


# The states an event can lift a message to, lowest first; every other state ranks below all of them.
RANKED = (State.ACCEPTED, State.DEFERRED, State.DELIVERED, State.BOUNCED, State.COMPLAINED)
_RANK = {state: rank for rank, state in enumerate(RANKED, start=1)}
TOLD: dict[EventKind, State] = {EventKind(state.value): state for state in RANKED} | {
    EventKind.UNSUBSCRIBED: State.DELIVERED,  # nobody opts out of, opens or clicks what did not arrive
    EventKind.OPENED: State.DELIVERED,
    EventKind.CLICKED: State.DELIVERED,
}  # a reply is not here: it names no message, so it proves nothing of the one it is counted for
OPTED_OUT = "opted_out"  # reason of a bounce: the provider held the message back, the person had told it to stop
REPORTED = "reported_as_spam"  # the same, and it was a complaint about an earlier one
HELD_BACK = (OPTED_OUT, REPORTED)
OUR_FAULT = "our_fault"  # first word of a bounce's reason: it says nothing about the address

# Why an address is closed, weakest first; whatever else stands there, such as an imported reason, is stronger.
CLOSING = ("unsubscribed", "soft_bounces", "bounced", "complained")
SOFT_BOUNCES, SOFT_BOUNCE_SPAN = 5, timedelta(days=30)  # so many within that long close an address too


class Lift(NamedTuple):
    """What some events say of their messages: the state they prove, and why; ``for_good``: a bounce that stays."""

    state: State
    reason: str | None
    for_good: bool


def state_after(state: State, told: State) -> State:
    """The message's state once one of RANKED is told of it too."""
    return told if _RANK[told] > _RANK.get(state, 0) else state


def lifts(events: Iterable[Event]) -> dict[Lift, list[str]]:
    """What the events say -> the keys of the messages they say it of, in the order in which it is to be applied.

    A complaint also says that the message arrived. Of two bounces of one message the one whose reason comes later
    in the alphabet stands: some rule is needed, or the order of events would decide.
    """
    found: dict[tuple[str, str | None, bool], list[str]] = {}
    for event in events:
        if event.message_key is not None:
            found.setdefault((event.kind, event.reason, event.permanent), []).append(event.message_key)
    told: dict[Lift, list[str]] = {}
    for (kind, reason, permanent), keys in found.items():
        for lift in _lifts_of(EventKind(kind), reason, permanent):
            told.setdefault(lift, []).extend(keys)
    return {lift: told[lift] for lift in sorted(told, key=lambda lift: (_RANK[lift.state], lift.reason or ""))}


def _lifts_of(kind: EventKind, reason: str | None, permanent: bool) -> list[Lift]:
    state = TOLD.get(kind)
    if state is None:
        return []
    if state is State.BOUNCED:
        return [Lift(state, reason, permanent and reason not in HELD_BACK)]
    arrived = Lift(State.DELIVERED, None, False)
    return [arrived, Lift(state, None, False)] if state is State.COMPLAINED else [Lift(state, None, False)]


def suppression_reason(event: Event) -> str | None:
    """Why nobody writes to the address on that channel any more once ``event`` is known (of CLOSING), or None."""
    if event.kind is EventKind.BOUNCED:
        if not event.permanent:
            return None
        return _HELD_FOR.get(event.reason or "", EventKind.BOUNCED).value
    return event.kind.value if event.kind in (EventKind.COMPLAINED, EventKind.UNSUBSCRIBED) else None


_HELD_FOR = {OPTED_OUT: EventKind.UNSUBSCRIBED, REPORTED: EventKind.COMPLAINED}


def is_soft_bounce(event: Event) -> bool:
    """Whether the event counts towards SOFT_BOUNCES."""
    ours = (event.reason or "").startswith(OUR_FAULT)
    return event.kind is EventKind.BOUNCED and not event.permanent and not ours
