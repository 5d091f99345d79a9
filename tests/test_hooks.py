"""The callbacks of both providers through the web application, and the application on a real server."""

import gzip
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import uvicorn
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import OperationalError
from starlette.applications import Starlette

import app.desk
import app.keeper
from app.desk import MAX_BODY_BYTES
from db.callbacks import Callback, begin
from db.engine import make_engine, open_engine, reading, transaction
from db.events import store
from db.settings import Secrets
from db.tables import Event, Suppression
from tests.builders import NOON, an_outbox
from tests.signing import (
    ACCOUNT,
    CANARY_MAIL,
    CANARY_PHONE,
    TOKEN,
    batch,
    encoded,
    inbound_form,
    sendgrid_event,
    sign_sendgrid,
    sign_twilio,
    twilio_form,
)
from tests.web import (
    PUBLIC,
    TestClient,
    an_app,
    count,
    counts,
    everything_stored,
    link,
    quarantined,
    states,
)
from winback.customers.contact import address_hash

TWILIO = "/hooks/twilio?key=k-1"


@pytest.fixture
def client(engine: Engine) -> Iterator[TestClient]:
    with TestClient(an_app(engine)) as client:
        yield client


def post_sendgrid(client: TestClient, body: bytes, **headers: str) -> int:
    return client.post("/hooks/sendgrid", content=body, headers=sign_sendgrid(body) | headers).status_code


def post_twilio(client: TestClient, form: dict[str, str], path: str = TWILIO) -> int:
    return client.post(path, content=encoded(form), headers=sign_twilio(PUBLIC + path, form)).status_code


# SendGrid


def test_a_signed_batch_is_kept_and_lifts_its_messages(engine: Engine, client: TestClient):
    an_outbox(engine, messages=2, state="sending")

    answer = post_sendgrid(client, batch(sendgrid_event(n=1), sendgrid_event("bounce", n=2, key="k-2")))

    assert answer == 200
    assert states(engine) == ["delivered", "bounced"]
    assert counts(engine) == {"event": 2, "suppression": 1}


def test_the_same_batch_a_thousand_times_is_kept_once(engine: Engine, client: TestClient):
    an_outbox(engine, messages=1, state="accepted")
    body = batch(sendgrid_event(), sendgrid_event("open"))

    answers = {post_sendgrid(client, body) for _ in range(1000)}

    assert answers == {200}
    assert counts(engine) == {"event": 2}


def test_the_same_events_in_another_batch_are_kept_once(engine: Engine, client: TestClient):
    post_sendgrid(client, batch(sendgrid_event(n=1), sendgrid_event(n=2)))
    post_sendgrid(client, batch(sendgrid_event(n=2), sendgrid_event(n=3)))

    assert counts(engine) == {"event": 3}


def test_one_bad_element_of_a_thousand_is_set_aside_and_the_rest_is_kept(engine: Engine, client: TestClient):
    events = [sendgrid_event(n=n) for n in range(1_000)]
    events[437] = sendgrid_event(sg_event_id="\ud800\0")

    assert post_sendgrid(client, batch(*events)) == 200

    assert counts(engine) == {"event": 999, "webhook_body": 1, "quarantine": 1}
    assert quarantined(engine) == [(437, "no_event_id")]


UNSIGNED = [
    {},
    {"X-Twilio-Email-Event-Webhook-Signature": ""},
    {"X-Twilio-Email-Event-Webhook-Timestamp": "1772452800"},
    {"X-Twilio-Email-Event-Webhook-Signature": "junk", "X-Twilio-Email-Event-Webhook-Timestamp": "1772452800"},
    sign_sendgrid(b"[]"),
    sign_sendgrid(batch(sendgrid_event()), "1e9"),
    sign_sendgrid(batch(sendgrid_event()), "177245280012"),
]


def test_what_is_not_signed_is_refused_and_leaves_no_trace(engine: Engine, client: TestClient):
    body = batch(sendgrid_event())

    answers = [client.post("/hooks/sendgrid", content=body, headers=headers) for headers in UNSIGNED]

    assert [answer.status_code for answer in answers] == [403] * len(UNSIGNED)
    assert counts(engine) == {}


