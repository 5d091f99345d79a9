"""Which addresses are closed, for what, and who may open them again."""

from datetime import timedelta
from itertools import permutations

import pytest
from sqlalchemy import Engine, update

from db.closing import reopen
from db.engine import reading, transaction
from db.people import contacts, is_closed, suppress
from db.tables import Customer, CustomerPreference, Message, Preference
from tests.builders import NOON, a_customer, an_outbox
from tests.telling import LATER, an_event, suppressions, tell
from winback.events import OPTED_OUT, OUR_FAULT, REPORTED, SOFT_BOUNCE_SPAN, Event

SECOND = timedelta(seconds=1)
SOFT = {"reason": "blocked 4.3.0", "permanent": False}


def by_phone(kind: str, id_: str = "1", **fields: object) -> Event:
    """What a person sends from his telephone."""
    return an_event(kind, key=None, id=id_, provider="twilio", address_hash="phone-1", channel="sms", **fields)


# how strong a reason is


CLOSERS = [
    an_event("unsubscribed"),
    an_event("bounced", reason="bounce 5.1.1"),
    an_event("complained"),
    an_event("bounced", id="held back", reason=OPTED_OUT),
    an_event("bounced", id="reported", reason=REPORTED),
]


@pytest.mark.parametrize("order", list(permutations(CLOSERS)))
def test_the_strongest_reason_stands_whichever_came_first(engine: Engine, order: tuple[Event, ...]):
    an_outbox(engine, messages=1, state="accepted")

    for event in order:
        tell(engine, event)

    assert suppressions(engine) == [("mail-1", "email", "complained", "sendgrid")]


def test_an_imported_reason_is_never_replaced(engine: Engine):
    an_outbox(engine, messages=1, state="accepted")
    with transaction(engine) as session:
        suppress(session, address_hash="mail-1", customer_no=None, channel="email", reason="told us by telephone",
                 source="old tool", at=NOON)  # fmt: skip

    tell(engine, *CLOSERS)

    assert suppressions(engine) == [("mail-1", "email", "told us by telephone", "old tool")]


# START


def test_a_start_takes_back_a_stop_of_the_same_number(engine: Engine):
    an_outbox(engine, messages=1, state="accepted")
    tell(engine, by_phone("unsubscribed", "1"))

    tell(engine, by_phone("resubscribed", "2"))

    assert suppressions(engine) == []


@pytest.mark.parametrize(
    "closing",
    [
        an_event("complained", channel="sms"),
        an_event("bounced", reason="undelivered 30005"),
        an_event("unsubscribed", key=None, id="mail", address_hash="phone-1", channel="email"),
        an_event("unsubscribed", key=None, id="other", address_hash="phone-2", channel="sms"),
    ],
    ids=["a complaint", "a bounce", "another channel", "another number"],
)
def test_a_start_takes_back_nothing_else(engine: Engine, closing: Event):
    an_outbox(engine, messages=1, state="accepted", channel="sms")
    tell(engine, closing)
    before = suppressions(engine)

    tell(engine, by_phone("resubscribed"))

    assert suppressions(engine) == before != []


@pytest.mark.parametrize(
    ("channel", "reason", "source"),
    [("all", "unsubscribed", "twilio"), ("sms", "unsubscribed", "old tool"), ("sms", "by hand", "winback")],
)
def test_a_start_takes_back_no_list_and_nothing_for_every_channel(
    engine: Engine, channel: str, reason: str, source: str
):
    with transaction(engine) as session:
        suppress(session, address_hash="phone-1", customer_no=None, channel=channel, reason=reason, source=source,
                 at=NOON)  # fmt: skip

    tell(engine, by_phone("resubscribed"))

    assert suppressions(engine) == [("phone-1", channel, reason, source)]


def test_a_start_after_a_stop_and_a_bounce_leaves_the_bounce(engine: Engine):
    """In either order of the two, else a START would open a number that does not exist."""
    for number, (first, second) in enumerate(permutations(["unsubscribed", "bounced"]), start=1):
        stop = {"key": None, "address_hash": f"phone-{number}", "channel": "sms", "provider": "twilio"}
        for kind in (first, second):
            tell(engine, an_event(kind, id=f"{number}-{kind}", **stop))
        tell(engine, an_event("resubscribed", id=f"{number}-start", **stop))

    assert [reason for _, _, reason, _ in suppressions(engine)] == ["bounced", "bounced"]


def test_a_repeated_old_stop_does_not_undo_a_start(engine: Engine):
    tell(engine, by_phone("unsubscribed", "1"))
    tell(engine, by_phone("resubscribed", "2"))

    tell(engine, by_phone("unsubscribed", "1"))

    assert suppressions(engine) == []


@pytest.mark.parametrize("ids", [("1", "2", "3"), ("3", "2", "1")])
@pytest.mark.parametrize("said", list(permutations(["unsubscribed", "resubscribed", "bounced"], 2)))
def test_of_texts_that_share_a_commit_the_last_word_stands(engine: Engine, said: tuple[str, str], ids: tuple[str]):
    """Whatever the provider calls them; another number that says START beside it changes nothing."""
    words = [
        by_phone(kind, id_, at=NOON + SECOND * n) for n, (kind, id_) in enumerate(zip(said, ids, strict=False))
    ]
    beside = by_phone("resubscribed", ids[2], at=NOON + SECOND)._replace(address_hash="phone-2")

    tell(engine, *words, beside)

    assert bool(suppressions(engine)) == (said != ("unsubscribed", "resubscribed"))


