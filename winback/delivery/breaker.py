"""What stops sending by itself: a provider that fails, and people who complain or do not exist.

A provider's gate is open, shut until an instant, or due for a probe: once the wait is over one message may go, and
only its answer opens the gate again. Answers of messages that were under way when it shut say nothing about now.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from winback.delivery.answer import Answer, AnswerKind

IN_A_ROW = 10  # failures
LOOK_BACK = 20  # outcomes, of which half failed are enough
WAITS = tuple(timedelta(seconds=seconds) for seconds in (30, 60, 120, 240, 300))
BARRED_WAITS = (*WAITS[:-1], timedelta(minutes=8), timedelta(minutes=15))  # an account is put right by people
PROBE = timedelta(minutes=2)  # a probe without an answer for so long (the lease) is lost, and another may go
JITTER = 0.1  # of the wait: senders that were shut out together do not come back together
# To refuse one message is the work of a sound provider.
GOOD = frozenset({AnswerKind.ACCEPTED, AnswerKind.REJECTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What is known of a provider's health.

    ``failures``: in a row. ``recent``: the last ``seen`` outcomes (at most ``LOOK_BACK``) as bits, the newest
    lowest, 1 = failed. ``waits``: how often it was shut in a row; 0 = open. ``reason``: of what shut it.
    """

    failures: int = 0
    recent: int = 0
    seen: int = 0
    waits: int = 0
    shut_until: datetime | None = None
    reason: str | None = None


OPEN = Gate()


def may_claim(gate: Gate, now: datetime, window: int) -> int:
    """How many messages may be claimed: ``window``, 1 for a probe, or 0 while it is shut."""
    if gate.shut_until is None:
        return window
    return 1 if now >= gate.shut_until else 0


def probed(gate: Gate, now: datetime) -> Gate:
    """The gate once its probe is claimed: nobody else lets one go until it is answered or lost."""
    return replace(gate, shut_until=now + PROBE)


def after(gate: Gate, answers: Iterable[Answer], now: datetime, *, probe: bool) -> Gate:
    """The gate once these answers are known; ``probe``: they are those of a claim that was a probe.

    The first answer of a probe decides. A probe that found nothing to send has none, and the next may go at once.
    """
    rest = iter(answers)
    if probe:
        gate = _after_probe(gate, next(rest, None), now)
    for answer in rest:
        gate = _counted(gate, answer, now) if gate.shut_until is None else _kept_shut(gate, answer, now)
    return gate


def _after_probe(gate: Gate, answer: Answer | None, now: datetime) -> Gate:
    if answer is None:
        return replace(gate, shut_until=now)
    return OPEN if answer.kind in GOOD else _shut(gate, answer, now)


def _counted(gate: Gate, answer: Answer, now: datetime) -> Gate:
    failed = answer.kind not in GOOD
    counted = replace(
        gate,
        failures=gate.failures + 1 if failed else 0,
        recent=(gate.recent << 1 | failed) & ((1 << LOOK_BACK) - 1),
        seen=min(gate.seen + 1, LOOK_BACK),
    )
    half = counted.seen == LOOK_BACK and counted.recent.bit_count() * 2 >= LOOK_BACK
    at_once = answer.kind is AnswerKind.CHANNEL_STOP or answer.retry_after_seconds is not None
    too_many = half or counted.failures >= IN_A_ROW
    return _shut(counted, answer, now) if failed and (at_once or too_many) else counted


def _shut(gate: Gate, answer: Answer, now: datetime) -> Gate:
    """Shut for the next wait. The first time a provider names its own wait, that one holds."""
    waits = BARRED_WAITS if answer.kind is AnswerKind.CHANNEL_STOP else WAITS
    wait = waits[min(gate.waits, len(waits) - 1)]
    if answer.retry_after_seconds is not None:
        named = timedelta(seconds=answer.retry_after_seconds)
        wait = max(named, wait) if gate.waits else named
    until = now + wait * (1 + JITTER * now.microsecond / 1_000_000)
    return replace(gate, waits=gate.waits + 1, shut_until=until, reason=answer.reason or answer.kind.value)


def _kept_shut(gate: Gate, answer: Answer, now: datetime) -> Gate:
    """An answer to a message that was under way when the gate shut: only a longer wait counts."""
    if answer.retry_after_seconds is None or gate.shut_until is None:
        return gate
    return replace(gate, shut_until=max(gate.shut_until, now + timedelta(seconds=answer.retry_after_seconds)))


class Level(StrEnum):
    """What complaints and bounces ask for."""

    OK = "ok"
    WARN = "warn"
    STOP = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """``reason``: a sentence with the counts, for staff; ``zh``: in Chinese. None while all is well."""

    level: Level
    reason: str | None = None
    zh: str | None = None


