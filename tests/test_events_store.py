"""Events in the database: kept once, and what they change."""

from datetime import timedelta
from itertools import permutations
from threading import Barrier, Thread

import pytest
from sqlalchemy import Engine, func, select, update
from sqlmodel import SQLModel, col

from db.engine import reading, transaction
from db.events import Callback, begin, finish, quarantine, recipient, store, unfinished, unsubscribe
from db.outbox import Claimed, Result, claim, expire_leases, record
from db.tables import Customer, Message, Quarantine, Suppression, WebhookBody
from db.tables import Event as StoredEvent
from tests.builders import NOON, an_outbox
from winback.callbacks import WHOLE, Refused
from winback.contact import mask_email
from winback.events import OPTED_OUT, Event, EventKind, State

LATER = NOON + timedelta(hours=1)
CALLBACK = Callback(provider="sendgrid", digest="d1", body=b"[secret]", received_at=NOON)


def an_event(kind: str = "delivered", *, key: str | None = "k-1", **fields: object) -> Event:
    default: dict[str, object] = {
        "provider": "sendgrid",
        "id": f"{key}-{kind}",
        "message_key": key,
        "kind": EventKind(kind),
        "at": NOON,
    }
    return Event(**(default | fields))


def tell(engine: Engine, *events: Event) -> int:
    with transaction(engine) as session:
        return store(session, events, LATER)


def the_message(engine: Engine, key: str = "k-1") -> Message:
    with reading(engine) as session:
        message = session.execute(select(Message).where(col(Message.key) == key)).scalar_one()
        session.expunge(message)
        return message


def set_state(engine: Engine, state: str, reason: str | None = None) -> None:
    with transaction(engine) as session:
        session.execute(update(Message).values(state=state, reason=reason))


def count(engine: Engine, table: type[SQLModel]) -> int:
    with reading(engine) as session:
        return session.execute(select(func.count()).select_from(table)).scalar_one()


def suppressions(engine: Engine) -> list[tuple[str, str, str, str]]:
    with reading(engine) as session:
        rows = session.execute(select(Suppression).order_by(col(Suppression.address_hash))).scalars()
        return [(row.address_hash, row.channel, row.reason, row.source) for row in rows]


def take(engine: Engine) -> list[Claimed]:
    with transaction(engine) as session:
        return claim(
            session,
            owner="a",
            channels=["email", "sms"],
            window=64,
            now=NOON,
            lease_until=NOON + timedelta(minutes=2),
            unknown_email_consent=False,
            placebo=True,
        )[0]


# state


def test_an_event_lifts_its_message_and_leaves_the_others(engine: Engine):
    an_outbox(engine, messages=2, state="accepted")

    assert tell(engine, an_event("delivered")) == 1

    message = the_message(engine)
    assert (message.state, message.state_at) == ("delivered", LATER)
    assert (the_message(engine, "k-2").state, the_message(engine, "k-2").state_at) == ("accepted", NOON)


def test_an_event_settles_a_message_nobody_knew_about(engine: Engine):
    an_outbox(engine, messages=1)

    for state in ("sending", "uncertain", "queued", "abandoned"):
        set_state(engine, state, "lease_expired")
        tell(engine, an_event("accepted", id=state))
        assert (the_message(engine).state, the_message(engine).reason) == ("accepted", None)


def test_the_same_event_again_is_kept_once_and_changes_nothing(engine: Engine):
    an_outbox(engine, messages=1, state="accepted")
    tell(engine, an_event("delivered"))
    set_state(engine, "accepted")

    assert tell(engine, an_event("delivered"), an_event("delivered")) == 0

    assert count(engine, StoredEvent) == 1
    assert the_message(engine).state == "accepted"


def test_one_id_of_two_providers_is_two_events(engine: Engine):
    assert tell(engine, an_event(id="1"), an_event(id="1", provider="twilio")) == 2


def test_events_in_any_order_and_any_batches_end_the_same(engine: Engine):
    """Accepted, opened and delivered come around the bounce; the bounce has the highest rank of them."""
    orders = list(permutations(["accepted", "opened", "bounced", "delivered"]))
    an_outbox(engine, messages=len(orders), state="sending")

    for n, order in enumerate(orders, start=1):
        events = [an_event(kind, key=f"k-{n}", reason="why" if kind == "bounced" else None) for kind in order]
        if n % 2:
            tell(engine, *events)
        else:
            for event in events:
                tell(engine, event)

    ends = {(the_message(engine, f"k-{n}").state, the_message(engine, f"k-{n}").reason) for n in range(1, 25)}
    assert ends == {("bounced", "why")}


