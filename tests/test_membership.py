"""How often the members of a run were written to, on both databases."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, select, update

from db.engine import reading, transaction
from db.membership import messages_each
from db.tables import Message, Occurrence
from tests.builders import NOON, a_customer, a_message, an_assignment, an_outbox


def another_message(engine: Engine, at: datetime, late_after: datetime | None = None, **of: object) -> None:
    """A message of another campaign to the customer, person and address ``of``."""
    with transaction(engine) as session:
        first = session.execute(select(Occurrence)).scalars().one()
        values = first.model_dump() | {"id": None, "campaign_id": "summer", "late_after": late_after}
        session.add(run := Occurrence(**values))
        if of["customer_no"] not in (1, 2, 3):
            session.add(a_customer(int(str(of["customer_no"]))))
        session.flush()
        session.add(member := an_assignment(run, 99, **of))
        session.flush()
        session.add(a_message(member, 99, customer_no=of["customer_no"], state="accepted", sent_at=at))


@pytest.mark.parametrize(
    ("changed", "each"),
    [
        ({}, {1: 2, 2: 1}),
        ({"person": "x", "address_hash": "x"}, {1: 2, 2: 1}),  # his address was put right: another person
        ({"person": "x", "customer_no": 99}, {1: 2, 2: 1}),  # the shop numbers its customers anew
        ({"address_hash": "x", "customer_no": 99}, {1: 2, 2: 1}),
        ({"person": "x", "address_hash": "x", "customer_no": 99}, {1: 3}),
    ],
    ids=["all the same", "the customer", "the address", "the person", "somebody else"],
)
def test_messages_count_by_person_address_and_customer_once(
    engine: Engine, changed: dict[str, object], each: dict[int, int]
):
    an_outbox(engine, messages=3, state="accepted")
    with transaction(engine) as session:
        session.execute(update(Message).values(sent_at=NOON))
    told = {"person": "00002", "address_hash": "mail-2", "customer_no": 2} | changed
    another_message(engine, NOON + timedelta(days=1), **told)

    with reading(engine) as session:
        found = messages_each(session, session.get_one(Occurrence, 1), 7)

    assert found == {"message": each}


@pytest.mark.parametrize(("days", "late"), [(7, 8), (-1, -0.5)], ids=["after", "before"])
def test_messages_outside_the_days_are_not_counted(engine: Engine, days: float, late: float):
    an_outbox(engine, messages=3, state="accepted")
    with transaction(engine) as session:
        session.execute(update(Message).values(sent_at=NOON))
    told = {"person": "x", "address_hash": "mail-2", "customer_no": 2}
    another_message(engine, NOON + timedelta(days=days), NOON + timedelta(days=late), **told)

    with reading(engine) as session:
        found = messages_each(session, session.get_one(Occurrence, 1), 7)

    assert found == {"message": {1: 3}}
