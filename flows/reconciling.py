"""Settle what nobody knows: by asking the provider, by what a person says, or by time. Needs no Prefect.

Every settlement is one short transaction that changes a message only while it is still uncertain after the same
attempt, so any number may reconcile at once.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Engine
from sqlmodel import Session

from db.claims import expire_leases
from db.engine import database, reading, transaction
from db.events import store
from db.gates import Leave, after_answers, ask_leave, look_up_gate, spend_pace
from db.occurrences import find_run, version_files
from db.reconciling import (
    PERSON,
    Uncertain,
    abandon,
    accept,
    count_again,
    deny,
    keep_evidence,
    put_off,
    queue_again,
    take,
    uncertain,
    with_keys,
)
from db.settings import Settings
from flows.lookups import LookUps
from flows.sending import rules_of
from winback.campaigns.campaign import Campaign
from winback.campaigns.file import read_pinned
from winback.delivery.answer import Answer, AnswerKind
from winback.delivery.claiming import Rules
from winback.delivery.lookup import PAUSE_SECONDS, Found
from winback.delivery.settling import Unknown, after_absence, after_denial, is_past, may_be_asked_from
from winback.events import TOLD, EventKind, State

CHUNK = 500  # messages in memory, and in one transaction of what a person says
ASKING = timedelta(minutes=2)  # what one look-up may take before somebody else asks
RETRY = timedelta(minutes=10)  # after an answer that says nothing
AGAIN = {"hold": timedelta(hours=24), "resend_after_reconcile": timedelta(hours=1)}  # after "not there"


@dataclass(slots=True)
class Settled:
    """What one reconciliation did: new state -> messages; why the others were not learnt about -> messages."""

    states: Counter[str] = field(default_factory=Counter)
    unlearnt: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to go on: ``seconds``, None = until all are asked. ``by_hand``: ask also about those asked lately.

    ``announce``: told once, provider -> messages it will be asked about; at PAUSE_SECONDS each.
    """

    clock: Callable[[], datetime]
    sleep: Callable[[float], object]
    seconds: float | None = None
    by_hand: bool = False
    interrupted: Callable[[], bool] = lambda: False
    announce: Callable[[Mapping[str, int]], None] = lambda counts: None


class Campaigns:
    """What the runs' pinned campaigns say of their uncertain messages."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine, self._settings, self.tariff = engine, settings, settings.tariff
        self._known: dict[int, Campaign] = {}

    def of(self, message: Uncertain) -> Campaign:
        """The campaign as the message's run pinned it."""
        if message.version_id not in self._known:
            name = f"campaigns/{message.campaign_id}.yaml"
            with reading(self._engine) as session:
                text = version_files(session, message.version_id)[name]
            self._known[message.version_id] = read_pinned(text, name)
        return self._known[message.version_id]

    def unknown(self, message: Uncertain) -> Unknown:
        """The message as the rules see it."""
        return Unknown(
            since=message.since,
            resends=message.resends,
            late_after=message.late_after,
            stopped=message.stopped,
            policy=self.of(message).on_uncertain,
        )

    def rules(self, message: Uncertain) -> Rules:
        """What its claim was counted by."""
        return rules_of(self._settings, self.of(message), message.channel)


def reconcile(settings: Settings, patience: Patience, run: str | None = None) -> Settled:
    """Settle what can be settled now, of one run or of all; WrongUse when there is no such run."""
    with database(settings.database_url) as engine:
        with transaction(engine) as session:
            expire_leases(session.connection(), patience.clock(), settings.tariff)
            if run is not None:
                find_run(session, run)
        with LookUps(engine, settings) as look_ups:
            return _Desk(engine, look_ups, Campaigns(engine, settings), patience).work(run)


