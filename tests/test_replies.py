"""What people answer by text message, from the signed callback to the database."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, update
from sqlmodel import col

from db.engine import reading, transaction
from db.responses import count_messages, read_answers
from db.tables import Event, Message, Occurrence
from tests.builders import NOON, an_outbox
from tests.signing import CANARY_PHONE, encoded, inbound_form, sign_twilio
from tests.telling import suppressions
from tests.web import PUBLIC, TestClient, an_app, everything_stored, states
from winback.customers.contact import address_hash

PATH = "/hooks/twilio"
WENT_OUT = ["accepted", "deferred", "delivered", "complained", "uncertain"]
STAYED = ["planned", "queued", "sending", "skipped", "rejected", "bounced", "abandoned"]


@pytest.fixture
def client(engine: Engine) -> Iterator[TestClient]:
    """Three real text messages to one number, sent a day after each other; the third is to another number."""
    an_outbox(engine, messages=3, state="delivered", channel="sms")
    with transaction(engine) as session:
        session.execute(update(Occurrence).values(placebo=False))
        for n in (1, 2):
            mine = {"address_hash": address_hash(CANARY_PHONE), "step": f"step {n}", "sent_at": NOON + n * DAY}
            session.execute(update(Message).where(col(Message.key) == f"k-{n}").values(**mine))
    with TestClient(an_app(engine)) as client:
        yield client


DAY = timedelta(days=1)


def answer(client: TestClient, text: str, n: int = 1) -> None:
    form = inbound_form(text, MessageSid=f"SM{n:032}")
    assert client.post(PATH, content=encoded(form), headers=sign_twilio(PUBLIC + PATH, form)).status_code == 200


def told(engine: Engine) -> list[tuple[str, str | None]]:
    """(kind, message) of every event."""
    with reading(engine) as session:
        rows = session.execute(select(col(Event.kind), col(Event.message_key)).order_by(col(Event.id)))
        return [tuple(row) for row in rows]


def test_a_reply_counts_for_the_newest_message_to_its_number(engine: Engine, client: TestClient):
    answer(client, "Is the blue one still there?")

    assert told(engine) == [("replied", "k-2")]
    assert "blue" not in everything_stored(engine)


@pytest.mark.parametrize("state", [*WENT_OUT, *STAYED])
def test_a_reply_counts_for_a_message_that_went_out(engine: Engine, client: TestClient, state: str):
    with transaction(engine) as session:
        session.execute(update(Message).where(col(Message.key) == "k-2").values(state=state))

    answer(client, "hello")

    assert told(engine) == [("replied", "k-2" if state in WENT_OUT else "k-1")]


def test_a_reply_proves_nothing_of_the_message_it_counts_for(engine: Engine, client: TestClient):
    with transaction(engine) as session:
        session.execute(update(Message).values(state="uncertain"))

    answer(client, "hello")

    assert states(engine) == ["uncertain"] * 3


def test_a_reply_does_not_count_for_a_rehearsal(engine: Engine, client: TestClient):
    with transaction(engine) as session:
        session.execute(update(Occurrence).values(placebo=True))

    answer(client, "hello")

    assert told(engine) == [("replied", None)]


def test_a_reply_does_not_count_for_an_email_to_the_same_hash(engine: Engine, client: TestClient):
    with transaction(engine) as session:
        session.execute(update(Message).values(channel="email"))

    answer(client, "hello")

    assert told(engine) == [("replied", None)]


def left(engine: Engine) -> list[str]:
    """The messages whose reader opted out."""
    with reading(engine) as session:
        gone = select(col(Message.key)).where(col(Message.unsubscribed_at).is_not(None))
        return list(session.execute(gone.order_by(col(Message.key))).scalars())


@pytest.mark.parametrize("state", [*WENT_OUT, *STAYED])
def test_a_stop_counts_for_the_newest_message_that_went_out_and_proves_nothing_of_it(
    engine: Engine, client: TestClient, state: str
):
    with transaction(engine) as session:
        session.execute(update(Message).where(col(Message.key) == "k-2").values(state=state))

    answer(client, "stop")

    assert left(engine) == ["k-2" if state in WENT_OUT else "k-1"]
    assert states(engine) == ["delivered", state, "delivered"]


def test_a_stop_is_counted_as_unsubscribed_once_in_the_run(engine: Engine, client: TestClient):
    for n in (1, 2):
        answer(client, "STOP", n)

    with reading(engine) as session:
        [count] = count_messages(read_answers(session, 1))

    assert (count.messages, count.unsubscribed, count.replied) == (3, 1, 0)


def test_a_stop_from_a_number_that_nothing_was_sent_to_counts_nowhere(engine: Engine, client: TestClient):
    with transaction(engine) as session:
        session.execute(update(Message).values(address_hash="another", step=col(Message.key)))

    answer(client, "STOP")

    assert left(engine) == []
    assert suppressions(engine) == [(address_hash(CANARY_PHONE), "sms", "unsubscribed", "twilio")]


def test_stop_and_start_are_no_replies(engine: Engine, client: TestClient):
    answer(client, "退订", 1)
    closed = suppressions(engine)
    answer(client, "ＳＴＡＲＴ", 2)

    assert told(engine) == [("unsubscribed", None), ("resubscribed", None)]
    assert closed == [(address_hash(CANARY_PHONE), "sms", "unsubscribed", "twilio")]
    assert suppressions(engine) == []
