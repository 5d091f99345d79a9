"""Claim: the short transaction before every send, in sets; what comes after it: db.results.

A claim commits ``sending`` with owner, attempt and lease before the first byte leaves. Only the owner of that
attempt may record what came of it. Whatever nobody can know becomes ``uncertain``, never ``queued`` by itself.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from db.allowance import know, lock_addresses, tally
from db.direct import Sql, as_day, as_instant, is_sqlite
from db.memory import Mark, count_claim
from db.tables import NO_REPLAY, READY
from winback.channel import Channel
from winback.customers.countries import region_of_number
from winback.delivery.claiming import Candidate, Held, Rules, for_the_last, hold_back
from winback.delivery.tariff import Tariff
from winback.events import State

WAKE = 2_000  # messages woken at once: a writer must not hold SQLite longer than 250 ms


class Claimed(NamedTuple):
    """One message its owner may send now, with all that rendering needs."""

    id: int
    key: str
    owner: str
    attempt: int
    campaign_id: str
    occurrence_id: int
    version_id: int
    template: str
    channel: Channel
    address: str
    name: str | None
    locale: str | None
    country: str | None
    orders: int
    last_order_on: date
    as_of: date
    recommended: str | None = None  # JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Who wants to send what: up to ``window`` messages of one channel, rehearsed (``placebo``) or real.

    ``replay``: of a run in the past, of whose people today's caps and preferences say nothing.
    """

    owner: str
    channel: Channel
    provider: str
    placebo: bool
    window: int
    now: datetime
    lease: timedelta
    unknown_email_consent: bool
    replay: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run with messages that may be looked at now; ``name`` is ``<campaign>/<occurrence>``."""

    occurrence_id: int
    campaign_id: str
    name: str
    version_id: int
    as_of: date
    topic: str | None


@dataclass(slots=True, kw_only=True)
class Batch:
    """What one claim took, all of one run, and what it skipped or put off; it counts for the local ``day``.

    ``mark``: of a claim that took something.
    """

    run: Run
    rules: Rules
    day: date
    mark: Mark | None = None
    messages: list[Claimed] = field(default_factory=list)
    skipped: int = 0
    held: int = 0

    @property
    def moved(self) -> bool:
        """Whether the claim changed anything."""
        return bool(self.messages or self.skipped or self.held)


_RUNS = Sql(f"""
SELECT o.id, o.campaign_id, o.slot, o.version_id, o.as_of, o.topic
FROM occurrence o
WHERE o.stage = 'released' AND o.placebo = :placebo
  AND (o.id = :only OR CAST(:only AS INTEGER) IS NULL AND {NO_REPLAY})
  AND NOT EXISTS (SELECT 1 FROM stop s WHERE s.scope IN ('*', o.campaign_id, o.campaign_id || '/' || o.slot))
  AND (
    EXISTS (SELECT 1 FROM message m WHERE m.occurrence_id = o.id AND m.channel = :channel AND {READY})
    OR EXISTS (SELECT 1 FROM message m
      WHERE m.occurrence_id = o.id AND m.channel = :channel AND m.state = 'queued' AND m.not_before <= :by))
ORDER BY o.priority DESC, o.id
""")


def due_runs(
    connection: Connection, channel: Channel, *, placebo: bool, by: datetime, only: int | None = None
) -> list[Run]:
    """The runs with messages to claim now or ``by`` then, the highest priority first.

    Only those pinned as this sender sends: a rehearsal (``placebo``) never leaves for real, and a real message
    never ends in the folder. ``only``: this replay; None = every run but replays.
    """
    rows = _RUNS.run(connection, placebo=placebo, channel=channel, by=by, only=only).fetchall()
    return [
        Run(
            occurrence_id=id_,
            campaign_id=campaign,
            name=f"{campaign}/{slot}",
            version_id=version,
            as_of=as_day(as_of),
            topic=topic,
        )
        for id_, campaign, slot, version, as_of, topic in rows
    ]


# What the customer ``{0}`` says about being written to: 2 never, 1 not without consent, 0 nothing against it.
_SAYS = """CASE
        WHEN EXISTS (SELECT 1 FROM suppression s
          WHERE s.customer_no = {0}.no AND s.channel IN ('all', :channel, :topic)) THEN 2
        WHEN NOT {0}.{{consent}} OR {0}.no_personalisation OR EXISTS (SELECT 1 FROM customer_preference p
          WHERE p.customer_no = {0}.no AND p.no_personalisation) THEN 1
        ELSE 0 END"""
# Whether the customer, or anybody who shares the address, asked for less.
_LESS = """CASE WHEN p.less_often THEN TRUE
  WHEN c.{alone} AND c.{hash} = m.address_hash THEN q.less_often
  ELSE EXISTS (SELECT 1 FROM customer other JOIN customer_preference o ON o.customer_no = other.no
    WHERE other.{hash} = m.address_hash AND o.less_often) END"""
# The message first, whatever the planner thinks: CROSS JOIN keeps the order on SQLite. The first columns are those
# of Claimed. Whoever shares the address is one person: a no of any of them counts, and so does a suppression; who
# has it alone is not looked up among a million others.
_CANDIDATES = f"""
SELECT m.id, m.key, m.attempt + 1, m.template, {{address}}, c.name, c.locale, c.country, a.orders, a.last_order_on,
  a.recommended, CASE
    WHEN m.late_after < :now THEN 'late'
    WHEN EXISTS (SELECT 1 FROM suppression s
      WHERE s.address_hash = m.address_hash AND s.channel IN ('all', :channel, :topic)) THEN 'suppressed'
    ELSE CASE (
      CASE WHEN c.{{alone}} AND c.{{hash}} = m.address_hash THEN {_SAYS.format("c")}
      ELSE (SELECT MAX({_SAYS.format("other")}) FROM customer other WHERE other.{{hash}} = m.address_hash) END)
    WHEN 2 THEN 'suppressed'
    WHEN 1 THEN 'no_consent'
    WHEN 0 THEN CASE
      WHEN COALESCE(c.{{hash}}, '') <> m.address_hash THEN 'address_changed'
      WHEN NOT COALESCE(c.{{consent}}, :unknown) OR p.no_personalisation THEN 'no_consent' END
    ELSE 'address_changed' END
  END,
  m.person, m.address_hash, c.timezone, c.country, {_LESS}, m.late_after, m.customer_no
