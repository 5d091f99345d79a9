"""What campaigns have used of their limits: who was written to when, how many a day, and what it cost."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Connection

from db.direct import Sql, as_instant, is_sqlite
from db.tables import NO_REPLAY
from winback.campaigns.limits import LESS_OFTEN
from winback.channel import Channel
from winback.delivery.claiming import RETURN, Candidate, Knowledge, Rules
from winback.events import RANKED


def lock_addresses(connection: Connection, candidates: Sequence[Candidate]) -> None:
    """On PostgreSQL nobody else counts or claims for these people until the end; SQLite has one writer.

    Advisory locks, because the people of two campaigns share no row; in one order, so that nobody deadlocks.
    """
    if is_sqlite(connection):
        return
    names = sorted({name for each in candidates for name in _names(each)})
    _LOCK.run(connection, names=names)


def _names(each: Candidate) -> tuple[str, str, str]:
    return each.person, each.address_hash, f"customer {each.customer_no}"


_LOCK = Sql("""
SELECT pg_advisory_xact_lock(k)
FROM (SELECT DISTINCT hashtextextended(n, 0) AS k FROM unnest(CAST(:names AS text[])) AS n ORDER BY k) AS keys""")


def know(
    connection: Connection,
    campaign_id: str,
    candidates: Sequence[Candidate],
    rules: Rules,
    now: datetime,
    *,
    placebo: bool,
) -> Knowledge:
    """What the rules need to be told, in one query for each kind of rule that asks."""
    days = [limit.days for limit in (rules.per_person, _less_often(candidates)) if limit]
    written = _written(connection, candidates, now - timedelta(days=max(days)), placebo) if days else {}
    if not rules.counted:
        return Knowledge(written=written)
    today, spent = _used(connection, campaign_id, rules.zone, now, placebo)
    in_flight = (
        rules.budget_micros is not None and spent + rules.price_micros * len(candidates) > rules.budget_micros
    )
    return Knowledge(
        written=written,
        sent_today=today,
        spent_micros=spent,
        in_flight=in_flight and _is_sending(connection, campaign_id),
    )


def _less_often(candidates: Sequence[Candidate]) -> Any:  # noqa: ANN401 - PerPerson or None
    return LESS_OFTEN if any(each.less_often for each in candidates) else None


_WRITTEN = Sql(f"""
SELECT m.id, m.person, m.address_hash, m.customer_no, m.sent_at
FROM message m JOIN occurrence o ON o.id = m.occurrence_id
WHERE m.person AMONG(:persons) AND m.sent_at > :since AND o.placebo = :placebo AND {NO_REPLAY}
UNION
SELECT m.id, m.person, m.address_hash, m.customer_no, m.sent_at
FROM message m JOIN occurrence o ON o.id = m.occurrence_id
WHERE m.address_hash AMONG(:addresses) AND m.sent_at > :since AND o.placebo = :placebo AND {NO_REPLAY}
UNION
SELECT m.id, m.person, m.address_hash, m.customer_no, m.sent_at
FROM assignment a JOIN message m ON m.occurrence_id = a.occurrence_id AND m.person = a.person
  JOIN occurrence o ON o.id = a.occurrence_id
