"""Callbacks that wait together are committed together; none spoils another, and none waits for ever."""

import asyncio
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy import Engine

import app.keeper
from app.desk import Desk
from app.keeper import CHUNK, Keeper
from db.callbacks import Callback
from db.engine import open_engine, transaction
from db.events import store
from db.tables import Event
from tests.builders import NOON, an_outbox
from tests.signing import batch, sendgrid_event, sign_sendgrid
from tests.telling import an_event, count
from tests.web import TestClient, an_app, counts, states, the_settings
from winback.callbacks import Reading, Refused
from winback.delivery.tariff import Tariff
from winback.errors import Unusable


def said(*events: str, key: str = "k-1", refused: int = 0) -> tuple[Callback, Reading]:
    """A callback with these events."""
    read = Reading(
        events=tuple(an_event(key=key, id=id_) for id_ in events),
        refused=tuple(Refused(position=n, reason="not_an_object") for n in range(refused)),
    )
    return Callback(provider="sendgrid", digest=f"d-{events}", body=b"", received_at=NOON), read


@pytest.fixture
def desk(engine: Engine) -> Iterator[Desk]:
    an_outbox(engine, messages=3, state="accepted")
    desk = Desk(engine, the_settings(), lambda: NOON)
    yield desk
    desk.close()


def keep_at_once(desk: Desk, *callbacks: tuple[Callback, Reading]) -> list[object]:
    """The answers to callbacks that all wait before the first is written."""

    async def keep() -> list[object]:
        keeper = Keeper(desk)
        return await asyncio.gather(*(keeper.keep(*each) for each in callbacks), return_exceptions=True)

    return asyncio.run(keep())


def calls_of(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The ids of the events of every transaction, as it is asked for."""
    calls: list[list[str]] = []

    def storing(connection: object, events, received_at: object, tariff: Tariff) -> int:
        told = list(events)
        calls.append([event.id for event in told])
        if any(event.id == "poison" for event in told):
            raise RuntimeError
        return store(connection, told, received_at, tariff)

    monkeypatch.setattr(app.keeper, "store", storing)
    return calls


def test_what_waits_together_is_one_transaction(engine: Engine, desk: Desk, monkeypatch: pytest.MonkeyPatch):
    calls = calls_of(monkeypatch)

    answers = keep_at_once(desk, said("1", "2"), said("3", key="k-2", refused=2), said("1", "4", key="k-3"))

    assert answers == [None] * 3
    assert calls == [["1", "2", "3", "1", "4"]]
    assert counts(engine) == {"event": 4, "quarantine": 2}
    assert states(engine) == ["delivered", "delivered", "delivered"]


def test_no_transaction_is_longer_than_a_chunk(engine: Engine, desk: Desk, monkeypatch: pytest.MonkeyPatch):
    calls = calls_of(monkeypatch)
    half = [str(n) for n in range(CHUNK // 2)]

    keep_at_once(desk, *(said(*(f"{n}-{id_}" for id_ in half)) for n in range(3)))

    assert [len(call) for call in calls] == [CHUNK, CHUNK // 2]


def test_one_that_cannot_be_stored_spoils_no_other(engine: Engine, desk: Desk, monkeypatch: pytest.MonkeyPatch):
    calls = calls_of(monkeypatch)

    answers = keep_at_once(desk, said("1"), said("poison"), said("2", key="k-2"))

    assert [type(answer) for answer in answers] == [type(None), RuntimeError, type(None)]
    assert calls == [["1", "poison", "2"], ["1"], ["poison"], ["2"]]
    assert count(engine, Event) == 2
    assert states(engine) == ["delivered", "delivered", "accepted"]


def test_a_callback_that_gave_up_waiting_is_not_written(
    engine: Engine, desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    """The first takes longer than anybody may wait; the second gives up before its turn, and is sent again."""
    monkeypatch.setattr(app.keeper, "ANSWER_SECONDS", 0.2)

    def slow(connection: object, events, received_at: object, tariff: Tariff) -> int:
        time.sleep(0.6)
        return store(connection, events, received_at, tariff)

    monkeypatch.setattr(app.keeper, "store", slow)

    async def keep() -> list[object]:
        keeper = Keeper(desk)
        first = asyncio.create_task(keeper.keep(*said("1")))
        await asyncio.sleep(0.05)
        answers = await asyncio.gather(first, keeper.keep(*said("2", key="k-2")), return_exceptions=True)
        await keeper._writing
        return answers

    answers = asyncio.run(keep())

    assert [type(answer) for answer in answers] == [Unusable, Unusable]
    assert states(engine) == ["delivered", "accepted", "accepted"]


# against another writer


@pytest.fixture
def held(tmp_path, new_sqlite) -> Iterator[tuple[Engine, threading.Event]]:
    """A database that another writer holds until it is told to let go."""
    url = new_sqlite(tmp_path)
    other, engine = open_engine(url), open_engine(url, wait_seconds=30)
    an_outbox(engine, messages=1, state="accepted")
    begun, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction(other) as session:
            session.connection()
            begun.set()
            let_go.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    begun.wait()
    yield engine, let_go
    let_go.set()
    thread.join()
    other.dispose()
    engine.dispose()


def test_a_webhook_that_cannot_commit_in_time_answers_503_and_is_kept_when_it_comes_again(
    held: tuple[Engine, threading.Event], monkeypatch: pytest.MonkeyPatch
):
    engine, let_go = held
    monkeypatch.setattr(app.keeper, "ANSWER_SECONDS", 0.3)
    body = batch(sendgrid_event())

    async def post_twice() -> list[httpx.Response]:
        transport = httpx.ASGITransport(an_app(engine))
        async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
            begun = time.monotonic()
            first = await client.post("/hooks/sendgrid", content=body, headers=sign_sendgrid(body))
            assert time.monotonic() - begun < 3
            let_go.set()
            monkeypatch.setattr(app.keeper, "ANSWER_SECONDS", 10)
            return [first, await client.post("/hooks/sendgrid", content=body, headers=sign_sendgrid(body))]

    answers = asyncio.run(post_twice())

    assert [answer.status_code for answer in answers] == [503, 200]
    assert int(answers[0].headers["retry-after"]) > 0
    assert counts(engine) == {"event": 1}
    assert states(engine) == ["delivered"]


def test_five_seconds_is_how_long_a_webhook_may_take():
    assert app.desk.ANSWER_SECONDS == 5


def test_a_connection_that_broke_is_opened_anew(new_postgresql, tmp_path):
    engine = open_engine(new_postgresql(tmp_path), wait_seconds=5)
    an_outbox(engine, messages=1, state="accepted")
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"

    with TestClient(an_app(engine)) as client:
        answers = []
        for n in range(3):
            body = batch(sendgrid_event(n=n))
            answers.append(client.post("/hooks/sendgrid", content=body, headers=sign_sendgrid(body)).status_code)
            if n == 0:
                with engine.connect() as other:
                    other.exec_driver_sql(f"{others} AND pid <> pg_backend_pid()")

    assert (answers[0], answers[2]) == (200, 200)
    assert answers[1] in (200, 503)
    assert count(engine, Event) == answers.count(200)
    engine.dispose()
