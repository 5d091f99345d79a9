"""Looking up what became of a message whose answer was lost.

Absence is no proof until the provider has had time to write the message down: whoever asks waits first, or finds
"not arrived" for a message that is just arriving.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from winback.events import Event

PAUSE_SECONDS: Mapping[str, float] = {"sendgrid": 10.0}  # 6 requests a minute; the others set no such limit
REMEMBERED: Mapping[str, timedelta] = {  # older than this, absence proves nothing
    "sendgrid": timedelta(days=29),  # the Email Activity add-on keeps 30 days
    "twilio": timedelta(days=390),  # messages are kept for 400 days
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """A message to look for.

    ``sent_at``: when it was claimed; ``marker``: text that only its SMS carries; ``others``: what the provider
    calls messages that are known to be other ones.
    """

    key: str
    to: str
    sent_at: datetime
    marker: str = ""
    others: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the provider says. ``arrived`` None: it can't or won't tell; ``evidence`` holds no customer data.

    ``barred``: this account may not ask at all, so the next question would get the same answer. ``told``: what
    became of it, as a callback would have told it. ``questions``: how many the answer took.
    """

    arrived: bool | None
    provider_id: str | None = None
    evidence: str
    barred: bool = False
    told: Event | None = None
    questions: int = 1


def no_answer(where: str, status: int | None, missing: Mapping[int, str]) -> Found:
    """What an error says; ``missing``: status that bars the account from asking -> what it lacks."""
    said = f"{where}: http_{status}"
    if status is None or status not in missing:
        return Found(arrived=None, evidence=said)
    return Found(arrived=None, evidence=f"{said}: {missing[status]}", barred=True)
