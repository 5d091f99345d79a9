"""What providers answer to a look-up, made from what a sink has recorded."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.sink import Request

_QUERY = re.compile(r"unique_args\['winback_key'\]=\"(.*)\"")


def sid(number: int) -> str:
    """Twilio's id of the sink's message ``number``."""
    return f"SM{number:032x}"


def activity(known: "Callable[[str], list[Request]]", asked: Mapping[str, str]) -> dict[str, Any]:
    """SendGrid's Email Activity: the messages with one of our keys. ``known``: key -> messages, newest first."""
    wanted = _QUERY.fullmatch(asked["query"])
    assert wanted, f"no query that we make: {asked['query']}"
    limit = int(asked.get("limit", 10))
    return {
        "messages": [
            {
                "from_email": "letters@shop.example",
                "msg_id": f"sink-{message.number}.filter-1",
                "subject": "as sent",
                "to_email": json.loads(message.body)["personalizations"][0]["to"][0]["email"],
                "status": "processed",  # it takes messages, and delivers none
                "opens_count": 0,
                "clicks_count": 0,
                "last_event_time": _date(message.at).isoformat(),
            }
            for message in known(wanted[1])[:limit]
        ]
    }


def messages(known: "Callable[[str], list[Request]]", asked: Mapping[str, str]) -> dict[str, Any]:
    """Twilio's list of Messages: those to one number, since a moment when one is given. ``known``: by number."""
    since = datetime.fromisoformat(asked["DateSent>"]).timestamp() if "DateSent>" in asked else 0.0
    found = [message for message in known(asked["To"]) if message.at >= since]
    return {
        "page": 0,
        "page_size": int(asked.get("PageSize", 50)),
        "next_page_uri": None,
        "messages": [_message(message) for message in found[: int(asked.get("PageSize", 50))]],
    }


def _message(request: "Request") -> dict[str, Any]:
    dated = format_datetime(_date(request.at))
    return {
        "sid": sid(request.number),
        "to": request.form["To"],
        "body": request.form["Body"],
        "status": "sent",
        "direction": "outbound-api",
        "date_created": dated,
        "date_sent": dated,
        "date_updated": dated,
        "error_code": None,
    }


def _date(at: float) -> datetime:
    return datetime.fromtimestamp(int(at), UTC)
