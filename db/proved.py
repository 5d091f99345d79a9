"""Messages proved to have left that are not counted as they are: caps, day and budget count them from then on.

Not counted: what was given back (a person said "not sent", a look-up found nothing, a provider said "not now") and
what a restored state had not claimed yet. Counted at what it had reserved: what a sender has claimed and its lease
or a restored state holds. Each costs one unit of its channel then: nobody knows how many it really was.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy.engine import Connection

from db.allowance import tally
from db.direct import Sql, as_instant
from winback.channel import Channel
from winback.delivery.tariff import Tariff
from winback.events import RANKED


class Unproved(NamedTuple):
    """One message no proof was known of; ``counted``: its day and its caps have it."""

    id: int
    occurrence_id: int
    channel: Channel
    cost_micros: int
    sent_at: datetime | None
    counted: bool


# Only a sender sets the owner, and a hold takes it from what it had not claimed (db.restored).
_UNPROVED = Sql(f"""
SELECT m.id, m.occurrence_id, m.channel, m.cost_micros, m.sent_at, m.sent_at IS NOT NULL AND m.owner IS NOT NULL
FROM message m
WHERE m.key AMONG(:keys) AND m.state NOT IN ({", ".join(repr(state.value) for state in RANKED)})
  AND (m.sent_at IS NULL OR m.owner IS NULL OR m.state = 'sending' OR m.reason IN ('lease_expired', 'restored'))
ORDER BY m.id""")
_COUNT = Sql("UPDATE message SET sent_at = :at, cost_micros = :cost WHERE id = :id")


def unproved(connection: Connection, keys: Sequence[str]) -> list[Unproved]:
    """Those messages that will have to be counted, or counted otherwise, once they are proved to have left."""
    rows = _UNPROVED.run(connection, keys=list(keys)).fetchall()
    return [
        Unproved(id_, occurrence_id, channel, cost, as_instant(sent_at), bool(counted))
        for id_, occurrence_id, channel, cost, sent_at, counted in rows
    ]


def count(connection: Connection, proved: Sequence[Unproved], now: datetime, tariff: Tariff) -> None:
    """Count messages that are proved by ``now``: a claim nobody remembers is taken to be of now."""
    sent, cost = Counter[tuple[int, date]](), Counter[tuple[int, date]]()
    values = []
    for each in proved:
        at, price = each.sent_at or now, tariff.price_micros.get(each.channel, 0)
        day = (each.occurrence_id, at.astimezone(tariff.zone).date())
        sent[day] += not each.counted
        cost[day] += price - each.cost_micros
        values.append({"at": at, "cost": price, "id": each.id})
    if values:
        _COUNT.run_each(connection, values)
    for occurrence_id, local in sorted(cost):
        tally(connection, occurrence_id, local, sent[occurrence_id, local], cost[occurrence_id, local])
