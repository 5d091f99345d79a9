"""Every migration there and back again with rows in the tables, on both databases."""

from collections.abc import Mapping

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, MetaData, Table, inspect, select, update
from sqlmodel import SQLModel, col

from db.customers import create_customers, identified
from db.engine import SCHEMA, reading, schema_of, transaction
from db.migrate import MIGRATIONS, upgrade
from db.tables import (
    Alert,
    Approval,
    Assignment,
    Customer,
    CustomerPreference,
    Event,
    Gate,
    Message,
    Occurrence,
    Preference,
    Restore,
    Sender,
    Stop,
    Suppression,
)
from tests.builders import NOON, a_customer, an_outbox
from winback.customers.tie_key import tie_key

Rows = list[Mapping[str, object]]


def downgrade(engine: Engine, to: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.execution_options(writes=True).begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, to)


def filled(engine: Engine) -> None:
    """Three messages, each in another state of waiting, and a row in each table that points at nothing."""
    an_outbox(engine, messages=3)
    with transaction(engine) as session:
        for key, values in {
            "k-1": {"state": "accepted", "sent_at": NOON, "attempt": 1, "cost_micros": 7},
            "k-2": {"state": "uncertain", "sent_at": NOON, "attempt": 4, "resends": 1, "owner": "ann-1"},
            "k-3": {"not_before": NOON, "reason": "capped"},
        }.items():
            session.execute(update(Message).where(col(Message.key) == key).values(**values))
        session.execute(update(Occurrence).values(priority=90, topic="news"))
        session.add(Alert(kind="failed", run="spring", text="why", at=NOON, taken_until=NOON))
        session.add(Event(provider="p", provider_event_id="1", kind="clicked", link=2, flag="head", at=NOON,
                          received_at=NOON))  # fmt: skip
        session.add(Stop(scope="*", reason="restored", at=NOON))
        session.add(Gate(provider="sendgrid"))
        session.add(Restore(found_at=NOON))
        session.add(Sender(name="ann-1", claims=3))
        session.add(Approval(occurrence_id=1, digest="d", approved_by="Bea", at=NOON))


def everything(engine: Engine, columns: Mapping[str, list[str]] | None = None) -> dict[str, Rows]:
    """Table -> rows, all of what is there or of ``columns`` only."""
    found = MetaData()
    found.reflect(engine)
    with engine.connect() as connection:
        return {
            name: _rows(connection, table, None if columns is None else columns[name])
            for name, table in found.tables.items()
            if name != "alembic_version" and (columns is None or name in columns)
        }


def _rows(connection, table: Table, names: list[str] | None) -> Rows:
    chosen = [table.c[name] for name in names or table.c.keys()]
    return [dict(row) for row in connection.execute(select(*chosen).order_by(*table.primary_key)).mappings()]


def shape(engine: Engine) -> dict[str, list[str]]:
    """Table -> columns."""
    known = inspect(engine)
    tables = [name for name in known.get_table_names() if name != "alembic_version"]
    return {name: [column["name"] for column in known.get_columns(name)] for name in tables}


def indexes(engine: Engine) -> set[tuple[str, str | None, tuple[str | None, ...]]]:
    known = inspect(engine)
    return {
        (table, index["name"], tuple(index["column_names"]))
        for table in known.get_table_names()
        for index in known.get_indexes(table)
    }


@pytest.mark.parametrize("to", ["0004", "0003", "0002", "0001"])
def test_down_and_up_again_keeps_every_row_of_what_the_older_schema_knows(engine: Engine, to: str):
    filled(engine)
    before, all_indexes = everything(engine), indexes(engine)

    downgrade(engine, to)
    older = shape(engine)
    older["message"].remove("body_hash")  # a column of old that is no more
    kept = everything(engine, older)
    upgrade(engine)

    assert schema_of(engine) == SCHEMA
    assert set(shape(engine)) == set(SQLModel.metadata.tables)
    assert indexes(engine) == all_indexes
    assert kept == {
        table: [{name: row[name] for name in older[table]} for row in before[table]] for table in older
    }
    assert everything(engine, older) == kept