def test_an_event_before_our_own_answer_is_not_undone_by_it(engine: Engine):
    an_outbox(engine, messages=1)
    [claimed] = take(engine)

    tell(engine, an_event("delivered"))
    with transaction(engine) as session:
        record(session, [Result(message=claimed, state=State.ACCEPTED, provider_id="p-1")], LATER)

    assert (the_message(engine).state, the_message(engine).provider_id) == ("delivered", "p-1")


def test_an_answered_event_keeps_a_dead_owners_message_from_becoming_uncertain(engine: Engine):
    an_outbox(engine, messages=1)
    take(engine)

    tell(engine, an_event("accepted"))
    with transaction(engine) as session:
        assert expire_leases(session, LATER) == 0

    assert the_message(engine).state == "accepted"


def test_an_event_of_no_message_of_ours_is_kept_and_changes_nothing(engine: Engine):
    an_outbox(engine, messages=1, state="accepted")

    for key in (None, "k-99", "k-1' OR 1=1"):
        assert tell(engine, an_event("bounced", key=key), an_event("complained", key=key)) == 2

    assert count(engine, StoredEvent) == 6
    assert the_message(engine).state == "accepted"
    assert suppressions(engine) == []


def test_no_events_are_no_trouble(engine: Engine):
    assert tell(engine) == 0


def test_a_thousand_events_are_kept_in_a_short_transaction(engine: Engine):
    an_outbox(engine, messages=20, state="accepted")
    events = [an_event("bounced", key=f"k-{n % 20 + 1}", id=str(n)) for n in range(1_000)]

    assert tell(engine, *events) == 1_000

    assert {the_message(engine, f"k-{n}").state for n in range(1, 21)} == {"bounced"}
    assert len(suppressions(engine)) == 20


