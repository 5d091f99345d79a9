"""Events in the database: kept once, and what they change."""

from datetime import timedelta
from itertools import permutations
from threading import Barrier, Thread
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, select, update
from sqlmodel import col

from db.callbacks import NOTES, Callback, begin, finish, quarantine, unfinished
from db.claims import Batch, Wish, claim, due_runs, expire_leases
from db.engine import reading, transaction
from db.events import store
from db.results import Result, record
from db.tables import Event as StoredEvent
from db.tables import Message, Quarantine, Suppression, WebhookBody
from tests.builders import NOON, an_outbox
from tests.telling import FREE, LATER, a_large_outbox, an_event, count, set_state, suppressions, tell, the_message
from winback.callbacks import WHOLE, Refused
from winback.delivery.claiming import Rules
from winback.events import OPTED_OUT, REPORTED, Event, State

CALLBACK = Callback(provider="sendgrid", digest="d1", body=b"[secret]", received_at=NOON)
LEASE = timedelta(minutes=2)


def take(engine: Engine) -> Batch:
    wish = Wish(
        owner="a",
        channel="email",
        provider="folder",
        placebo=True,
        window=64,
        now=NOON,
        lease=LEASE,
        unknown_email_consent=False,
    )
    with transaction(engine) as session:
        connection = session.connection()
        [run] = due_runs(connection, "email", placebo=True, by=NOON)
        return claim(connection, wish, run, Rules(zone=ZoneInfo("UTC")))


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


SOFT, HARD = {"reason": "blocked 4.3.0", "permanent": False}, {"reason": "bounce 5.1.1"}
STOPPED = {"reason": OPTED_OUT}
SIXES = {
    "the usual": ["accepted", "deferred", "delivered", "opened", "clicked", "unknown"],
    "a late bounce": ["accepted", "deferred", "delivered", "opened", ("bounced", HARD), "clicked"],
    "two bounces": ["accepted", ("bounced", SOFT), ("bounced", HARD), "delivered", "opened", "deferred"],
    "all that closes": [("bounced", SOFT), ("bounced", HARD), "complained", "unsubscribed", "delivered", "opened"],
    "held back": ["accepted", ("bounced", STOPPED), ("bounced", SOFT), "unsubscribed", "replied", "unknown"],
    "two opt-outs": [
        "unsubscribed",
        ("unsubscribed", {"at": LATER}),
        "delivered",
        "clicked",
        "deferred",
        "opened",
    ],
}


@pytest.mark.parametrize("six", SIXES.values(), ids=SIXES)
def test_six_events_in_any_of_the_720_orders_end_the_same(engine: Engine, six: list):
    """One message and address for each order; every third gets its events in one batch, the others in six."""
    a_large_outbox(engine, 720, state="sending")
    described = [each if isinstance(each, tuple) else (each, {}) for each in six]
    orders = [
        [an_event(kind, key=f"k-{n}", id=f"{n}-{kind}-{fields}", **fields) for kind, fields in order]
        for n, order in enumerate(permutations(described), start=1)
    ]

    tell(engine, *(event for events in orders[::3] for event in events))
    for step in range(6):
        tell(engine, *(events[step] for n, events in enumerate(orders) if n % 3))

    assert len(ends(engine)) == 1


def ends(engine: Engine) -> set[tuple]:
    """What became of the messages and of their addresses, each once."""
    columns = (Message.address_hash, Message.state, Message.reason, Message.unsubscribed_at)
    with reading(engine) as session:
        messages = session.execute(select(*map(col, columns))).all()
    closed = {address: (channel, reason) for address, channel, reason, _ in suppressions(engine)}
    return {(*rest, closed.get(address)) for address, *rest in messages}


def test_an_event_before_our_own_answer_is_not_undone_by_it(engine: Engine):
    an_outbox(engine, messages=1)
    batch = take(engine)
    result = Result(message=batch.messages[0], state=State.ACCEPTED, provider_id="p-1")

    tell(engine, an_event("delivered"))
    with transaction(engine) as session:
        record(session.connection(), batch, [result], LATER)

    assert (the_message(engine).state, the_message(engine).provider_id) == ("delivered", "p-1")


def test_an_answered_event_keeps_a_dead_owners_message_from_becoming_uncertain(engine: Engine):
    an_outbox(engine, messages=1)
    take(engine)

    tell(engine, an_event("accepted"))
    with transaction(engine) as session:
        assert expire_leases(session.connection(), LATER, FREE) == 0

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
        ("bounced", {"reason": REPORTED}, "complained"),
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

    batch = take(engine)

    assert [message.key for message in batch.messages] == ["k-2"]
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
        begin(session.connection(), CALLBACK)
        store(session.connection(), [an_event("bounced")], NOON, FREE)
        raise RuntimeError

    assert [count(engine, table) for table in (StoredEvent, Suppression, WebhookBody)] == [0, 0, 0]
    assert the_message(engine).state == "accepted"


# the raw callback


def test_a_callback_is_kept_raw_until_it_is_done_and_then_forgotten(engine: Engine):
    with transaction(engine) as session:
        assert begin(session.connection(), CALLBACK)
    with reading(engine) as session:
        assert unfinished(session) == [CALLBACK]

    with transaction(engine) as session:
        finish(session.connection(), CALLBACK)

    with reading(engine) as session:
        kept = session.execute(select(WebhookBody)).scalar_one()
        assert (kept.body, kept.processed_at, unfinished(session)) == (b"", NOON, [])


def test_a_callback_that_was_cut_off_is_begun_again_and_a_finished_one_is_not(engine: Engine):
    with transaction(engine) as session:
        assert [begin(session.connection(), CALLBACK), begin(session.connection(), CALLBACK)] == [True, True]
        finish(session.connection(), CALLBACK)

    with transaction(engine) as session:
        assert not begin(session.connection(), CALLBACK)

    assert count(engine, WebhookBody) == 1


def noted(engine: Engine) -> list[tuple[str, int, str]]:
    with reading(engine) as session:
        rows = session.execute(select(Quarantine).order_by(col(Quarantine.position))).scalars().all()
        return [(row.digest, row.position, row.reason) for row in rows]


def test_bad_elements_are_noted_once_by_their_position(engine: Engine):
    refused = [Refused(position=3, reason="no_event_id"), Refused(position=WHOLE, reason="stale")]

    for _ in range(2):
        with transaction(engine) as session:
            quarantine(session.connection(), CALLBACK, refused)

    assert noted(engine) == [("d1", WHOLE, "stale"), ("d1", 3, "no_event_id")]


def test_of_very_many_bad_elements_the_first_are_noted_and_their_number(engine: Engine):
    refused = [Refused(position=n, reason="not_an_object") for n in range(NOTES + 5)]

    with transaction(engine) as session:
        quarantine(session.connection(), CALLBACK, refused)

    rows = noted(engine)
    assert rows[0] == ("d1", WHOLE, "1005 elements refused")
    assert [position for _, position, _ in rows[1:]] == list(range(NOTES))
