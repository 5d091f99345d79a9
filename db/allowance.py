"""What campaigns have used of their limits: who was written to when, how many a day, and what it cost."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.engine import Connection

from db.direct import Sql, as_instant, is_sqlite
from db.tables import NO_REPLAY
from winback.campaigns.limits import LESS_OFTEN
from winback.delivery.claiming import Candidate, Knowledge, Rules


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
    if rules.per_day is None and rules.budget_micros is None:
        return Knowledge(written=written)
    today, spent = _used(connection, campaign_id, now.astimezone(rules.zone).date(), placebo)
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


_OPEN_DAY = Sql("""
INSERT INTO day_tally (campaign_id, day, placebo, sent, cost_micros) VALUES (:campaign, :day, :placebo, 0, 0)
ON CONFLICT DO NOTHING""")
_LOCK_CAMPAIGN = Sql("SELECT pg_advisory_xact_lock(hashtextextended(:campaign, 1))")
_USED = Sql("""
SELECT COALESCE(SUM(CASE WHEN day = :day THEN sent ELSE 0 END), 0), COALESCE(SUM(cost_micros), 0)
FROM day_tally WHERE campaign_id = :campaign AND placebo = :placebo""")
_SENDING = Sql("SELECT 1 FROM message WHERE state = 'sending' AND campaign_id = :campaign LIMIT 1")
_ADD = Sql("""
UPDATE day_tally SET sent = sent + :sent, cost_micros = cost_micros + :cost
WHERE campaign_id = :campaign AND day = :day AND placebo = :placebo""")


def _used(connection: Connection, campaign_id: str, day: date, placebo: bool) -> tuple[int, int]:
    """(messages today, micros in all); the day's row is made and, on PostgreSQL, locked until the end."""
    if not is_sqlite(connection):
        _LOCK_CAMPAIGN.run(connection, campaign=campaign_id)
    _OPEN_DAY.run(connection, campaign=campaign_id, day=day, placebo=placebo)
    today, spent = _USED.run(connection, campaign=campaign_id, day=day, placebo=placebo).fetchone()
    return int(today), int(spent)


def _is_sending(connection: Connection, campaign_id: str) -> bool:
    return _SENDING.run(connection, campaign=campaign_id).fetchone() is not None


def count_claimed(
    connection: Connection, campaign_id: str, day: date, rules: Rules, messages: int, *, placebo: bool
) -> None:
    """Add a claim to its day, each message at the most it may cost; nothing for a campaign without such limits."""
    _add(connection, campaign_id, day, rules, messages, messages * rules.price_micros, placebo)


def settle_costs(
    connection: Connection,
    campaign_id: str,
    day: date,
    rules: Rules,
    counted: int,
    cost_micros: int,
    *,
    placebo: bool,
) -> None:
    """Correct a day by ``counted`` messages (below 0: they were not sent after all) and by ``cost_micros``."""
    _add(connection, campaign_id, day, rules, counted, cost_micros, placebo)


_COUNT = Sql("""
INSERT INTO day_tally (campaign_id, day, placebo, sent, cost_micros)
VALUES (:campaign, :day, :placebo, :sent, :cost)
ON CONFLICT (campaign_id, day, placebo) DO UPDATE SET sent = day_tally.sent + excluded.sent,
  cost_micros = day_tally.cost_micros + excluded.cost_micros""")


def count_proved(
    connection: Connection, campaign_id: str, day: date, sent: int, cost_micros: int, *, placebo: bool
) -> None:
    """Add what is known only now to have left; whether the campaign has limits is not known here.

    What adds no message corrects a day that counts it, if there is one.
    """
    if sent or cost_micros:
        add = _COUNT if sent else _ADD
        add.run(connection, sent=sent, cost=cost_micros, campaign=campaign_id, day=day, placebo=placebo)


def _add(
    connection: Connection, campaign_id: str, day: date, rules: Rules, sent: int, cost: int, placebo: bool
) -> None:
    if (rules.per_day is None and rules.budget_micros is None) or not (sent or cost):
        return
    _ADD.run(connection, sent=sent, cost=cost, campaign=campaign_id, day=day, placebo=placebo)
