"""Customers in state: import a frame of them, create those only orders know, list numbers."""

import hashlib
import json
from collections.abc import Iterable

import polars as pl
from sqlalchemy import select, update
from sqlmodel import Session, col

from db.engine import changed, insert_or_keep
from db.tables import Customer
from winback.contact import address_hash
from winback.errors import WrongUse, nearest

CHUNK = 2_000  # rows per transaction: well under the 250 ms a writer may hold SQLite
_IMPORTED = [
    "customer_id", "email", "phone", "name", "locale", "country", "timezone", "salesperson_name",
    "salesperson_email", "email_consent", "sms_consent", "consent_source", "consent_at", "no_personalisation",
    "birthday_on", "attributes",
]  # fmt: skip


def save_customers(session: Session, frame: pl.DataFrame) -> tuple[int, int]:
    """Insert new customers and update changed ones; returns (new, changed). At most ``CHUNK`` rows.

    ``frame``: the typed customers frame, one row per customer_id.
    """
    rows = [_row(row) for row in frame.select(_IMPORTED).iter_rows(named=True)]
    ids = [row["customer_id"] for row in rows]
    known = dict(
        session.execute(
            select(col(Customer.customer_id), col(Customer.row_digest)).where(col(Customer.customer_id).in_(ids))
        )
        .tuples()
        .all()
    )
    new = [row for row in rows if row["customer_id"] not in known]
    other = [row for row in rows if row["customer_id"] in known and known[row["customer_id"]] != row["row_digest"]]
    if new:
        changed(session, insert_or_keep(session, Customer), new)
    for row in other:
        session.execute(update(Customer).where(col(Customer.customer_id) == row["customer_id"]).values(row))
    return len(new), len(other)


def _row(row: dict[str, object]) -> dict[str, object]:
    digest = hashlib.sha256(repr(sorted(row.items())).encode("utf-8", "surrogatepass")).hexdigest()
    email, phone = row["email"], row["phone"]
    return row | {
        "email_hash": address_hash(str(email)) if email else None,
        "sms_hash": address_hash(str(phone)) if phone else None,
        "row_digest": digest,
    }


def create_customers(session: Session, ids: Iterable[str]) -> None:
    """Customers that only orders know, without an address; known ones are left alone. At most ``CHUNK`` ids."""
    rows = [{"customer_id": customer_id} for customer_id in ids]
    if rows:
        changed(session, insert_or_keep(session, Customer), rows)


def numbers(session: Session) -> pl.DataFrame:
    """customer_id -> customer_no of all customers."""
    rows = session.execute(select(col(Customer.customer_id), col(Customer.no))).tuples().all()
    ids, nos = zip(*rows, strict=True) if rows else ((), ())
    return pl.DataFrame(
        {"customer_id": pl.Series(ids, dtype=pl.String), "customer_no": pl.Series(nos, dtype=pl.Int64)}
    )


def by_field(session: Session, field: str) -> pl.DataFrame:
    """customer_no -> value of a customer field or imported attribute, as text; WrongUse for an unknown one."""
    if field in _GROUPABLE:
        rows = session.execute(select(col(Customer.no), _GROUPABLE[field])).tuples().all()
        found = [(no, None if value is None else str(value)) for no, value in rows]
    else:
        rows = session.execute(select(col(Customer.no), col(Customer.attributes))).tuples().all()
        found = [(no, json.loads(text or "{}").get(field)) for no, text in rows]
        if all(value is None for _, value in found):
            known = sorted({name for _, text in rows for name in json.loads(text or "{}")} | set(_GROUPABLE))
            near = nearest(field, known)
            raise WrongUse(f"no customer field '{field}'" + (f"; did you mean '{near}'?" if near else ""))
    return pl.DataFrame(found, schema={"customer_no": pl.Int64, "value": pl.String}, orient="row")


_GROUPABLE = {
    "country": col(Customer.country),
    "locale": col(Customer.locale),
    "timezone": col(Customer.timezone),
    "salesperson_name": col(Customer.salesperson_name),
    "email_consent": col(Customer.email_consent),
    "sms_consent": col(Customer.sms_consent),
}
