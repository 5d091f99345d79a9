"""Signals from our own messages, beside what was imported: really sent, clicked by people, opted out of."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from sqlalchemy import Engine, update

from db.engine import database, open_engine, reading, transaction
from db.own_activity import read_own_activity
from db.settings import Settings
from db.tables import Event, Occurrence
from flows.behaving import behaviour_of
from tests.builders import an_outbox
from tests.test_cli import as_json
from tests.test_signals import activity, orders_of, read, reading_of
from tests.workspaces import load

NEW_YORK = ZoneInfo("America/New_York")
DAY = date(2026, 2, 10)


def really_sent(engine: Engine) -> None:
    """Three e-mails of Feb 10, 20:00 in New York; 1 clicked after a minute, 2's mail filter did, 3 opted out."""
    an_outbox(engine, messages=3, state="delivered")
    at = datetime(2026, 2, 11, 1, tzinfo=UTC)
    with transaction(engine) as session:
        session.execute(update(Occurrence).values(placebo=False))
        for key, flag in (("k-1", None), ("k-2", "head")):
            later = at + timedelta(minutes=1)
            session.add(Event(provider="click", provider_event_id=key, message_key=key, kind="clicked", link=1,
                              flag=flag, at=later, received_at=later))  # fmt: skip
        session.connection().exec_driver_sql("UPDATE message SET sent_at = '2026-02-11 01:00:00'")
        session.connection().exec_driver_sql(
            "UPDATE message SET unsubscribed_at = '2026-02-11 02:00:00' WHERE customer_no = 3"
        )


def own(engine: Engine, as_of: date) -> list[tuple]:
    with reading(engine) as session:
        found = read_own_activity(session, NEW_YORK, as_of)
    return found.select("kind", "customer_no", "happened_on").sort("kind", "customer_no").rows()


def test_what_was_sent_clicked_by_a_person_and_opted_out_of_is_activity_of_its_local_day(database_url: str):
    with database(database_url) as engine:
        really_sent(engine)

        assert own(engine, DAY) == [
            ("click", 1, DAY),
            ("email", 1, DAY), ("email", 2, DAY), ("email", 3, DAY),
            ("unsubscribe", 3, DAY),
        ]  # fmt: skip
        assert own(engine, DAY - timedelta(days=1)) == []


def test_a_rehearsal_and_a_message_that_never_left_tell_nothing_of_customers(database_url: str):
    with database(database_url) as engine:
        really_sent(engine)
        with transaction(engine) as session:
            session.execute(update(Occurrence).values(placebo=True))
        rehearsed = own(engine, DAY)
        with transaction(engine) as session:
            session.execute(update(Occurrence).values(placebo=False))
            session.connection().exec_driver_sql("UPDATE message SET state = 'skipped', unsubscribed_at = NULL")
            session.connection().exec_driver_sql("DELETE FROM event")

        assert (rehearsed, own(engine, DAY)) == ([], [])


@pytest.mark.parametrize(
    ("clicked", "sent", "flagged"),
    [
        (None, 5, 1),
        (None, 4, 0),  # too few to say
        ("2026-01-25", 5, 0),
        ("2026-01-22", 6, 1),  # answered the first, none of the five after it
        ("2026-01-22", 5, 0),
    ],
)
def test_five_emails_without_a_click_are_silence(tmp_path, clicked: str | None, sent: int, flagged: int):
    """One e-mail a day from Jan 22 on."""
    rows = [(1, f"2026-01-{22 + n}", "email") for n in range(sent)]
    rows += [(1, clicked, "click")] if clicked else []

    found = reading_of(read(tmp_path, *orders_of("2026-01-30"), behaviour=activity(*rows)), "no_answer")

    assert found.count == flagged


def test_while_e_mails_are_sent_no_opt_out_is_a_count_of_nobody(tmp_path):
    told = activity((1, "2026-01-22", "email"))

    found = read(tmp_path, *orders_of("2026-01-30"), behaviour=told)
    silent = read(tmp_path, *orders_of("2026-01-30"))

    assert [reading_of(found, name).count for name in ("unsubscribed", "stopped_clicking", "no_answer")] == [0] * 3
    assert reading_of(silent, "unsubscribed").reason == (
        "no activity of kind unsubscribe or email imported, and no e-mail sent"
    )


def test_the_past_hit_rate_is_measured_of_own_messages_too(tmp_path):
    """Five e-mails by Jan 21: 1 clicked none and left, 2 clicked and came back; windows of ten days to Jan 31."""
    mails = [(number, f"2026-01-{12 + n}", "email") for number in (1, 2) for n in range(5)]
    told = activity(*mails, (2, "2026-01-20", "click"))
    orders = [*orders_of("2026-01-15"), *orders_of("2026-01-15", "2026-01-25", customer_no=2)]

    found = reading_of(read(tmp_path, *orders, behaviour=told), "no_answer")

    assert (found.flagged, found.hits, found.looked_at, found.base_rate) == (1, 1, 2, 0.5)


def test_the_command_counts_who_opted_out_of_our_own_messages(shop: Settings, capsys):
    engine = open_engine(shop.database_url)
    really_sent(engine)
    engine.dispose()
    orders = "".join(f"{n:05},o{n},2026-02-20,10.00\n" for n in (1, 2, 3))
    load(shop, "orders", "customer_id,order_id,ordered_at,amount\n" + orders)

    said = as_json(capsys, "signals", "--as-of", "2026-02-20", "--window", "30d")

    counts = {each["signal"]: each["count"] for each in said["signals"]}
    assert (counts["unsubscribed"], counts["no_answer"], counts["complaint"]) == (1, 0, None)


def test_imported_activity_and_our_own_stand_side_by_side(shop: Settings):
    load(shop, "activity", "customer_id,at,kind\n00001,2026-02-10,complaint\n")
    with database(shop.database_url) as engine, reading(engine) as session:
        found = behaviour_of(session, shop, DAY)

    assert found.activity["kind"].to_list() == ["complaint"]
    assert found.activity.schema["happened_on"] == pl.Date()
