"""What can become of a message, and the one vocabulary every provider's events are translated into.

The state of a message is the maximum over a rank of everything known, so the order and the number of events do not
matter, and an event may arrive before our own answer was stored.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """The states of a message (DESIGN: the message state machine)."""

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
    OPENED = "opened"
    CLICKED = "clicked"
    UNKNOWN = "unknown"


# A state an event can lift a message to; everything else ranks below all of them.
_RANK = {
    State.ACCEPTED: 1,
    State.DEFERRED: 2,
    State.DELIVERED: 3,
    State.BOUNCED: 4,
    State.COMPLAINED: 5,
}
_PROOF = {
    EventKind.UNSUBSCRIBED: State.DELIVERED,  # nobody answers, opens or clicks what did not arrive
    EventKind.OPENED: State.DELIVERED,
    EventKind.CLICKED: State.DELIVERED,
}
# Nobody writes again on that channel to somebody who bounced, complained or opted out.
SUPPRESSING = frozenset({EventKind.BOUNCED, EventKind.COMPLAINED, EventKind.UNSUBSCRIBED})
OPTED_OUT = "opted_out"  # reason of a bounce: the provider held the message back, the person had told it to stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event: ``id`` is unique within ``provider``; ``message_key`` is our opaque key or None.

    ``address_hash`` and ``channel`` say who it was where a person writes by himself, not about one message.
    """

    provider: str
    id: str
    message_key: str | None
    kind: EventKind
    at: datetime
    reason: str | None = None
    permanent: bool = True  # a bounce that will not go away
    address_hash: str | None = None
    channel: str | None = None


def state_after(state: State, kind: EventKind) -> State:
    """The message's state once ``kind`` is known too."""
    told = _PROOF.get(kind) or (State(kind.value) if kind.value in _STATES_TOLD else None)
    if told is None or _RANK[told] <= _RANK.get(state, 0):
        return state
    return told


def suppression_reason(event: Event) -> str | None:
    """Why nobody writes to the address on that channel any more once ``event`` is known, or None."""
    passing = event.kind is EventKind.BOUNCED and not event.permanent
    if event.kind not in SUPPRESSING or passing:
        return None
    return EventKind.UNSUBSCRIBED.value if event.reason == OPTED_OUT else event.kind.value


_STATES_TOLD = {state.value for state in _RANK}
