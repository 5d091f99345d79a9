"""What forgers and a provider gone wrong send: refused or set aside, and never an error of ours."""

import gzip
import json
from base64 import b64encode
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

import app.desk
from db.engine import open_engine
from db.tables import Event
from tests.builders import NOON, an_outbox
from tests.signing import (
    CANARY_PHONE,
    SID,
    batch,
    encoded,
    inbound_form,
    sendgrid_event,
    sign_sendgrid,
    sign_twilio,
    twilio_form,
)
from tests.telling import count, the_message
from tests.web import PUBLIC, TestClient, an_app, counts, everything_stored, link

SENDGRID, TWILIO = "/hooks/sendgrid", "/hooks/twilio?key=k-1"
SIGNATURE, TIMESTAMP = "X-Twilio-Email-Event-Webhook-Signature", "X-Twilio-Email-Event-Webhook-Timestamp"
BODY = batch(sendgrid_event(), sendgrid_event("open"))
SIGNED = sign_sendgrid(BODY)
FORM = twilio_form()
FORM_BODY, FORM_SIGNED = encoded(FORM), sign_twilio(PUBLIC + TWILIO, FORM)
ANSWERS = {200, 400, 403, 413}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, TestClient]]:
    """One shop for all the tries of a property; nothing in it may change by them."""
    engine = open_engine(f"sqlite:///{Path(tmp_path_factory.mktemp('hostile')) / 'winback.db'}")
    an_outbox(engine, messages=2, state="accepted")
    with TestClient(an_app(engine), raise_server_exceptions=True) as client:
        yield engine, client
    engine.dispose()


def mutated(body: bytes) -> st.SearchStrategy[bytes]:
    """Cut off, with bytes changed, put in, left out, or twice."""
    place = st.integers(0, len(body))
    return st.one_of(
        place.map(lambda at: body[:at]),
        st.builds(lambda at, more: body[:at] + more + body[at:], place, st.binary(min_size=1, max_size=4)),
        st.builds(
            lambda at, more: body[:at] + more + body[at + len(more) :], place, st.binary(min_size=1, max_size=4)
        ),
        st.builds(lambda at, length: body[:at] + body[at + length :], place, st.integers(1, 40)),
        st.just(body + body),
        st.binary(max_size=60),
    )


HEADER = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=120)
many = settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])


@many
@given(body=mutated(BODY), signature=st.none() | HEADER, timestamp=st.none() | HEADER | st.just(SIGNED[TIMESTAMP]))
def test_no_forged_callback_of_sendgrid_is_believed_or_breaks_anything(
    shop: tuple[Engine, TestClient], body: bytes, signature: str | None, timestamp: str | None
):
    engine, client = shop
    chosen = {SIGNATURE: SIGNED[SIGNATURE] if signature is None else signature, TIMESTAMP: timestamp}
    headers = {name: value for name, value in chosen.items() if value is not None}
    before = counts(engine)

    answer = client.post(SENDGRID, content=body, headers=headers)

    is_it = body == BODY and headers == SIGNED
    assert answer.status_code == (200 if is_it else 403)
    assert is_it or counts(engine) == before


@many
@given(body=mutated(BODY))
def test_no_spoiled_callback_that_sendgrid_signed_is_an_error_of_ours(
    shop: tuple[Engine, TestClient], body: bytes
):
    engine, client = shop
    kept = count(engine, Event)

    answer = client.post(SENDGRID, content=body, headers=sign_sendgrid(body))

    assert answer.status_code in {200, 400}
    assert answer.status_code == 200 or count(engine, Event) == kept


