"""What the bodies of strangers may hold together, and that they keep nobody out for longer than they last."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy import Engine

import app.desk
from tests.builders import an_outbox
from tests.signing import batch, sendgrid_event, sign_sendgrid
from tests.telling import suppressions
from tests.web import an_app, counts, link

ROOM = 1_000
BODY = batch(sendgrid_event(), sendgrid_event("open"))  # of more than half of that
SIGNED = sign_sendgrid(BODY)


class Open:
    """A body that is sent to its last byte and not ended until it is let go."""

    def __init__(self, size: int) -> None:
        self.size, self.here, self.let_go = size, asyncio.Event(), asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b" " * self.size
        self.here.set()
        await self.let_go.wait()


@pytest.fixture
def small(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> httpx.AsyncClient:
    """An application with little room."""
    assert ROOM / 2 < len(BODY) < ROOM
    monkeypatch.setattr(app.desk, "EVENTS_ROOM", ROOM)
    monkeypatch.setattr(app.desk, "FORMS_ROOM", ROOM)
    an_outbox(engine, messages=1, state="accepted")
    return httpx.AsyncClient(transport=httpx.ASGITransport(an_app(engine)), base_url="http://shop.example")


async def answers(client: httpx.AsyncClient, path: str, size: int, **then: object) -> list[httpx.Response]:
    """To what is posted while a body of ``size`` bytes is open at ``path``, to that one, and to the same again."""
    stranger = Open(size)
    open_ = asyncio.create_task(client.post(path, content=stranger))
    here = asyncio.create_task(stranger.here.wait())
    await asyncio.wait([here, open_], return_when=asyncio.FIRST_COMPLETED)
    meanwhile = await client.post(**then)
    stranger.let_go.set()
    return [meanwhile, await open_, await client.post(**then)]


EVENTS = {"url": "/hooks/sendgrid", "content": BODY, "headers": SIGNED}
LEAVE = {"url": link("k-1"), "content": b"List-Unsubscribe=One-Click"}


def test_what_has_no_room_beside_strangers_is_asked_to_come_again_and_then_kept(
    engine: Engine, small: httpx.AsyncClient
):
    meanwhile, stranger, again = asyncio.run(answers(small, "/hooks/sendgrid", ROOM // 2, **EVENTS))

    assert [each.status_code for each in (meanwhile, stranger, again)] == [503, 403, 200]
    assert meanwhile.headers["retry-after"] == "60"
    assert counts(engine) == {"event": 2}


def test_a_person_for_whom_there_is_no_room_sees_a_page_that_says_so(engine: Engine, small: httpx.AsyncClient):
    meanwhile, _, again = asyncio.run(answers(small, "/hooks/twilio", ROOM - 1, **LEAVE))

    assert "Please try again in a minute" in meanwhile.text
    assert (meanwhile.status_code, meanwhile.headers["retry-after"]) == (503, "60")
    assert "You are unsubscribed" in again.text


def test_events_keep_no_form_out_and_forms_no_events(engine: Engine, small: httpx.AsyncClient):
    by_events, *_ = asyncio.run(answers(small, "/hooks/sendgrid", ROOM, **LEAVE))
    by_forms, *_ = asyncio.run(answers(small, "/hooks/twilio", ROOM, **EVENTS))

    assert (by_events.status_code, by_forms.status_code) == (200, 200)
    assert suppressions(engine) == [("mail-1", "email", "unsubscribed", "winback")]


@pytest.mark.parametrize("path", ["/hooks/sendgrid", "/hooks/twilio", link("k-1"), f"{link('k-1')}/preferences"])
def test_room_is_free_again_whatever_became_of_a_body(
    engine: Engine, small: httpx.AsyncClient, path: str, monkeypatch: pytest.MonkeyPatch
):
    """Refused, too large for what is left, and too slow: a hundred of each, and the next is kept."""

    async def a_hundred_times() -> list[int]:
        for _ in range(100):
            await small.post(path, content=b" " * (ROOM // 2))
            await small.post(path, content=b" " * (ROOM + 1))
        monkeypatch.setattr(app.desk, "BODY_SECONDS", 0.01)
        await asyncio.gather(*(small.post(path, content=Open(ROOM // 100)) for _ in range(100)))
        monkeypatch.setattr(app.desk, "BODY_SECONDS", 30)
        return [(await small.post(**each)).status_code for each in (EVENTS, LEAVE)]

    assert asyncio.run(a_hundred_times()) == [200, 200]


def test_the_room_is_a_tenth_of_what_a_small_machine_has_and_holds_the_largest_body():
    assert app.desk.EVENTS_ROOM + app.desk.FORMS_ROOM <= 50 * 1024 * 1024
    assert app.desk.EVENTS_ROOM >= 3 * app.desk.MAX_BODY_BYTES
    assert app.desk.FORMS_ROOM >= 100 * app.desk.FORM_BYTES
