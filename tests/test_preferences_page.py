"""The preference page: what it shows, what it changes, and what it leaves alone."""

import re
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urljoin

import pytest
from sqlalchemy import Engine, select, update
from sqlmodel import col

from db.engine import reading, transaction
from db.people import suppress
from db.preferences import Choices, Standing, recipient, save, unsubscribe
from db.tables import Assignment, Customer, CustomerPreference, Event, Message, Preference, Suppression
from tests.builders import NOON, an_outbox
from tests.telling import FREE, LATER, an_event, count, suppressions, tell, the_message
from tests.web import TestClient, an_app, counts, everything_stored, link
from winback.customers.contact import mask_email, mask_phone

TOPICS = {"tea": {"en": "Tea & more", "zh": "茶"}, "news": {"en": "News"}}
ALL_SHOWN = ["channel.email", "channel.sms", "topic.tea", "topic.news", "less_often", "no_personalisation"]
ALL_OPEN = ALL_SHOWN[:4]


@pytest.fixture
def client(engine: Engine) -> Iterator[TestClient]:
    an_outbox(engine, messages=2, state="accepted")
    with TestClient(an_app(engine, topics=TOPICS)) as client:
        yield client


def boxes(page: str) -> dict[str, str]:
    """Name -> ticked, empty or closed, of every box of a page."""
    found = re.findall(r'<input type="checkbox" name="([^"]+)" value="1"( checked)?( disabled)?>', page)
    return {name: "closed" if closed else "ticked" if ticked else "empty" for name, ticked, closed in found}


def press(client: TestClient, page: str, *ticked: str, at: str | None = None, **button: str) -> str:
    """Send the page's form as a browser would: what it showed, and the boxes that are ticked now."""
    action = re.search(r'class="choices" method="post" action="([^"]+)"', page)[1]
    hidden = {name: re.findall(rf'name="{name}" value="([^"]+)"', page) for name in ("was_on", "was_off")}
    fields = {**hidden, **dict.fromkeys(ticked, "1"), **button}
    return client.post(urljoin(at or link("k-1"), action), data=fields).text


def preferences(engine: Engine) -> list[tuple[str, bool, bool]]:
    with reading(engine) as session:
        rows = session.execute(select(Preference).order_by(Preference.address_hash)).scalars()
        return [(row.address_hash, row.less_often, row.no_personalisation) for row in rows]


# what it shows


def test_the_page_shows_what_holds_now_and_changes_nothing(engine: Engine, client: TestClient):
    page = client.get(link("k-1")).text

    assert boxes(page) == {
        "channel.email": "ticked",
        "channel.sms": "ticked",
        "topic.tea": "ticked",
        "topic.news": "ticked",
        "less_often": "empty",
        "no_personalisation": "empty",
    }
    assert counts(engine) == {}
    assert preferences(engine) == []


def test_addresses_are_masked_and_topics_named_in_the_readers_language(engine: Engine, client: TestClient):
    english = client.get(link("k-1")).text
    with transaction(engine) as session:
        session.execute(update(Customer).values(locale="zh-CN"))
    chinese = client.get(link("k-1")).text

    assert mask_email("c1@example.com") in english
    assert mask_phone("+12125550001") in english
    assert "c1@" not in english + chinese
    assert "Tea &amp; more" in english
    assert ">茶<" in chinese
    assert ">News<" in chinese


def test_a_channel_nobody_agreed_to_is_not_asked_about(engine: Engine, client: TestClient):
    for consent in (None, False):
        with transaction(engine) as session:
            session.execute(update(Customer).values(sms_consent=consent))
        assert "channel.sms" not in boxes(client.get(link("k-1")).text)


def test_an_old_link_reaches_only_the_address_it_was_sent_to(engine: Engine, client: TestClient):
    with transaction(engine) as session:
        session.execute(update(Customer).values(email="new@example.com", email_hash="new"))

    page = client.get(link("k-1")).text
    press(client, page, "less_often")

    assert "new" not in page.replace("news", "")
    assert "channel.sms" not in boxes(page)
    assert {address for address, *_ in suppressions(engine)} == {"mail-1"}
    assert [address for address, *_ in preferences(engine)] == ["mail-1"]


