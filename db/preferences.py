"""What the person behind a message's link has asked for, and what he asks for now.

The link is the only authority, so it reaches what belongs to its reader alone: the address the message went to,
and, while that address is still the customer's, his address on the other channel. A no stays with the address;
what he asked for beyond that (topics, less often, no personalisation) also goes with him to his next one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import RowMapping, text
from sqlmodel import Session

from db.closing import EVERY_CHANNEL, OPT_OUT, OURSELVES, Closing, close, is_own_opt_out, reopen
from db.direct import Sql
from db.events import open_or_close, store
from winback.channel import CHANNELS
from winback.customers.contact import mask_email, mask_phone
from winback.delivery.tariff import Tariff
from winback.events import Event, EventKind

TOPIC = "topic:"  # before a topic's name: the channel of a suppression that is about that topic only


class Standing(StrEnum):
    """Whether an address may be written to on its channel."""

    OPEN = "open"
    STOPPED = "stopped"  # by the person, who may allow it again
    CLOSED = "closed"  # for another reason


class Address(NamedTuple):
    """One address of the person; ``masked`` is None when the customer has another one now."""

    channel: str
    hash: str
    masked: str | None
    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Who a link is about; the first of ``addresses`` is the one the message went to."""

    locale: str | None
    addresses: tuple[Address, ...]
    stopped_topics: frozenset[str]
    less_often: bool
    no_personalisation: bool

    @property
    def channel(self) -> str:
        """The channel of the message."""
        return self.addresses[0].channel

    @property
    def unsubscribed(self) -> bool:
        """Whether nobody writes to the message's address on its channel any more."""
        return self.addresses[0].standing is not Standing.OPEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What a person asks for; what is not named stays as it is. True: wants it."""

    channels: Mapping[str, bool] = field(default_factory=dict)
    topics: Mapping[str, bool] = field(default_factory=dict)
    less_often: bool | None = None
    no_personalisation: bool | None = None


_MESSAGE = text("""
SELECT m.channel, m.address_hash, m.customer_no, c.locale, c.email, c.email_hash, c.email_consent,
  c.phone, c.sms_hash, c.sms_consent
FROM message m LEFT JOIN customer c ON c.no = m.customer_no WHERE m.key = :key
""")


def recipient(session: Session, key: str) -> Recipient | None:
    """Who the message with this key went to, or None when there is no such message."""
    row = session.connection().execute(_MESSAGE, {"key": key}).mappings().first()
    if row is None:
        return None
    addresses = tuple(_with_standing(session, row, channel) for channel in _reachable(row))
    hashes, customers = [address.hash for address in addresses], _customers(session, row)
    asked = _ASKED.run(session.connection(), hashes=hashes, customers=customers).fetchall()
    return Recipient(
        locale=row["locale"],
        addresses=tuple(address for address in addresses if _is_shown(row, address)),
        stopped_topics=_stopped_topics(session, hashes, customers),
        less_often=any(less for less, _ in asked),
        no_personalisation=any(refused for _, refused in asked),
    )


def _reachable(row: RowMapping) -> list[str]:
    """The channels of the person's addresses, the message's first."""
    if not _is_still_his(row):
        return [row["channel"]]
    others = [channel for channel in CHANNELS if channel != row["channel"] and row[f"{channel}_hash"]]
    return [row["channel"], *others]


def _is_still_his(row: RowMapping) -> bool:
    return bool(row[f"{row['channel']}_hash"] == row["address_hash"])


def _is_shown(row: RowMapping, address: Address) -> bool:
    """Nobody is asked about a channel he never agreed to."""
    return address.channel == row["channel"] or bool(row[f"{address.channel}_consent"])


def _with_standing(session: Session, row: RowMapping, channel: str) -> Address:
    own = channel == row["channel"]
    address_hash = row["address_hash"] if own else row[f"{channel}_hash"]
    contact = row["email"] if channel == "email" else row["phone"]
    masked = (
        (mask_email if channel == "email" else mask_phone)(contact) if _is_still_his(row) and contact else None
    )
    return Address(channel, address_hash, masked, _standing(session, row, address_hash, channel))


_STANDS = {
    channel: text(f"""
SELECT s.reason, s.source, s.channel, s.address_hash FROM suppression s
WHERE s.channel IN (:channel, '{EVERY_CHANNEL}') AND (s.address_hash = :hash OR s.customer_no = :customer
  OR s.customer_no IN (SELECT no FROM customer WHERE {channel}_hash = :hash))
