"""The claim-send-record loop. It needs no Prefect: it is given outbox, providers, clock and sleep.

The claim is durable before the first byte; what came of it is recorded once per batch. A sender that outlives its
lease gives back what it has not begun; whatever nobody can know becomes ``uncertain``, never ``queued``.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Engine

from db.engine import reading, transaction
from db.outbox import Claimed, Result, claim, expire_leases, is_stopped, record, stop_if_failing, waiting
from winback.delivery.answer import Answer, AnswerKind
from winback.delivery.outgoing import Outgoing
from winback.delivery.registry import Provider
from winback.events import State
from winback.message.rendering import RenderFailure

WINDOW = 64  # messages of one claim: what a crash can leave uncertain
LEASE = timedelta(minutes=2)
RETRY_AFTER = timedelta(seconds=30)  # where a provider asks to wait without saying how long
IDLE_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """Everything a sender works with. ``providers``: channel -> provider; ``monotonic`` in seconds."""

    engine: Engine
    providers: Mapping[str, Provider]
    compose: Callable[[Claimed, datetime], Outgoing | RenderFailure]
    unknown_email_consent: bool
    placebo: bool
    owner: str
    clock: Callable[[], datetime]
    monotonic: Callable[[], float]
    sleep: Callable[[float], None]
    window: int = WINDOW
    lease: timedelta = LEASE
    progress: Callable[[int], None] = lambda done: None


@dataclass(slots=True)
class Tally:
    """What a sender did: new state -> messages, and the channels a provider closed (channel -> reason)."""

    states: Counter[str] = field(default_factory=Counter)
    closed: dict[str, str] = field(default_factory=dict)


def drain(post: Post, *, until_empty: bool = False) -> Tally:
    """Send what is due; with ``until_empty`` until nothing on the open channels is waiting or being sent."""
    tally = Tally()
    while channels := [name for name in post.providers if name not in tally.closed]:
        if send_batch(post, channels, tally):
            continue
        if not until_empty or not _anything_waiting(post, channels):
            break
        post.sleep(IDLE_SECONDS)
    return tally


def send_batch(post: Post, channels: list[str], tally: Tally) -> bool:
    """Claim, send and record one batch; False when there was nothing to claim."""
    now, began = post.clock(), post.monotonic()
    with transaction(post.engine) as session:
        tally.states[State.UNCERTAIN.value] += expire_leases(session, now)
        batch, skipped = claim(
            session,
            owner=post.owner,
            channels=channels,
            window=post.window,
            now=now,
            lease_until=now + post.lease,
            unknown_email_consent=post.unknown_email_consent,
            placebo=post.placebo,
        )
    tally.states[State.SKIPPED.value] += skipped
    if not batch:
        return bool(skipped)
    results: list[Result] = []
    begun: set[int] = set()
    try:
        for result in _send(post, batch, tally, now, began, begun):
            results.append(result)
    finally:  # whatever ends the batch: what is known is recorded, and what was not begun goes back
        results += [
            Result(message=left, state=State.QUEUED) for left in batch[len(results) :] if left.id not in begun
        ]
        _record(post, results, tally)
    return True


def _send(
    post: Post, batch: list[Claimed], tally: Tally, now: datetime, began: float, begun: set[int]
) -> Iterator[Result]:
    for message in batch:
        over = post.monotonic() - began >= post.lease.total_seconds()
        if over or message.channel in tally.closed or _stopped(post, message):  # not begun: it goes back
            yield Result(message=message, state=State.QUEUED)
            continue
        yield _send_one(post, message, tally, now, begun)
        post.progress(1)


def _send_one(post: Post, message: Claimed, tally: Tally, now: datetime, begun: set[int]) -> Result:
    outgoing = post.compose(message, now)
    if isinstance(outgoing, RenderFailure):
        return Result(message=message, state=State.SKIPPED, reason=outgoing.reason)
    provider = post.providers[message.channel]
    begun.add(message.id)  # from here on the provider may have it
    answer = provider.send(outgoing)
    if answer.kind is AnswerKind.CHANNEL_STOP:
        tally.closed[message.channel] = answer.reason or "refused"
    return next_state(message, answer, provider.name, body_hash(outgoing), post.clock())


def next_state(message: Claimed, answer: Answer, provider: str, body: str, now: datetime) -> Result:
    """A provider's answer as the message's next state (DESIGN: the message state machine)."""
    state = _NEXT[answer.kind]
    wait = timedelta(seconds=answer.retry_after_seconds) if answer.retry_after_seconds is not None else RETRY_AFTER
    return Result(
        message=message,
        state=state,
        reason=answer.reason,
        provider=provider,
        provider_id=answer.provider_id,
        body_hash=body,
        not_before=now + wait if answer.kind is AnswerKind.RETRY_LATER else None,
    )


_NEXT = {
    AnswerKind.ACCEPTED: State.ACCEPTED,
    AnswerKind.REJECTED: State.REJECTED,
    AnswerKind.RETRY_LATER: State.QUEUED,
    AnswerKind.CHANNEL_STOP: State.QUEUED,
    AnswerKind.UNCERTAIN: State.UNCERTAIN,
}


def body_hash(outgoing: Outgoing) -> str:
    """sha256 of what the customer reads: proves later what was sent without keeping it."""
    parts = "\0".join((outgoing.subject, outgoing.html, outgoing.text))
    return hashlib.sha256(parts.encode()).hexdigest()


def _record(post: Post, results: list[Result], tally: Tally) -> None:
    now = post.clock()
    failed = {r.message.occurrence_id: r.message for r in results if r.state is State.SKIPPED}
    with transaction(post.engine) as session:
        record(session, results, now)
        for message in failed.values():
            stop_if_failing(session, message, now)
    tally.states.update(result.state.value for result in results)


def _stopped(post: Post, message: Claimed) -> bool:
    with reading(post.engine) as session:
        return is_stopped(session, message.campaign_id)


def _anything_waiting(post: Post, channels: list[str]) -> bool:
    with reading(post.engine) as session:
        return waiting(session, channels, placebo=post.placebo) > 0
