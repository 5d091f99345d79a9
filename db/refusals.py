"""A run whose messages are refused one after the other is stopped, and what was refused goes back to the queue.

Of refused messages strewn among others staff is told, and addresses refused as dead are closed.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter

from sqlalchemy.engine import Connection

from db.closing import Closing, close
from db.direct import Sql, as_instant
from db.stops import stop_by_itself
from db.tables import READY
from winback.channel import Channel
from winback.delivery.refusals import (
    FEWEST,
    IN_A_ROW,
    TOLD_FROM,
    TOLD_SHARE,
    TRIES,
    Refusals,
    RefusedShare,
    Streak,
    Times,
    refused_words,
    share_to_tell,
)
from winback.events import OPTED_OUT, RANKED

# Another sender, or this one an hour ago, may have begun the row: all since anything else was answered.
_BEFORE = Sql("""
SELECT id FROM message
WHERE occurrence_id = :run AND template = :template AND state = 'rejected' AND reason = :reason
  AND state_at > COALESCE((
  SELECT MAX(state_at) FROM message WHERE occurrence_id = :run AND template = :template AND (
    state IN ('accepted', 'deferred', 'delivered', 'bounced', 'complained')
    OR state = 'rejected' AND reason <> :reason)), :never)""")
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_ALL = Sql("""
SELECT COUNT(*) FROM message WHERE occurrence_id = :run AND template = :template AND state <> 'skipped'""")
_STOPPED_SO = Sql("SELECT 1 FROM stop WHERE scope = :scope AND reason = :reason")
# Refused is proved not sent, so it may be tried again; its count and its money were given back on recording it.
_AGAIN = Sql("""
UPDATE message SET state = 'queued', state_at = :now
WHERE id AMONG(:ids) AND state = 'rejected' AND attempt < :tries""")


def stop_if_refused(
    connection: Connection, occurrence_id: int, run: str, refusals: Refusals, now: datetime
) -> int:
    """Stop ``run`` for what its newest answers, recorded in this transaction, say.

    Returns how many refused messages went back to the queue.
    """
    again = 0
    for (occurrence, template), streak in refusals.streaks.items():
        if occurrence != occurrence_id or not streak.ids:
            continue
        ids = _row(connection, occurrence, template, streak)
        words = refused_words(streak.reason)
        if len(ids) >= _needed(connection, occurrence, template, streak) or _is_stopped_so(connection, run, words):
            stop_by_itself(connection, run, words, now)
            again += int(_AGAIN.run(connection, ids=ids, now=now, tries=TRIES).rowcount)
            refusals.over.add((occurrence, template))
    return again


def _row(connection: Connection, occurrence: int, template: str, streak: Streak) -> list[int]:
    """The messages of the row; those before what this sender saw are looked up where it saw nothing else."""
    if not streak.whole or len(streak.ids) >= IN_A_ROW:
        return streak.ids
    asked = {"run": occurrence, "template": template, "reason": streak.reason, "never": _NEVER}
    return sorted({*streak.ids, *(id_ for (id_,) in _BEFORE.run(connection, **asked).fetchall())})


def _needed(connection: Connection, occurrence: int, template: str, streak: Streak) -> int:
    """How many in a row stop the run: IN_A_ROW, or all of a smaller run."""
    if not streak.whole:
        return IN_A_ROW
    [of_all] = _ALL.run(connection, run=occurrence, template=template).fetchone()
    return min(IN_A_ROW, max(FEWEST, int(of_all)))


def _is_stopped_so(connection: Connection, run: str, words: str) -> bool:
    """Whether another sender has stopped it for the same."""
    return _STOPPED_SO.run(connection, scope=run, reason=words).fetchone() is not None


# One index each: a run may have a million messages, and this is asked after each batch that ends in doubt.
_WAITING = Sql(f"""
SELECT 1 WHERE EXISTS (SELECT 1 FROM message WHERE occurrence_id = :run AND channel = :channel
    AND {READY})
  OR EXISTS (SELECT 1 FROM message WHERE occurrence_id = :run AND channel = :channel
    AND not_before IS NOT NULL AND state = 'queued')
  OR EXISTS (SELECT 1 FROM message WHERE state = 'sending' AND lease_until IS NOT NULL
    AND occurrence_id = :run AND channel = :channel)""")
_TOOK_ONE = Sql(f"""
SELECT 1 FROM message WHERE occurrence_id = :run AND template = :template AND channel = :channel
  AND state IN ({", ".join(repr(state.value) for state in RANKED)}) LIMIT 1""")
_ADDRESSES = Sql("""
SELECT address_hash, channel, provider FROM message WHERE id AMONG(:ids) AND state = 'rejected'""")


def close_dead(
    connection: Connection, occurrence_id: int, channel: Channel, refusals: Refusals, now: datetime
) -> None:
    """Close the addresses that a provider has refused as dead, for all campaigns; after ``stop_if_refused``.

    Whether it is the address or a mistake of ours shows by what follows: the provider takes another message, or
    the run is through, was not stopped, and some of it was taken.
    """
    ids = list(refusals.dead)
    for (run, template), doubtful in refusals.doubtful.items():
        if run == occurrence_id and (run, template) not in refusals.over:
            ids += doubtful if _is_through(connection, run, template, channel) else []
    if ids:
        rows = _ADDRESSES.run(connection, ids=ids).fetchall()
        close(connection, [Closing(to, by, "bounced", provider or "", now) for to, by, provider in rows])


def _is_through(connection: Connection, run: int, template: str, channel: Channel) -> bool:
    """Whether nothing more of the run waits on this channel, and some of this template was taken."""
    if _WAITING.run(connection, run=run, channel=channel).fetchone():
        return False
    return _TOOK_ONE.run(connection, run=run, channel=channel, template=template).fetchone() is not None


BEGUN = timedelta(days=30)  # a run begun before is history
# The run first: else SQLite reads what was ever refused.
_REFUSED = Sql(f"""
SELECT o.campaign_id || '/' || o.slot, o.id, m.reason, COUNT(*), MAX(m.state_at)
FROM occurrence o CROSS JOIN message m
WHERE o.opened_at > :begun AND m.occurrence_id = o.id AND m.state = 'rejected' AND m.reason <> '{OPTED_OUT}'
GROUP BY o.id, o.campaign_id, o.slot, m.reason ORDER BY o.id, COUNT(*) DESC, m.reason""")
_TAKEN = Sql(f"""
SELECT COUNT(*) FROM (SELECT 1 FROM message WHERE occurrence_id = :run
  AND state IN ({", ".join(repr(state.value) for state in RANKED)}) LIMIT :most) AS taken""")


def refused_for(connection: Connection, since: datetime, now: datetime) -> list[tuple[str, int, list[Times]]]:
    """(run, its id, reasons and how often, the commonest first) of those with a refusal ``since``.

    A person who told the provider to stop is none.
    """
    rows = _REFUSED.run(connection, begun=now - BEGUN).fetchall()
    runs = [(run, id_, list(rest)) for (run, id_), rest in groupby(rows, itemgetter(0, 1))]
    return [
        (run, id_, [(reason, times) for _, _, reason, times, _ in rest])
        for run, id_, rest in runs
        if any((as_instant(last) or since) > since for *_, last in rest)
    ]


def shares_to_tell(connection: Connection, now: datetime, but: Collection[str]) -> list[RefusedShare]:
    """The runs a share of which was refused, the last an hour ago at most; ``but``: not these."""
    found = [
        share_to_tell(run, reasons, _taken(connection, id_, reasons))
        for run, id_, reasons in refused_for(connection, now - timedelta(hours=1), now)
        if run not in but and sum(times for _, times in reasons) >= TOLD_FROM
    ]
    return [share for share in found if share]


def _taken(connection: Connection, occurrence: int, reasons: Sequence[Times]) -> int:
    """How many the provider took; where they are too many it stops counting: a run may have a million."""
    most = int(sum(times for _, times in reasons) / TOLD_SHARE) + 1
    return int(_TAKEN.run(connection, run=occurrence, most=most).fetchone()[0])