@pytest.mark.parametrize("ids", [("1", "2"), ("2", "1")])
def test_of_a_start_and_a_stop_of_one_moment_the_stop_stands(engine: Engine, ids: tuple[str, str]):
    tell(engine, by_phone("unsubscribed", ids[0]), by_phone("resubscribed", ids[1]))

    assert suppressions(engine) == [("phone-1", "sms", "unsubscribed", "twilio")]


def test_what_is_open_cannot_be_opened(engine: Engine):
    with transaction(engine) as session:
        assert not reopen(session.connection(), "phone-1", "sms")


# soft bounces


def soft_bounces(
    engine: Engine, messages: int, *, every: timedelta, told: int | None = None, **fields: object
) -> None:
    """So many messages to one address, each bouncing for now; or only the first ``told``."""
    an_outbox(engine, messages=messages, state="accepted")
    with transaction(engine) as session:
        # unique by (run, step, address), as in life; so each message is of a step of its own
        for n in range(1, messages + 1):
            step = update(Message).where(Message.key == f"k-{n}").values(address_hash="mail-1", step=f"step {n}")
            session.execute(step)
    for n in range(messages if told is None else told):
        tell(engine, an_event("bounced", key=f"k-{n + 1}", **(SOFT | fields)), at=NOON + n * every)


def test_five_soft_bounces_within_thirty_days_close_an_address_and_four_do_not(engine: Engine):
    soft_bounces(engine, 5, every=SOFT_BOUNCE_SPAN / 5)

    assert suppressions(engine) == [("mail-1", "email", "soft_bounces", "sendgrid")]


def test_four_soft_bounces_do_not_close_an_address(engine: Engine):
    soft_bounces(engine, 4, every=timedelta(days=1))

    assert suppressions(engine) == []


def test_soft_bounces_older_than_thirty_days_are_forgotten(engine: Engine):
    """The first is exactly thirty days old when the fifth comes."""
    soft_bounces(engine, 5, every=SOFT_BOUNCE_SPAN / 4)

    assert suppressions(engine) == []


def test_what_was_our_own_fault_is_not_counted_against_an_address(engine: Engine):
    soft_bounces(engine, 6, every=timedelta(days=1), reason=f"{OUR_FAULT} dropped")

    assert suppressions(engine) == []


def test_four_soft_bounces_and_one_of_our_own_fault_are_four(engine: Engine):
    soft_bounces(engine, 5, every=timedelta(days=1), told=4)
    tell(engine, an_event("bounced", key="k-5", reason=f"{OUR_FAULT} dropped", permanent=False), at=NOON)

    tell(engine, an_event("bounced", key="k-1", id="again", **SOFT), at=NOON)

    assert suppressions(engine) == []


def test_one_message_that_bounces_five_times_is_one(engine: Engine):
    an_outbox(engine, messages=1, state="accepted")

    for n in range(5):
        tell(engine, an_event("bounced", id=str(n), **SOFT))

    assert suppressions(engine) == []


def test_soft_bounces_close_their_own_channel(engine: Engine):
    soft_bounces(engine, 5, every=timedelta(days=1))

    with reading(engine) as session:
        assert is_closed(session, "mail-1", "email")
        assert not is_closed(session, "mail-1", "sms")


# preferences in the selection


def people(engine: Engine) -> list[tuple]:
    with reading(engine) as session:
        frame = contacts(session, unknown_email_consent=False)
    return frame.select("customer_no", "email_consent", "sms_consent", "email_suppressed").rows()


def prefer(engine: Engine, address_hash: str, **asked: bool) -> None:
    with transaction(engine) as session:
        session.add(Preference(address_hash=address_hash, at=LATER, **asked))


def two_customers(engine: Engine, **second: object) -> None:
    with transaction(engine) as session:
        session.add(a_customer(1))
        session.add(a_customer(2, **second))


@pytest.mark.parametrize("address", ["mail-1", "phone-1"])
def test_who_refuses_personalisation_is_not_chosen_by_a_forecast(engine: Engine, address: str):
    two_customers(engine)

    prefer(engine, address, no_personalisation=True)

    assert people(engine) == [(1, False, False, False), (2, True, True, False)]


def test_who_refused_personalisation_at_an_address_he_had_is_not_chosen_either(engine: Engine):
    two_customers(engine)
    with transaction(engine) as session:
        session.add(CustomerPreference(customer_no=2, no_personalisation=True, at=LATER))

    assert people(engine) == [(1, True, True, False), (2, False, False, False)]


def test_whoever_shares_the_address_is_not_chosen_either(engine: Engine):
    two_customers(engine, email_hash="mail-1")

    prefer(engine, "mail-1", no_personalisation=True)

    assert people(engine) == [(1, False, False, False), (2, False, False, False)]


def test_who_wants_less_is_still_chosen(engine: Engine):
    """The claim holds back what would be too much."""
    two_customers(engine)

    prefer(engine, "mail-1", less_often=True)

    assert people(engine)[0] == (1, True, True, False)


def test_a_preference_of_nobody_changes_nothing(engine: Engine):
    two_customers(engine, email=None, email_hash=None)

    prefer(engine, "nobody", no_personalisation=True)

    assert people(engine) == [(1, True, True, False), (2, True, True, False)]
    with reading(engine) as session:
        assert session.get(Customer, 1).no_personalisation is None


def test_a_closed_topic_is_no_closed_channel(engine: Engine):
    two_customers(engine)
    with transaction(engine) as session:
        suppress(session, address_hash="mail-1", customer_no=None, channel="topic:tea", reason="unsubscribed",
                 source="winback", at=NOON)  # fmt: skip

    assert people(engine)[0] == (1, True, True, False)
