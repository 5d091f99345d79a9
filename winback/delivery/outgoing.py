"""One finished message on its way out, and why some may not leave."""

import re
from dataclasses import dataclass
from datetime import datetime

from winback.campaign import Channel
from winback.message.cleaning import is_safe_line

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}")  # as winback.contact writes it
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")  # E.164
_LINK = re.compile(r"https?://[\x21-\x3b\x3d\x3f-\x7e]{1,900}")  # ASCII without blanks, < and >
_HEADER_FIELDS = (
    "to",
    "to_name",
    "from_address",
    "from_name",
    "reply_to",
    "subject",
    "unsubscribe_url",
    "category",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A message with everything a provider needs, and nothing to look up.

    ``key`` is opaque: it comes back in the provider's events and stands in file names, so it says nothing about
    the customer. E-mail: ``subject``, ``html``, ``text``, ``from_address``, ``unsubscribe_url`` (one-click, RFC
    8058). SMS: ``text`` alone; ``to`` in E.164. ``dated_at`` is the time of the claim. ``category`` may be an
    opaque campaign id.
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

    def __post_init__(self) -> None:
        if not _KEY.fullmatch(self.key):
            raise ValueError("a message key is made of letters, digits, '.', '_' and '-'")
        if self.dated_at.tzinfo is None:
            raise ValueError("dated_at needs a time zone")


def refusal(message: Outgoing) -> str | None:
    """Why ``message`` may not be handed to any provider, or None.

    Asked by each provider before its client sees the message: the providers' clients pass line breaks in headers
    on, and some keep only the first of two addresses.
    """
    for field in _HEADER_FIELDS:
        if not is_safe_line(getattr(message, field) or ""):
            return f"unsafe_{field}"
    if message.channel == "sms":
        return "bad_to" if not _PHONE.fullmatch(message.to) else None if message.text else "empty_part"
    for field in ("to", "from_address", "reply_to"):
        address = getattr(message, field)
        if address is not None and not _EMAIL.fullmatch(address):
            return f"bad_{field}"
    if not _LINK.fullmatch(message.unsubscribe_url):
        return "bad_unsubscribe_url"
    return None if message.subject and message.html and message.text else "empty_part"


def unsubscribe_headers(message: Outgoing) -> dict[str, str]:
    """The one-click unsubscribe headers of an e-mail (RFC 2369 and RFC 8058)."""
    return {
        "List-Unsubscribe": f"<{message.unsubscribe_url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
