"""A provider's answer as the message's next state (DESIGN: the message state machine)."""

from collections.abc import Callable
from datetime import datetime, timedelta

from db.claims import Claimed
from db.results import Result
from winback.delivery.answer import Answer, AnswerKind
from winback.events import State

RETRY_AFTER = timedelta(seconds=30)  # where a provider asks to wait without saying how long
COSTING = frozenset({AnswerKind.ACCEPTED, AnswerKind.UNCERTAIN})


def next_state(
    message: Claimed, answer: Answer, provider: str, cost_micros: int, clock: Callable[[], datetime]
) -> Result:
    """A provider's answer as the message's next state (DESIGN: the message state machine)."""
    later = None
    if answer.kind is AnswerKind.RETRY_LATER:
        wait = answer.retry_after_seconds
        later = clock() + (RETRY_AFTER if wait is None else timedelta(seconds=wait))
    return Result(message, _NEXT[answer.kind], answer.reason, provider, answer.provider_id, later, cost_micros)


_NEXT = {
    AnswerKind.ACCEPTED: State.ACCEPTED,
    AnswerKind.REJECTED: State.REJECTED,
    AnswerKind.RETRY_LATER: State.QUEUED,
    AnswerKind.CHANNEL_STOP: State.QUEUED,
    AnswerKind.UNCERTAIN: State.UNCERTAIN,
}
