"""Twilio's message callbacks: status changes of our messages, and the STOP that a person sends back.

A signature is HMAC-SHA1 over our public address and the sorted form fields. It has no time and no separators:
``a=bc`` and ``ab=c`` are signed alike, and so are an address ending in ``1`` with a field ``2x`` and one ending
in ``12`` with ``x``. So the first field must name our account, which leaves nothing to move at the end of the
address, and every field used must look exactly as Twilio writes it.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl

from winback.callbacks import Reading, unreadable, word
from winback.contact import address_hash, normalise_phone
from winback.events import OPTED_OUT, Event, EventKind

PROVIDER = "twilio"
CHANNEL = "sms"
SIGNATURE_HEADER = "X-Twilio-Signature"
KEY_PARAMETER = "key"  # of the StatusCallback address: carries our message key
ACCOUNT_FIELD = "AccountSid"  # sorts before every other field Twilio sends
FIELDS = 200

_KINDS: Mapping[str, EventKind] = {
    "queued": EventKind.ACCEPTED,
    "accepted": EventKind.ACCEPTED,
    "sending": EventKind.ACCEPTED,
    "sent": EventKind.ACCEPTED,
    "delivered": EventKind.DELIVERED,
    "undelivered": EventKind.BOUNCED,
    "failed": EventKind.BOUNCED,
}
# https://www.twilio.com/docs/api/errors: codes that speak of the number itself. Not here, because they may pass
# or are about us: 30003 switched off or out of reach, 30004 blocked, 30007 filtered, 30008 unknown.
_PERMANENT = frozenset(
    {
        "21211",  # not a valid number
        "21614",  # not a mobile number
        "21635",  # a landline
        "30005",  # unknown handset
        "30006",  # landline or a carrier that cannot be reached
    }
)
_OPTED_OUT = "21610"  # the person has answered STOP to this sender
_STOP_WORDS = frozenset(
    {"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "opt-out", "optout", "revoke", "arret", "arrêt"}
    | {"t", "td", "退订", "r"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The fields of one callback, with the two methods by which Twilio's own validator reads them."""

    fields: Mapping[str, list[str]]

    def __iter__(self) -> Iterator[str]:
        """The names of the fields."""
        return iter(self.fields)

    def getlist(self, name: str) -> list[str]:
        """Every value of a field."""
        return self.fields.get(name, [])

    def one(self, name: str) -> str | None:
        """The value of a field that stands there exactly once."""
        values = self.getlist(name)
        return values[0] if len(values) == 1 else None


def read_form(text: bytes | str) -> Form | None:
    """The fields of a form body or a query string; None when it is not one."""
    fields: dict[str, list[str]] = defaultdict(list)
    try:
        plain = text.decode("ascii") if isinstance(text, bytes) else text
        pairs = parse_qsl(plain, keep_blank_values=True, errors="strict", max_num_fields=FIELDS)
    except ValueError:  # not ASCII, not UTF-8 when decoded, or more fields than Twilio has
        return None
    for name, value in pairs:
        fields[name].append(value)
    return Form(fields=dict(fields))


def verify(*, token: str, account: str, url: str, body: bytes, signature: str | None) -> bool:
    """Whether Twilio signed this body for our ``url`` (public address, path and query) and ``account``."""
    from twilio.request_validator import RequestValidator  # an optional provider: only who uses Twilio loads it

    form = read_form(body)
    if not signature or form is None or min(form, default=None) != ACCOUNT_FIELD:
        return False
    ours = form.one(ACCOUNT_FIELD) == account
    return bool(ours and RequestValidator(token).validate(url, form, signature))


def parse(body: bytes, *, query: str, received_at: datetime) -> Reading:
    """The event in a verified callback; Twilio names no time, so it happened when it was received."""
    form = read_form(body)
    sid = form.one("MessageSid") if form else None
    if form is None or sid is None or not re.fullmatch(r"(SM|MM)[0-9a-fA-F]{32}", sid):
        return unreadable("no_message_sid")
    if "MessageStatus" in form.fields:
        return _status(form, sid, query, received_at)
    if "Body" in form.fields:
        return _inbound(form, sid, received_at)
    return unreadable("neither_status_nor_message")


def _status(form: Form, sid: str, query: str, received_at: datetime) -> Reading:
    status = form.one("MessageStatus") or ""
    if not re.fullmatch(r"[a-z_-]{1,40}", status):
        return unreadable("no_status")
    kind = _KINDS.get(status, EventKind.UNKNOWN)
    reason, permanent = _why(kind, status, form.one("ErrorCode") or "")
    event = Event(
        provider=PROVIDER,
        id=f"{sid}:{status}",
        message_key=_key(query),
        kind=kind,
        at=received_at,
        reason=reason,
        permanent=permanent,
    )
    return Reading(events=(event,))


def _key(query: str) -> str | None:
    form = read_form(query)
    return word(form.one(KEY_PARAMETER)) if form else None


def _why(kind: EventKind, status: str, code: str) -> tuple[str | None, bool]:
    if kind is EventKind.UNKNOWN:
        return status, False
    if kind is not EventKind.BOUNCED:
        return None, False
    if code == _OPTED_OUT:
        return OPTED_OUT, True
    return (f"{status} {code}" if re.fullmatch(r"[0-9]{5}", code) else status), code in _PERMANENT


def _inbound(form: Form, sid: str, received_at: datetime) -> Reading:
    """A message from a person: a STOP is an opt-out of the sender's number, anything else is only noted."""
    stops = _says_stop(form)
    sender = normalise_phone(form.one("From") or "", None) if stops else None
    if stops and sender is None:
        return unreadable("stop_from_no_number")
    event = Event(
        provider=PROVIDER,
        id=f"{sid}:received",
        message_key=None,
        kind=EventKind.UNSUBSCRIBED if stops else EventKind.UNKNOWN,
        at=received_at,
        reason=None if stops else "message_received",
        permanent=stops,
        address_hash=address_hash(sender) if sender else None,
        channel=CHANNEL if stops else None,
    )
    return Reading(events=(event,))


def _says_stop(form: Form) -> bool:
    """Twilio's own judgement where it gives one (it knows the words set there), else the exact words."""
    if judged := form.one("OptOutType"):
        return judged.upper() == "STOP"
    text = unicodedata.normalize("NFKC", form.one("Body") or "").casefold()
    return "".join(text.split()).strip("\"'“”.,!。，、") in _STOP_WORDS
