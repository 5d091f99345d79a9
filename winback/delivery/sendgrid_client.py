"""SendGrid's official client: test sends and look-ups. Bulk does without: a connection a call costs 1 ms."""

import http.client
import json
import logging
import urllib.request
from typing import Any
from urllib.parse import quote

from python_http_client.exceptions import HTTPError
from sendgrid import SendGridAPIClient

from winback.callbacks.sendgrid import GIVEN_UP, listed
from winback.delivery.answer import Answer, ErrorKind, from_error
from winback.delivery.connection import NotConnected, base_url, connecting
from winback.delivery.lookup import Found, Sought, no_answer

_MISSING = {
    401: "the key is not accepted",
    403: "the Email Activity add-on, or the key's right to read it, is missing",
}
SEVERAL = 10  # messages with one key; more than one would be news


Came = tuple[int, dict[str, str], bytes] | Answer  # status, headers, body; an Answer where no response came


class OfficialClient:
    """The client with a time limit, without redirects, and telling when nothing was sent."""

    def __init__(self, key: str, url: str, timeout_seconds: float) -> None:
        self._client, self._url = SendGridAPIClient(key, host=base_url(url)).client, url
        self._timeout_seconds = timeout_seconds
        logging.getLogger("python_http_client.client").setLevel(logging.WARNING)  # its DEBUG writes whole messages

    def send(self, body: dict[str, Any]) -> Came:
        """One mail/send."""
        return self._call(self._client.mail.send, "post", request_body=body)

    def look_up(self, query: str, sought: Sought) -> Found:
        """The message of the Email Activity API that fits ``query`` and went where ``sought`` did ("" = anywhere).

        https://www.twilio.com/docs/sendgrid/api-reference/email-activity: 6 requests a minute; without the add-on
        it refuses.
        """
        asked = {"query": query, "limit": SEVERAL}
        response = self._call(self._client.messages, "get", query_params=asked)
        if isinstance(response, Answer):
            return Found(arrived=None, evidence=f"sendgrid activity: {response.reason}")
        status, _, body = response
        messages = _listed(body, "messages") if status == 200 else None
        if messages is None:
            return no_answer("sendgrid activity", status, _MISSING)
        if not messages:
            return Found(arrived=False, evidence="sendgrid activity: no message with this key")
        ours = [message for message in messages if not sought.to or _is_to(message, sought.to)]
        if not ours:  # a filter that is ignored, or another account
            return Found(arrived=None, evidence="sendgrid activity: messages to other addresses")
        return self._found(ours[0], sought)

    def _found(self, message: dict[str, Any], sought: Sought) -> Found:
        """What became of a message that is there; why one was given up only a second question tells."""
        id_, status = str(message.get("msg_id", "")), str(message.get("status", "there"))
        questions = 2 if status == GIVEN_UP and id_ else 1
        activity = self._activity(id_) if questions == 2 else []
        if isinstance(activity, str):
            return Found(arrived=None, evidence=f"sendgrid activity: {activity}", questions=questions)
        return Found(
            arrived=True,
            provider_id=id_ or None,
            evidence=f"sendgrid activity: {status}",
            told=listed(key=sought.key, status=status, activity=activity, at=sought.sent_at),
            questions=questions,
        )

    def _activity(self, id_: str) -> list[dict[str, Any]] | str:
        """The events of one message, none where it will not tell; why it cannot tell now."""
        response = self._call(self._client.messages._(quote(id_, safe="")), "get")
        if isinstance(response, Answer):
            return response.reason or response.kind
        status, _, body = response
        return f"http_{status}" if status == 429 or status >= 500 else _listed(body, "events") or []

    def _call(self, endpoint: Any, method: str, **asked: Any) -> Came:  # noqa: ANN401 - the client is untyped
        endpoint.timeout = self._timeout_seconds
        endpoint._make_request = _Calls(endpoint._make_request)  # its hook for another way of opening connections
        try:
            response = getattr(endpoint, method)(**asked)
        except HTTPError as error:
            return error.status_code, dict(error.headers), error.body
        except NotConnected as error:
            return error.answer(self._url)
        except TimeoutError:
            return from_error(ErrorKind.TIMED_OUT)
        except (OSError, http.client.HTTPException) as error:
            late = isinstance(getattr(error, "reason", None), TimeoutError)  # urllib wraps what sending raised
            return from_error(ErrorKind.TIMED_OUT if late else ErrorKind.BROKEN_OFF)
        return response.status_code, dict(response.headers), response.body


def _is_to(message: dict[str, Any], to: str) -> bool:
    return str(message.get("to_email", "")).casefold() == to.casefold()


def _listed(body: bytes, name: str) -> list[dict[str, Any]] | None:
    """The objects listed under ``name``; None when ``body`` holds no such list."""
    try:
        found = json.loads(body)[name]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return found if isinstance(found, list) and all(isinstance(one, dict) for one in found) else None


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