CLOSED = {
    "a bounce": {"reason": "bounced", "source": "sendgrid", "address_hash": "mail-1", "channel": "email"},
    "a complaint": {"reason": "complained", "source": "sendgrid", "address_hash": "mail-1", "channel": "email"},
    "an imported list": {"reason": "unsubscribed", "source": "old", "address_hash": "mail-1", "channel": "email"},
    "every channel": {"reason": "unsubscribed", "source": "winback", "address_hash": "mail-1", "channel": "all"},
    "the customer": {"reason": "unsubscribed", "source": "winback", "customer_no": 1, "channel": "email"},
}


@pytest.mark.parametrize("closed", CLOSED.values(), ids=CLOSED)
def test_what_another_reason_has_closed_cannot_be_opened_here(engine: Engine, client: TestClient, closed: dict):
    with transaction(engine) as session:
        suppress(session, **{"address_hash": None, "customer_no": None} | closed, at=NOON)

    page = client.get(link("k-1")).text
    press(client, page, "channel.email")

    assert boxes(page)["channel.email"] == "closed"
    assert "write to hello@shop.example" in page
    others = [
        ("phone-1", "sms"),
        *((address, f"topic:{name}") for address in ("mail-1", "phone-1") for name in TOPICS),
    ]
    of_customer = len(TOPICS)
    assert count(engine, Suppression) == 1 + len(others) + of_customer  # those whose boxes were empty


# what it changes


def test_everything_on_the_form_is_saved_at_once_and_shown(engine: Engine, client: TestClient):
    page = press(
        client, client.get(link("k-1")).text, "channel.email", "topic.news", "less_often", "no_personalisation"
    )

    assert "Your choices are saved" in page
    assert boxes(page) == {
        "channel.email": "ticked",
        "channel.sms": "empty",
        "topic.tea": "empty",
        "topic.news": "ticked",
        "less_often": "ticked",
        "no_personalisation": "ticked",
    }
    assert suppressions(engine) == [
        ("mail-1", "topic:tea", "unsubscribed", "winback"),
        ("phone-1", "sms", "unsubscribed", "winback"),
        ("phone-1", "topic:tea", "unsubscribed", "winback"),
    ]
    assert preferences(engine) == [("mail-1", True, True), ("phone-1", True, True)]


def moved(engine: Engine, no: int = 1, address: str = "moved") -> None:
    """The shop imports another address of the customer; his next message goes there."""
    with transaction(engine) as session:
        session.execute(
            update(Customer)
            .where(col(Customer.no) == no)
            .values(email=f"{address}@example.com", email_hash=address)
        )
        for table in (Assignment, Message):
            session.execute(update(table).where(col(table.customer_no) == no).values(address_hash=address))


def test_choices_go_with_the_customer_to_his_next_address(engine: Engine, client: TestClient):
    press(
        client,
        client.get(link("k-1")).text,
        "channel.email",
        "channel.sms",
        "topic.news",
        "less_often",
        "no_personalisation",
    )
    moved(engine)

    page = client.get(link("k-1")).text
    after = client.get(link("k-2")).text

    assert boxes(page) == {
        "channel.email": "ticked",
        "channel.sms": "ticked",
        "topic.tea": "empty",
        "topic.news": "ticked",
        "less_often": "ticked",
        "no_personalisation": "ticked",
    }
    assert "ticked" not in (boxes(after)["less_often"], boxes(after)["no_personalisation"])


def test_choices_are_taken_back_at_the_next_address_too(engine: Engine, client: TestClient):
    press(client, client.get(link("k-1")).text, "channel.email", "channel.sms", "less_often", "no_personalisation")
    with transaction(engine) as session:
        session.execute(update(Customer).where(col(Customer.no) == 1).values(phone=None, sms_hash=None))
    moved(engine)

    page = press(client, client.get(link("k-1")).text, "channel.email", "topic.tea", "topic.news")

    assert boxes(page) == {
        "channel.email": "ticked",
        "topic.tea": "ticked",
        "topic.news": "ticked",
        "less_often": "empty",
        "no_personalisation": "empty",
    }