def test_four_writers_with_the_same_events_in_other_orders_keep_each_once(engine: Engine):
    an_outbox(engine, messages=20, state="sending")
    events = [an_event("bounced", key=f"k-{n}") for n in range(1, 21)]
    orders = [events, events[::-1], events[10:] + events[:10], events[::2] + events[1::2]]
    barrier, new = Barrier(4), []

    def work(order: list[Event]) -> None:
        barrier.wait()
        new.append(tell(engine, *order))

    threads = [Thread(target=work, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(new) == 20
    assert len(new) == 4
    assert count(engine, StoredEvent) == 20
    assert len(suppressions(engine)) == 20


# suppression


def test_what_suppresses_an_address(engine: Engine):
    cases = [
        ("bounced", {}, "bounced"),
        ("bounced", {"permanent": False}, None),
        ("bounced", {"reason": OPTED_OUT}, "unsubscribed"),
        ("complained", {}, "complained"),
        ("unsubscribed", {}, "unsubscribed"),
        *((kind, {}, None) for kind in ("delivered", "opened", "clicked", "deferred", "unknown", "accepted")),
    ]
    an_outbox(engine, messages=len(cases), state="accepted")

    tell(engine, *(an_event(kind, key=f"k-{n}", **fields) for n, (kind, fields, _) in enumerate(cases, start=1)))

    wanted = [(f"mail-{n}", "email", why, "sendgrid") for n, (_, _, why) in enumerate(cases, start=1) if why]
    assert suppressions(engine) == wanted


def test_a_suppression_by_event_is_of_that_channel_only(engine: Engine):
    an_outbox(engine, messages=1, state="accepted", channel="sms")

    tell(engine, an_event("complained"))

    assert suppressions(engine) == [("phone-1", "sms", "complained", "sendgrid")]


def test_the_next_claim_skips_who_opted_out(engine: Engine):
    an_outbox(engine, messages=2)
    with transaction(engine) as session:
        session.execute(update(Message).where(col(Message.key) == "k-2").values(address_hash="mail-2"))
    tell(engine, an_event("unsubscribed", key=None, address_hash="mail-1", channel="email"))

    claimed = take(engine)

    assert [message.key for message in claimed] == ["k-2"]
    assert (the_message(engine).state, the_message(engine).reason) == ("skipped", "suppressed")


def test_a_stop_names_its_own_address_and_changes_no_message(engine: Engine):
    an_outbox(engine, messages=1, state="accepted")

    tell(engine, an_event("unsubscribed", key=None, address_hash="h", channel="sms", provider="twilio"))

    assert suppressions(engine) == [("h", "sms", "unsubscribed", "twilio")]
    assert the_message(engine).state == "accepted"


def test_a_repeated_stop_after_a_bounce_keeps_the_first_reason(engine: Engine):
    an_outbox(engine, messages=1, state="accepted")

    tell(engine, an_event("bounced"))
    tell(engine, an_event("unsubscribed"))

    assert suppressions(engine) == [("mail-1", "email", "bounced", "sendgrid")]


def test_an_unsubscription_marks_the_message_with_its_first_time(engine: Engine):
    an_outbox(engine, messages=1, state="accepted")

    tell(engine, an_event("unsubscribed", id="2", at=LATER), an_event("unsubscribed", id="1", at=NOON))
    tell(engine, an_event("unsubscribed", id="3", at=LATER))

    assert (the_message(engine).state, the_message(engine).unsubscribed_at) == ("delivered", NOON)


def test_a_failure_leaves_neither_event_nor_state_nor_suppression(engine: Engine):
    an_outbox(engine, messages=1, state="accepted")

    with pytest.raises(RuntimeError), transaction(engine) as session:
        begin(session, CALLBACK)
        store(session, [an_event("bounced")], NOON)
        raise RuntimeError

    assert [count(engine, table) for table in (StoredEvent, Suppression, WebhookBody)] == [0, 0, 0]
    assert the_message(engine).state == "accepted"


# the unsubscribe page


def opt_out(engine: Engine, key: str, now=NOON) -> bool:
    with transaction(engine) as session:
        return unsubscribe(session, key, now)


def test_an_unsubscription_by_link_suppresses_and_is_idempotent(engine: Engine):
    an_outbox(engine, messages=1, state="accepted")

    assert [opt_out(engine, "k-1"), opt_out(engine, "k-1", LATER)] == [True, True]

    assert suppressions(engine) == [("mail-1", "email", "unsubscribed", "winback")]
    assert count(engine, StoredEvent) == 1
    assert the_message(engine).unsubscribed_at == NOON


def test_a_link_works_again_after_its_suppression_was_lifted(engine: Engine):
    an_outbox(engine, messages=1, state="accepted")
    opt_out(engine, "k-1")
    with transaction(engine) as session:
        session.execute(Suppression.__table__.delete())

    opt_out(engine, "k-1", LATER)

    assert len(suppressions(engine)) == 1


def test_a_link_of_no_message_changes_nothing(engine: Engine):
    assert not opt_out(engine, "k-1")

    assert [count(engine, table) for table in (StoredEvent, Suppression)] == [0, 0]


def who(engine: Engine, key: str = "k-1"):
    with reading(engine) as session:
        return recipient(session, key)


def test_a_recipient_is_shown_masked_with_his_language(engine: Engine):
    an_outbox(engine, messages=1, state="accepted")

    assert (who(engine).channel, who(engine).address, who(engine).locale) == (
        "email",
        mask_email("c1@example.com"),
        "en",
    )
    assert not who(engine).unsubscribed


def test_a_recipient_whose_address_has_changed_is_shown_without_one(engine: Engine):
    an_outbox(engine, messages=1, state="accepted")
    with transaction(engine) as session:
        session.execute(update(Customer).values(email="new@example.com", email_hash="new"))

    assert who(engine).address is None


def test_a_recipient_knows_whether_he_is_unsubscribed_on_this_channel(engine: Engine):
    an_outbox(engine, messages=2, state="accepted")
    opt_out(engine, "k-1")
    with transaction(engine) as session:
        session.add(Suppression(address_hash="mail-2", channel="sms", reason="bounced", source="twilio", at=NOON))

    assert who(engine).unsubscribed
    assert not who(engine, "k-2").unsubscribed


def test_a_recipient_of_no_message_is_nobody(engine: Engine):
    assert who(engine) is None


# the raw callback


def test_a_callback_is_kept_raw_until_it_is_done_and_then_forgotten(engine: Engine):
    with transaction(engine) as session:
        assert begin(session, CALLBACK)
    with reading(engine) as session:
        assert unfinished(session) == [CALLBACK]

    with transaction(engine) as session:
        finish(session, CALLBACK.digest, LATER)

    with reading(engine) as session:
        kept = session.execute(select(WebhookBody)).scalar_one()
        assert (kept.body, kept.processed_at, unfinished(session)) == (b"", LATER, [])


def test_a_callback_that_was_cut_off_is_begun_again_and_a_finished_one_is_not(engine: Engine):
    with transaction(engine) as session:
        assert [begin(session, CALLBACK), begin(session, CALLBACK)] == [True, True]
        finish(session, CALLBACK.digest, NOON)

    with transaction(engine) as session:
        assert not begin(session, CALLBACK)

    assert count(engine, WebhookBody) == 1


def test_bad_elements_are_noted_once_by_their_position(engine: Engine):
    refused = [Refused(position=3, reason="no_event_id"), Refused(position=WHOLE, reason="stale")]

    for _ in range(2):
        with transaction(engine) as session:
            quarantine(session, "d1", refused, NOON)

    with reading(engine) as session:
        rows = session.execute(select(Quarantine).order_by(col(Quarantine.position))).scalars().all()
        assert [(row.digest, row.position, row.reason) for row in rows] == [
            ("d1", WHOLE, "stale"),
            ("d1", 3, "no_event_id"),
        ]
