"""The unsubscribe page as mail programs, scanners and customers meet it."""

import asyncio
import re
from collections.abc import Iterator, MutableMapping
from datetime import timedelta
from typing import Any
from urllib.parse import urljoin

import pytest
from sqlalchemy import Engine, select, update
from sqlmodel import col
from starlette.applications import Starlette

from app.desk import FORM_BYTES, MAX_BODY_BYTES
from app.pages import Speech, choose_language
from db.engine import reading, transaction
from db.tables import Customer, Suppression
from tests.builders import NOON, an_outbox
from tests.web import TestClient, an_app, counts, link, states
from winback.customers.contact import mask_email, mask_phone

CHINESE = {"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"}


@pytest.fixture
def client(engine: Engine) -> Iterator[TestClient]:
    with TestClient(an_app(engine)) as client:
        yield client


def test_a_get_shows_a_page_with_a_button_and_changes_nothing(engine: Engine, client: TestClient):
    an_outbox(engine, messages=1, state="accepted")

    answers = [client.get(link("k-1")), client.head(link("k-1")), client.get(link("k-1"))]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert '<form class="leave" method="post"' in answers[0].text
    assert mask_email("c1@example.com") in answers[0].text
    assert "c1@example.com" not in answers[0].text
    assert counts(engine) == {}
    assert states(engine) == ["accepted"]


def test_a_one_click_post_unsubscribes_without_redirect_cookie_or_login(engine: Engine, client: TestClient):
    an_outbox(engine, messages=2, state="accepted")

    answer = client.post(
        link("k-1"),
        content=b"List-Unsubscribe=One-Click",
        headers={"Content-Type": "application/x-www-form-urlencoded", "Cookie": "session=someone-else"},
        follow_redirects=False,
    )

    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    with reading(engine) as session:
        [row] = session.execute(select(Suppression)).scalars()
        assert (row.address_hash, row.channel, row.reason) == ("mail-1", "email", "unsubscribed")


def test_a_one_click_post_may_come_as_multipart_twice_and_for_ever(engine: Engine):
    an_outbox(engine, messages=1, state="accepted")
    client = TestClient(an_app(engine, now=NOON + timedelta(days=61)))

    answers = [client.post(link("k-1"), files={"List-Unsubscribe": (None, "One-Click")}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert counts(engine) == {"event": 1, "suppression": 1}


def test_the_button_of_the_page_confirms_and_the_link_then_says_so(engine: Engine, client: TestClient):
    an_outbox(engine, messages=1, state="accepted")

    answer = client.post(link("k-1"), data={"page": "1"})

    assert "You are unsubscribed" in answer.text
    assert "Unsubscribe</button>" not in answer.text
    assert "You are unsubscribed" in client.get(link("k-1")).text


def test_a_link_in_a_text_message_unsubscribes_from_text_messages(engine: Engine, client: TestClient):
    an_outbox(engine, messages=1, state="accepted", channel="sms")

    page = client.get(link("k-1")).text
    client.post(link("k-1"))

    assert "Stop these text messages?" in page
    assert mask_phone("+12125550001") in page
    with reading(engine) as session:
        assert [row.channel for row in session.execute(select(Suppression)).scalars()] == ["sms"]


PIECE = 64 * 1024


def taken(app: Starlette, path: str) -> tuple[int, int]:
    """(status, bytes read) of a POST whose 64 MiB come in pieces for as long as somebody asks for them."""
    read, answers = 0, []

    async def receive() -> dict[str, object]:
        nonlocal read
        read += PIECE
        return {"type": "http.request", "body": b"x" * PIECE, "more_body": read < 64 * 1024 * 1024}

    async def send(message: MutableMapping[str, Any]) -> None:
        answers.append(message)

    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": [], "http_version": "1.1", "scheme": "https", "root_path": "", "client": None,
        "server": ("shop.example", 443),
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    return answers[0]["status"], read


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        (link("k-1"), FORM_BYTES),
        (f"{link('k-1')}/preferences", FORM_BYTES),
        ("/u/x", FORM_BYTES),
        ("/hooks/twilio", FORM_BYTES),
        ("/hooks/sendgrid", MAX_BODY_BYTES),
    ],
)
def test_no_body_is_read_beyond_its_limit(engine: Engine, path: str, limit: int):
    an_outbox(engine, messages=1, state="accepted")

    status, read = taken(an_app(engine), path)

    assert status == 413
    assert read <= limit + PIECE
    assert counts(engine) == {}


SPOILED = [link("k-2"), link("k-1")[:-1], link("k-1") + "a", "/u/x", "/u/%00", "/u/%ED%A0%80"]


