"""What providers tell us after a send, one file per provider: is it really theirs, and what does it say.

Nothing here keeps an address or a text from a callback: an event carries our opaque message key, a kind, a time
and a reason from a closed set. What cannot be understood becomes a Refused with its position and never stops the
rest.
"""

import hashlib
from dataclasses import dataclass

from winback.events import Event

WHOLE = -1  # the position of a refusal that concerns the callback as a whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """One element of a callback that could not be understood; ``position`` counts from 0, or is WHOLE."""

    position: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one callback says: its events, and the elements that go to quarantine."""

    events: tuple[Event, ...] = ()
    refused: tuple[Refused, ...] = ()

    @property
    def unreadable(self) -> bool:
        """Whether the callback as a whole made no sense."""
        return any(refused.position == WHOLE for refused in self.refused)


def unreadable(reason: str) -> Reading:
    """The reading of a callback that makes no sense as a whole."""
    return Reading(refused=(Refused(position=WHOLE, reason=reason),))


def digest_of(provider: str, body: bytes, query: str = "") -> str:
    """The sha256 (hex) by which a callback is known; ``query`` counts where the message key stands in it."""
    return hashlib.sha256(b"\0".join([provider.encode(), query.encode(), body])).hexdigest()


def word(value: object) -> str | None:
    """``value`` when it is one to 200 visible ASCII characters, which any database can keep; else None."""
    # five times as fast as a pattern, and asked two times for every event
    if (
        type(value) is str
        and value.isascii()
        and value.isprintable()
        and " " not in value
        and 0 < len(value) <= 200
    ):
        return value
    return None