def test_a_no_to_the_address_stays_with_the_address(engine: Engine, client: TestClient):
    press(client, client.get(link("k-1")).text, *ALL_SHOWN[1:])
    moved(engine)

    assert boxes(client.get(link("k-1")).text)["channel.email"] == "ticked"
    assert suppressions(engine) == [("mail-1", "email", "unsubscribed", "winback")]


def test_an_old_link_chooses_nothing_for_who_has_the_address_by_now(engine: Engine, client: TestClient):
    """The address went from customer 1 to customer 2: a link to the first is not the second's."""
    with transaction(engine) as session:
        session.execute(update(Customer).where(col(Customer.no) == 1).values(email_hash="new"))
        session.execute(update(Customer).where(col(Customer.no) == 2).values(email_hash="mail-1"))

    press(client, client.get(link("k-1")).text, "less_often", "no_personalisation")

    assert count(engine, CustomerPreference) == 0
    assert of_customers(engine) == []


def of_customers(engine: Engine) -> list[tuple[int, str]]:
    with reading(engine) as session:
        chosen = select(Suppression.customer_no, Suppression.channel).where(
            col(Suppression.customer_no).is_not(None)
        )
        return sorted(session.execute(chosen).tuples())


def test_whoever_shares_the_address_has_chosen_too(engine: Engine, client: TestClient):
    with transaction(engine) as session:
        session.execute(update(Customer).where(col(Customer.no) == 2).values(email_hash="mail-1"))

    press(client, client.get(link("k-1")).text, "topic.news", "less_often")

    assert of_customers(engine) == [(1, "topic:tea"), (2, "topic:tea")]
    assert count(engine, CustomerPreference) == 2


def test_what_was_stopped_here_can_be_allowed_again_here(engine: Engine, client: TestClient):
    press(client, client.get(link("k-1")).text, "less_often")

    page = press(client, client.get(link("k-1")).text, "channel.email", "channel.sms", "topic.tea", "topic.news")

    assert set(boxes(page).values()) == {"ticked", "empty"}
    assert suppressions(engine) == []
    assert preferences(engine) == [("mail-1", False, False), ("phone-1", False, False)]


def test_the_saved_page_can_be_sent_again_from_where_it_is_shown(engine: Engine, client: TestClient):
    at = f"{link('k-1')}/preferences"
    page = press(client, client.get(link("k-1")).text, "topic.tea")

    press(client, page, "topic.news", at=at)
    leave = client.get(at).text

    assert boxes(leave)["topic.tea"] == "empty"
    assert boxes(leave)["topic.news"] == "ticked"


def test_unticking_the_channel_of_the_message_is_an_unsubscription(engine: Engine, client: TestClient):
    press(client, client.get(link("k-1")).text, "channel.sms", "topic.tea", "topic.news")

    assert suppressions(engine) == [("mail-1", "email", "unsubscribed", "winback")]
    assert the_message(engine).unsubscribed_at == NOON
    assert count(engine, Event) == 1


def test_stop_everything_stops_every_channel_and_keeps_the_other_choices(engine: Engine, client: TestClient):
    page = press(client, client.get(link("k-1")).text, *ALL_SHOWN, everything="stop")

    assert "Everything is stopped" in page
    assert suppressions(engine) == [
        ("mail-1", "email", "unsubscribed", "winback"),
        ("phone-1", "sms", "unsubscribed", "winback"),
    ]
    assert preferences(engine) == []


def test_stop_everything_also_stops_a_channel_that_was_not_shown(engine: Engine, client: TestClient):
    with transaction(engine) as session:
        session.execute(update(Customer).values(sms_consent=None))

    press(client, client.get(link("k-1")).text, everything="stop")

    assert [channel for _, channel, *_ in suppressions(engine)] == ["email", "sms"]


EMPTY = {
    "nothing": {"content": b""},
    "boxes without what was shown": {"data": {"channel.email": "1"}},
    "one-click": {"content": b"List-Unsubscribe=One-Click"},
    "no form": {"content": b"\xff\xfe"},
    "another kind of form": {"files": {"was_on": (None, "channel.email")}},
    "too many fields": {"content": b"&".join(b"was_on=channel.email" for _ in range(300))},
}


