"""One finished message on its way out, and why some may not leave."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from winback.channel import Channel
from winback.delivery.answer import Answer, AnswerKind
from winback.message.cleaning import is_safe_line

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")
_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}"
)  # as winback.customers.contact writes it
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")  # E.164
_LINK = re.compile(r"https?://[\x21-\x3b\x3d\x3f-\x7e]{1,900}")  # ASCII without blanks, < and >
_CUSTOMERS = ("to", "to_name", "subject")
_OURS = ("from_address", "from_name", "reply_to", "unsubscribe_url", "category")  # the same in every message
_OF_E_MAILS = _OURS[1:]
_FORMS: Mapping[Channel, Mapping[str, re.Pattern[str]]] = {
    "email": {"to": _EMAIL, "from_address": _EMAIL, "reply_to": _EMAIL, "unsubscribe_url": _LINK},
    "sms": {"to": _PHONE},
}

UNENCODABLE = Answer(
    kind=AnswerKind.REJECTED, reason="unencodable_text"
)  # half of a surrogate pair: no text at all


@dataclass(slots=True, kw_only=True)  # one for each message: freezing it would triple its price
class Outgoing:
    """A message with everything a provider needs, and nothing to look up.

    ``key`` is opaque: it comes back in the provider's events and stands in file names, so it says nothing about
    the customer. E-mail: ``subject``, ``html``, ``text``, ``from_address``, ``unsubscribe_url`` (one-click, RFC
    8058). SMS: ``text``, and ``from_address`` as its provider takes it; ``to`` in E.164. ``dated_at`` is the time
    of the claim. ``category`` may be an opaque campaign id. ``units`` is what providers count and charge: 1, or
    the segments of an SMS.
    """

    key: str
    channel: Channel
    to: str
    dated_at: datetime
    text: str
    to_name: str | None = None
    from_address: str = ""
    from_name: str | None = None
    reply_to: str | None = None
    subject: str = ""
    html: str = ""
    unsubscribe_url: str = ""
    category: str | None = None
    units: int = 1

    def __post_init__(self) -> None:
        if not _KEY.fullmatch(self.key):
            raise ValueError("a message key is made of letters, digits, '.', '_' and '-'")
        if self.dated_at.tzinfo is None:
            raise ValueError("dated_at needs a time zone")


def refused(message: Outgoing) -> Answer | None:
    """The answer for a message that may not be handed to any provider; None for one that may.

    Asked by each provider before its client sees the message: the providers' clients pass line breaks in headers
    on, and some keep only the first of two addresses. What is wrong with the customer's own values rejects this
    message; what is wrong with ours (sender, links) would reject everybody's, so it stops the channel.
    """
    return None if _is_fine(message) else _refusal(message)


def _is_fine(message: Outgoing) -> bool:
    """All of ``_refusal`` at a fifth of its price: what is ours is looked at once for all messages."""
    if message.channel == "sms":
        plain = message.from_address.isprintable() and _is_bare(message)
        return bool(message.text and _PHONE.fullmatch(message.to) and plain)
    return bool(
        message.subject
        and message.html
        and message.text
        and message.subject.isprintable()
        and (message.to_name is None or message.to_name.isprintable())
        and _EMAIL.fullmatch(message.to)
        and _LINK.fullmatch(message.unsubscribe_url)
        and _sender_is_fine(message.from_address, message.from_name, message.reply_to, message.category)
    )


def _is_bare(message: Outgoing) -> bool:
    """Whether an SMS has nothing of an e-mail on it."""
    e_mails = (message.to_name, message.subject, *(getattr(message, field) for field in _OF_E_MAILS))
    return not any(e_mails)


@lru_cache(maxsize=256)
def _sender_is_fine(address: str, name: str | None, reply_to: str | None, category: str | None) -> bool:
    addresses = all(_EMAIL.fullmatch(one) for one in (address, reply_to) if one is not None)
    return addresses and all(is_safe_line(text or "") for text in (name, category))


def _refusal(message: Outgoing) -> Answer | None:
    """What is wrong with a message, if anything is: a name with a joiner is no printable text but allowed."""
    if reason := _fault(message, _OURS):
        return Answer(kind=AnswerKind.CHANNEL_STOP, reason=reason)
    reason = _fault(message, _CUSTOMERS) or _empty(message)
    return Answer(kind=AnswerKind.REJECTED, reason=reason) if reason else None


def _fault(message: Outgoing, fields: tuple[str, ...]) -> str | None:
    forms = _FORMS[message.channel]
    for field in fields:
        value: str | None = getattr(message, field)
        if not is_safe_line(value or ""):
            return f"unsafe_{field}"
        if field in forms and value is not None and not forms[field].fullmatch(value):
            return f"bad_{field}"
    return None


def _empty(message: Outgoing) -> str | None:
    parts = (message.text,) if message.channel == "sms" else (message.subject, message.html, message.text)
    return None if all(parts) else "empty_part"


def unsubscribe_headers(message: Outgoing) -> dict[str, str]:
    """The one-click unsubscribe headers of an e-mail (RFC 2369 and RFC 8058)."""
    return {
        "List-Unsubscribe": f"<{message.unsubscribe_url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
