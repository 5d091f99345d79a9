"""Record: the short transaction after every send. Only the owner of an attempt may say what came of it."""

import json
from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from db.allowance import tally
from db.claims import Batch, Claimed
from db.closing import OPT_OUT, Closing, close
from db.direct import Sql, execute, is_sqlite, stamp
from winback.events import OPTED_OUT, State

UNSENT = frozenset({State.QUEUED, State.SKIPPED, State.REJECTED})


class Result(NamedTuple):
    """What came of one claimed message; ``state`` queued gives it back for another try at ``not_before``."""

    message: Claimed
    state: State
    reason: str | None = None
    provider: str | None = None
    provider_id: str | None = None
    not_before: datetime | None = None
    cost_micros: int = 0


# Every row is locked and looked at before (_OURS, _KNOWN), so these need no more than its attempt.
_ACCEPT = """
UPDATE message SET state = {to}, reason = {why}, state_at = {now}, provider = {by}, provider_id = {theirs},
  cost_micros = cost_micros + {cost}
{rows}"""
_SETTLE = """
UPDATE message SET state = {to}, reason = {why}, not_before = {later}, state_at = {now}, provider = {by},
  sent_at = CASE WHEN {went} THEN COALESCE(sent_at, {now}) END,
  provider_id = {theirs}, cost_micros = cost_micros + {cost}
{rows}"""
_ADD = """
UPDATE message SET provider = {by}, provider_id = {theirs}, cost_micros = cost_micros + {cost},
  sent_at = COALESCE(sent_at, {now})
{rows}"""
_NAMES = ("id", "owner", "attempt", "to", "why", "later", "went", "now", "by", "theirs", "cost")
_TYPES = (
    "bigint", "text", "int", "text", "text", "timestamptz", "bool", "timestamptz", "text", "text", "bigint"
)  # fmt: skip


def _on_sqlite(statement: str) -> str:
    place = {name: f"?{number}" for number, name in enumerate(_NAMES, 1)}
    rows = f"WHERE id = {place['id']} AND owner = {place['owner']} AND attempt = {place['attempt']}"
    return statement.format(rows=rows, **place)


def _on_postgresql(statement: str) -> str:
    place = {name: f"told.{name}_" for name in _NAMES}
    arrays = ", ".join(f"%s::{kind}[]" for kind in _TYPES)
    told = f"FROM unnest({arrays}) AS told({', '.join(f'{name}_' for name in _NAMES)})"
    rows = f"{told} WHERE id = told.id_ AND owner = told.owner_ AND attempt = told.attempt_"
    return statement.format(rows=rows, **place)


_ACCEPT_ARRAYS = _on_postgresql(_ACCEPT)
# SQLite: one statement for all that differ in nothing but their ids takes two thirds of the time of one for each.
_ACCEPT_ALIKE = """
UPDATE message SET state = 'accepted', reason = ?, state_at = ?, provider = ?, provider_id = told.value,
  cost_micros = cost_micros + ?
FROM json_each(?) AS told WHERE message.id = CAST(told.key AS INTEGER) AND owner = ? AND attempt = ?"""
_RECORDS = {
    sqlite: tuple(map(made, (_SETTLE, _ADD))) for sqlite, made in ((True, _on_sqlite), (False, _on_postgresql))
}


_ID = attrgetter("message.id")
_OURS = Sql("""
SELECT COUNT(*) FROM (
  SELECT id FROM message WHERE id AMONG(:ids) AND owner = :owner AND state = 'sending' ORDER BY id FOR UPDATE
) AS ours""")
_KNOWN = Sql("""
SELECT id, owner, attempt, state, sent_at, cost_micros FROM message WHERE id AMONG(:ids) ORDER BY id FOR UPDATE""")


class Told(NamedTuple):
    """One result with what it changes: the cost, and how many of the day (-1: the message came back)."""

    result: Result
    cost_micros: int
    counted: int = 0


