"""Who can be written to: contacts as selection sees them, and the suppression list."""

from datetime import datetime

import polars as pl
from sqlalchemy import text
from sqlmodel import Session, col, select

from db.closing import EVERY_CHANNEL
from db.engine import changed, insert_or_keep
from db.tables import Customer, Suppression
from winback.audience.selection import CONTACTS


def contacts(session: Session, *, unknown_email_consent: bool, topic: str | None = None) -> pl.DataFrame:
    """All customers as CONTACTS, consent and suppression as they are now.

    ``unknown_email_consent``: whether a blank e-mail consent counts as a yes (winback.toml). ``topic``: of the
    campaign; who has left it counts as suppressed.
    """
    people = _frame(
        session,
        "SELECT no, customer_id, email_hash, email_consent, sms_hash, sms_consent, no_personalisation "
        "FROM customer ORDER BY no",
        {"customer_no": pl.Int64, "customer_id": pl.String, "email_hash": pl.String, "email_consent": pl.Boolean,
         "sms_hash": pl.String, "sms_consent": pl.Boolean, "no_personalisation": pl.Boolean},
    )  # fmt: skip
    stopped = _frame(
        session,
        "SELECT address_hash, customer_no, channel FROM suppression",
        {"address_hash": pl.String, "customer_no": pl.Int64, "channel": pl.String},
    )
    if unknown_email_consent:
        people = people.with_columns(pl.col("email_consent").fill_null(True))
    refused = pl.col("no_personalisation").fill_null(False) | _asked_not_to_be_chosen(session)
    people = people.with_columns(
        pl.when(refused).then(False).otherwise(f"{channel}_consent").alias(f"{channel}_consent")
        for channel in ("email", "sms")
    )
    flags = [_suppressed(stopped, channel, topic) for channel in ("email", "sms")]
    shared = people.with_columns(flags).with_columns(_of_all_who_share(channel) for channel in ("email", "sms"))
    consents = [_consent_of_all(channel) for channel in ("email", "sms")]
    everyone = shared.with_columns(consents).with_columns(
        _suppressed_for_all(channel) for channel in ("email", "sms")
    )
    named = everyone.select(pl.col(name).cast(kind) for name, kind in CONTACTS.items())
    return named.with_columns(pl.col("customer_no").set_sorted())


def _asked_not_to_be_chosen(session: Session) -> pl.Expr:
    """Whether somebody asked on the preference page that no forecast chooses him: that is personalisation."""
    asked = ("preference", "address_hash"), ("customer_preference", "customer_no")
    hashes, customers = (
        [row[0] for row in session.execute(text(f"SELECT {name} FROM {table} WHERE no_personalisation"))]
        for table, name in asked
    )
    by_mail, by_phone = (pl.col(f"{channel}_hash").is_in(hashes).fill_null(False) for channel in ("email", "sms"))
    return by_mail | by_phone | pl.col("customer_no").is_in(customers)


def _consent_of_all(channel: str) -> pl.Expr:
    return (
        pl.when(pl.col(f"{channel}_refused"))
        .then(False)
        .otherwise(f"{channel}_consent")
        .alias(f"{channel}_consent")
    )


def _of_all_who_share(channel: str) -> pl.Expr:
    """Whether anybody with this address said no: customers who share an address are one person."""
    said_no = (~pl.col(f"{channel}_consent")).fill_null(False)
    shared = said_no.any().over(f"{channel}_hash") & pl.col(f"{channel}_hash").is_not_null()
    return (said_no | shared).alias(f"{channel}_refused")


def _suppressed_for_all(channel: str) -> pl.Expr:
    suppressed = pl.col(f"{channel}_suppressed")
    shared = suppressed.any().over(f"{channel}_hash") & pl.col(f"{channel}_hash").is_not_null()
    return (suppressed | shared).alias(f"{channel}_suppressed")


def _suppressed(stopped: pl.DataFrame, channel: str, topic: str | None) -> pl.Expr:
    here = stopped.filter(pl.col("channel").is_in([channel, EVERY_CHANNEL, f"topic:{topic}"]))
    by_address = pl.col(f"{channel}_hash").is_in(here["address_hash"].drop_nulls().to_list())
    by_customer = pl.col("customer_no").is_in(here["customer_no"].drop_nulls().to_list())
    return (by_address.fill_null(False) | by_customer).alias(f"{channel}_suppressed")


def _frame(session: Session, sql: str, schema: dict[str, type[pl.DataType]]) -> pl.DataFrame:
    rows = [tuple(row) for row in session.execute(text(sql))]
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    return pl.DataFrame(
        [pl.Series(name, column).cast(kind) for (name, kind), column in zip(schema.items(), columns, strict=True)]
    )


def suppress(
    session: Session,
    *,
    address_hash: str | None,
    customer_no: int | None,
    channel: str,
    reason: str,
    source: str,
    at: datetime,
) -> bool:
    """Nobody writes to the address or the customer on ``channel`` any more; True when that is new."""
    values = {
        "address_hash": address_hash,
        "customer_no": customer_no,
        "channel": channel,
        "reason": reason,
        "source": source,
        "at": at,
    }
    return bool(changed(session, insert_or_keep(session, Suppression), [values]))


def customer_by_id(session: Session, customer_id: str) -> Customer | None:
    """The customer with the source's id, or None."""
    return session.exec(select(Customer).where(Customer.customer_id == customer_id)).first()


def is_closed(session: Session, address_hash: str, channel: str) -> bool:
    """Whether nobody may write to the address on the channel."""
    here = (col(Suppression.address_hash) == address_hash, col(Suppression.channel).in_([channel, EVERY_CHANNEL]))
    return session.execute(select(Suppression).where(*here).limit(1)).first() is not None