class _Desk:
    """One reconciliation under way."""

    def __init__(self, engine: Engine, look_ups: LookUps, campaigns: Campaigns, patience: Patience) -> None:
        self._engine, self._look_ups, self._campaigns, self._patience = engine, look_ups, campaigns, patience
        self._began = patience.clock()
        self._settled = Settled()
        self._barred: dict[str, str] = {}  # provider -> why it answers no question of this account
        self._probes: dict[str, bool] = {}  # provider -> whether the question under way tries one that was barred

    def work(self, run: str | None) -> Settled:
        self._patience.announce(self._count(run))
        for paced in (False, True):  # a provider that takes its time keeps nobody waiting for another
            for message in self._messages(run):
                if (self._look_ups.provider_of(message) in PAUSE_SECONDS) is paced:
                    self._settle(message)
        return self._settled

    def _settle(self, message: Uncertain) -> None:
        name = self._look_ups.provider_of(message)
        if why := self._why_not(message) or self._barred.get(name) or self._wait_turn(name):
            self._leave(message, why)
        else:
            self._ask(message)

    def _count(self, run: str | None) -> Counter[str]:
        names = (self._look_ups.provider_of(m) for m in self._messages(run) if self._why_not(m) is None)
        return Counter(names)

    def _messages(self, run: str | None) -> Iterator[Uncertain]:
        after = 0
        while True:
            with reading(self._engine) as session:
                found = uncertain(session, run, after=after, most=CHUNK)
            yield from found
            if len(found) < CHUNK:
                return
            after = found[-1].id

    def _why_not(self, message: Uncertain) -> str | None:
        """Why the provider is not to be asked about the message now; None = it is."""
        now, again = self._patience.clock(), message.asked_again_at
        if is_past(self._campaigns.unknown(message), now):
            return "past"
        ripe = may_be_asked_from(message.since, self._look_ups.provider_of(message))
        if ripe is None:
            return "cannot_be_asked"
        if now < ripe:
            return "too_early"
        being_asked = again is not None and now < again <= now + ASKING
        asked_lately = again is not None and now < again and not self._patience.by_hand
        return "asked_lately" if being_asked or asked_lately else None

    def _leave(self, message: Uncertain, why: str) -> None:
        if why != "past":
            self._settled.unlearnt[why] += 1
            return
        with transaction(self._engine) as session:
            now = self._patience.clock()
            self._settled.states[State.ABANDONED] += abandon(session, message, now, self._campaigns.tariff)

    def _wait_turn(self, provider: str) -> str | None:
        """Wait until the provider may be asked, by whomever it was asked last; None = it may be, or why not."""
        pause = PAUSE_SECONDS.get(provider)
        while not self._is_over():
            leave = self._ask_leave(provider, pause)
            if leave.messages:
                self._probes[provider] = leave.probe
                return None
            if leave.shut_until is not None:  # it bars the account, and is tried now and then
                self._barred[provider] = leave.reason or "barred"
                return self._barred[provider]
            self._patience.sleep(min(pause or 1.0, 1.0))
        return "out_of_time"

    def _ask_leave(self, provider: str, pause: float | None) -> Leave:
        """A person's first question goes out although the provider bars the account: it may be put right."""
        name, now, pace = look_up_gate(provider), self._patience.clock(), 1 / pause if pause else None
        insist = self._patience.by_hand and provider not in self._probes
        with transaction(self._engine) as session:
            leave = ask_leave(session.connection(), name, window=1, now=now, pace=pace, insist=insist)
            if leave.messages and pace:
                spend_pace(session.connection(), name, 1, now, pace)
        return leave

    def _is_over(self) -> bool:
        took = (self._patience.clock() - self._began).total_seconds()
        return self._patience.interrupted() or (
            self._patience.seconds is not None and took >= self._patience.seconds
        )

    def _ask(self, message: Uncertain) -> None:
        asked_at = self._patience.clock()
        with transaction(self._engine) as session:
            if not take(session, message, asked_at + ASKING):
                self._settled.unlearnt["asked_lately"] += 1
                return
        found = self._look_ups.ask(message, asked_at)
        now = self._patience.clock()
        with transaction(self._engine) as session:
            self._tell_gate(session, self._look_ups.provider_of(message), found, now)
            if found.arrived is None:
                put_off(session, message, now + RETRY)
                self._settled.unlearnt[found.evidence] += 1
            elif found.arrived:
                self._found(session, message, found, now)
            else:
                self._absent(session, message, found, asked_at, now)

    def _tell_gate(self, session: Session, provider: str, found: Found, now: datetime) -> None:
        """Keep whether the account is barred, for whoever asks next: each call would ask once for ever."""
        if pause := PAUSE_SECONDS.get(provider):
            spend_pace(session.connection(), look_up_gate(provider), found.questions - 1, now, 1 / pause)
        probe, answer = self._probes[provider], Answer(AnswerKind.ACCEPTED)
        if found.barred:
            self._barred[provider] = found.evidence
            answer = Answer(AnswerKind.CHANNEL_STOP, reason=found.evidence)
        after_answers(session.connection(), look_up_gate(provider), [answer], now, probe=probe)

    def _found(self, session: Session, message: Uncertain, found: Found, now: datetime) -> None:
        name = self._look_ups.provider_of(message)
        if accept(session, message, now, name, found.provider_id, self._campaigns.tariff):
            keep_evidence(session, message, EventKind.ACCEPTED, name, found.evidence, now)
            state = TOLD.get(found.told.kind, State.ACCEPTED) if found.told else State.ACCEPTED
            if found.told and state is not State.ACCEPTED:
                store(session.connection(), [found.told], now, self._campaigns.tariff)
            self._settled.states[state] += 1

    def _absent(
        self, session: Session, message: Uncertain, found: Found, asked_at: datetime, now: datetime
    ) -> None:
        unknown, name = self._campaigns.unknown(message), self._look_ups.provider_of(message)
        keep_evidence(
            session, message, EventKind.NOT_FOUND, name, f"not found at {asked_at:%Y-%m-%d %H:%M} UTC", now
        )
        if after_absence(unknown, name, asked_at) is State.QUEUED:
            self._settled.states[State.QUEUED] += queue_again(
                session, message, now, self._campaigns.rules(message)
            )
        else:
            put_off(session, message, now + AGAIN[unknown.policy])
            self._settled.unlearnt["not_found"] += 1