@many
@given(body=mutated(FORM_BODY), query=st.sampled_from(["key=k-1", "key=k-2", "", "key=k-1&x=1"]), signature=HEADER)
def test_no_forged_callback_of_twilio_is_believed_or_breaks_anything(
    shop: tuple[Engine, TestClient], body: bytes, query: str, signature: str
):
    engine, client = shop
    kept = everything_stored(engine)

    for sent in (FORM_SIGNED["X-Twilio-Signature"], signature):
        answer = client.post(f"/hooks/twilio?{query}", content=body, headers={"X-Twilio-Signature": sent})
        # the validator reads a form, so two spellings of one form are one; nothing else may pass
        assert answer.status_code in {200, 400, 403}
        assert answer.status_code == 403 or query == "key=k-1"

    assert the_message(engine, "k-2").state == "accepted"
    assert kept == everything_stored(engine) or the_message(engine).state == "delivered"


FIELDS = st.dictionaries(
    st.sampled_from(["MessageSid", "MessageStatus", "Body", "From", "ErrorCode", "OptOutType", "To", "X"]),
    st.sampled_from([SID, "delivered", "STOP", "", "\0", "é退", CANARY_PHONE, "x" * 300, "30005"]),
)


@many
@given(changes=FIELDS, left_out=st.sets(st.sampled_from(["MessageSid", "MessageStatus", "To"])))
def test_no_form_that_twilio_signed_is_an_error_of_ours(
    shop: tuple[Engine, TestClient], changes: dict, left_out: set
):
    _, client = shop
    form = {name: value for name, value in (FORM | changes).items() if name not in left_out}

    answer = client.post(TWILIO, content=encoded(form), headers=sign_twilio(PUBLIC + TWILIO, form))

    assert answer.status_code in {200, 400}


# the list of safety.md, numbers 52 to 70


@pytest.fixture
def client(engine: Engine) -> Iterator[TestClient]:
    an_outbox(engine, messages=2, state="sending")
    with TestClient(an_app(engine)) as client:
        yield client


def at(moment) -> str:
    return str(int(moment.timestamp()))


