"""Closing and reopening addresses: what a person, a provider or our own pages say of an address on a channel."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy.engine import Connection

from db.direct import Sql
from winback.events import CLOSING, HELD_BACK, OUR_FAULT, SOFT_BOUNCE_SPAN, SOFT_BOUNCES, EventKind

EVERY_CHANNEL = "all"
OURSELVES = "winback"  # the source of what people do on our own pages
OPT_OUT = EventKind.UNSUBSCRIBED.value  # the reason of what a person asked for
OWN_SOURCES = (OURSELVES, "sendgrid", "twilio")  # through which a person himself speaks


class Closing(NamedTuple):
    """Nobody writes to ``address_hash`` on ``channel`` any more since ``at``; ``reason`` is of CLOSING."""

    address_hash: str
    channel: str
    reason: str
    source: str
    at: datetime


def close(connection: Connection, closings: Iterable[Closing]) -> None:
    """Close addresses; where one is closed already the stronger reason stands, whichever came first."""
    strongest: dict[tuple[str, str], Closing] = {}
    for closing in sorted(closings, key=lambda c: (-CLOSING.index(c.reason), c.at)):
        strongest.setdefault(closing[:2], closing)
    if strongest:  # in one order, so that two batches cannot deadlock
        _CLOSE.run_each(connection, [strongest[place]._asdict() for place in sorted(strongest)])


def _strength(reason: str) -> str:
    cases = " ".join(f"WHEN '{word}' THEN {rank}" for rank, word in enumerate(CLOSING))
    return f"CASE {reason} {cases} ELSE {len(CLOSING)} END"


_CLOSE = Sql(f"""
INSERT INTO suppression (address_hash, channel, reason, source, at)
VALUES (:address_hash, :channel, :reason, :source, :at)
ON CONFLICT (address_hash, channel)
DO UPDATE SET reason = excluded.reason, source = excluded.source, at = excluded.at
WHERE {_strength("excluded.reason")} > {_strength("suppression.reason")}
""")


def reopen(connection: Connection, address_hash: str, channel: str) -> bool:
    """The person takes back his own opt-out there, and nothing else; False when there is none.

    A bounce, a complaint, an imported list and what stands for every channel or for the customer stay.
    """
    asked = {"address_hash": address_hash, "channel": channel}
    return bool(_REOPEN.run(connection, **asked).rowcount)


_REOPEN = Sql(f"""
DELETE FROM suppression WHERE address_hash = :address_hash AND channel = :channel
AND reason = '{OPT_OUT}' AND source IN ({", ".join(f"'{source}'" for source in OWN_SOURCES)})
""")


def is_own_opt_out(reason: str, source: str) -> bool:
    """Whether ``reopen`` may take such a suppression of an address back."""
    return reason == OPT_OUT and source in OWN_SOURCES


def close_after_soft_bounces(
    connection: Connection, address_hash: str, channel: str, source: str, now: datetime
) -> None:
    """Close an address to which SOFT_BOUNCES messages bounced within SOFT_BOUNCE_SPAN."""
    asked = {"address_hash": address_hash, "channel": channel, "since": now - SOFT_BOUNCE_SPAN}
    if _SOFT_BOUNCED.run(connection, **asked).fetchone()[0] >= SOFT_BOUNCES:
        close(connection, [Closing(address_hash, channel, "soft_bounces", source, now)])


_SOFT_BOUNCED = Sql(f"""
SELECT COUNT(*) FROM message WHERE address_hash = :address_hash AND channel = :channel
AND state = 'bounced' AND state_at > :since
AND COALESCE(reason, '') NOT IN ({", ".join(repr(reason) for reason in HELD_BACK)})
AND SUBSTR(COALESCE(reason, ''), 1, {len(OUR_FAULT)}) <> '{OUR_FAULT}'
""")