@pytest.mark.parametrize("sent", EMPTY.values(), ids=EMPTY)
def test_a_form_without_our_fields_changes_nothing(engine: Engine, client: TestClient, sent: dict):
    unsubscribe_before(engine)
    before = everything_stored(engine)

    answer = client.post(f"{link('k-1')}/preferences", **sent)

    assert answer.status_code == 200
    assert "You are unsubscribed" in answer.text
    assert everything_stored(engine) == before


def test_names_there_are_not_change_nothing(engine: Engine, client: TestClient):
    before = everything_stored(engine)

    for was in ("was_on", "was_off"):
        names = ["channel.fax", "topic.coffee", "*", "channel.", "everything"]
        answer = client.post(f"{link('k-1')}/preferences", data={was: names, "channel.fax": "1", "*": "1"})
        assert answer.status_code == 200

    assert everything_stored(engine) == before


def unsubscribe_before(engine: Engine) -> None:
    with transaction(engine) as session:
        unsubscribe(session, "k-1", NOON, FREE)


def test_only_what_was_shown_is_changed(engine: Engine, client: TestClient):
    """A page opened before a topic was added says nothing about that topic."""
    client.post(f"{link('k-1')}/preferences", data={"was_on": ["topic.tea"]})

    assert {channel for _, channel, *_ in suppressions(engine)} == {"topic:tea"}
    assert preferences(engine) == []


def closed_meanwhile(engine: Engine, client: TestClient) -> None:
    client.post(link("k-1"), content=b"List-Unsubscribe=One-Click")
    tell(engine, an_event("unsubscribed", key=None, provider="twilio", address_hash="phone-1", channel="sms"))


def test_a_page_opened_before_takes_back_nothing_that_came_meanwhile(engine: Engine, client: TestClient):
    """An opt-out by the mail program, a STOP, another page's choices: only what its reader changed applies."""
    old = client.get(link("k-1")).text
    closed_meanwhile(engine, client)
    press(client, client.get(link("k-1")).text, "topic.news", "no_personalisation")

    page = press(client, old, *ALL_OPEN, "less_often")

    assert boxes(page) == {
        "channel.email": "empty",
        "channel.sms": "empty",
        "topic.tea": "empty",
        "topic.news": "ticked",
        "less_often": "ticked",
        "no_personalisation": "ticked",
    }


def test_a_page_that_is_saved_as_it_was_shown_changes_nothing_and_says_what_holds(
    engine: Engine, client: TestClient
):
    old = client.get(link("k-1")).text
    closed_meanwhile(engine, client)
    before = everything_stored(engine)

    page = press(client, old, *ALL_OPEN)

    assert "The form below shows what holds now" in page
    assert everything_stored(engine) == before


def test_what_the_page_showed_as_stopped_is_allowed_again_by_a_tick(engine: Engine, client: TestClient):
    closed_meanwhile(engine, client)

    press(client, client.get(link("k-1")).text, *ALL_OPEN)

    assert suppressions(engine) == []


def test_a_browser_fills_in_no_ticks_of_before(client: TestClient):
    """Some keep them over a reload, and what the page shows anew would be taken for its reader's wish."""
    assert re.search(r'<form class="choices"[^>]* autocomplete="off">', client.get(link("k-1")).text)


def test_a_form_larger_than_any_of_ours_is_refused(engine: Engine, client: TestClient):
    answer = client.post(f"{link('k-1')}/preferences", content=b"was_on=" + b"x" * 70_000)

    assert answer.status_code == 413
    assert counts(engine) == {}


def test_a_spoiled_link_saves_nothing(engine: Engine, client: TestClient):
    for path in (link("k-1")[:-1], link("k-9"), "/u/x"):
        answer = client.post(f"{path}/preferences", data={"was_on": ALL_SHOWN})
        assert answer.status_code == 404
        assert "This link does not work" in answer.text

    assert counts(engine) == {}