""")
    for channel in ("email", "sms")
}  # whoever shares the address is one person


def _standing(session: Session, row: RowMapping, address_hash: str, channel: str) -> Standing:
    asked = {"channel": channel, "hash": address_hash, "customer": row["customer_no"]}
    rows = session.connection().execute(_STANDS[channel], asked).all()
    if not rows:
        return Standing.CLOSED if row[f"{channel}_consent"] is False else Standing.OPEN
    own = [
        found.address_hash and found.channel == channel and is_own_opt_out(found.reason, found.source)
        for found in rows
    ]
    return Standing.STOPPED if all(own) else Standing.CLOSED


def _customers(session: Session, row: RowMapping) -> list[int]:
    """Who has the message's address, while it is its customer's: whoever shares an address is one person."""
    if not _is_still_his(row):
        return []
    return list(session.connection().execute(_HOLDERS[row["channel"]], {"hash": row["address_hash"]}).scalars())


_HOLDERS = {channel: text(f"SELECT no FROM customer WHERE {channel}_hash = :hash") for channel in CHANNELS}
_ASKED = Sql("""
SELECT less_often, no_personalisation FROM preference WHERE address_hash AMONG(:hashes)
UNION ALL
SELECT less_often, no_personalisation FROM customer_preference WHERE customer_no AMONG(:customers)""")
_TOPICS = Sql(f"""
SELECT channel FROM suppression WHERE (address_hash AMONG(:hashes) OR customer_no AMONG(:customers))
AND SUBSTR(channel, 1, {len(TOPIC)}) = '{TOPIC}'""")


def _stopped_topics(session: Session, hashes: list[str], customers: list[int]) -> frozenset[str]:
    rows = _TOPICS.run(session.connection(), hashes=hashes, customers=customers).fetchall()
    return frozenset(channel.removeprefix(TOPIC) for (channel,) in rows)


def unsubscribe(session: Session, key: str, now: datetime, tariff: Tariff) -> bool:
    """Nobody writes to the address of this message on its channel any more; False when there is no such message.

    Also for a link used before: the suppression may have been lifted since, the opt-out counts again.
    """
    if session.connection().execute(_MESSAGE, {"key": key}).first() is None:
        return False
    event = Event(OURSELVES, f"unsubscribe:{key}", key, EventKind.UNSUBSCRIBED, now)
    if not store(session.connection(), [event], now, tariff):
        open_or_close(session.connection(), [event], now)
    return True


def save(session: Session, key: str, choices: Choices, now: datetime, tariff: Tariff) -> bool:
    """Do what the person asks for, all of it or nothing; False when there is no such message."""
    row = session.connection().execute(_MESSAGE, {"key": key}).mappings().first()
    if row is None:
        return False
    hashes = dict.fromkeys([row["channel"]], row["address_hash"])
    hashes |= {channel: row[f"{channel}_hash"] for channel in _reachable(row)[1:]}
    for channel, wanted in choices.channels.items():
        if channel == row["channel"] and not wanted:
            unsubscribe(session, key, now, tariff)
        elif channel in hashes:
            _allow(session, [hashes[channel]], channel, wanted, now)
    customers = _customers(session, row)
    for topic, wanted in choices.topics.items():
        _allow(session, hashes.values(), f"{TOPIC}{topic}", wanted, now)
        _allow_topic(session, customers, f"{TOPIC}{topic}", wanted, now)
    for name in ("less_often", "no_personalisation"):
        if (wished := getattr(choices, name)) is not None:
            _prefer(session, name, wished, hashes.values(), customers, now)
    return True


def _allow(session: Session, hashes: Iterable[str], channel: str, wanted: bool, now: datetime) -> None:
    if wanted:
        for address_hash in sorted(hashes):
            reopen(session.connection(), address_hash, channel)
    else:
        closings = [Closing(address_hash, channel, OPT_OUT, OURSELVES, now) for address_hash in hashes]
        close(session.connection(), closings)


def _allow_topic(session: Session, customers: Iterable[int], topic: str, wanted: bool, now: datetime) -> None:
    """The same of customers: only what was asked for here is taken back here."""
    for no in sorted(customers):
        if wanted:
            _REOPEN_TOPIC.run(session.connection(), no=no, topic=topic)
        else:
            _CLOSE_TOPIC.run(session.connection(), no=no, topic=topic, at=now)


_CLOSE_TOPIC = Sql(f"""
INSERT INTO suppression (customer_no, channel, reason, source, at)
VALUES (:no, :topic, '{OPT_OUT}', '{OURSELVES}', :at) ON CONFLICT DO NOTHING""")
_REOPEN_TOPIC = Sql(f"""
DELETE FROM suppression WHERE customer_no = :no AND channel = :topic
AND reason = '{OPT_OUT}' AND source = '{OURSELVES}'""")
_PREFER = {
    (table, name): Sql(f"""
INSERT INTO {table} ({key}, less_often, no_personalisation, at) VALUES (:key, :less, :refused, :at)
ON CONFLICT ({key}) DO UPDATE SET {name} = excluded.{name}, at = excluded.at
""")
    for table, key in (("preference", "address_hash"), ("customer_preference", "customer_no"))
    for name in ("less_often", "no_personalisation")
}


def _prefer(
    session: Session, name: str, wanted: bool, hashes: Iterable[str], customers: Iterable[int], now: datetime
) -> None:
    asked = {
        "less": name == "less_often" and wanted,
        "refused": name == "no_personalisation" and wanted,
        "at": now,
    }
    for table, keys in (("preference", sorted(hashes)), ("customer_preference", sorted(customers))):
        for key in keys:
            _PREFER[table, name].run(session.connection(), key=key, **asked)
