"""Who has an address alone is claimed without a look for others: nobody gets through whom the look would stop."""

import random

import polars as pl
import pytest
from sqlalchemy import Engine, select, update
from sqlmodel import col

from db.customers import save_customers
from db.engine import reading, transaction
from db.people import suppress
from db.tables import Customer, Message, Occurrence
from tests.builders import NOON, a_message, an_assignment, an_outbox
from tests.test_outbox import take_batch
from winback.customers.contact import address_hash

FIELDS = ["email", "email_consent", "no_personalisation"]
SCHEMA = {
    "customer_id": pl.String, "email": pl.String, "email_consent": pl.Boolean, "no_personalisation": pl.Boolean,
}  # fmt: skip
PEOPLE, ADDRESSES = ["a", "b", "c", "d", "e"], [f"{name}@example.com" for name in "uvwxyz"]


def imported(engine: Engine, *rows: tuple[str, str | None, bool | None, bool | None]) -> None:
    with transaction(engine) as session:
        save_customers(session, pl.DataFrame(rows, schema=SCHEMA, orient="row"), FIELDS)


def alone(engine: Engine) -> dict[str, bool | None]:
    with reading(engine) as session:
        rows = session.execute(select(col(Customer.customer_id), col(Customer.email_alone)))
        return dict(rows.tuples().all())


def test_an_address_is_one_customer_s_until_another_comes_with_it(engine: Engine):
    imported(engine, ("a", "u@example.com", True, None), ("b", "v@example.com", True, None))
    assert alone(engine) == {"a": True, "b": True}

    imported(engine, ("c", "u@example.com", False, None))

    assert alone(engine) == {"a": False, "b": True, "c": False}


def test_two_of_one_chunk_are_not_alone_and_neither_is_who_takes_over_a_left_address(engine: Engine):
    imported(engine, ("a", "u@example.com", True, None), ("b", "u@example.com", True, None))
    assert alone(engine) == {"a": False, "b": False}

    imported(engine, ("a", "v@example.com", True, None), ("c", None, True, None))
    assert alone(engine) == {"a": True, "b": False, "c": False}

    imported(engine, ("b", "v@example.com", True, None))
    assert alone(engine) == {"a": False, "b": False, "c": False}


@pytest.mark.parametrize("seed", range(15))
def test_the_same_messages_are_claimed_and_skipped_as_with_a_look_for_others(engine: Engine, seed: int):
    any_ = random.Random(seed)
    people = any_.sample(PEOPLE, k=5)
    occurrence = an_outbox(engine, messages=0)
    for _ in range(any_.randint(1, 6)):
        names = any_.sample(people, k=any_.randint(1, 3))
        imported(engine, *((name, any_.choice([*ADDRESSES, None]), *answers(any_)) for name in names))
    written_to(engine, occurrence, any_)
    for _ in range(any_.randint(0, 2)):
        with transaction(engine) as session:
            no = session.execute(select(col(Customer.no))).scalars().first()
            of_all = any_.random() < 0.3
            suppress(
                session,
                address_hash=address_hash("u@example.com") if of_all else None,
                customer_no=None if of_all else no,
                channel="all",
                reason="import",
                source="test",
                at=NOON,
            )
    imported(engine, (any_.choice(people), any_.choice(ADDRESSES), *answers(any_)))

    found = outcome(engine)
    with transaction(engine) as session:
        session.execute(update(Customer).values(email_alone=None))
        session.execute(update(Message).values(state="queued", reason=None, not_before=None))

    assert outcome(engine) == found


def answers(any_: random.Random) -> tuple[bool | None, bool | None]:
    return any_.choice([True, True, None, False]), any_.choice([None, None, None, True])


def written_to(engine: Engine, occurrence: int, any_: random.Random) -> None:
    """A message to every customer with an address, each to another one; some to an address he has no more."""
    with transaction(engine) as session:
        run = session.get_one(Occurrence, occurrence)
        left = set(ADDRESSES)
        for customer in session.execute(select(Customer).order_by(col(Customer.no))).scalars().all():
            own = customer.email if customer.email in left and any_.random() < 0.8 else any_.choice(sorted(left))
            left.discard(own)
            number, hash_ = int(customer.no or 0), address_hash(own)
            entry = an_assignment(run, number, address_hash=hash_)
            session.add(entry)
            session.flush()
            session.add(a_message(entry, number, address_hash=hash_))


def outcome(engine: Engine) -> list[tuple[str, str, str | None]]:
    take_batch(engine)
    with reading(engine) as session:
        rows = session.execute(
            select(col(Message.key), col(Message.state), col(Message.reason)).order_by(Message.id)
        )
        return list(rows.tuples().all())