def test_a_stale_batch_is_not_believed_and_asked_for_again(engine: Engine, client: TestClient):
    for n, age in enumerate([timedelta(hours=72, seconds=1), timedelta(days=3300)]):
        body = batch(sendgrid_event(n=n))
        headers = sign_sendgrid(body, str(int((NOON - age).timestamp())))
        answer = client.post("/hooks/sendgrid", content=body, headers=headers)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")

    assert quarantined(engine) == [(-1, "stale"), (-1, "stale")]
    assert counts(engine) == {"quarantine": 2}


@pytest.mark.parametrize("minutes", [-10, -2 * 60, -9 * 24 * 60, 2 * 60])
def test_a_wrong_clock_of_ours_loses_no_opt_out_complaint_or_bounce(
    engine: Engine, minutes: int, caplog: pytest.LogCaptureFixture
):
    """The batch is signed at noon, and our clock says something else; no moment is later than it says."""
    an_outbox(engine, messages=3, state="accepted")
    off = timedelta(minutes=minutes)
    body = batch(
        *(sendgrid_event(e, n=n, key=f"k-{n}") for n, e in enumerate(["unsubscribe", "spamreport", "bounce"], 1))
    )

    with TestClient(an_app(engine, now=NOON + off)) as client:
        assert [post_sendgrid(client, body) for _ in range(2)] == [200, 200]

    assert counts(engine) == {"event": 3, "suppression": 3}
    assert states(engine) == ["delivered", "complained", "bounced"]
    with reading(engine) as session:
        assert set(session.execute(select(Event.at)).scalars()) == {min(NOON, NOON + off)}
    assert ("clock is" in caplog.text) == (off < timedelta(0))


def test_a_batch_that_was_stale_once_is_kept_when_it_comes_signed_anew(engine: Engine, client: TestClient):
    body = batch(sendgrid_event())
    client.post("/hooks/sendgrid", content=body, headers=sign_sendgrid(body, "1500000000"))

    assert quarantined(engine) == [(-1, "stale")]

    assert post_sendgrid(client, body) == 200

    assert counts(engine) == {"event": 1}


def test_a_long_batch_that_was_stale_once_is_not_told_as_stale_any_more(
    engine: Engine, client: TestClient, monkeypatch: pytest.MonkeyPatch
):
    """More events than one transaction holds, and a senseless one: only that is still set aside."""
    monkeypatch.setattr(app.keeper, "CHUNK", 3)
    body = batch({"event": "open"}, *(sendgrid_event(n=n) for n in range(1, 6)))
    client.post("/hooks/sendgrid", content=body, headers=sign_sendgrid(body, "1500000000"))

    assert post_sendgrid(client, body) == 200

    assert [position for position, _ in quarantined(engine)] == [0]


UNREADABLE = [b"", b"{}", b"[" * 200_000, b"\xff", b"\0", b'[{"event":"a"', b"9" * 5000, b"NaN", b'"text"']


def test_a_signed_body_that_cannot_be_read_is_a_400_with_a_note(engine: Engine, client: TestClient):
    assert [post_sendgrid(client, body) for body in UNREADABLE] == [400] * len(UNREADABLE)

    assert counts(engine) == {"quarantine": len(UNREADABLE)}
    assert {reason for _, reason in quarantined(engine)} == {"not_json", "not_a_list", "nested_too_deep"}


HOSTILE = [
    b"NaN",
    b"9" * 5000,
    b'{"timestamp":1e999,"sg_event_id":"a","event":"open"}',
    b'{"sg_event_id":"a","sg_event_id":"b","event":"open","timestamp":1772452800}',
    b'{"sg_event_id":"\\ud800","event":"open","timestamp":1772452800}',
    b'{"sg_event_id":"a\\u0000","event":"open","timestamp":1772452800}',
    b'{"sg_event_id":"a","event":"open","timestamp":1772452800,"winback_key":"\\u0000"}',
    b"[]",
    b"null",
    b"{}",
]


def test_hostile_elements_are_set_aside_and_their_neighbours_kept(engine: Engine, client: TestClient):
    good = json.dumps(sendgrid_event()).encode()

    answers = [post_sendgrid(client, b"[" + good + b"," + element + b"]") for element in HOSTILE]

    assert answers == [200] * len(HOSTILE)
    assert [position for position, _ in quarantined(engine)] == [1] * len(HOSTILE)
    assert count(engine, Event) == 1


def test_a_compressed_body_is_not_unpacked(engine: Engine, client: TestClient):
    body = gzip.compress(b"[" * 10_000_000)

    assert post_sendgrid(client, body, **{"Content-Encoding": "gzip"}) == 400
    assert counts(engine) == {"quarantine": 1}