WHERE a.customer_no AMONG(:customers) AND m.sent_at > :since AND o.placebo = :placebo AND {NO_REPLAY}""")


def _written(
    connection: Connection, candidates: Sequence[Candidate], since: datetime, placebo: bool
) -> dict[str | int, tuple[tuple[int, datetime], ...]]:
    """Person, address_hash and customer_no -> messages that may have gone to them since.

    Of rehearsals, or of real runs. By customer too: an address that is put right makes another person of him.
    """
    rows = _WRITTEN.run(
        connection,
        persons=[each.person for each in candidates],
        addresses=[each.address_hash for each in candidates],
        customers=[each.customer_no for each in candidates],
        since=since,
        placebo=placebo,
    ).fetchall()
    found: defaultdict[str | int, list[tuple[int, datetime]]] = defaultdict(list)
    for id_, person, address, customer_no, sent_at in rows:
        at = as_instant(sent_at) or since
        for name in (person, address, customer_no):
            found[name].append((id_, at))
    return {name: tuple(messages) for name, messages in found.items()}


_LOCK_CAMPAIGN = Sql("SELECT pg_advisory_xact_lock(hashtextextended(:campaign, 1))")
_USED = Sql("""
SELECT COALESCE(SUM(CASE WHEN day = :day THEN sent ELSE 0 END), 0), COALESCE(SUM(cost_micros), 0)
FROM day_tally WHERE campaign_id = :campaign AND placebo = :placebo""")
_SENDING = Sql("SELECT 1 FROM message WHERE state = 'sending' AND campaign_id = :campaign LIMIT 1")
# Many may add at once, one counts anew; both read ``tallied`` only once they have it.
_LOCK_COUNTED = Sql("""
SELECT pg_advisory_xact_lock_shared(hashtextextended(campaign_id, 2)) FROM occurrence WHERE id = :run""")
_LOCK_COUNT = Sql("SELECT pg_advisory_xact_lock(hashtextextended(:campaign, 2))")
_TALLY = Sql("""
INSERT INTO day_tally (campaign_id, day, placebo, sent, cost_micros)
SELECT campaign_id, :day, placebo, :sent, :cost FROM occurrence WHERE id = :run AND tallied
ON CONFLICT (campaign_id, day, placebo) DO UPDATE SET sent = day_tally.sent + excluded.sent,
  cost_micros = day_tally.cost_micros + excluded.cost_micros""")


def _used(
    connection: Connection, campaign_id: str, zone: ZoneInfo, now: datetime, placebo: bool
) -> tuple[int, int]:
    """(messages today, micros in all); on PostgreSQL nobody else counts for the campaign until the end."""
    if not is_sqlite(connection):
        _LOCK_CAMPAIGN.run(connection, campaign=campaign_id)
    if _UNTALLIED.run(connection, campaign=campaign_id, placebo=placebo).fetchone():
        _count_anew(connection, campaign_id, zone, placebo)
    day = now.astimezone(zone).date()
    today, spent = _USED.run(connection, campaign=campaign_id, day=day, placebo=placebo).fetchone()
    return int(today), int(spent)


def _is_sending(connection: Connection, campaign_id: str) -> bool:
    return _SENDING.run(connection, campaign=campaign_id).fetchone() is not None


def tally(connection: Connection, occurrence_id: int, day: date, sent: int, cost_micros: int) -> None:
    """Add to what a run's campaign used on a local day; below 0: it was not sent, or cost less, after all.

    What is being sent counts at the most it may cost. Nothing while the campaign needs no count: its first claim
    with a limit a day or a budget counts from the messages themselves. On PostgreSQL that claim waits for whoever
    counts nothing, and the others wait for it: else neither would count what is not committed yet.
    """
    if not (sent or cost_micros):
        return
    if not is_sqlite(connection):
        _LOCK_COUNTED.run(connection, run=occurrence_id)
    _TALLY.run(connection, run=occurrence_id, day=day, sent=sent, cost=cost_micros)


_AGAIN = Sql("""
UPDATE message SET not_before = NULL, reason = NULL
WHERE id IN (
  SELECT id FROM message
  WHERE occurrence_id = :run AND channel = :channel AND not_before <= :by AND state = 'queued'
    AND reason = 'over_budget'
  FOR UPDATE SKIP LOCKED)""")


def try_budget_again(connection: Connection, occurrence_id: int, channel: Channel, now: datetime) -> None:
    """Let what a run's claim has put off for its budget be looked at now: what was reserved has come back."""
    _AGAIN.run(connection, run=occurrence_id, channel=channel, by=now + RETURN)


_RUNS = f"campaign_id = :campaign AND placebo = :placebo AND stage = 'released' AND {NO_REPLAY}"
_UNTALLIED = Sql(f"SELECT 1 FROM occurrence WHERE {_RUNS} AND NOT tallied LIMIT 1")
_TALLIED = Sql(f"UPDATE occurrence SET tallied = TRUE WHERE {_RUNS} AND NOT tallied")
_FORGET = Sql("DELETE FROM day_tally WHERE campaign_id = :campaign AND placebo = :placebo")
# By the minute, for a day of the workspace begins at one. What a hold marked and nobody had claimed is not counted
# until it is proved to have left (db.proved).
_SENT = {
    sqlite: Sql(f"""
SELECT {minute}, COUNT(*), SUM(m.cost_micros) FROM message m
WHERE m.occurrence_id IN (SELECT id FROM occurrence WHERE {_RUNS}) AND m.sent_at IS NOT NULL
  AND (m.owner IS NOT NULL OR m.state IN ({", ".join(repr(state.value) for state in RANKED)}))
GROUP BY 1""")
    for sqlite, minute in ((True, "SUBSTR(m.sent_at, 1, 16)"), (False, "DATE_TRUNC('minute', m.sent_at)"))
}
_SET = Sql("""
INSERT INTO day_tally (campaign_id, day, placebo, sent, cost_micros)
VALUES (:campaign, :day, :placebo, :sent, :cost)""")


def _count_anew(connection: Connection, campaign_id: str, zone: ZoneInfo, placebo: bool) -> None:
    """Count a campaign from its messages: some of its runs were sent without limits, and nobody counted them.

    From here on every claim of these runs counts. Once, so it may take longer than a claim: 0.8 s for a million.
    """
    of = {"campaign": campaign_id, "placebo": placebo}
    if not is_sqlite(connection):
        _LOCK_COUNT.run(connection, campaign=campaign_id)
    _TALLIED.run(connection, **of)
    sent, cost = Counter[date](), Counter[date]()
    for minute, messages, micros in _SENT[is_sqlite(connection)].run(connection, **of).fetchall():
        if at := as_instant(minute):
            day = at.astimezone(zone).date()
            sent[day] += int(messages)
            cost[day] += int(micros)
    _FORGET.run(connection, **of)
    days = [of | {"day": day, "sent": sent[day], "cost": cost[day]} for day in sorted(sent)]
    if days:
        _SET.run_each(connection, days)
