"""Twilio: POST /2010-04-01/Accounts/{Sid}/Messages.json, one customer a request, over kept connections.

Sources: https://www.twilio.com/docs/messaging/api/message-resource, https://www.twilio.com/docs/api/errors, and
the official client, to whose request ours is equal (a property test holds it). Test sends and look-ups go through
that client: twilio_client.py.
"""

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from winback.channel import Channel
from winback.delivery.answer import Answer, AnswerKind, from_http
from winback.delivery.connection import TIMEOUT_SECONDS, base_url
from winback.delivery.lookup import Found, Sought
from winback.delivery.outgoing import UNENCODABLE, Outgoing, refused
from winback.delivery.source import always
from winback.delivery.transport import Transport, post
from winback.events import OPTED_OUT

if TYPE_CHECKING:
    from winback.delivery.twilio_client import OfficialClient

KEY_PARAMETER = "key"  # of the StatusCallback address: comes back with every callback
_OPTED_OUT_CODE = 21610  # this person has told the provider to stop; we suppress the number too (db.results)
# Our account, number, service or callback address is at fault, and no message of it: none can leave. Not here:
# 21606, 21659 and 21703, which Twilio also says of one number whose country the sender cannot reach.
_OUR_CODES = frozenset({
    10001, 20005, 21608, 30002,  # the account is closed, suspended, or on trial
    20003, 20006, 20403,  # it may not: 401 and 403, where they come in the body of a message given up at once
    21609,  # StatusCallback
    21212, 21601, 21603, 21660, 21661,  # From
    21701, 21704, 21705,  # the Messaging Service
})  # fmt: skip
_REFUSED = ("failed", "undelivered", "canceled")  # the status of a message made and given up at once
_BUSY_CODE = 21702  # the Messaging Service is not available: "retry your API call"
_SID = re.compile(r"(SM|MM)[0-9a-fA-F]{32}")
_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")


def message_fields(message: Outgoing, status_callback: str | None) -> dict[str, str]:
    """The form of one SMS, from a number, an alphanumeric name, or a Messaging Service sid (MG...)."""
    sender = message.from_address
    fields = {
        "To": message.to,
        "MessagingServiceSid" if _SERVICE.fullmatch(sender) else "From": sender,
        "Body": message.text,
    }
    if status_callback:
        joint = "&" if "?" in status_callback else "?"
        fields["StatusCallback"] = f"{status_callback}{joint}{urlencode({KEY_PARAMETER: message.key})}"
    return fields


class Twilio:
    """The provider."""

    name = "twilio"
    channels: frozenset[Channel] = frozenset({"sms"})

    def __init__(
        self,
        *,
        account_sid: str,
        auth_token: str,
        url: str,
        status_callback: str | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._account, self._token = account_sid, auth_token
        self._url, self._path = base_url(url), f"/2010-04-01/Accounts/{quote(account_sid, safe='')}/Messages.json"
        self._status_callback, self._timeout_seconds = status_callback, timeout_seconds
        self._transport = Transport(url, timeout_seconds=timeout_seconds)
        self._head = self._transport.head(
            self._path,
            {
                "Authorization": "Basic " + b64encode(f"{account_sid}:{auth_token}".encode()).decode(),
                "Accept": "application/json",
                "Accept-Charset": "utf-8",
                "Content-Type": "application/x-www-form-urlencoded",
                "User-Agent": "winback",
            },
        )
        self.close = self._transport.close

    def send_all(
        self, messages: Iterable[Outgoing], *, may_begin: Callable[[], bool] = always
    ) -> Iterator[tuple[Outgoing, Answer]]:
        """Hand SMS over (winback.delivery.registry.Provider)."""
        requests = ((message, self._request(message)) for message in messages)
        for message, came in self._transport.exchange(requests, may_begin):
            if not isinstance(came, Answer):
                came = read_answer(came.status, came.text_headers(), came.body)
            yield message, came

    def _request(self, message: Outgoing) -> bytes | Answer:
        if refusal := refused(message):
            return refusal
        try:
            return post(self._head, urlencode(self._fields(message)).encode())
        except UnicodeEncodeError:  # half of a surrogate pair
            return UNENCODABLE

    def _fields(self, message: Outgoing) -> dict[str, str]:
        return message_fields(message, self._status_callback)

    def test_send(self, message: Outgoing) -> Answer:
        """Hand one SMS over through the official client."""
        if refusal := refused(message):
            return refusal
        came = self._official.send(self._url + self._path, self._fields(message))
        return came if isinstance(came, Answer) else read_answer(*came)

    def look_up(self, sought: Sought) -> Found:
        """Look through the messages to this number for the text that only this one carries."""
        return self._official.look_up(sought)

    @cached_property
    def _official(self) -> "OfficialClient":
        module = import_module("winback.delivery.twilio_client")  # most runs send in bulk only and never need it
        client: OfficialClient = module.OfficialClient(
            self._account, self._token, self._url, self._timeout_seconds
        )
        return client


def read_answer(status: int, headers: Mapping[str, str], text: bytes | str) -> Answer:
    """The answer in a response of Messages."""
    body = _json_object(text)
    sid, code = str(body.get("sid", "")), _code(body.get("code"))
    said = _reason(code) if status >= 400 else None
    answer = from_http(status, headers, bool(_SID.fullmatch(sid)), provider_id=sid, reason=said)
    if answer.kind is AnswerKind.ACCEPTED and body.get("status") in _REFUSED:
        code = _code(body.get("error_code"))
        said = _reason(code) or f"twilio_{body['status']}"
        answer = Answer(kind=AnswerKind.REJECTED, reason=said, status=status)
    if answer.kind is AnswerKind.REJECTED and code in _OUR_CODES:
        return answer._replace(kind=AnswerKind.CHANNEL_STOP)
    if answer.kind is AnswerKind.REJECTED and code == _BUSY_CODE:
        return answer._replace(kind=AnswerKind.RETRY_LATER)
    return answer


def _code(told: object) -> int | None:
    if isinstance(told, str) and re.fullmatch(r"[0-9]{5}", told):
        return int(told)
    return told if type(told) is int else None


def _reason(code: int | None) -> str | None:
    if code is None:
        return None
    return OPTED_OUT if code == _OPTED_OUT_CODE else f"twilio_{code}"


def _json_object(text: bytes | str) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