OLD = sign_sendgrid(BODY, at(NOON - timedelta(days=3300)))
LAST = SIGNED[TIMESTAMP][-1].encode()
ROWS = {
    "52 no signature": (BODY, {}, 403, {}),
    "53 an empty one": (BODY, SIGNED | {SIGNATURE: ""}, 403, {}),
    "53 no base64": (BODY, SIGNED | {SIGNATURE: "%%%"}, 403, {}),
    "53 of another key": (BODY, SIGNED | {SIGNATURE: b64encode(b"0" * 70).decode()}, 403, {}),
    "54 written anew": (json.dumps(json.loads(BODY), indent=1).encode(), SIGNED, 403, {}),
    "55 nine years old": (BODY, OLD, 503, {"quarantine": 1}),
    "55 a number with an e": (BODY, sign_sendgrid(BODY, "1e9"), 403, {}),
    "55 a digit moved": (LAST + BODY, SIGNED | {TIMESTAMP: SIGNED[TIMESTAMP][:-1]}, 403, {}),
    "58 an unknown event": (batch(sendgrid_event("dreamt")), None, 200, {"event": 1}),
    "59 an unknown message": (batch(sendgrid_event("bounce", key="k-9")), None, 200, {"event": 1}),
    "61 ten megabytes": (b"[" + b" " * app.desk.MAX_BODY_BYTES, {}, 413, {}),
    "62 two hundred thousand brackets": (b"[" * 200_000, None, 400, {"quarantine": 1}),
    "62 and closed again": (b"[" * 200_000 + b"]" * 200_000, None, 400, {"quarantine": 1}),
    "63 five thousand digits": (b"[" + b"9" * 5000 + b"]", None, 200, {"quarantine": 1}),
    "63 not a number": (b"[NaN]", None, 200, {"quarantine": 1}),
    "63 infinite": (b"[1e999]", None, 200, {"quarantine": 1}),
    "64 a key twice": (BODY.replace(b'{"email"', b'{"event":"bounce","email"'), None, 200, {"quarantine": 2}),
    "65 an object": (b'{"events": []}', None, 400, {"quarantine": 1}),
    "66 compressed": (gzip.compress(b"[" * 10_000_000), None, 400, {"quarantine": 1}),
    "61 a million elements": (b"[" + b"{}," * 999_999 + b"{}]", None, 400, {"quarantine": 1}),
    "57 very many senseless ones": (b"[" + b"0," * 9_999 + b"0]", None, 200, {"quarantine": 1001}),
    "nothing": (b"", None, 400, {"quarantine": 1}),
    "no events": (b"[]", None, 200, {}),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_what_is_wrong_with_a_callback_of_sendgrid_has_its_own_answer(
    engine: Engine, client: TestClient, row: tuple
):
    """``None`` for the headers: signed as it is."""
    body, headers, status, left = row

    answer = client.post(SENDGRID, content=body, headers=sign_sendgrid(body) if headers is None else headers)

    assert (answer.status_code, counts(engine)) == (status, left)
    assert the_message(engine).state == "sending"


def twin(form: dict[str, str]) -> bytes:
    """``ab=c`` in place of ``a=bc``: signed alike, as another field."""
    return encoded({("MessageStatusd" if name == "MessageStatus" else name): value[1:] if name == "MessageStatus" else value for name, value in form.items()})  # fmt: skip  # noqa: E501


TWILIO_ROWS = {
    "52 no signature": (FORM_BODY, {}, 403, {}),
    "53 an empty one": (FORM_BODY, {"X-Twilio-Signature": ""}, 403, {}),
    "69 signed for http": (FORM_BODY, sign_twilio(PUBLIC.replace("https", "http") + TWILIO, FORM), 403, {}),
    "69 a field more": (FORM_BODY + b"&Extra=1", FORM_SIGNED, 403, {}),
    "69 a twin": (twin(FORM), FORM_SIGNED, 400, {"quarantine": 1}),
    "61 a large one": (b"a=" + b"x" * app.desk.FORM_BYTES, {}, 413, {}),
    "66 compressed": (gzip.compress(FORM_BODY), FORM_SIGNED, 403, {}),
    "no form": (b"\xff\xfe", FORM_SIGNED, 403, {}),
    "json": (b'{"MessageSid": "x"}', FORM_SIGNED, 403, {}),
}


@pytest.mark.parametrize("row", TWILIO_ROWS.values(), ids=TWILIO_ROWS)
def test_what_is_wrong_with_a_callback_of_twilio_has_its_own_answer(
    engine: Engine, client: TestClient, row: tuple
):
    body, headers, status, left = row

    answer = client.post(TWILIO, content=body, headers=headers)

    assert (answer.status_code, counts(engine)) == (status, left)
    assert the_message(engine).state == "sending"


def test_a_captured_request_is_of_no_use_a_second_time(engine: Engine, client: TestClient):
    """A STOP sent again after the START would close the number again; Twilio's signature never grows old."""
    stop, start = inbound_form("STOP"), inbound_form("START", MessageSid="SM" + "1" * 32)
    path = "/hooks/twilio"

    for form in (stop, start, stop, stop):
        answer = client.post(path, content=encoded(form), headers=sign_twilio(PUBLIC + path, form))
        assert answer.status_code == 200

    assert counts(engine) == {"event": 2}


def test_no_address_below_ours_is_found_by_walking(client: TestClient):
    for path in (
        "/hooks/../etc/passwd",
        "/hooks/",
        "/",
        "/docs",
        f"/{quote('..', safe='')}/x",
        "/hooks/sendgrid/x",
    ):
        assert client.get(path).status_code == 404
        assert client.post(path).status_code == 404


SLASHED = [f"{path}/" for path in (SENDGRID, "/hooks/twilio", link("k-1"), link("k-1") + "/preferences", "/c/x")]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", SLASHED)
def test_nobody_is_led_to_the_host_a_request_names(engine: Engine, client: TestClient, path: str, method: str):
    answer = client.request(method, path, headers={"Host": "evil.example"}, follow_redirects=False)

    assert answer.status_code == 404
    assert "evil" not in answer.text + str(answer.headers)
    assert counts(engine) == {}