def test_a_spoiled_link_is_a_404_page_and_changes_nothing(engine: Engine, client: TestClient):
    an_outbox(engine, messages=1, state="accepted")

    for path in SPOILED:
        for answer in (client.get(path), client.post(path, content=b"List-Unsubscribe=One-Click")):
            assert answer.status_code == 404
            assert "This link does not work" in answer.text
            assert "hello@shop.example" in answer.text

    assert counts(engine) == {}


def test_every_page_may_load_nothing_and_tells_nobody_its_address(engine: Engine, client: TestClient):
    an_outbox(engine, messages=1, state="accepted")

    for answer in (client.get(link("k-1")), client.post(link("k-1")), client.get("/u/x")):
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "<script" not in answer.text
        assert "http" not in answer.text.lower().replace("<html", "")


def test_what_the_sender_is_called_is_printed_as_text(engine: Engine, client: TestClient):
    an_outbox(engine, messages=1, state="accepted")

    assert "Tea &amp; &lt;Co&gt;" in client.get(link("k-1")).text


LANGUAGES = [
    ("zh-CN", {}, "zh-CN"),
    ("zh_Hans_CN", {"Accept-Language": "en"}, "zh-CN"),
    ("en-GB", CHINESE, "en"),
    ("fr-FR", CHINESE, "zh-CN"),
    (None, CHINESE, "zh-CN"),
    (None, {"Accept-Language": "en-US,zh;q=0.2"}, "en"),
    (None, {}, "en"),
]


def test_the_page_speaks_the_customers_language_then_the_browsers(engine: Engine, client: TestClient):
    an_outbox(engine, messages=len(LANGUAGES), state="accepted")

    for n, (locale, headers, language) in enumerate(LANGUAGES, start=1):
        with transaction(engine) as session:
            session.execute(update(Customer).where(col(Customer.no) == n).values(locale=locale))
        page = client.get(link(f"k-{n}"), headers=headers).text
        assert f'<html lang="{language}">' in page
        assert ("不再接收这类邮件？" in page) == (language == "zh-CN")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("*", "en"),
        ("zh;q=0.1, en;q=0.9", "en"),
        ("fr, de;q=0.8, zh-TW;q=0.3", "zh"),
        ("zh;q=0", "en"),
        ("zh;q=nan", "en"),
        ("zh;q=x, en;q=2", "en"),
        (",;;,=q", "en"),
        ("fr," * 10_000 + "zh", "en"),
    ],
)
def test_the_browsers_languages_are_read_in_their_order(header: str, language: str):
    assert choose_language(None, None, header) == Speech(language=language, chosen=False)


def switch(page: str) -> str:
    """Where the page's only language link leads to."""
    [found] = re.findall(r'<nav><a href="([^"]+)"', page)
    return urljoin(link("k-1"), found)


def test_a_reader_may_change_the_language_without_script_and_keeps_it_through_the_forms(
    engine: Engine, client: TestClient
):
    an_outbox(engine, messages=1, state="accepted")

    english = client.get(link("k-1")).text
    chinese = client.get(switch(english)).text
    action = re.search(r'class="leave" method="post" action="([^"]+)"', chinese)[1]
    done = client.post(urljoin(link("k-1"), action)).text
    back = client.get(switch(done), headers=CHINESE).text

    assert ">中文</a>" in english
    assert '<html lang="zh-CN">' in chinese
    assert ">English</a>" in chinese
    assert '<html lang="zh-CN">' in done
    assert "You are unsubscribed" in back


def test_the_choices_form_keeps_the_language_that_was_chosen(engine: Engine, client: TestClient):
    an_outbox(engine, messages=1, state="accepted")

    page = client.get(f"{link('k-1')}?lang=zh").text
    action = re.search(r'class="choices" method="post" action="([^"]+)"', page)[1]
    place = urljoin(link("k-1"), action)
    saved = client.post(place, data={"was_off": ["less_often"], "less_often": "1"}).text
    again = client.get(urljoin(place, re.search(r'<nav><a href="([^"]+)"', saved)[1])).text

    assert '<html lang="zh-CN">' in saved
    assert '<html lang="en">' in again
    assert 'name="less_often" value="1" checked' in again


@pytest.mark.parametrize(
    "asked", ["", "?lang=", "?lang=fr", "?lang=%00", "?lang=zh-CN&lang=x", "?lang=%22%3E%3Cb%3E"]
)
def test_a_language_we_do_not_speak_is_not_asked_for(engine: Engine, client: TestClient, asked: str):
    an_outbox(engine, messages=1, state="accepted")

    page = client.get(f"{link('k-1')}{asked}").text

    assert '<html lang="en">' in page
    assert 'action="' + link("k-1").removeprefix("/u/") + '"' in page


def test_a_broken_link_can_be_read_in_the_other_language_too(engine: Engine, client: TestClient):
    answer = client.get("/u/x?lang=zh")

    assert answer.status_code == 404
    assert "链接" in answer.text
    assert '<nav><a href="?lang=en"' in answer.text
