"""Finished messages with defaults: name only what a test is about."""

from datetime import UTC, datetime
from typing import Any

from winback.delivery.outgoing import Outgoing

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def an_email(**changes: Any) -> Outgoing:
    """An e-mail any provider may send."""
    values: dict[str, Any] = {
        "key": "spring-1",
        "channel": "email",
        "to": "ada@example.com",
        "to_name": "Ada Quill",
        "dated_at": NOON,
        "from_address": "letters@shop.example",
        "from_name": "Harbour Records",
        "reply_to": "counter@shop.example",
        "subject": "Come and listen",
        "text": "Hello Ada\nhttps://shop.example/u/token\n",
        "html": "<p>Hello Ada</p>",
        "unsubscribe_url": "https://shop.example/u/token",
    }
    return Outgoing(**values | changes)


def an_sms(**changes: Any) -> Outgoing:
    """An SMS any provider may send."""
    values: dict[str, Any] = {
        "key": "spring-2",
        "channel": "sms",
        "to": "+15005550009",
        "dated_at": NOON,
        "from_address": "+15005550006",
        "text": "Harbour Records: come and listen. Reply STOP to opt out",
    }
    return Outgoing(**values | changes)