FROM message m
CROSS JOIN customer c
CROSS JOIN assignment a
LEFT JOIN preference p ON p.address_hash = m.address_hash
LEFT JOIN customer_preference q ON q.customer_no = c.no
WHERE m.occurrence_id = :run AND m.channel = :channel AND m.{READY.replace("not_before", "m.not_before")}
  AND c.no = m.customer_no AND a.id = m.assignment_id
  AND NOT EXISTS (SELECT 1 FROM stop s WHERE s.scope IN ('*', :campaign, :name))
ORDER BY m.id LIMIT :window FOR UPDATE OF m SKIP LOCKED
"""
_COLUMNS: Mapping[Channel, Mapping[str, str]] = {
    "email": {"address": "c.email", "hash": "email_hash", "alone": "email_alone", "consent": "email_consent"},
    "sms": {"address": "c.phone", "hash": "sms_hash", "alone": "sms_alone", "consent": "sms_consent"},
}
_SELECTS = {channel: Sql(_CANDIDATES.format(**columns)) for channel, columns in _COLUMNS.items()}
_ADDRESS, _SKIP, _PERSON, _LESS_OFTEN = 4, 11, 12, 16  # columns


def claim(connection: Connection, wish: Wish, run: Run, rules: Rules) -> Batch:
    """Claim messages of ``run`` for ``wish.owner``; the caller commits before the first byte.

    Suppression, consent, address, lateness, the stop switch and the campaign's ``rules`` are read in the claim's
    own transaction. The batch's rules say what each message of it may cost at most.
    """
    rows = _SELECTS[wish.channel].run(connection, **_asked(wish, run)).fetchall()
    skipped = [Held(row[0], None, row[_SKIP]) for row in rows if row[_SKIP]]
    able = [row for row in rows if not row[_SKIP]] if skipped else rows
    rules, held = _held_back(connection, wish, run, rules, able)
    if skipped or held:
        put_aside(connection, [*skipped, *held], wish.now)
        aside = {each.id for each in held}
        able = [row for row in able if row[0] not in aside]
    day = wish.now.astimezone(rules.zone).date()
    if able:
        _mark(connection, wish, [row[0] for row in able], rules.price_micros)
        tally(connection, run.occurrence_id, day, len(able), len(able) * rules.price_micros)
    return Batch(
        run=run,
        rules=rules,
        day=day,
        mark=count_claim(connection, wish.owner) if able else None,
        messages=[_claimed(row, wish, run) for row in able],
        skipped=len(skipped) + sum(each.until is None for each in held),
        held=sum(each.until is not None for each in held),
    )


def _asked(wish: Wish, run: Run) -> dict[str, object]:
    return {
        "now": wish.now,
        "run": run.occurrence_id,
        "campaign": run.campaign_id,
        "name": run.name,
        "topic": f"topic:{run.topic}",
        "channel": wish.channel,
        "window": wish.window,
        "unknown": wish.channel == "email" and wish.unknown_email_consent,
    }


def _claimed(row: Any, wish: Wish, run: Run) -> Claimed:  # noqa: ANN401 - a row of _CANDIDATES
    id_, key, attempt, template, address, name, locale, country, orders, last_order_on, recommended, *_ = row
    return Claimed(
        id_, key, wish.owner, attempt, run.campaign_id, run.occurrence_id, run.version_id, template, wish.channel,
        address, name, locale, country, orders, as_day(last_order_on), run.as_of, recommended,
    )  # fmt: skip


def _candidate(row: Any, channel: Channel) -> Candidate:  # noqa: ANN401 - a row of _CANDIDATES
    person, address_hash, timezone, country, less_often, late_after, customer_no = row[_PERSON:]
    if channel == "sms" and not (timezone or country):
        country = region_of_number(row[_ADDRESS])
    return Candidate(
        row[0], customer_no, person, address_hash, timezone, country, less_often, _instant(late_after)
    )


_instant = lru_cache(maxsize=64)(as_instant)  # one for all messages of a run, nearly always


def _held_back(
    connection: Connection, wish: Wish, run: Run, rules: Rules, rows: Sequence[Any]
) -> tuple[Rules, list[Held]]:
    """The rules as this claim keeps them, and what may not go now."""
    limited = rules.per_person or rules.counted
    if wish.replay or not rows or not (limited or rules.quiet or any(row[_LESS_OFTEN] for row in rows)):
        return rules, []
    candidates = [_candidate(row, wish.channel) for row in rows]
    lock_addresses(connection, candidates)
    known = know(connection, run.campaign_id, candidates, rules, wish.now, placebo=wish.placebo)
    rules = for_the_last(rules, known)
    return rules, hold_back(candidates, rules, known, wish.now, wish.lease)


def put_aside(connection: Connection, held: Iterable[Held], now: datetime) -> None:
    """Skip for good, or until a later instant, messages that are queued and may not go now."""
    groups: dict[tuple[datetime | None, str], list[int]] = {}
    for each in held:
        groups.setdefault((each.until, each.reason), []).append(each.id)
    for (until, reason), ids in groups.items():
        state = State.SKIPPED if until is None else State.QUEUED
        _ASIDE.run(connection, state=state.value, reason=reason, until=until, now=now, ids=ids)


_ASIDE = Sql("""
UPDATE message SET state = :state, reason = :reason, not_before = :until, state_at = :now
WHERE id AMONG(:ids) AND state = 'queued'""")
_MARK = Sql(f"""
UPDATE message SET state = 'sending', owner = :owner, provider = :provider, attempt = attempt + 1,
  lease_until = :until, reason = NULL,
  sent_at = :now, state_at = :now, cost_micros = cost_micros + :price
