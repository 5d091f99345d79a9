"""Who entered which campaign, when and in which arm."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import polars as pl
from sqlalchemy import ColumnElement, Select, Subquery, and_, func, select, union_all
from sqlmodel import Session, col

from db.engine import changed, insert_or_keep
from db.occurrences import Stage
from db.tables import Assignment, Customer, Occurrence
from winback.audience.code import person_code

CHUNK = 2_000  # rows per transaction: well under the 250 ms a writer may hold SQLite


def may_not_enter(
    session: Session,
    campaign_id: str,
    occurrence_id: int,
    as_of: date,
    again: int | None,
    *,
    counted: ColumnElement[bool],
) -> list[int]:
    """Numbers of the customers who entered ``campaign_id`` before and may not enter (again) at ``as_of``.

    Nor may who has the address now with which somebody entered. ``again``: days after entry from which a customer
    may re-enter; None = never. ``counted``: the runs whose entries count (db.occurrences.counted_for).
    """
    chosen = _entered([col(Assignment.id)], campaign_id, counted)
    chosen = chosen.where(col(Assignment.occurrence_id) != occurrence_id)
    if again is not None:
        chosen = chosen.where(col(Assignment.entered_on) > as_of - timedelta(days=again))
    return list(session.execute(select(_by_whom(chosen).c.no).distinct()).scalars())


def entries(session: Session, campaign_id: str, *, counted: ColumnElement[bool]) -> pl.DataFrame:
    """customer_no, arm of every entry into the campaign by the ``counted`` runs, oldest first.

    An entry is of the customer, and of those who have its address now: a customer with a new number keeps his arm.
    """
    of = _by_whom(_entered([col(Assignment.id), col(Assignment.arm)], campaign_id, counted))
    rows = session.execute(select(of.c.no, of.c.arm).order_by(of.c.id)).tuples().all()
    return pl.DataFrame(list(map(tuple, rows)), schema={"customer_no": pl.Int64, "arm": pl.String}, orient="row")


def _entered(columns: Sequence[Any], campaign_id: str, counted: ColumnElement[bool]) -> Select[Any]:
    """Entries that count: those of the ``counted`` runs, but not those of one that was given up."""
    chosen = select(*columns).join(Occurrence, col(Occurrence.id) == col(Assignment.occurrence_id))
    return chosen.where(col(Assignment.campaign_id) == campaign_id, col(Occurrence.stage) != Stage.MISSED, counted)


def _by_whom(entered: Select[Any]) -> Subquery:
    """``entered`` with ``no``: that of the customer, and of everybody else who has its address now."""
    held = {"email": col(Customer.email_hash), "sms": col(Customer.sms_hash)}
    by_number = entered.add_columns(col(Assignment.customer_no).label("no"))
    by_address = [
        entered.add_columns(col(Customer.no).label("no")).join(
            Customer,
            and_(
                col(Assignment.channel) == channel,
                hashed == col(Assignment.address_hash),
                col(Customer.no) != col(Assignment.customer_no),
            ),
        )
        for channel, hashed in held.items()
    ]
    return union_all(by_number, *by_address).subquery()


def members_of(
    ledger: pl.DataFrame,
    campaign_id: str,
    occurrence_id: int,
    entered_on: date,
    products: Mapping[int, str],
    *,
    salt: str,
) -> list[dict[str, object]]:
    """The ledger's members as rows of Assignment, by customer number; ``salt`` is the workspace's.

    ``products``: customer number -> what is recommended to him, as JSON.
    """
    names = ["person", "customer_no", "arm", "channel", "address_hash", "risk", "orders", "last_order_on"]
    inside = ledger.filter(pl.col("arm").is_not_null()).sort("customer_no").select(names)
    same = {"occurrence_id": occurrence_id, "campaign_id": campaign_id, "entered_on": entered_on}
    return [
        row
        | same
        | {
            "code": person_code(salt, campaign_id, row["person"]),
            "recommended": products.get(row["customer_no"]),
        }
        for row in inside.iter_rows(named=True)
    ]


def enrol(session: Session, members: list[dict[str, object]]) -> None:
    """Store members; running again adds nothing. At most ``CHUNK`` at a time, so that no writer waits long."""
    changed(session, insert_or_keep(session, Assignment), members)


def enrolled_arms(session: Session, occurrence_id: int | None) -> dict[str, int]:
    """Arm -> members of a run who are stored."""
    arm, of_run = col(Assignment.arm), col(Assignment.occurrence_id) == occurrence_id
    return dict(session.execute(select(arm, func.count()).where(of_run).group_by(arm)).tuples().all())