def record(connection: Connection, batch: Batch, results: Sequence[Result], now: datetime) -> None:
    """Store what came of a batch's messages; a result of an attempt that is no longer current changes nothing.

    It settles what is sending or uncertain; an acceptance also what somebody has queued again or given up. What an
    event has lifted meanwhile keeps its state: an event may come before our own answer is stored.
    """
    if not results:
        return
    price = batch.rules.price_micros
    settled, lifted = _sorted_out(connection, sorted(results, key=_ID), price)
    plain, others = list[Told](), list[Told]()
    for told in settled:
        (plain if told.result.state is State.ACCEPTED and not told.counted else others).append(told)
    if plain:
        _accept(connection, plain, now)
    for statement, tolds in zip(_RECORDS[is_sqlite(connection)], (others, lifted), strict=True):
        if tolds:
            execute(connection, statement, _values(tolds, now, sqlite=is_sqlite(connection)))
    _close_those_who_left(connection, [told.result for told in settled], now)
    cost = sum(told.cost_micros for told in (*settled, *lifted))
    counted = sum(told.counted for told in (*settled, *lifted))
    tally(connection, batch.run.occurrence_id, batch.day, counted, cost)


def _accept(connection: Connection, tolds: Sequence[Told], now: datetime) -> None:
    if not is_sqlite(connection):
        execute(connection, _ACCEPT_ARRAYS, _values(tolds, now, sqlite=False))
        return
    alike: dict[tuple[str | None, str | None, int, str, int], dict[int, str | None]] = {}
    for (message, _, reason, provider, provider_id, _, _), cost, _ in tolds:
        known = reason, provider, cost, message.owner, message.attempt
        alike.setdefault(known, {})[message.id] = provider_id
    at = stamp(now)
    for (reason, provider, cost, owner, attempt), ids in alike.items():
        execute(connection, _ACCEPT_ALIKE, (reason, at, provider, cost, json.dumps(ids), owner, attempt))


def _close_those_who_left(connection: Connection, results: Sequence[Result], now: datetime) -> None:
    """Whoever has told the provider to stop is not written to by any other campaign either."""
    left = {result.message.id: result.provider for result in results if result.reason == OPTED_OUT}
    if left:
        rows = _ADDRESSES.run(connection, ids=list(left)).fetchall()
        close(connection, [Closing(to, channel, OPT_OUT, left[id_] or OPT_OUT, now) for id_, to, channel in rows])


_ADDRESSES = Sql("SELECT id, address_hash, channel FROM message WHERE id AMONG(:ids)")


def _sorted_out(connection: Connection, results: Sequence[Result], price: int) -> tuple[list[Told], list[Told]]:
    """(results to settle, results of messages an event has lifted meanwhile); the rows are locked from here on."""
    ids = [result.message.id for result in results]
    (ours,) = _OURS.run(connection, ids=ids, owner=results[0].message.owner).fetchone()
    if ours == len(ids):  # as nearly always
        return [_plain(result, price) for result in results], []
    known = {id_: rest for id_, *rest in _KNOWN.run(connection, ids=ids).fetchall()}
    settled: list[Told] = []
    lifted: list[Told] = []
    for result in results:
        owner, attempt, state, sent_at, counted_cost = known[result.message.id]
        accepted = result.state is State.ACCEPTED
        if (owner, attempt) != (result.message.owner, result.message.attempt):
            continue  # somebody else's by now
        if state == State.SENDING:
            settled.append(_plain(result, price))
        elif state == State.UNCERTAIN:  # it costs what is known of it by now, no longer what it had reserved
            settled.append(_plain(result, counted_cost))
        elif accepted and state in (State.QUEUED, State.ABANDONED):
            gone_back = sent_at is None  # its count and its money were given back
            settled.append(Told(result, result.cost_micros - counted_cost, int(gone_back)))
        elif accepted and state not in UNSENT:
            lifted.append(Told(result, result.cost_micros - counted_cost))
    return settled, lifted


def _plain(result: Result, price: int) -> Told:
    return Told(result, result.cost_micros - price, -1 if result.state in UNSENT else 0)


def _values(tolds: Sequence[Told], now: datetime, *, sqlite: bool) -> Any:  # noqa: ANN401 - the driver's own types
    """The values of _NAMES: a row for each result on SQLite, a list for each name on PostgreSQL."""
    at = stamp(now) if sqlite else now
    rows = [
        (message.id, message.owner, message.attempt, state.value, reason,
         stamp(later) if sqlite and later else later, state not in UNSENT, at, provider, provider_id, cost)
        for (message, state, reason, provider, provider_id, later, _), cost, _ in tolds
    ]  # fmt: skip
    return rows if sqlite else tuple(map(list, zip(*rows, strict=True)))