WHERE id AMONG(:ids) AND {READY}""")


def _mark(connection: Connection, wish: Wish, ids: list[int], price_micros: int) -> None:
    """Every row must be hit, or the claim is not ours."""
    hit = _MARK.run(
        connection,
        owner=wish.owner,
        provider=wish.provider,
        until=wish.now + wish.lease,
        now=wish.now,
        price=price_micros,
        ids=ids,
    ).rowcount
    if hit != len(ids):
        raise RuntimeError(f"claimed {len(ids)} messages but changed {hit}")


_EXPIRED = Sql("""
SELECT id, occurrence_id, channel, cost_micros, sent_at FROM message
WHERE state = 'sending' AND lease_until < :now FOR UPDATE SKIP LOCKED""")
_EXPIRE = Sql("""
UPDATE message SET state = 'uncertain', reason = 'lease_expired', state_at = :now, cost_micros = :cost
WHERE id = :id""")
_WAKE = Sql("""
UPDATE message SET not_before = NULL, reason = NULL
WHERE id IN (
  SELECT id FROM message
  WHERE occurrence_id = :run AND channel = :channel AND not_before <= :now AND state = 'queued' LIMIT :most
  FOR UPDATE SKIP LOCKED)""")
_WAKE_ALONE = Sql("SELECT pg_advisory_xact_lock(8025003)")


def expire_leases(connection: Connection, now: datetime, tariff: Tariff) -> int:
    """What a dead owner left in ``sending`` becomes ``uncertain``, never ``queued``; returns how many.

    Nobody knows how many units it was: from here on each costs one, not the most it might have cost.
    """
    rows = _EXPIRED.run(connection, now=now).fetchall()
    if not rows:
        return 0
    less = Counter[tuple[int, date]]()
    for _, occurrence_id, channel, cost, sent_at in rows:
        day = (as_instant(sent_at) or now).astimezone(tariff.zone).date()
        less[occurrence_id, day] += tariff.price_micros.get(channel, 0) - cost
    prices = [{"now": now, "cost": tariff.price_micros.get(row[2], 0), "id": row[0]} for row in rows]
    _EXPIRE.run_each(connection, prices)
    for occurrence_id, day in sorted(less):
        tally(connection, occurrence_id, day, 0, less[occurrence_id, day])
    return len(rows)


def wake(connection: Connection, channel: Channel, runs: Sequence[Run], now: datetime) -> int:
    """Messages whose wait is over may be looked at again, those of the first of ``runs`` first; returns how many.

    At most WAKE: then more wait. One sender at a time, else a second one, finding the first run's messages locked,
    would wake those of lower priority before the first has committed.
    """
    woken = 0
    if runs and not is_sqlite(connection):
        _WAKE_ALONE.run(connection)
    for run in runs:
        if woken < WAKE:
            asked = {"run": run.occurrence_id, "channel": channel, "now": now, "most": WAKE - woken}
            woken += int(_WAKE.run(connection, **asked).rowcount)
    return woken
