"""Links in messages as readers and machines follow them."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine, update

import app.clicks
from db.engine import open_engine, transaction
from db.tables import CampaignVersion, Message
from tests.builders import NOON, an_outbox
from tests.telling import an_event, clicks, suppressions, tell, the_message
from tests.web import SALT, Clock, TestClient, an_app, counts, everything_stored, states
from tests.workspaces import CAMPAIGN
from winback.callbacks.clicks import HONEYPOT
from winback.message.tokens import Signer

SHOP, TEA = "https://shop.example/", "https://shop.example/tea?of=spring#new"
FILES = {
    "campaigns/spring.yaml": CAMPAIGN,
    "templates/hello/subject.txt": "Hello",
    "templates/hello/body.html": f'<html><body><a href="{SHOP}">Shop</a> <a href="{TEA}">Tea</a></body></html>',
    "templates/hello/body.txt": f"{SHOP}\n{{{{ links.unsubscribe }}}}",
}
READER = {"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15"}
LINKS = {1: SHOP, 2: TEA}


def link(number: int, key: str = "k-1", salt: str = SALT) -> str:
    return f"/c/{Signer([salt]).click_tokens(key, [number])[0]}"


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON + timedelta(hours=1))


@pytest.fixture
def client(engine: Engine, clock: Clock) -> Iterator[TestClient]:
    a_letter(engine)
    with TestClient(an_app(engine, now=clock), follow_redirects=False, headers=READER) as client:
        yield client


def a_letter(engine: Engine) -> None:
    """Two accepted messages whose template has two links."""
    an_outbox(engine, messages=2, state="accepted")
    with transaction(engine) as session:
        session.execute(update(CampaignVersion).values(files=json.dumps(FILES)))
        session.execute(update(Message).values(sent_at=NOON))


# where it leads


def test_a_link_leads_where_its_run_has_pinned_it_and_is_counted(engine: Engine, client: TestClient):
    answers = [client.get(link(number)) for number in LINKS]

    assert [(answer.status_code, answer.headers["location"]) for answer in answers] == [(302, SHOP), (302, TEA)]
    assert sorted(clicks(engine)) == [("k-1", 1, "all_links"), ("k-1", 2, "all_links")]
    assert states(engine) == ["delivered", "accepted"]


@pytest.mark.parametrize(
    ("campaign", "location"),
    [
        (f"{CAMPAIGN}utm: {{source: letters}}\n",
         "https://shop.example/tea?of=spring&utm_source=letters&utm_medium=email&utm_campaign=spring#new"),
        ("written: by a newer winback\n", TEA),
    ],
)  # fmt: skip
def test_a_link_leads_there_with_the_parameters_of_its_campaign(
    engine: Engine, client: TestClient, campaign: str, location: str
):
    """A campaign that this version cannot read has none: the reader is led on all the same."""
    with transaction(engine) as session:
        files = json.dumps(FILES | {"campaigns/spring.yaml": campaign})
        session.execute(update(CampaignVersion).values(files=files))

    assert client.get(link(2)).headers["location"] == location


def test_a_click_is_kept_with_the_number_of_its_link_and_nothing_of_its_reader(engine: Engine, client: TestClient):
    client.get(link(2), headers={"User-Agent": "Mozilla/5.0 Canary", "X-Forwarded-For": "203.0.113.77"})

    assert clicks(engine) == [("k-1", 2, None)]
    assert "Canary" not in everything_stored(engine)
    assert "203.0.113.77" not in everything_stored(engine)


def test_the_page_behind_a_link_hears_nothing_of_the_token(client: TestClient):
    answer = client.get(link(1))

    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers


def test_the_link_nobody_sees_leads_to_the_first_and_is_flagged(engine: Engine, client: TestClient):
    answer = client.get(link(HONEYPOT))

    assert answer.headers["location"] == SHOP
    assert clicks(engine) == [("k-1", HONEYPOT, "honeypot")]


ADDRESSES = [
    "https://evil.example",
    "//evil.example",
    "https:\\\\evil.example",
    "https://shop.example@evil.example",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_what_a_request_says_does_not_decide_where_it_leads(client: TestClient, address: str):
    for name in ("url", "u", "to", "redirect"):
        assert client.get(link(1), params={name: address}).headers["location"] == SHOP


TOKEN = link(1).removeprefix("/c/")
SPOILED = {
    "cut off": TOKEN[:-1],
    "longer": TOKEN + "a",
    "a bit flipped": TOKEN[:-1] + ("A" if TOKEN[-1] != "A" else "B"),
    "another message's": TOKEN.replace("k-1.", "k-2."),
    "another link's": TOKEN.replace(".1.", ".2."),
    "another shop's": link(1, salt="another-salt").removeprefix("/c/"),
    "for unsubscribing": Signer([SALT]).unsubscribe_token("k-1"),
    "a link there is not": link(3).removeprefix("/c/"),
    "a negative link": link(-1).removeprefix("/c/"),
    "a message there is not": link(1, "k-9").removeprefix("/c/"),
    "nothing": "x",
    "an address": "https:%2F%2Fevil.example",
    "no text": "%00%ED%A0%80",
}


@pytest.mark.parametrize("token", SPOILED.values(), ids=SPOILED)
@pytest.mark.parametrize(("language", "words"), [("en", "This link does not work"), ("zh-CN", "链接无法使用")])
def test_a_spoiled_link_is_a_page_that_says_so_and_leads_nowhere(
    engine: Engine, client: TestClient, token: str, language: str, words: str
):
    answer = client.get(f"/c/{token}?url=https://evil.example", headers={"Accept-Language": language})

    assert answer.status_code == 404
    assert words in answer.text
    assert "location" not in answer.headers
    assert "evil" not in answer.text
    assert counts(engine) == {}


def test_a_click_changes_nothing_but_that_it_is_kept(engine: Engine, client: TestClient):
    tell(engine, an_event("bounced", reason="bounce 5.1.1"))
    before = suppressions(engine)

    client.get(link(1))

    assert (the_message(engine).state, the_message(engine).reason) == ("bounced", "bounce 5.1.1")
    assert suppressions(engine) == before
    assert the_message(engine).unsubscribed_at is None


def test_a_link_is_only_followed(client: TestClient):
    assert [client.post(link(1)).status_code, client.delete(link(1)).status_code] == [405, 405]


# whose click it is


def test_a_head_is_redirected_and_flagged(engine: Engine, client: TestClient):
    assert client.head(link(1)).headers["location"] == SHOP

    assert clicks(engine) == [("k-1", 1, "head")]


def test_a_scanner_is_redirected_and_flagged(engine: Engine, client: TestClient):
    assert client.get(link(1), headers={"User-Agent": "Barracuda Sentinel"}).headers["location"] == SHOP

    assert clicks(engine) == [("k-1", 1, "scanner")]


def test_the_same_link_again_within_a_second_is_one_click(engine: Engine, client: TestClient, clock: Clock):
    for seconds in (0, 0.4, 0.999, 5):
        clock.now = NOON + timedelta(hours=1, seconds=seconds)
        client.get(link(2))

    assert clicks(engine) == [("k-1", 2, None), ("k-1", 2, None)]


def test_all_links_within_two_seconds_flag_the_earlier_ones_too(engine: Engine, client: TestClient, clock: Clock):
    client.get(link(1))
    clock.now += timedelta(seconds=2)
    client.get(link(2))

    assert clicks(engine) == [("k-1", 1, "all_links"), ("k-1", 2, "all_links")]


def test_two_links_one_after_the_other_are_a_readers(engine: Engine, client: TestClient, clock: Clock):
    client.get(link(1))
    clock.now += timedelta(seconds=2.001)
    client.get(link(2))

    assert clicks(engine) == [("k-1", 1, None), ("k-1", 2, None)]


def test_the_links_of_two_messages_are_not_counted_together(engine: Engine, client: TestClient):
    client.get(link(1))
    client.get(link(2, "k-2"))

    assert clicks(engine) == [("k-1", 1, None), ("k-2", 2, None)]


@pytest.mark.parametrize(("seconds", "flag"), [(9, "too_soon"), (10, None)])
@pytest.mark.parametrize("told_first", [True, False])
def test_a_click_within_ten_seconds_of_delivery_is_flagged_whichever_is_known_first(
    engine: Engine, client: TestClient, clock: Clock, seconds: int, flag: str | None, told_first: bool
):
    """The message was handed over an hour before it was delivered."""
    delivered = an_event("delivered", at=clock.now)
    clock.now += timedelta(seconds=seconds)
    if told_first:
        tell(engine, delivered)

    client.get(link(1))
    tell(engine, delivered)

    assert clicks(engine) == [("k-1", 1, flag)]


@pytest.mark.parametrize(("seconds", "flag"), [(9.9, "too_soon"), (10, None)])
def test_before_a_delivery_is_known_the_sending_counts(
    engine: Engine, client: TestClient, clock: Clock, seconds: float, flag: str | None
):
    clock.now = NOON + timedelta(seconds=seconds)

    client.get(link(1))

    assert clicks(engine) == [("k-1", 1, flag)]


def test_a_delivery_told_later_flags_the_click_of_its_own_message_only(
    engine: Engine, client: TestClient, clock: Clock
):
    for key in ("k-1", "k-2"):
        client.get(link(1, key))

    tell(engine, an_event("delivered", at=clock.now), an_event("delivered", key="k-3", at=clock.now))

    assert clicks(engine) == [("k-1", 1, "too_soon"), ("k-2", 1, None)]


# when it cannot be kept


@pytest.fixture
def locked(tmp_path, monkeypatch: pytest.MonkeyPatch, new_sqlite) -> Iterator[tuple[Engine, TestClient]]:
    """A shop whose SQLite database another writer holds, and which gives up soon."""
    monkeypatch.setattr(app.clicks, "CLICK_SECONDS", 0.2)
    url = new_sqlite(tmp_path)
    other, engine = open_engine(url), open_engine(url, wait_seconds=0.5)
    a_letter(engine)
    client = TestClient(an_app(engine, now=NOON), follow_redirects=False, headers=READER)
    with client, transaction(other) as session:
        session.connection()
        yield engine, client
    other.dispose()
    engine.dispose()


def test_a_reader_is_redirected_though_the_click_cannot_be_kept(
    locked: tuple[Engine, TestClient], caplog: pytest.LogCaptureFixture
):
    engine, client = locked

    answer = client.get(link(1))

    assert (answer.status_code, answer.headers["location"]) == (302, SHOP)
    assert clicks(engine) == []
    assert "a click was not kept" in caplog.text
    for word in ("k-1", SHOP, "Mozilla", TOKEN):
        assert word not in caplog.text