ENOUGH = 500  # delivered, or tried: fewer say nothing
# Warn and stop, in 1,000. Gmail and Yahoo ask senders to stay below 0.1 % complaints and never to reach 0.3 %
# (https://support.google.com/a/answer/14229414); bounces: docs/decisions/012.
COMPLAINTS, HARD_BOUNCES = (1, 3), (20, 50)
WORSE = 2  # times the share at which a person let a run go on


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What stood when a person last let a stopped run go on, for each kind that had stopped it; 0 = never."""

    delivered: int = 0
    complained: int = 0
    tried: int = 0
    bounced: int = 0


UNSEEN = Seen()


@dataclass(frozen=True, slots=True, kw_only=True)
class Harm:
    """One kind of harm a run does: ``count`` of ``total`` messages, of which a person has seen so many."""

    count: int
    total: int
    seen_count: int
    seen_total: int
    limits: tuple[int, int]
    words: str
    zh: str


def harms(*, delivered: int, bounced: int, complained: int, seen: Seen = UNSEEN) -> tuple[Harm, Harm]:
    """Complaints and bounces of one run.

    ``delivered``: all that arrived, those complained about too. ``bounced``: for good (the address does not exist
    or refuses for ever); a full mailbox is none.
    """
    return (
        Harm(
            count=complained,
            total=delivered,
            seen_count=seen.complained,
            seen_total=seen.delivered,
            limits=COMPLAINTS,
            words="delivered messages were reported as spam",
            zh="{total:,} 条送达的消息中有 {count:,} 条被举报为垃圾邮件",
        ),
        Harm(
            count=bounced,
            total=delivered + bounced,
            seen_count=seen.bounced,
            seen_total=seen.tried,
            limits=HARD_BOUNCES,
            words="addresses do not exist or refuse for good",
            zh="{total:,} 个地址中有 {count:,} 个不存在或永久拒收",
        ),
    )


def judge(*, delivered: int, bounced: int, complained: int, seen: Seen = UNSEEN) -> Judgement:
    """Whether the messages of one run do harm; counts as in ``harms``."""
    found = [
        judged(harm) for harm in harms(delivered=delivered, bounced=bounced, complained=complained, seen=seen)
    ]
    return max(found, key=lambda judgement: list(Level).index(judgement.level))


def became_enough(before: int, harm: Harm) -> bool:
    """Whether ``total``, which was ``before``, has just become enough to judge by."""
    return before - harm.seen_total < ENOUGH <= harm.total - harm.seen_total


def seen_now(now: tuple[Harm, Harm], seen: Seen, stopped: bool) -> Seen:
    """What a person who lets the run go on has seen: of the kinds that stop it.

    ``stopped``: by itself; then also of a kind that meanwhile only warns, as more arrived.
    """
    lifted = {Level.STOP, Level.WARN} if stopped else {Level.STOP}
    complaints, bounces = now
    if judged(complaints).level in lifted:
        seen = replace(seen, delivered=complaints.total, complained=complaints.count)
    if judged(bounces).level in lifted:
        seen = replace(seen, tried=bounces.total, bounced=bounces.count)
    return seen


def judged(harm: Harm) -> Judgement:
    """What one kind asks for.

    Once a person let the run go on, only what came since counts, or that the share of the whole run has doubled:
    complaints about what had arrived before still come.
    """
    count, total = harm.count - harm.seen_count, harm.total - harm.seen_total
    since = "since it was resumed, " if harm.seen_total else ""
    found = _judged(count, total, harm, since)
    if not harm.seen_total or found.level is Level.STOP:
        return found
    doubled = harm.count * harm.seen_total >= WORSE * harm.seen_count * harm.total
    whole = _judged(harm.count, harm.total, harm, "")
    if doubled and whole.level is Level.STOP:
        doubled_en, doubled_zh = ": the share has doubled since it was resumed", "：继续发送以来比例翻倍"
        return replace(whole, reason=f"{whole.reason}{doubled_en}", zh=f"{whole.zh}{doubled_zh}")
    return found


def _judged(count: int, total: int, harm: Harm, since: str) -> Judgement:
    warn, stop = harm.limits
    if total < ENOUGH or count * 1_000 < warn * total:
        return Judgement(level=Level.OK)
    level, limit = (Level.STOP, stop) if count * 1_000 >= stop * total else (Level.WARN, warn)
    said = f"{since}{count:,} of {total:,} {harm.words} ({count / total:.2%}, limit {limit / 1_000:.1%})"
    zh = harm.zh.format(count=count, total=total) + f"（{count / total:.2%}，上限 {limit / 1_000:.1%}）"
    return Judgement(level=level, reason=said, zh=f"{'继续发送以来，' if since else ''}{zh}")