class Said(StrEnum):
    """What a person says of messages nobody knows about."""

    SENT = "sent"
    NOT_SENT = "not_sent"
    ABANDON = "abandon"


def settle_by_hand(
    settings: Settings, keys: Sequence[str], said: Said, evidence: str, now: datetime
) -> tuple[Counter[str], list[str]]:
    """Settle the messages with these keys as a person says; (new state -> messages, keys that changed nothing)."""
    states: Counter[str] = Counter()
    done: set[str] = set()
    with database(settings.database_url) as engine:
        campaigns = Campaigns(engine, settings)
        for start in range(0, len(keys), CHUNK):
            with transaction(engine) as session:
                for message in with_keys(session, keys[start : start + CHUNK]):
                    if state := _settle_one(session, message, campaigns, said, evidence, now):
                        states[state] += 1
                        done.add(message.key)
    return states, [key for key in keys if key not in done]


def _settle_one(
    session: Session, message: Uncertain, campaigns: Campaigns, said: Said, evidence: str, now: datetime
) -> State | None:
    """The message's new state; None when it was settled otherwise meanwhile, or given up before."""
    if said is Said.SENT:
        kind, state = EventKind.ACCEPTED, State.ACCEPTED
        changed = accept(session, message, now, PERSON, None, campaigns.tariff)
    elif message.state is State.ABANDONED:
        return None
    elif said is Said.ABANDON:
        kind, state = EventKind.GIVEN_UP, State.ABANDONED
        changed = abandon(session, message, now, campaigns.tariff)
        if changed and message.state is State.QUEUED:
            count_again(session, message, now, campaigns.tariff)
    elif message.state is State.QUEUED:
        return None
    else:
        kind, state = EventKind.NOT_SENT, after_denial(campaigns.unknown(message), now)
        settle = queue_again if state is State.QUEUED else deny
        changed = settle(session, message, now, campaigns.rules(message))
    if not changed:
        return None
    keep_evidence(session, message, kind, PERSON, evidence, now)
    return state