def test_a_body_over_ten_mebibytes_is_refused_before_it_is_read(engine: Engine, client: TestClient):
    assert post_sendgrid(client, b"[" + b" " * MAX_BODY_BYTES) == 413

    assert counts(engine) == {}


def test_a_body_of_ten_mebibytes_is_read(engine: Engine, client: TestClient):
    body = batch(sendgrid_event())
    body = body + b" " * (MAX_BODY_BYTES - len(body))

    assert post_sendgrid(client, body) == 200

    assert counts(engine) == {"event": 1}


def test_a_batch_larger_than_one_transaction_is_kept_whole(
    engine: Engine, client: TestClient, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(app.keeper, "CHUNK", 3)
    events = [sendgrid_event(n=n) for n in range(10)]

    assert post_sendgrid(client, batch(*events, {})) == 200

    assert counts(engine) == {"event": 10, "webhook_body": 1, "quarantine": 1}


def test_a_batch_cut_off_in_the_middle_is_finished_at_the_next_start(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    an_outbox(engine, messages=4, state="accepted")
    body = batch(*(sendgrid_event(n=n, key=f"k-{n}") for n in range(1, 5)))
    with transaction(engine) as session:
        begin(session.connection(), Callback(provider="sendgrid", digest="cut", body=body, received_at=NOON))
    monkeypatch.setattr(app.keeper, "CHUNK", 3)

    with TestClient(an_app(engine)):
        pass

    assert states(engine) == ["delivered"] * 4
    assert CANARY_MAIL not in everything_stored(engine)


def test_without_a_key_nothing_is_kept_and_the_log_says_what_is_missing(
    engine: Engine, caplog: pytest.LogCaptureFixture
):
    clients = [TestClient(an_app(engine, secrets=Secrets(sendgrid_webhook_key=key))) for key in (None, "junk")]

    assert [post_sendgrid(client, batch(sendgrid_event())) for client in clients] == [503, 503]

    assert counts(engine) == {}
    assert caplog.text.count("WINBACK_SENDGRID_WEBHOOK_KEY") == 2


def test_an_event_of_an_erased_customer_is_kept_and_changes_nothing(engine: Engine, client: TestClient):
    assert post_sendgrid(client, batch(sendgrid_event("spamreport", key="k-erased"))) == 200

    assert counts(engine) == {"event": 1}


def test_a_callback_is_only_posted(client: TestClient):
    assert [client.get(path).status_code for path in ("/hooks/sendgrid", "/hooks/twilio")] == [405, 405]


# Twilio


def test_a_signed_status_is_kept_and_lifts_its_message(engine: Engine, client: TestClient):
    an_outbox(engine, messages=1, state="sending", channel="sms")

    assert post_twilio(client, twilio_form(MessageStatus="undelivered", ErrorCode="30005")) == 200

    assert states(engine) == ["bounced"]
    assert counts(engine) == {"event": 1, "suppression": 1}


def test_a_status_in_any_order_and_twice_ends_the_same(engine: Engine, client: TestClient):
    an_outbox(engine, messages=1, state="sending", channel="sms")

    for status in ("delivered", "sent", "queued", "delivered"):
        assert post_twilio(client, twilio_form(MessageStatus=status, SmsStatus=status)) == 200

    assert states(engine) == ["delivered"]
    assert count(engine, Event) == 3


def test_a_repeated_status_in_another_form_is_kept_once(engine: Engine, client: TestClient):
    post_twilio(client, twilio_form())
    post_twilio(client, twilio_form(RawDlrDoneDate="2603021200"))

    assert count(engine, Event) == 1


def test_a_stop_suppresses_the_number_on_sms_only(engine: Engine, client: TestClient):
    an_outbox(engine, messages=1, state="accepted")

    assert post_twilio(client, inbound_form("ＳＴＯＰ"), "/hooks/twilio") == 200

    with reading(engine) as session:
        [row] = session.execute(select(Suppression)).scalars()
        assert (row.address_hash, row.channel) == (address_hash(CANARY_PHONE), "sms")


def test_a_persons_message_is_answered_with_silence(client: TestClient):
    form, path = inbound_form("hello"), "/hooks/twilio"

    answer = client.post(path, content=encoded(form), headers=sign_twilio(PUBLIC + path, form))

    assert (answer.text, answer.headers["content-type"]) == ("<Response/>", "text/xml; charset=utf-8")


NOT_TWILIO = [
    {},
    {"X-Twilio-Signature": "junk"},
    sign_twilio("http://shop.example" + TWILIO, twilio_form()),
    sign_twilio("http://testserver" + TWILIO, twilio_form()),
    sign_twilio(PUBLIC + "/hooks/twilio?key=k-2", twilio_form()),
    sign_twilio(PUBLIC + TWILIO, twilio_form(), "another-token"),
]


def test_what_twilio_did_not_sign_is_refused_and_leaves_no_trace(engine: Engine, client: TestClient):
    body, proxy = encoded(twilio_form()), {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "shop.example"}

    answers = [client.post(TWILIO, content=body, headers=headers | proxy) for headers in NOT_TWILIO]

    assert [answer.status_code for answer in answers] == [403] * len(NOT_TWILIO)
    assert counts(engine) == {}


def test_the_host_a_request_names_does_not_matter(client: TestClient):
    body, headers = encoded(twilio_form()), sign_twilio(PUBLIC + TWILIO, twilio_form())

    for host in ("evil.example", "evil.example/x?y=1", "["):
        assert client.post(TWILIO, content=body, headers=headers | {"Host": host}).status_code == 200


def test_a_signed_form_that_makes_no_sense_is_a_400_with_a_note(engine: Engine, client: TestClient):
    assert post_twilio(client, twilio_form(MessageSid="x\0")) == 400

    assert quarantined(engine) == [(-1, "no_message_sid")]


def test_without_twilios_keys_nothing_is_kept(engine: Engine):
    for secrets in (Secrets(), Secrets(twilio_token=TOKEN), Secrets(twilio_sid=ACCOUNT)):
        assert post_twilio(TestClient(an_app(engine, secrets=secrets)), twilio_form()) == 503

    assert counts(engine) == {}


# a database that cannot be used


@pytest.fixture
def locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """An application whose SQLite database another writer holds."""
    monkeypatch.setattr("db.engine.LOCK_WAIT_SECONDS", 0.1)
    engine = open_engine(f"sqlite:///{tmp_path / 'winback.db'}")
    an_outbox(engine, messages=1, state="accepted")
    with transaction(engine) as session:
        session.execute(text("SELECT 1"))
        yield TestClient(an_app(engine))
    assert counts(engine) == {}
    engine.dispose()


def test_a_locked_database_is_a_503_and_the_callback_may_come_again(
    locked: TestClient, caplog: pytest.LogCaptureFixture
):
    answers = [
        post_sendgrid(locked, batch(sendgrid_event())),
        post_sendgrid(locked, b"{}"),
        post_twilio(locked, twilio_form()),
    ]

    assert answers == [503, 503, 503]
    assert CANARY_MAIL not in caplog.text
    assert "k-1" not in caplog.text


def test_a_locked_database_gives_the_customer_a_page_that_says_so(locked: TestClient):
    answer = locked.post(link("k-1"))

    assert answer.status_code == 503
    assert "try again in a minute" in answer.text
    assert answer.headers["retry-after"] == "60"


def test_a_database_that_is_not_there_is_a_503():
    engine = make_engine("postgresql://nobody@127.0.0.1:1/none")
    with TestClient(an_app(engine)) as client:
        answers = [post_sendgrid(client, batch(sendgrid_event())), client.get(link("k-1")).status_code]
    engine.dispose()

    assert answers == [503, 503]


def fail_at(monkeypatch: pytest.MonkeyPatch, call: int) -> None:
    """Let the database fail at the given transaction, quoting what it was given as drivers do."""
    calls = []

    def failing(*arguments: object) -> int:
        calls.append(1)
        if len(calls) == call:
            raise OperationalError("INSERT", {"email": CANARY_MAIL}, Exception("disk full"))
        return store(*arguments)

    monkeypatch.setattr(app.keeper, "store", failing)


def test_a_callback_that_could_not_be_committed_is_kept_when_it_comes_again(
    engine: Engine, client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    body = batch(sendgrid_event())
    fail_at(monkeypatch, 1)

    assert post_sendgrid(client, body) == 503
    assert counts(engine) == {}
    assert post_sendgrid(client, body) == 200

    assert counts(engine) == {"event": 1}
    assert "Unusable" in caplog.text
    assert CANARY_MAIL not in caplog.text


def test_a_batch_that_failed_in_the_middle_is_done_whole_when_it_comes_again(
    engine: Engine, client: TestClient, monkeypatch: pytest.MonkeyPatch
):
    an_outbox(engine, messages=9, state="accepted")
    body = batch(*(sendgrid_event(n=n, key=f"k-{n}") for n in range(1, 10)))
    monkeypatch.setattr(app.keeper, "CHUNK", 3)
    fail_at(monkeypatch, 2)

    assert post_sendgrid(client, body) == 503
    assert states(engine) == ["delivered"] * 3 + ["accepted"] * 6
    assert post_sendgrid(client, body) == 200

    assert states(engine) == ["delivered"] * 9
    assert counts(engine) == {"event": 9, "webhook_body": 1}
    assert CANARY_MAIL not in everything_stored(engine)


# privacy


def test_no_address_reaches_a_log_or_stays_in_the_database(
    engine: Engine, client: TestClient, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    an_outbox(engine, messages=1, state="accepted")
    bounce = sendgrid_event("bounce", reason=f"550 {CANARY_MAIL} unknown", type=CANARY_MAIL, status=CANARY_MAIL)

    post_sendgrid(client, batch(bounce, sendgrid_event(CANARY_MAIL, sg_event_id="2"), {"email": CANARY_MAIL}))
    post_sendgrid(client, b'{"email":"' + CANARY_MAIL.encode() + b'"}')
    client.post("/hooks/sendgrid", content=batch(bounce))
    post_twilio(client, inbound_form(f"STOP {CANARY_MAIL}"), "/hooks/twilio")
    post_twilio(client, inbound_form("STOP", MessageSid="SM" + "1" * 32), "/hooks/twilio")
    post_twilio(client, twilio_form(MessageStatus="failed", ErrorCode=CANARY_PHONE))

    assert count(engine, Event) == 5
    for text_ in (everything_stored(engine), caplog.text):
        assert "canary" not in text_.lower()
        assert CANARY_PHONE[1:] not in text_
        assert "203.0.113.77" not in text_


# a real server


@contextmanager
def serving(application: Starlette) -> Iterator[int]:
    """A real server on a free port of the loopback."""
    config = uvicorn.Config(application, host="127.0.0.1", port=0, log_level="warning", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


def raw(port: int, request: bytes, *, wait: float = 5) -> bytes:
    """Send bytes as they are and return what comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=wait) as connection:
        connection.sendall(request)
        received = b""
        try:
            while piece := connection.recv(65536):
                received += piece
        except TimeoutError:
            pass
        return received


def head(path: str, body: bytes = b"", **headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def test_a_real_server_keeps_callbacks_and_unsubscribes(engine: Engine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(app.desk, "BODY_SECONDS", 0.5)
    an_outbox(engine, messages=2, state="sending")
    body = batch(sendgrid_event(n=1), sendgrid_event(n=2, key="k-2"))

    with serving(an_app(engine)) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        kept = client.post("/hooks/sendgrid", content=body, headers=sign_sendgrid(body))
        pieces = client.post("/hooks/sendgrid", content=iter([body[:9], body[9:]]), headers=sign_sendgrid(body))
        status = client.post(
            TWILIO, content=encoded(twilio_form()), headers=sign_twilio(PUBLIC + TWILIO, twilio_form())
        )
        page, click = client.get(link("k-1")), client.post(link("k-1"), content=b"List-Unsubscribe=One-Click")
        after = client.get("/u/none")

        started = time.monotonic()
        slow = raw(port, head("/hooks/sendgrid", b"[", Content_Length="100"))
        waited = time.monotonic() - started
        # one byte too many of a chunk that promises a mebibyte more
        too_much = b"b00000\r\n" + b" " * (MAX_BODY_BYTES + 1)
        large = raw(port, head("/hooks/sendgrid", too_much, Transfer_Encoding="chunked"))
        both = raw(port, head("/hooks/sendgrid", b"0\r\n\r\n", Content_Length="5", Transfer_Encoding="chunked"))

    assert [answer.status_code for answer in (kept, pieces, status, page, click, after)] == [200] * 5 + [404]
    assert slow.split()[1] == b"408"
    assert waited < 3
    assert large.split()[1] == b"413"
    assert both.split()[1] in (b"400", b"403")
    assert states(engine) == ["delivered", "delivered"]
    assert counts(engine) == {"event": 4, "suppression": 1}
