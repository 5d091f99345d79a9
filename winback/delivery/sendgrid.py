"""SendGrid: POST /v3/mail/send, one customer a request, over kept connections.

Sources: https://www.twilio.com/docs/sendgrid/api-reference/mail-send and the official client, to whose request
ours is equal (a property test holds it). Test sends and look-ups go through that client: sendgrid_client.py.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

import orjson

from winback.channel import Channel
from winback.delivery.answer import Answer, AnswerKind, from_http
from winback.delivery.connection import TIMEOUT_SECONDS
from winback.delivery.lookup import Found, Sought
from winback.delivery.outgoing import UNENCODABLE, Outgoing, refused, unsubscribe_headers
from winback.delivery.source import always
from winback.delivery.transport import Response, Transport, post

if TYPE_CHECKING:
    from winback.delivery.sendgrid_client import OfficialClient

KEY_ARGUMENT = (
    "winback_key"  # comes back in every event; custom_args are kept for long and are not for personal data
)
PATH = "/v3/mail/send"
# Fields of a request that are the same for every customer: what is wrong with them is no customer's fault.
_OUR_FIELDS = frozenset({"from", "reply_to", "headers", "categories", "tracking_settings", "custom_args"})
_MESSAGE_ID = re.compile(r"[A-Za-z0-9._-]{1,200}")  # an X-Message-Id: theirs have 22 characters


def mail_body(message: Outgoing) -> dict[str, Any]:
    """The JSON of one e-mail: one personalization, text before HTML, our key, one-click unsubscribe."""
    body: dict[str, Any] = {
        "from": _address(message.from_address, message.from_name),
        "subject": message.subject,
        "personalizations": [
            {"to": [_address(message.to, message.to_name)], "custom_args": {KEY_ARGUMENT: message.key}}
        ],
        "content": [
            {"type": "text/plain", "value": message.text},
            {"type": "text/html", "value": message.html},
        ],
        "headers": unsubscribe_headers(message),
        "tracking_settings": {"open_tracking": {"enable": False}},  # opens decide nothing here
    }
    if message.reply_to:
        body["reply_to"] = {"email": message.reply_to}
    if message.category:
        body["categories"] = [message.category]
    return body


def _address(email: str, name: str | None) -> dict[str, str]:
    return {"email": email, "name": name} if name else {"email": email}


class SendGrid:
    """The provider."""

    name = "sendgrid"
    channels: frozenset[Channel] = frozenset({"email"})

    def __init__(self, *, key: str, url: str, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._key, self._url, self._timeout_seconds = key, url, timeout_seconds
        self._transport = Transport(url, timeout_seconds=timeout_seconds)
        self._head = self._transport.head(
            PATH,
            {
                "Authorization": f"Bearer {key}",
                "Accept": "application/json",
                "Content-Type": "application/json",
                "User-Agent": "winback",
            },
        )
        self.close = self._transport.close

    def send_all(
        self, messages: Iterable[Outgoing], *, may_begin: Callable[[], bool] = always
    ) -> Iterator[tuple[Outgoing, Answer]]:
        """Hand e-mails over (winback.delivery.registry.Provider)."""
        requests = ((message, self._request(message)) for message in messages)
        for message, came in self._transport.exchange(requests, may_begin):
            yield message, came if isinstance(came, Answer) else _answer_in(came)

    def _request(self, message: Outgoing) -> bytes | Answer:
        try:
            return refused(message) or post(self._head, orjson.dumps(mail_body(message)))
        except orjson.JSONEncodeError:  # half of a surrogate pair
            return UNENCODABLE

    def test_send(self, message: Outgoing) -> Answer:
        """Hand one e-mail over through the official client."""
        if refusal := refused(message):
            return refusal
        came = self._official.send(mail_body(message))
        return came if isinstance(came, Answer) else read_answer(*came)

    def look_up(self, sought: Sought) -> Found:
        """Ask the Email Activity add-on for our key."""
        return self._official.look_up(f"unique_args['{KEY_ARGUMENT}']=\"{sought.key}\"", sought)

    @cached_property
    def _official(self) -> "OfficialClient":
        module = import_module("winback.delivery.sendgrid_client")  # most runs send in bulk only and never need it
        client: OfficialClient = module.OfficialClient(self._key, self._url, self._timeout_seconds)
        return client


def _answer_in(response: Response) -> Answer:
    if response.status == 202 and not response.body and b"content-type" not in response.headers:
        told = response.headers.get(b"x-message-id", b"").decode("latin-1")
        return Answer(kind=AnswerKind.ACCEPTED, provider_id=_message_id(told), status=202)
    return read_answer(response.status, response.text_headers(), response.body)


def read_answer(status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    """The answer in a response of mail/send."""
    given = {name.lower(): value for name, value in headers.items()}
    is_page = "html" in given.get("content-type", "") or body.lstrip().startswith(b"<")
    field = _field_at_fault(body) if status >= 300 else ""
    reason = f"http_{status}{field and ':'}{field}" if status >= 300 else None
    provider_id = _message_id(given.get("x-message-id", ""))
    answer = from_http(status, given, status == 202 and not is_page, provider_id=provider_id, reason=reason)
    if answer.kind is AnswerKind.REJECTED and _is_ours(field):
        return answer._replace(kind=AnswerKind.CHANNEL_STOP)
    return answer


def _message_id(told: str) -> str | None:
    """Their id of the message; None for what is none, which is neither kept nor shown."""
    return told if _MESSAGE_ID.fullmatch(told) else None


def _is_ours(field: str) -> bool:
    """Whether ``from.email``, or ``personalizations.0.custom_args``, is the same for every customer."""
    return re.sub(r"^personalizations\.\d+\.", "", field).partition(".")[0] in _OUR_FIELDS


def _field_at_fault(body: bytes) -> str:
    """``from.email`` of ``{"errors": [{"field": "from.email"}]}``; the message itself may quote an address."""
    try:
        field = json.loads(body)["errors"][0]["field"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    return field if isinstance(field, str) and re.fullmatch(r"[a-z0-9_.]{1,60}", field) else ""
