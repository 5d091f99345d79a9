"""The claim-send-record loop. It needs no Prefect: it is given outbox, providers, clock and sleep.

The claim is durable before the first byte; what came of one batch is recorded in the transaction that claims the
next. A sender that outlives its lease gives back what it has not begun; whatever nobody can know becomes
``uncertain``, never ``queued``.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from operator import attrgetter
from zoneinfo import ZoneInfo

from sqlalchemy import Engine
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from db.allowance import try_budget_again
from db.claims import WAKE, Batch, Claimed, Run, Wish, claim, due_runs, expire_leases, wake
from db.direct import is_sqlite, reader, writer, writing
from db.engine import reading
from db.gates import after_answers, ask_leave, spend_pace
from db.memory import Mark
from db.outbox import waiting
from db.refusals import close_dead, stop_if_refused
from db.results import Result, record
from db.stops import is_stopped, stop_if_failing
from flows.next_state import COSTING, next_state
from flows.tally import Tally
from winback.channel import Channel
from winback.delivery.answer import HELD_BACK, Answer, AnswerKind
from winback.delivery.breaker import GOOD, IN_A_ROW
from winback.delivery.claiming import OVER_BUDGET, Rules
from winback.delivery.outgoing import Outgoing
from winback.delivery.refusals import Refusals
from winback.delivery.registry import Provider
from winback.delivery.tariff import Tariff
from winback.errors import Unusable
from winback.events import State
from winback.message.rendering import RenderFailure
from winback.message.unwritten import UNWRITTEN

WINDOW = 64  # messages of one claim: the requests in flight, and what a crash can leave uncertain
LEASE = timedelta(minutes=2)
IDLE_SECONDS = 1.0
STOP_SECONDS = 0.05  # how old the answer to "has anybody pressed stop?" may be before a first byte
HOUSEKEEPING_SECONDS = 1.0
SOON = timedelta(seconds=2)  # a run whose messages wake before the next look is known by then, so it goes first
TRIES = 10  # of recording, a second apart, when the database has gone: well within a lease
PATIENCE = timedelta(hours=1)  # a longer wait (a cap, a night, a budget) is for a later call
CLOCK_JUMP = timedelta(minutes=5)
FREE = Tariff(ZoneInfo("UTC"), {})
NEVER = -float("inf")  # on the monotonic clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """Everything a sender works with. ``providers``: channel -> provider; ``monotonic`` in seconds.

    ``rules``: (campaign id, version, channel) -> what its limits ask. ``pace``: channel -> units a second, where
    the provider is not to be used as fast as it takes (SMS: segments). ``tariff``: channel -> price of one unit.
    ``remember``: told of each claim before its first byte, for the day the database is restored from a backup.
    ``insist``: the first try goes out although the provider was shut: a person has asked. ``interrupted``: whether
    the process wants to end: what is not begun goes back.
    ``only``: the replay to write, by its id; None = every run but replays.
    """

    engine: Engine
    providers: Mapping[Channel, Provider]
    compose: Callable[[Claimed, datetime], Outgoing | RenderFailure]
    rules: Callable[[str, int, Channel], Rules]
    unknown_email_consent: bool
    placebo: bool
    owner: str
    clock: Callable[[], datetime]
    monotonic: Callable[[], float]
    sleep: Callable[[float], None]
    pace: Mapping[Channel, float] = field(default_factory=dict)
    tariff: Tariff = FREE
    remember: Callable[[Mark], None] = lambda mark: None
    insist: bool = False
    only: int | None = None
    interrupted: Callable[[], bool] = lambda: False
    window: int = WINDOW
    lease: timedelta = LEASE
    progress: Callable[[int], None] = lambda done: None


def drain(post: Post, *, until_empty: bool = False) -> Tally:
    """Send what is due; with ``until_empty`` until nothing more is being sent or may leave within ``PATIENCE``."""
    tally = Tally()
    with writer(post.engine) as connection, reader(post.engine) as watch:
        lines = [Line(post, connection, watch, channel, tally) for channel in post.providers]
        try:
            while _round(post, [line for line in lines if line.channel not in tally.closed], until_empty):
                pass
        finally:  # whatever ends the sender: what is known is recorded
            _settle_all(post, lines)
    return tally


def _settle_all(post: Post, lines: list["Line"]) -> None:
    """Record what every line knows; a database that has just come back gets a few tries."""
    for left in reversed(range(TRIES)):
        failed: list[Unusable] = []
        for line in lines:
            try:
                line.settle()
            except Unusable as error:
                failed.append(error)
        if not failed:
            return
        if not left:
            raise failed[0]
        post.sleep(IDLE_SECONDS)


def _round(post: Post, lines: list["Line"], until_empty: bool) -> bool:
    """Give each line its turn, idle ones once a second; False when nothing is left to do."""
    if not lines or post.interrupted():
        return False
    at = post.monotonic()
    awake = [line for line in lines if at - line.idle_since >= IDLE_SECONDS]
    if sum(line.turn(alone=len(awake) == 1) for line in awake):  # each has its turn
        return True
    if len(awake) < len(lines):  # what was idle may have something by now
        for line in lines:
            line.idle_since = NEVER
        return True
    if not until_empty or not _anything_waiting(post, [line.channel for line in lines]):
        return False
    post.sleep(IDLE_SECONDS)
    return True


class Line:
    """One channel's claims, one after the other; between turns it may hold a batch that is not recorded yet."""

    def __init__(
        self, post: Post, connection: Connection, watch: Connection, channel: Channel, tally: Tally
    ) -> None:
        self.channel, self.idle_since = channel, NEVER
        self._post, self._connection, self._watch, self._tally = post, connection, watch, tally
        self._provider, self._price = post.providers[channel], post.tariff.price_micros.get(channel, 0)
        self._lease_seconds = post.lease.total_seconds()
        self._batch: Batch | None = None
        self._results, self._answers = list[Result](), list[Answer]()
        self._runs: list[Run] = []
        self._least: dict[int, int] = {}
        self._begun: dict[str, Claimed] = {}
        self._units = self._failures = self._again = 0
        self._insist, self._probe = post.insist, False
        self._tidied = self._looked = NEVER
        self._is_stopped = False
        self._refusals = Refusals()
        self._began_at, self._began = post.clock(), post.monotonic()

    def turn(self, *, alone: bool) -> bool:
        """Record the last batch, claim the next and send it; False when there was nothing to claim."""
        post = self._post
        began, now = post.monotonic(), post.clock()
        if self._clock_jumped(began, now):
            return False
        batch = self._next(now, began)
        self.idle_since = began if batch is None else NEVER
        if batch is None:
            return False
        self._tally.states[State.SKIPPED.value] += batch.skipped
        if batch.messages:
            self._send(batch, now, began)
            if not alone or self.channel in self._tally.closed:  # nobody knows when the next turn comes
                self.settle()
        return True

    def _next(self, now: datetime, at: float) -> Batch | None:
        """Record the last batch and claim the next: one wait for the disk on SQLite.

        On PostgreSQL one after the other: what a record locks, another sender's claim may wait for.
        """
        if is_sqlite(self._connection):
            with writing(self._connection):
                self._record(now)
                self._tidy(now, at)
                batch = self._claim(now)
            self._forget()
        else:
            self.settle()
            with writing(self._connection):
                self._tidy(now, at)
            with writing(self._connection):
                batch = self._claim(now)
        self._batch, self._looked, self._is_stopped = batch, at, False  # a claim takes nothing of a stopped run
        return batch

    def settle(self) -> None:
        """Record what is known of the last batch."""
        if self._results:
            with writing(self._connection):
                self._record(self._post.clock())
            self._forget()

    def _claim(self, now: datetime) -> Batch | None:
        """The next batch as the gate allows; None when there is nothing to claim."""
        post, name = self._post, self._provider.name
        pace = post.pace.get(self.channel)
        leave = ask_leave(self._connection, name, window=post.window, now=now, pace=pace, insist=self._insist)
        self._insist, self._probe = False, leave.probe
        batch = self._claim_first(leave.messages, now) if leave.messages else None
        messages = batch.messages if batch else []
        if leave.probe and not messages:
            after_answers(self._connection, name, [], now, probe=True)
        if pace is not None:
            spend_pace(self._connection, name, len(messages), now, pace)
        return batch

    def _claim_first(self, window: int, now: datetime) -> Batch | None:
        """From the first run that has something; None when none has."""
        post, channel = self._post, self.channel
        wish = Wish(
            owner=post.owner,
            channel=channel,
            provider=self._provider.name,
            placebo=post.placebo,
            window=window,
            now=now,
            lease=post.lease,
            unknown_email_consent=post.unknown_email_consent,
            replay=post.only is not None,
        )
        while True:
            for run in self._runs:
                batch = claim(self._connection, wish, run, self._rules(run))
                if batch.moved:
                    return batch
            known, self._runs = self._runs, self._due_runs(now)
            if self._runs == known or not self._runs:
                return None

    def _rules(self, run: Run) -> Rules:
        """What the run's limits ask; at the end of a budget, the least that is known to be of use."""
        rules = self._post.rules(run.campaign_id, run.version_id, self.channel)
        least = self._least.get(run.occurrence_id, 0)
        return replace(rules, least_micros=least) if least > (rules.least_micros or 0) else rules

    def _due_runs(self, now: datetime) -> list[Run]:
        post = self._post
        return due_runs(self._connection, self.channel, placebo=post.placebo, by=now + SOON, only=post.only)

    def _tidy(self, now: datetime, at: float) -> None:
        """Once a second: settle what dead senders left, see which run goes first, wake what has waited."""
        if at - self._tidied >= HOUSEKEEPING_SECONDS:
            self._tally.states[State.UNCERTAIN.value] += expire_leases(self._connection, now, self._post.tariff)
            self._runs = self._due_runs(now)
            more = wake(self._connection, self.channel, self._runs, now) == WAKE
            self._tidied = NEVER if more else at  # the rest before the next claim: the first run's come first

    def _send(self, batch: Batch, now: datetime, began: float) -> None:
        """Hand the batch over; every message gets a result, but one begun whose answer never came."""
        waiting = {message.key: message for message in batch.messages}
        try:
            if batch.mark is not None:
                self._post.remember(batch.mark)
            messages = self._outgoing(batch, waiting, now, began)
            may_begin = partial(self._may_begin, batch, began)
            for outgoing, answer in self._provider.send_all(messages, may_begin=may_begin):
                self._answered(self._begun.pop(outgoing.key), outgoing, answer)
        finally:  # not begun: it goes back
            self._post.progress(len(self._results))
            self._results += [Result(message, State.QUEUED) for message in waiting.values()]

    def _outgoing(
        self, batch: Batch, waiting: dict[str, Claimed], now: datetime, began: float
    ) -> Iterator[Outgoing]:
        """The batch's messages, as the provider can take them."""
        for message, outgoing in self._composed(batch, now, began):
            del waiting[message.key]
            if isinstance(outgoing, RenderFailure):
                self._results.append(Result(message, State.SKIPPED, outgoing.reason))
                continue
            if self._is_too_dear(batch, outgoing):
                self._results.append(Result(message, State.SKIPPED, OVER_BUDGET))
                continue
            self._begun[message.key] = message  # from here on the provider may have it
            yield outgoing

    def _is_too_dear(self, batch: Batch, outgoing: Outgoing) -> bool:
        """Whether it costs more than its claim has reserved: all that was left of a budget.

        Its run tries no other for less: it would try them all, one by one.
        """
        cost = self._price * outgoing.units
        if batch.rules.budget_micros is None or cost <= batch.rules.price_micros:
            return False
        self._least[batch.run.occurrence_id] = cost
        return True

    def _composed(
        self, batch: Batch, now: datetime, began: float
    ) -> list[tuple[Claimed, Outgoing | RenderFailure]]:
        """The batch's messages, rendered in one go, which takes a tenth less; those half a lease is enough for."""
        post, done = self._post, list[tuple[Claimed, Outgoing | RenderFailure]]()
        until = began + self._lease_seconds / 2
        for message in batch.messages:
            done.append((message, post.compose(message, now)))
            if post.monotonic() >= until:
                break
        return done

    def _may_begin(self, batch: Batch, began: float) -> bool:
        """Whether a first byte may leave: not with lease over, stop pressed, channel closed, provider failing."""
        at = self._post.monotonic()
        over = at - began >= self._lease_seconds or self._post.interrupted()
        if over or self.channel in self._tally.closed or self._failures >= IN_A_ROW:
            return False
        if at - self._looked >= STOP_SECONDS:
            self._is_stopped, self._looked = self._ask_stop(batch.run.name), at
        return not (self._is_stopped or self._refusals.too_many(batch.run.occurrence_id))

    def _ask_stop(self, run: str) -> bool:
        """Whether stop is pressed; a database that cannot be asked counts as a yes.

        Others are under way then: recording what came of them meets the trouble again.
        """
        try:
            with self._watch.begin():
                return is_stopped(self._watch, run)
        except (SQLAlchemyError, sqlite3.Error):
            return True

    def _answered(self, message: Claimed, outgoing: Outgoing, answer: Answer) -> None:
        if answer is HELD_BACK:  # it says nothing about the provider
            self._results.append(Result(message, State.QUEUED))
            return
        if answer.kind is AnswerKind.CHANNEL_STOP:
            self._tally.closed[self.channel] = answer.reason or "refused"
        self._failures = 0 if answer.kind in GOOD else self._failures + 1
        self._refusals.note(message.occurrence_id, message.template, message.id, answer)
        self._answers.append(answer)
        self._units += outgoing.units
        cost = self._price * outgoing.units if answer.kind in COSTING else 0
        self._results.append(next_state(message, answer, self._provider.name, cost, self._post.clock))

    def _record(self, now: datetime) -> None:
        """Store the last batch's results; the gate first, as a claim does, so that nobody waits in a circle."""
        if not self._results or self._batch is None:
            return
        connection, name, run = self._connection, self._provider.name, self._batch.run
        after_answers(connection, name, self._answers, now, probe=self._probe)
        if pace := self._post.pace.get(self.channel):
            spend_pace(connection, name, self._units - len(self._answers), now, pace)
        record(connection, self._batch, self._results, now)
        if self._batch.held and self._batch.rules.budget_micros is not None:
            try_budget_again(connection, run.occurrence_id, self.channel, now)
        if any(result.reason in UNWRITTEN for result in self._results):
            stop_if_failing(connection, run.occurrence_id, run.name, now)
        if any(result.state is State.REJECTED for result in self._results):
            self._again = stop_if_refused(connection, run.occurrence_id, run.name, self._refusals, now)
        close_dead(connection, run.occurrence_id, self.channel, self._refusals, now)

    def _forget(self) -> None:
        """What was recorded is counted, and held no longer."""
        for state, count in Counter(map(_STATE, self._results)).items():
            self._tally.states[state.value] += count
        self._tally.refused_go_back(self._again)
        self._tally.unwritten.update(one.reason for one in self._results if one.reason in UNWRITTEN)
        self._results, self._answers, self._units, self._failures, self._again = [], [], 0, 0, 0
        self._refusals.begin_anew()

    def _clock_jumped(self, at: float, now: datetime) -> bool:
        """Whether the wall clock went another way than time: then lateness and quiet hours mean nothing."""
        passed = timedelta(seconds=at - self._began)
        if abs(now - self._began_at - passed) < CLOCK_JUMP:
            return False
        self.settle()
        self._tally.closed[self.channel] = "clock_jumped"
        return True


_STATE = attrgetter("state")


def _anything_waiting(post: Post, channels: list[Channel]) -> bool:
    by = post.clock() + PATIENCE
    with reading(post.engine) as session:
        return waiting(session, channels, placebo=post.placebo, by=by, only=post.only) > 0
