"""Opt-outs and choices that a replaced database knows and the backup in its place does not.

People say no on our own pages and in text messages: no provider's list has that, so a restore takes it over.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from winback.customers.tie_key import tie_keys


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenOver:
    """How many were new or newer: entries of the suppression list, and addresses with choices of their own."""

    suppressions: int
    choices: int


def take_over(replaced: sqlite3.Connection, restored: sqlite3.Connection) -> TakenOver | None:
    """Bring what ``replaced`` knows of opt-outs into ``restored``, all of it or nothing; None: it cannot be read.

    Nothing is lifted: what was allowed again since the backup stays closed, as it was then. Customers go by the
    source's id, for the two may have numbered them differently.
    """
    restored.execute("BEGIN")
    try:
        schema = _schema(replaced)
        _know_customers(replaced, restored, _SUPPRESSED)
        for chosen, into in _of_customers(schema):
            _know_customers(replaced, restored, f"SELECT customer_id FROM ({chosen})")
            _brought(replaced, restored, chosen, into)
        found = TakenOver(
            suppressions=_brought(replaced, restored, _SUPPRESSIONS, _SUPPRESS),
            choices=_brought(replaced, restored, _CHOICES, _CHOOSE) if schema >= _CHOICES_SINCE else 0,
        )
    except Unreadable:
        restored.execute("ROLLBACK")
        return None
    restored.execute("COMMIT")
    return found


class Unreadable(Exception):
    """The replaced database is damaged, or is none of winback's."""


_CHOICES_SINCE, _OWN_SINCE = "0002", "0015"  # the schema that first kept choices, and a customer's own
_SUPPRESSED = "SELECT customer_id FROM customer WHERE no IN (SELECT customer_no FROM suppression)"
_SUPPRESSIONS = """
SELECT s.address_hash, c.customer_id, s.channel, s.reason, s.source, s.at
FROM suppression s LEFT JOIN customer c ON c.no = s.customer_no
WHERE s.address_hash IS NOT NULL OR c.no IS NOT NULL"""
_SUPPRESS = """
INSERT INTO suppression (address_hash, customer_no, channel, reason, source, at)
VALUES (?1, (SELECT no FROM customer WHERE customer_id = ?2), ?3, ?4, ?5, ?6)
ON CONFLICT DO UPDATE SET reason = excluded.reason, source = excluded.source, at = excluded.at
WHERE excluded.at > suppression.at"""
_CHOICES = "SELECT address_hash, less_often, no_personalisation, at FROM preference"
_CHOOSE = """
INSERT INTO preference (address_hash, less_often, no_personalisation, at) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT DO UPDATE SET less_often = excluded.less_often, no_personalisation = excluded.no_personalisation,
  at = excluded.at WHERE excluded.at > preference.at"""
_OWN = """
SELECT c.customer_id, p.less_often, p.no_personalisation, p.at
FROM customer_preference p JOIN customer c ON c.no = p.customer_no"""
# As bringing an earlier schema up to date does (migration 0015): what was chosen at an address is its customer's.
_FOLLOWED = """
SELECT c.customer_id, MAX(p.less_often), MAX(p.no_personalisation), MAX(p.at)
FROM preference p JOIN customer c ON c.email_hash = p.address_hash OR c.sms_hash = p.address_hash
GROUP BY c.no"""
_FOLLOWED_TOPICS = """
SELECT NULL AS address_hash, c.customer_id, s.channel, s.reason, s.source, MAX(s.at)
FROM suppression s JOIN customer c ON c.email_hash = s.address_hash OR c.sms_hash = s.address_hash
WHERE SUBSTR(s.channel, 1, 6) = 'topic:' AND s.reason = 'unsubscribed' AND s.source = 'winback'
GROUP BY c.no, s.channel"""
_CHOOSE_FOR_CUSTOMER = """
INSERT INTO customer_preference (customer_no, less_often, no_personalisation, at)
VALUES ((SELECT no FROM customer WHERE customer_id = ?1), ?2, ?3, ?4)
ON CONFLICT DO UPDATE SET less_often = excluded.less_often, no_personalisation = excluded.no_personalisation,
  at = excluded.at WHERE excluded.at > customer_preference.at"""
_SCHEMA = "SELECT version_num FROM alembic_version"


def _schema(replaced: sqlite3.Connection) -> str:
    """The replaced database's; it is not brought up to date, for it is kept as it was."""
    for (version,) in read_rows(replaced, _SCHEMA):
        return str(version)
    raise Unreadable


def _of_customers(schema: str) -> list[tuple[str, str]]:
    """What the customers themselves chose, wherever their addresses move, and where it goes."""
    if schema >= _OWN_SINCE:
        return [(_OWN, _CHOOSE_FOR_CUSTOMER)]
    return [(_FOLLOWED, _CHOOSE_FOR_CUSTOMER), (_FOLLOWED_TOPICS, _SUPPRESS)] if schema >= _CHOICES_SINCE else []


def _know_customers(replaced: sqlite3.Connection, restored: sqlite3.Connection, chosen: str) -> None:
    """Whoever has asked for something is there, if only by his id: the next import of customers fills the rest."""
    import polars as pl

    ids = pl.Series([row[0] for row in read_rows(replaced, chosen)], dtype=pl.String)
    rows = zip(ids, tie_keys(ids).tolist(), strict=True)
    restored.executemany("INSERT OR IGNORE INTO customer (customer_id, tie_key) VALUES (?, ?)", rows)


def _brought(replaced: sqlite3.Connection, restored: sqlite3.Connection, chosen: str, into: str) -> int:
    before = restored.total_changes
    restored.executemany(into, read_rows(replaced, chosen))
    return restored.total_changes - before


def read_rows(replaced: sqlite3.Connection, chosen: str) -> Iterator[tuple[Any, ...]]:
    """The rows of a query; Unreadable where they cannot be had."""
    try:
        yield from replaced.execute(chosen)
    except sqlite3.DatabaseError as error:
        raise Unreadable from error
