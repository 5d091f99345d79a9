"""SendGrid: POST /v3/mail/send through the official client, one customer a call.

Sources: https://www.twilio.com/docs/sendgrid/api-reference/mail-send and the client's own helpers, to whose output
``mail_body`` is equal (a property test holds it).
"""

import http.client
import json
import logging
import re
import urllib.request
from collections.abc import Mapping
from typing import Any

from python_http_client.exceptions import HTTPError
from sendgrid import SendGridAPIClient

from winback.campaign import Channel
from winback.delivery.answer import Answer, ErrorKind, from_error, from_http
from winback.delivery.connection import TIMEOUT_SECONDS, NotConnected, base_url, connecting
from winback.delivery.outgoing import Outgoing, refused, unsubscribe_headers

KEY_ARGUMENT = (
    "winback_key"  # comes back in every event; custom_args are kept for long and are not for personal data
)


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
    """The provider; safe to use from several threads (the client opens a connection for each call)."""

    name = "sendgrid"
    channels: frozenset[Channel] = frozenset({"email"})

    def __init__(self, *, key: str, url: str, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        client = SendGridAPIClient(key, host=base_url(url)).client.mail.send
        client.timeout = timeout_seconds
        client._make_request = _Calls(client._make_request)  # its hook for another way of opening connections
        self._client = client
        logging.getLogger("python_http_client.client").setLevel(logging.WARNING)  # its DEBUG writes whole messages

    def send(self, message: Outgoing) -> Answer:
        """Hand one e-mail over; never raises for what a provider or a network does."""
        if refusal := refused(message):
            return refusal
        try:
            response = self._client.post(request_body=mail_body(message))
        except HTTPError as error:
            return _answer(error.status_code, error.headers, error.body)
        except NotConnected:
            return from_error(ErrorKind.NOT_CONNECTED)
        except TimeoutError:
            return from_error(ErrorKind.TIMED_OUT)
        except (OSError, http.client.HTTPException) as error:
            late = isinstance(getattr(error, "reason", None), TimeoutError)  # urllib wraps what sending raised
            return from_error(ErrorKind.TIMED_OUT if late else ErrorKind.BROKEN_OFF)
        return _answer(response.status_code, response.headers, response.body)


def _answer(status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    given = {name.lower(): value for name, value in headers.items()}
    is_page = "html" in given.get("content-type", "") or body.lstrip().startswith(b"<")
    reason = f"http_{status}{_field_at_fault(body)}" if status >= 300 else None
    return from_http(
        status, given, status == 202 and not is_page, provider_id=given.get("x-message-id"), reason=reason
    )


def _field_at_fault(body: bytes) -> str:
    """``:from.email`` of ``{"errors": [{"field": "from.email"}]}``; the message itself may quote an address."""
    try:
        field = json.loads(body)["errors"][0]["field"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    return f":{field}" if isinstance(field, str) and re.fullmatch(r"[a-z0-9_.]{1,60}", field) else ""


class _PlainConnection(http.client.HTTPConnection):
    def connect(self) -> None:
        with connecting():
            super().connect()


class _TlsConnection(http.client.HTTPSConnection):
    def connect(self) -> None:
        with connecting():
            super().connect()


class _PlainHandler(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_PlainConnection, req)


class _TlsHandler(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_TlsConnection, req)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would become a GET somewhere else, with our key in its headers."""

    def redirect_request(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 - six arguments, none used
        return None


class _Calls:
    """The client's ``_make_request`` with connections that say when they were never made, and no redirects."""

    def __init__(self, make_request: Any) -> None:  # noqa: ANN401 - the client is untyped
        self._make_request = make_request
        self._opener = urllib.request.build_opener(_PlainHandler, _TlsHandler, _NoRedirect)

    def __call__(self, _: object, request: urllib.request.Request, timeout: float | None = None) -> object:
        return self._make_request(self._opener, request, timeout=timeout)
