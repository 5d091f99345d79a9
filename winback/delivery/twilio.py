"""Twilio: POST /2010-04-01/Accounts/{Sid}/Messages.json through the official client, one customer a call.

The client's own ``messages.create`` hides the headers of a refusal (Retry-After), so its request machinery is used
one step lower; ``message_fields`` is equal to what ``create`` sends (a property test holds it).
Sources: https://www.twilio.com/docs/messaging/api/message-resource, https://www.twilio.com/docs/api/errors
"""

import json
import logging
import re
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import requests
import urllib3
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from winback.campaign import Channel
from winback.delivery.answer import Answer, AnswerKind, ErrorKind, from_error, from_http
from winback.delivery.connection import TIMEOUT_SECONDS, NotConnected, base_url, connecting
from winback.delivery.outgoing import Outgoing, refused

KEY_PARAMETER = "key"  # of the StatusCallback address: comes back with every callback
OPTED_OUT = "opted_out"  # 21610: this person has told the provider to stop; we suppress the number too
_OPTED_OUT_CODE = 21610
# Our own number or service is wrong or empty: no message can leave, so none of them is at fault.
_SENDER_CODES = frozenset({21212, 21603, 21606, 21659, 21703, 21705})
_SID = re.compile(r"(SM|MM)[0-9a-fA-F]{32}")
_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")


def message_fields(message: Outgoing, sender: str, status_callback: str | None) -> dict[str, str]:
    """The form of one SMS. ``sender``: a number, an alphanumeric name, or a Messaging Service sid (MG...)."""
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
    """The provider; safe to use from several threads, each with a client of its own.

    The official client keeps its last response in an attribute and returns that attribute: two threads on one
    client can get each other's answer.
    """

    name = "twilio"
    channels: frozenset[Channel] = frozenset({"sms"})

    def __init__(
        self,
        *,
        account_sid: str,
        auth_token: str,
        sender: str,
        url: str,
        status_callback: str | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._account, self._token, self._sender = account_sid, auth_token, sender
        self._address = f"{base_url(url)}/2010-04-01/Accounts/{account_sid}/Messages.json"
        self._status_callback, self._timeout_seconds = status_callback, timeout_seconds
        self._own = threading.local()

    def send(self, message: Outgoing) -> Answer:
        """Hand one SMS over; never raises for what a provider or a network does."""
        if refusal := refused(message):
            return refusal
        fields = message_fields(message, self._sender, self._status_callback)
        try:
            response = self._client().request("POST", self._address, data=fields)
        except NotConnected:
            return from_error(ErrorKind.NOT_CONNECTED)
        except requests.Timeout:
            return from_error(ErrorKind.TIMED_OUT)
        except requests.RequestException:
            return from_error(ErrorKind.BROKEN_OFF)
        return _answer(response.status_code, response.headers, response.text)

    def _client(self) -> Any:  # noqa: ANN401 - the client is untyped
        if not hasattr(self._own, "client"):
            self._own.client = _client(self._account, self._token, self._timeout_seconds)
        return self._own.client


def _client(account: str, token: str, timeout_seconds: float) -> object:
    http = TwilioHttpClient(timeout=timeout_seconds, logger=_silent())
    for scheme in ("http://", "https://"):
        http.session.mount(scheme, _Adapter())
    # without a mapping of its own the client reads region and account from the process's environment
    return Client(account, token, http_client=http, environment={"TWILIO_REGION": ""})


def _silent() -> logging.Logger:
    """A logger for the client, which would write ten lines a message."""
    logger = logging.getLogger("winback.delivery.twilio.client")
    logger.setLevel(logging.WARNING)
    return logger


def _answer(status: int, headers: Mapping[str, str], text: str) -> Answer:
    body = _json_object(text)
    sid, code = str(body.get("sid", "")), body.get("code")
    said = None
    if status >= 400 and type(code) is int:
        said = OPTED_OUT if code == _OPTED_OUT_CODE else f"twilio_{code}"
    answer = from_http(status, headers, bool(_SID.fullmatch(sid)), provider_id=sid, reason=said)
    if answer.kind is AnswerKind.REJECTED and code in _SENDER_CODES:
        return replace(answer, kind=AnswerKind.CHANNEL_STOP)
    return answer


def _json_object(text: str) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


class _PlainConnection(urllib3.connection.HTTPConnection):
    def connect(self) -> None:
        with connecting(urllib3.exceptions.HTTPError):
            super().connect()


class _TlsConnection(urllib3.connection.HTTPSConnection):
    def connect(self) -> None:
        with connecting(urllib3.exceptions.HTTPError):
            super().connect()


class _Adapter(requests.adapters.HTTPAdapter):
    """Connections that say when they were never made; no retries (the default)."""

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - handed on
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        pool.ConnectionCls = _TlsConnection if pool.scheme == "https" else _PlainConnection
        return pool