def test_from_the_first_schema_what_is_new_is_filled_in(engine: Engine):
    """Sent when its state changed; the first schema counted tries, and more than one may have left."""
    filled(engine)
    downgrade(engine, "0001")

    upgrade(engine)

    with engine.connect() as connection:
        messages = connection.execute(
            select(col(Message.key), col(Message.sent_at), col(Message.resends)).order_by(col(Message.id))
        )
        assert messages.all() == [("k-1", NOON, 0), ("k-2", NOON, 1), ("k-3", None, 0)]
        assert set(connection.execute(select(col(Assignment.code))).scalars()) == {"id1", "id2", "id3"}


def test_who_shares_an_address_is_not_alone_with_it_after_an_upgrade(engine: Engine):
    with transaction(engine) as session:
        session.add_all([a_customer(1), a_customer(2), a_customer(3, email_hash="mail-1", sms_hash=None)])
    downgrade(engine, "0010")

    upgrade(engine)

    with engine.connect() as connection:
        chosen = select(col(Customer.email_alone), col(Customer.sms_alone)).order_by(col(Customer.no))
        assert connection.execute(chosen).all() == [(None, True), (True, True), (None, None)]


def test_choices_of_an_address_are_its_customer_s_after_an_upgrade(engine: Engine):
    """Two addresses of one: the stricter wish. What a list said of a topic is no choice of his."""
    with transaction(engine) as session:
        session.add_all([a_customer(1), a_customer(2, email_hash="mail-1", sms_hash=None), a_customer(3)])
        session.add(Preference(address_hash="mail-1", less_often=True, at=NOON))
        session.add(Preference(address_hash="phone-1", no_personalisation=True, at=NOON))
        session.add(Preference(address_hash="nobody", less_often=True, at=NOON))
        own = {"reason": "unsubscribed", "at": NOON, "source": "winback"}
        session.add(Suppression(address_hash="mail-1", channel="topic:tea", **own))
        session.add(Suppression(address_hash="phone-1", channel="topic:tea", **own))
        session.add(Suppression(address_hash="mail-3", channel="email", **own))
        session.add(Suppression(address_hash="mail-3", channel="topic:tea", **own | {"source": "list"}))
    downgrade(engine, "0014")

    upgrade(engine)

    columns = (
        CustomerPreference.customer_no,
        CustomerPreference.less_often,
        CustomerPreference.no_personalisation,
    )
    of_customers = select(Suppression.customer_no, Suppression.channel).where(
        col(Suppression.customer_no).is_not(None)
    )
    with engine.connect() as connection:
        assert sorted(connection.execute(select(*columns)).all()) == [(1, True, True), (2, True, False)]
        assert sorted(connection.execute(of_customers).all()) == [(1, "topic:tea"), (2, "topic:tea")]


def test_the_hashes_of_ids_are_those_of_customers_written_today_after_an_upgrade(engine: Engine):
    """The first 8 bytes of sha256("c1") are 0xd0f631ca1ddba8db, from sha256sum; less 2^63."""
    with transaction(engine) as session:
        session.add_all([a_customer(11, customer_id="c1"), a_customer(12, customer_id="\u00e9-2")])
        create_customers(session, ["c3", 'c"4\\', "\u6362"])
    with reading(engine) as session:
        written = identified(session).sort("customer_no")
    downgrade(engine, "0011")

    upgrade(engine)

    with reading(engine) as session:
        assert identified(session).sort("customer_no").equals(written)
    keys = dict(written.select("customer_id", "tie_key").iter_rows())
    assert keys["c1"] == 0xD0F631CA1DDBA8DB - 2**63
    assert keys == {each: tie_key(each) for each in keys}


def test_down_to_nothing_and_up_makes_an_empty_database(engine: Engine):
    filled(engine)

    downgrade(engine, "base")
    upgrade(engine)

    assert not any(everything(engine).values())
