"""SendGrid's Signed Event Webhook.

A signature is ECDSA (SHA-256) over the timestamp header followed by the raw body; the events are a JSON array.
Field names and drop reasons: https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event
"""

import json
import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from winback.callbacks import Reading, Refused, unreadable, word
from winback.events import OPTED_OUT, Event, EventKind

PROVIDER = "sendgrid"
SIGNATURE_HEADER = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP_HEADER = "X-Twilio-Email-Event-Webhook-Timestamp"
KEY_ARGUMENT = "winback_key"  # the custom argument that carries our message key and comes back in every event
FRESH_FOR = timedelta(hours=72)  # duplicates come for more than a day (sendgrid/docs issue 2933)
AHEAD = timedelta(minutes=5)

_KINDS: Mapping[str, EventKind] = {
    "processed": EventKind.ACCEPTED,
    "deferred": EventKind.DEFERRED,
    "delivered": EventKind.DELIVERED,
    "bounce": EventKind.BOUNCED,
    "dropped": EventKind.BOUNCED,
    "spamreport": EventKind.COMPLAINED,
    "unsubscribe": EventKind.UNSUBSCRIBED,
    "group_unsubscribe": EventKind.UNSUBSCRIBED,
    "open": EventKind.OPENED,
    "click": EventKind.CLICKED,
}
# Dropped for our fault, not for the address: it may be written to again.
_OUR_FAULT = ("invalid smtpapi header", "spam content", "recipient list over package quota")
_PASSING = frozenset({"blocked", "expired"})  # types of a bounce that may go away
_DIGITS = 18  # a longer whole number is none of ours and costs quadratic time to read


@dataclass(frozen=True, slots=True)
class _Broken:
    """A piece of JSON that Python would read but no event may contain; spreads to the object around it."""

    reason: str


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


def untimely(timestamp: str, now: datetime) -> str | None:
    """Why a verified callback is not to be believed any more, or None; ``timestamp`` is ten digits."""
    signed_at = datetime.fromtimestamp(int(timestamp), UTC)
    if signed_at < now - FRESH_FOR:
        return "stale"
    return "from_the_future" if signed_at > now + AHEAD else None


def parse(body: bytes) -> Reading:
    """The events of a verified body; elements that make no sense are refused one by one."""
    try:
        elements = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=lambda _: _Broken("not_a_number"),
            parse_float=_float,
            parse_int=_integer,
        )
    except RecursionError:
        return unreadable("nested_too_deep")
    except ValueError:  # not UTF-8, or not JSON
        return unreadable("not_json")
    if not isinstance(elements, list):
        return unreadable("not_a_list")
    read = [_event(element) for element in elements]
    return Reading(
        events=tuple(event for event in read if isinstance(event, Event)),
        refused=tuple(Refused(position=at, reason=why) for at, why in enumerate(read) if isinstance(why, str)),
    )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Broken:
    found = dict(pairs)
    if len(found) < len(pairs):
        return _Broken("duplicate_key")
    return next((value for value in found.values() if isinstance(value, _Broken)), found)


def _float(digits: str) -> float | _Broken:
    value = float(digits)
    return value if abs(value) != float("inf") else _Broken("number_too_large")


def _integer(digits: str) -> int | _Broken:
    return int(digits) if len(digits) <= _DIGITS else _Broken("number_too_large")


def _event(element: object) -> Event | str:
    """The event in one element, or why it is refused."""
    if isinstance(element, _Broken):
        return element.reason
    if not isinstance(element, dict):
        return "not_an_object"
    event_id, name = word(element.get("sg_event_id")), word(element.get("event"))
    key, at = word(element.get(KEY_ARGUMENT)), _instant(element.get("timestamp"))
    if event_id is None or name is None or at is None:
        return "no_event_id" if event_id is None else "no_event_name" if name is None else "no_timestamp"
    if key is None and element.get(KEY_ARGUMENT) is not None:
        return "bad_message_key"
    kind = _KINDS.get(name, EventKind.UNKNOWN)
    reason, permanent = _why(kind, name, element)
    return Event(
        provider=PROVIDER, id=event_id, message_key=key, kind=kind, at=at, reason=reason, permanent=permanent
    )


def _instant(value: object) -> datetime | None:
    if not isinstance(value, int) or not 10**9 <= value < 10**10:  # ten digits, like the header
        return None
    return datetime.fromtimestamp(value, UTC)


def _why(kind: EventKind, name: str, element: Mapping[str, object]) -> tuple[str | None, bool]:
    """(reason, permanent) of an event. The provider's own sentence is not kept: it may quote the address."""
    if kind is EventKind.UNKNOWN:
        return (name if re.fullmatch(r"[a-z_]{1,40}", name) else None), False
    if name == "dropped":
        return _why_dropped(str(element.get("reason", "")).casefold())
    if name != "bounce":
        return None, False
    type_, status = str(element.get("type", "")), str(element.get("status", ""))
    words = [type_ if type_ in {"bounce", *_PASSING} else "bounce"]
    words += [status] if re.fullmatch(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}", status) else []
    return " ".join(words), type_ not in _PASSING


def _why_dropped(reason: str) -> tuple[str, bool]:
    if reason.startswith(_OUR_FAULT):
        return "dropped", False
    if reason in {"unsubscribed address", "spam reporting address"}:
        return OPTED_OUT, True
    return "dropped", True