def test_half_of_a_form_is_never_saved(engine: Engine, client: TestClient, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("db.preferences._prefer", fail)

    with pytest.raises(RuntimeError):
        client.post(f"{link('k-1')}/preferences", data={"was_on": ALL_SHOWN})

    assert counts(engine) == {}


def test_the_page_of_a_text_message_is_about_its_number(engine: Engine):
    an_outbox(engine, messages=1, state="accepted", channel="sms")
    with TestClient(an_app(engine)) as client:
        page = client.get(link("k-1")).text
        press(client, page, "channel.email")

    assert list(boxes(page))[:2] == ["channel.sms", "channel.email"]
    assert suppressions(engine) == [("phone-1", "sms", "unsubscribed", "winback")]


# the store below it


def who(engine: Engine, key: str = "k-1"):
    with reading(engine) as session:
        return recipient(session, key)


def opt_out(engine: Engine, key: str, now=NOON) -> bool:
    with transaction(engine) as session:
        return unsubscribe(session, key, now, FREE)


def test_an_unsubscription_by_link_suppresses_and_is_idempotent(engine: Engine):
    an_outbox(engine, messages=1, state="accepted")

    assert [opt_out(engine, "k-1"), opt_out(engine, "k-1", LATER)] == [True, True]

    assert suppressions(engine) == [("mail-1", "email", "unsubscribed", "winback")]
    assert count(engine, Event) == 1
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
    with transaction(engine) as session:
        assert not save(session, "k-1", Choices(channels={"email": False}), NOON, FREE)

    assert [count(engine, table) for table in (Event, Suppression, Preference)] == [0, 0, 0]


def test_a_recipient_is_shown_masked_with_his_language(engine: Engine):
    an_outbox(engine, messages=1, state="accepted")

    found = who(engine)

    assert [(a.channel, a.masked, a.standing) for a in found.addresses] == [
        ("email", mask_email("c1@example.com"), Standing.OPEN),
        ("sms", mask_phone("+12125550001"), Standing.OPEN),
    ]
    assert (found.channel, found.locale, found.unsubscribed) == ("email", "en", False)


def test_a_recipient_whose_address_has_changed_is_shown_without_one(engine: Engine):
    an_outbox(engine, messages=1, state="accepted")
    with transaction(engine) as session:
        session.execute(update(Customer).values(email="new@example.com", email_hash="new"))

    assert [(a.hash, a.masked) for a in who(engine).addresses] == [("mail-1", None)]


def test_a_recipient_knows_whether_he_is_unsubscribed_on_this_channel(engine: Engine):
    an_outbox(engine, messages=2, state="accepted")
    opt_out(engine, "k-1")
    tell(engine, an_event("bounced", key=None, address_hash="mail-2", channel="sms"))

    assert who(engine).unsubscribed
    assert not who(engine, "k-2").unsubscribed


def test_who_shares_an_address_with_a_suppressed_customer_is_closed_too(engine: Engine):
    an_outbox(engine, messages=2, state="accepted")
    with transaction(engine) as session:
        session.execute(update(Customer).where(Customer.no == 2).values(email_hash="mail-1"))
        suppress(session, address_hash=None, customer_no=2, channel="email", reason="list", source="old", at=NOON)

    assert who(engine).addresses[0].standing is Standing.CLOSED


def test_a_customer_who_is_closed_is_so_for_his_old_address_too(engine: Engine):
    an_outbox(engine, messages=1, state="accepted")
    with transaction(engine) as session:
        session.execute(update(Customer).values(email="new@example.com", email_hash="new"))
        suppress(session, address_hash=None, customer_no=1, channel="email", reason="list", source="old", at=NOON)

    assert who(engine).addresses[0].standing is Standing.CLOSED


def test_a_recipient_of_no_message_is_nobody(engine: Engine):
    assert who(engine) is None


def test_the_link_works_two_months_later(engine: Engine):
    an_outbox(engine, messages=1, state="accepted")

    with TestClient(an_app(engine, now=NOON + timedelta(days=61))) as client:
        page = press(client, client.get(link("k-1")).text, "channel.sms")

    assert boxes(page)["channel.email"] == "empty"
