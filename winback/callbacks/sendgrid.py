"""SendGrid's Signed Event Webhook.

A signature is ECDSA (SHA-256) over the timestamp header followed by the raw body; the events are a JSON array.
Field names and drop reasons: https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event
"""

import re
from base64 import b64decode
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from winback.callbacks import Reading, Refused, unreadable, word
from winback.callbacks.clicks import flag_of_agent
from winback.callbacks.elements import Broken, read_elements
from winback.events import OPTED_OUT, OUR_FAULT, REPORTED, Event, EventKind

PROVIDER = "sendgrid"
SIGNATURE_HEADER = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP_HEADER = "X-Twilio-Email-Event-Webhook-Timestamp"
GIVEN_UP = "not_delivered"  # the status in the Email Activity API of a message that bounced or was dropped
KEY_ARGUMENT = "winback_key"  # the custom argument that carries our message key and comes back in every event
FRESH_FOR = timedelta(hours=72)  # duplicates come for more than a day (sendgrid/docs issue 2933)
AHEAD = timedelta(minutes=5)  # so slow a clock of ours is worth a word
MAX_ELEMENTS = 100_000  # three times what the largest body can hold of real ones

# The word says it all, and the words with more to be said.
_PLAIN: dict[str, EventKind] = {
    "processed": EventKind.ACCEPTED,
    "deferred": EventKind.DEFERRED,
    "delivered": EventKind.DELIVERED,
    "spamreport": EventKind.COMPLAINED,
    "unsubscribe": EventKind.UNSUBSCRIBED,
    "group_unsubscribe": EventKind.UNSUBSCRIBED,
    "open": EventKind.OPENED,
}
_KINDS: dict[str, EventKind] = {
    "bounce": EventKind.BOUNCED,
    "dropped": EventKind.BOUNCED,
    "click": EventKind.CLICKED,
}
# Dropped for our fault, not for the address: it may be written to again.
_OUR_FAULT = ("invalid smtpapi header", "spam content", "recipient list over package quota")
# Dropped because the person had said so of an earlier one.
_HELD_BACK = {"unsubscribed address": OPTED_OUT, "spam reporting address": REPORTED}
_PASSING = frozenset({"blocked", "expired"})  # types of a bounce that may go away


def load_key(text: str) -> ec.EllipticCurvePublicKey | None:
    """The public key as SendGrid shows it (base64 DER), or None when it is not one."""
    try:
        key = load_der_public_key(b64decode("".join(text.split()), validate=True))
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, ec.EllipticCurvePublicKey) else None


def verify(key: ec.EllipticCurvePublicKey, *, signature: str | None, timestamp: str | None, body: bytes) -> bool:
    """Whether SendGrid signed exactly this timestamp and body.

    The timestamp must be ten digits: else bytes could be moved between it and the body under the same signature.
    """
    if not signature or not timestamp or not re.fullmatch(r"[0-9]{10}", timestamp):
        return False
    try:
        key.verify(b64decode(signature), timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):  # wrong, or not base64
        return False
    return True


def age(timestamp: str, now: datetime) -> timedelta:
    """How long ago a verified callback was signed; ``timestamp`` is ten digits.

    Nobody can sign in the future, so less than nothing is a clock of ours that is slow, and no reason to doubt.
    """
    return now - datetime.fromtimestamp(int(timestamp), UTC)


def parse(body: bytes, *, received_at: datetime) -> Reading:
    """The events of a verified body; elements that make no sense are refused one by one.

    What is told is past, so a moment after ``received_at``, or one that is none, is ``received_at``.
    """
    elements = read_elements(body)
    if isinstance(elements, str):
        return unreadable(elements)
    if len(elements) > MAX_ELEMENTS:
        return unreadable("too_many_elements")
    latest = int(received_at.timestamp())
    read = [_event(element, latest) for element in elements]
    events = tuple([event for event in read if type(event) is Event])
    if len(events) == len(read):
        return Reading(events=events)
    refused = [Refused(position=at, reason=why) for at, why in enumerate(read) if isinstance(why, str)]
    return Reading(events=events, refused=tuple(refused))


def _event(element: Any, latest: int) -> Event | str:  # noqa: ANN401 - whatever JSON can hold
    """The event in one element, or why it is refused; ``latest``: seconds since 1970."""
    if type(element) is not dict:
        return element.reason if isinstance(element, Broken) else "not_an_object"
    event_id, name = word(element.get("sg_event_id")), word(element.get("event"))
    key, at = element.get(KEY_ARGUMENT), element.get("timestamp")
    if event_id is None or name is None or type(at) is not int:
        return "no_event_id" if event_id is None else "no_event_name" if name is None else "no_timestamp"
    if key is not None and word(key) is None:
        return "bad_message_key"
    happened = _instant(at if 10**9 <= at <= latest else latest)
    kind = _PLAIN.get(name)
    if kind is not None:
        return Event(PROVIDER, event_id, key, kind, happened)
    event = Event(PROVIDER, event_id, key, _KINDS.get(name, EventKind.UNKNOWN), happened)
    return _described(event, name, element)


@lru_cache(maxsize=1_000)  # a second holds many events
def _instant(timestamp: int) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)


def _described(event: Event, name: str, element: Mapping[str, object]) -> Event:
    """The event with all that its kind says beyond the fact. The provider's own sentence may quote the address."""
    if name == "click":
        return event._replace(flag=flag_of_agent(str(element.get("useragent", ""))))
    if event.kind is EventKind.UNKNOWN:
        return event._replace(reason=name if re.fullmatch(r"[a-z_]{1,40}", name) else None)
    if name == "dropped":
        reason, permanent = _why_dropped(str(element.get("reason", "")).casefold())
    else:
        reason, permanent = _why_bounced(str(element.get("type", "")), str(element.get("status", "")))
    return event._replace(reason=reason, permanent=permanent)


def listed(*, key: str, status: str, activity: Iterable[Mapping[str, object]], at: datetime) -> Event:
    """What the callback tells, of a message as the Email Activity API shows it; ``activity``: its events there.

    That API calls bounces that pass soft. Where it names neither a bounce nor a drop nobody can tell whose fault
    it was, so the address stays open.
    """
    event = Event(PROVIDER, f"activity:{key}:{status}", key, _LISTED.get(status, EventKind.UNKNOWN), at)
    if event.kind is not EventKind.BOUNCED:
        return event
    for one in activity:
        if name := _BOUNCES.get(str(one.get("event_name"))):
            type_ = "bounce" if one.get("bounce_type") == "hard" else "blocked"
            return _described(event, name, {"type": type_, "reason": one.get("reason", "")})
    return event._replace(reason=status, permanent=False)


_LISTED = {
    "processed": EventKind.ACCEPTED,
    "delivered": EventKind.DELIVERED,
    GIVEN_UP: EventKind.BOUNCED,
}
_BOUNCES = {"bounced": "bounce", "dropped": "dropped"}


def _why_bounced(type_: str, status: str) -> tuple[str, bool]:
    """(reason, permanent)."""
    words = [type_ if type_ in {"bounce", *_PASSING} else "bounce"]
    words += [status] if re.fullmatch(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}", status) else []
    return " ".join(words), type_ not in _PASSING


def _why_dropped(reason: str) -> tuple[str, bool]:
    """(reason, permanent)."""
    if reason.startswith(_OUR_FAULT):
        return f"{OUR_FAULT} dropped", False
    if reason in _HELD_BACK:
        return _HELD_BACK[reason], True
    return "dropped", True
