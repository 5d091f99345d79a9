"""Twilio's official client: test sends and look-ups.

``messages.create`` hides the headers of a refusal (Retry-After), so a send uses its request machinery one step
lower.
"""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
import urllib3
from twilio.base.exceptions import TwilioException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from winback.callbacks.twilio import listed
from winback.delivery.answer import Answer, ErrorKind, from_error
from winback.delivery.connection import NotConnected, connecting
from winback.delivery.lookup import Found, Sought, no_answer

_MISSING = {401: "the SID or the token is not accepted", 403: "this SID may not read the list"}
MOST_MESSAGES = 200  # to one number, newest first
SLACK = timedelta(minutes=10)  # between our clock and theirs


class OfficialClient:
    """The client with a time limit, and telling when nothing was sent."""

    def __init__(self, account: str, token: str, url: str, timeout_seconds: float) -> None:
        http = TwilioHttpClient(timeout=timeout_seconds, logger=_silent())
        for scheme in ("http://", "https://"):
            http.session.mount(scheme, _Adapter())
        # without a mapping of its own the client reads region and account from the process's environment
        self._client = Client(account, token, http_client=http, environment={"TWILIO_REGION": ""})
        self._client.api.base_url = url

    def send(self, address: str, fields: dict[str, str]) -> tuple[int, dict[str, str], str] | Answer:
        """One POST of Messages: status, headers, text; an Answer where no response came."""
        try:
            response = self._client.request("POST", address, data=fields)
        except NotConnected as error:
            return error.answer(address)
        except requests.RequestException as error:
            return from_error(_kind_of(error))
        return response.status_code, response.headers, response.text

    def look_up(self, sought: Sought) -> Found:
        """Look for ``sought.marker`` in the messages to its number that are no ``sought.others``.

        A message that still waits at Twilio has no DateSent, so absence is read from the whole list.
        """
        if not sought.marker:
            return Found(arrived=None, evidence="twilio list: no text to look for")
        since = sought.sent_at - SLACK
        try:
            found = _search(self._list(sought.to, date_sent_after=since), sought, since)
            return found if found.arrived else _search(self._list(sought.to), sought, since)
        except (NotConnected, requests.RequestException) as error:
            return Found(arrived=None, evidence=f"twilio list: {_kind_of(error).value}")
        except TwilioException as error:  # its second part is the response
            status = getattr(error.args[-1], "status_code", None)
            return no_answer("twilio list", status, _MISSING)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):  # no list of messages
            return Found(arrived=None, evidence="twilio list: unexpected_body")

    def _list(self, to: str, **dates: datetime) -> list[Any]:
        messages: list[Any] = self._client.messages.list(to=to, limit=MOST_MESSAGES, **dates)
        return messages


def _search(messages: list[Any], sought: Sought, since: datetime) -> Found:
    recent = [message for message in messages if _dated(message) >= since]
    for message in recent:
        if sought.marker in (message.body or "") and message.sid not in sought.others:
            return _found(message, sought)
    if not all(message.body for message in recent):
        return Found(arrived=None, evidence="twilio list: a message without its text")
    if len(recent) == MOST_MESSAGES:
        return Found(arrived=None, evidence=f"twilio list: more than {MOST_MESSAGES} messages")
    return Found(arrived=False, evidence="twilio list: no message with this text")


def _found(message: Any, sought: Sought) -> Found:  # noqa: ANN401 - the client is untyped
    status = str(message.status)
    told = listed(message.sid, key=sought.key, status=status, code=message.error_code, at=sought.sent_at)
    return Found(arrived=True, provider_id=message.sid, evidence=f"twilio list: {status}", told=told)


def _dated(message: Any) -> datetime:  # noqa: ANN401 - the client is untyped
    at: datetime = message.date_created
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _kind_of(error: Exception) -> ErrorKind:
    if isinstance(error, NotConnected):
        return ErrorKind.NOT_CONNECTED
    return ErrorKind.TIMED_OUT if isinstance(error, requests.Timeout) else ErrorKind.BROKEN_OFF


def _silent() -> logging.Logger:
    """A logger for the client, which would write ten lines a message."""
    logger = logging.getLogger("winback.delivery.twilio.client")
    logger.setLevel(logging.WARNING)
    return logger


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
