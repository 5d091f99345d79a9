"""Twilio's message callbacks: status changes of our messages, and what a person sends back.

A signature is HMAC-SHA1 over our public address and the sorted form fields. It has no time and no separators:
``a=bc`` and ``ab=c`` are signed alike, and so are an address ending in ``1`` with a field ``2x`` and one ending
in ``12`` with ``x``. So the first field must name our account, which leaves nothing to move at the end of the
address, and every field used must look exactly as Twilio writes it.
"""

import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime

from winback.callbacks import Reading, unreadable, word
from winback.callbacks.forms import Form, read_form
from winback.callbacks.twilio_codes import DEAD_NUMBERS, PASSING
from winback.customers.contact import address_hash, normalise_phone
from winback.events import OPTED_OUT, OUR_FAULT, Event, EventKind

PROVIDER = "twilio"
CHANNEL = "sms"
SIGNATURE_HEADER = "X-Twilio-Signature"
KEY_PARAMETER = "key"  # of the StatusCallback address: carries our message key
ACCOUNT_FIELD = "AccountSid"  # sorts before every other field Twilio sends

_KINDS: Mapping[str, EventKind] = {
    "queued": EventKind.ACCEPTED,
    "accepted": EventKind.ACCEPTED,
    "sending": EventKind.ACCEPTED,
    "sent": EventKind.ACCEPTED,
    "delivered": EventKind.DELIVERED,
    "undelivered": EventKind.BOUNCED,
    "failed": EventKind.BOUNCED,
    "canceled": EventKind.BOUNCED,
}
_OPTED_OUT = "21610"  # the person has answered STOP to this sender
_STOP_WORDS = frozenset(
    {"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "opt-out", "optout", "revoke", "arret", "arrêt"}
    | {"t", "td", "退订", "退訂", "r"}
)
# Twilio lets YES open its own block too; of all replies it is the likeliest answer to a question, so here it
# counts only where Twilio itself says that it meant START.
_START_WORDS = frozenset({"start", "unstop"})


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
    event = _event(f"{sid}:{status}", _key(query), status, form.one("ErrorCode") or "", received_at)
    return Reading(events=(event,))


def listed(sid: str, *, key: str, status: str, code: int | None, at: datetime) -> Event:
    """What the callback tells, of a message as Twilio's list shows it.

    Another id than the callback's: that one may have come without our key, and changed nothing.
    """
    return _event(f"list:{sid}:{status}", key, status, "" if code is None else str(code), at)


def _event(id_: str, key: str | None, status: str, code: str, at: datetime) -> Event:
    kind = _KINDS.get(status, EventKind.UNKNOWN)
    reason, permanent = _why(kind, status, code)
    return Event(provider=PROVIDER, id=id_, message_key=key, kind=kind, at=at, reason=reason, permanent=permanent)


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
    reason = f"{status} {code}" if re.fullmatch(r"[0-9]{5}", code) else status
    ours = status == "canceled" or code not in DEAD_NUMBERS | PASSING
    return f"{OUR_FAULT} {reason}" if ours else reason, code in DEAD_NUMBERS


def _inbound(form: Form, sid: str, received_at: datetime) -> Reading:
    """A message from a person: an opt-out or opt-in of the sender's number, else a reply. Its text is not kept."""
    kind = _meant(form)
    sender = normalise_phone(form.one("From") or "", None)
    if sender is None and kind is not EventKind.REPLIED:
        return unreadable("no_number")
    event = Event(
        provider=PROVIDER,
        id=f"{sid}:received",
        message_key=None,
        kind=kind,
        at=received_at,
        address_hash=address_hash(sender) if sender else None,
        channel=CHANNEL,
    )
    return Reading(events=(event,))


def _meant(form: Form) -> EventKind:
    """What the words say, exactly; or what Twilio says they mean: it knows the words that were set there."""
    judged = (form.one("OptOutType") or "").upper()
    said = _bare(form.one("Body") or "")
    if judged == "STOP" or said in _STOP_WORDS:
        return EventKind.UNSUBSCRIBED
    return EventKind.RESUBSCRIBED if judged == "START" or said in _START_WORDS else EventKind.REPLIED


def _bare(text: str) -> str:
    """``text`` in one case and width, without blanks, what cannot be seen, and the signs around it."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    seen = "".join(_plain(sign) for sign in folded if not sign.isspace())
    first = next((n for n, sign in enumerate(seen) if sign.isalnum()), len(seen))
    last = next((n for n in range(len(seen), first, -1) if seen[n - 1].isalnum()), first)
    return seen[first:last]


def _plain(sign: str) -> str:
    """Every dash as ``-``; nothing of format and control characters."""
    kind = unicodedata.category(sign)
    return "-" if kind == "Pd" or sign == "\N{MINUS SIGN}" else "" if kind in ("Cf", "Cc") else sign
