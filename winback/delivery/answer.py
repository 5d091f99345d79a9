"""A provider's answer -> what we know about the message. Pure; the only place where this is decided.

The question behind every row is "could the customer have got it?". Neither provider has an idempotency key, so
"perhaps" is a state of its own and is never sent again by itself (Twilio: https://www.twilio.com/docs/errors/20500).

    2xx with the expected body                   accepted
    400, 413, 422, other 4xx                     rejected        proved: not sent, and never will be
    401, 402, 403, 404, 405, 407                 channel_stop    proved: not sent; the account, its key or the
                                                                 provider's address is wrong: rows stay queued
    429; 503 with Retry-After                    retry_later     proved: not sent yet
    refused, DNS, TLS, before any byte           retry_later     the same
    a certificate nobody vouches for             channel_stop    the same, and it stays so until a person mends it
    timeout or reset after bytes, 408, other 5xx,
    1xx, 3xx, 2xx with another body              uncertain       nobody knows
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import NamedTuple

MAX_RETRY_AFTER_SECONDS = 24 * 3600  # a longer wait is not believed: the message would be late anyway


class AnswerKind(StrEnum):
    """What is known of a message after one attempt."""

    __hash__ = str.__hash__  # that of Enum is Python code, and runs six times a message

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    RETRY_LATER = "retry_later"
    UNCERTAIN = "uncertain"
    CHANNEL_STOP = "channel_stop"


class ErrorKind(StrEnum):
    """How an attempt ended without an answer."""

    NOT_CONNECTED = "not_connected"  # refused, unknown name, TLS failed, or timed out before any byte left
    TIMED_OUT = "timed_out"  # bytes left, no answer came in time
    BROKEN_OFF = "broken_off"  # bytes left, then the connection broke or the answer was no HTTP


class Answer(NamedTuple):
    """One attempt's outcome; ``reason`` is a short word for people and tables and holds no customer data."""

    kind: AnswerKind
    provider_id: str | None = None
    retry_after_seconds: int | None = None
    reason: str | None = None
    status: int | None = None


HELD_BACK = Answer(kind=AnswerKind.RETRY_LATER, reason="held_back")  # its sender did not let it begin
_STOPS_CHANNEL = frozenset({401, 402, 403, 404, 405, 407})
_GAVE_UP_WAITING = 408  # the server, or a proxy that had already passed the request on


def from_http(
    status: int,
    headers: Mapping[str, str],
    body_is_expected: bool,
    *,
    provider_id: str | None = None,
    reason: str | None = None,
) -> Answer:
    """The answer in an HTTP response.

    ``body_is_expected``: a 2xx has the form this provider promises (a page of a proxy or a portal has not).
    ``provider_id``: the provider's own id of an accepted message. ``reason``: what its error body says, in a word.
    """
    kind, wait = _kind_of(status, headers, body_is_expected)
    return Answer(
        kind=kind,
        provider_id=provider_id if kind is AnswerKind.ACCEPTED else None,
        retry_after_seconds=wait if kind is AnswerKind.RETRY_LATER else None,
        reason=_reason(kind, status, reason),
        status=status,
    )


def _kind_of(status: int, headers: Mapping[str, str], body_is_expected: bool) -> tuple[AnswerKind, int | None]:
    wait = retry_after_seconds(headers)
    if 200 <= status < 300:
        return (AnswerKind.ACCEPTED if body_is_expected else AnswerKind.UNCERTAIN), None
    if status == 429:
        waits = [seconds for seconds in (wait, _reset_seconds(headers)) if seconds is not None]
        return AnswerKind.RETRY_LATER, max(waits, default=None)
    if status == 503 and wait is not None:
        return AnswerKind.RETRY_LATER, wait
    if status in _STOPS_CHANNEL:
        return AnswerKind.CHANNEL_STOP, None
    if 400 <= status < 500 and status != _GAVE_UP_WAITING:
        return AnswerKind.REJECTED, None
    return AnswerKind.UNCERTAIN, None


def _reason(kind: AnswerKind, status: int, said: str | None) -> str | None:
    if kind is AnswerKind.ACCEPTED:
        return None
    if 200 <= status < 300:
        return "unexpected_body"
    return said or f"http_{status}"


def from_error(kind: ErrorKind) -> Answer:
    """The answer when none came: only a connection that was never made proves that nothing was sent."""
    before_any_byte = kind is ErrorKind.NOT_CONNECTED
    return Answer(kind=AnswerKind.RETRY_LATER if before_any_byte else AnswerKind.UNCERTAIN, reason=kind.value)


CERTIFICATE = "certificate"  # and, behind a colon, of whom


def untrusted(host: str) -> Answer:
    """The answer where a server's certificate is not trusted, or is another's: no byte of a message left."""
    return Answer(kind=AnswerKind.CHANNEL_STOP, reason=f"{CERTIFICATE}:{host}")


def retry_after_seconds(headers: Mapping[str, str]) -> int | None:
    """Retry-After (RFC 9110 10.2.3) in seconds, at most a day; None when absent or unreadable.

    A date is measured from the response's own Date, so that no clock of ours matters.
    """
    value = _header(headers, "retry-after")
    if re.fullmatch(r"[0-9]{1,9}", value):
        return min(int(value), MAX_RETRY_AFTER_SECONDS)
    try:
        return _seconds_until(parsedate_to_datetime(value), headers)
    except (ValueError, TypeError):  # no date; or one with a zone and one without
        return None


def _reset_seconds(headers: Mapping[str, str]) -> int | None:
    """X-RateLimit-Reset in seconds from the response's Date: SendGrid's rate limits tell the second they end.

    Source: https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/rate-limits
    """
    value = _header(headers, "x-ratelimit-reset")
    if not re.fullmatch(r"[0-9]{10}", value):
        return None
    try:
        return _seconds_until(datetime.fromtimestamp(int(value), UTC), headers)
    except (ValueError, TypeError):  # no Date, or one without a zone
        return None


def _seconds_until(moment: datetime, headers: Mapping[str, str]) -> int:
    now = parsedate_to_datetime(_header(headers, "date"))
    return min(max(round((moment - now).total_seconds()), 0), MAX_RETRY_AFTER_SECONDS)


def _header(headers: Mapping[str, str], wanted: str) -> str:
    return next((value.strip() for name, value in headers.items() if name.lower() == wanted), "")
