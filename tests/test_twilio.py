"""Twilio: the official client's own request, against a server that records it and misbehaves."""

import json
import logging
import socket
import threading
import time
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.http import HttpClient
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from tests.messages import an_sms
from tests.sink import Reply, Sink
from winback.delivery.answer import Answer, AnswerKind
from winback.delivery.twilio import Twilio, message_fields
from winback.errors import Unusable

ACCOUNT, TOKEN, NUMBER = "AC" + "0" * 32, "test-token", "+15005550006"
SERVICE = "MG" + "0" * 32
CALLBACK = "https://shop.example/hooks/twilio"


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch):
    """Any connection that is not to this machine is an error."""
    connect = socket.socket.connect

    def guarded(self, address):
        assert address[0] in {"127.0.0.1", "::1"}, address
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


def twilio(url, **changes):
    usual = {
        "account_sid": ACCOUNT,
        "auth_token": TOKEN,
        "sender": NUMBER,
        "url": url,
        "status_callback": CALLBACK,
        "timeout_seconds": 2.0,
    }
    return Twilio(**(usual | changes))


class Recording(HttpClient):
    """A transport of the official client that keeps the request and sends nothing."""

    def __init__(self):
        super().__init__(None, False, None)
        self.calls = []

    def request(self, method, url, params=None, data=None, headers=None, auth=None, timeout=None, **_):
        self.calls.append((method, url, params, data, headers, auth))
        return Response(201, json.dumps({"sid": "SM" + "0" * 32}))


def created_by_the_official_client(message, sender, callback):
    """The one request that ``messages.create`` makes."""
    recording = Recording()
    client = Client(ACCOUNT, TOKEN, http_client=recording)
    origin = {"messaging_service_sid": sender} if sender.startswith("MG") else {"from_": sender}
    optional = {"status_callback": f"{callback}?key={message.key}"} if callback else {}
    client.messages.create(to=message.to, body=message.text, **origin, **optional)
    [call] = recording.calls
    return call


@given(
    text=st.text(st.characters(codec="utf-8"), min_size=1, max_size=200),
    number=st.integers(10**7, 10**14).map(lambda n: f"+{n}"),
    sender=st.sampled_from([NUMBER, SERVICE, "Harbour"]),
    callback=st.sampled_from([CALLBACK, None]),
)
def test_the_form_is_the_one_the_official_client_sends(text, number, sender, callback):
    message = an_sms(text=text, to=number)

    _, _, _, data, _, _ = created_by_the_official_client(message, sender, callback)

    assert message_fields(message, sender, callback) == data


def test_one_send_is_the_request_of_the_official_client(tmp_path):
    message = an_sms(text="海港唱片 & friends + 100 % =")
    _, url, _, data, headers, auth = created_by_the_official_client(message, NUMBER, CALLBACK)

    with Sink(tmp_path) as sink:
        answer = twilio(sink.url).send(message)
        [request] = sink.requests()

    assert answer == Answer(kind=AnswerKind.ACCEPTED, provider_id=f"SM{1:032x}", status=201)
    assert (request.method, request.path) == ("POST", url.removeprefix("https://api.twilio.com"))
    assert dict(parse_qsl(request.body)) == data
    assert request.headers["authorization"] == "Basic " + b64encode(":".join(auth).encode()).decode()
    assert {name.lower(): value for name, value in headers.items()}.items() <= request.headers.items()
    assert request.key == message.key


def test_the_key_goes_into_the_query_of_a_callback_address_that_already_has_one():
    fields = message_fields(an_sms(key="k-1"), NUMBER, "https://shop.example/hooks/twilio?site=2")

    assert fields["StatusCallback"] == "https://shop.example/hooks/twilio?site=2&key=k-1"


def error(code, status=400, **headers):
    said = {"code": code, "message": "about +15005550009", "more_info": "", "status": status}
    return Reply(status=status, body=json.dumps(said), headers={"Content-Type": "application/json"} | headers)


PAGE = Reply(status=200, headers={"Content-Type": "text/html"}, body="<!doctype html><p>Sign in to the wifi")
FAULTS = [
    (error(21211), AnswerKind.REJECTED, "twilio_21211"),
    (error(21408), AnswerKind.REJECTED, "twilio_21408"),
    (error(21610), AnswerKind.REJECTED, "opted_out"),
    (error(21606), AnswerKind.CHANNEL_STOP, "twilio_21606"),
    (error(20003, 401), AnswerKind.CHANNEL_STOP, "twilio_20003"),
    (Reply(status=403), AnswerKind.CHANNEL_STOP, "http_403"),
    (error(20404, 404), AnswerKind.CHANNEL_STOP, "twilio_20404"),
    (error(20429, 429), AnswerKind.RETRY_LATER, "twilio_20429"),
    (Reply(status=503, headers={"Retry-After": "9"}), AnswerKind.RETRY_LATER, "http_503"),
    (Reply(status=503), AnswerKind.UNCERTAIN, "http_503"),
    (error(20500, 500), AnswerKind.UNCERTAIN, "twilio_20500"),
    (Reply(status=302, headers={"Location": "/elsewhere"}), AnswerKind.UNCERTAIN, "http_302"),
    (PAGE, AnswerKind.UNCERTAIN, "unexpected_body"),
    (Reply(status=201, body="{}"), AnswerKind.UNCERTAIN, "unexpected_body"),
    (Reply(status=201, body='{"sid": ["SM"]}'), AnswerKind.UNCERTAIN, "unexpected_body"),
    (Reply(status=201, body="[" * 5_000), AnswerKind.UNCERTAIN, "unexpected_body"),
    (Reply(act="reset"), AnswerKind.UNCERTAIN, "broken_off"),
    (Reply(act="reset_early", after_bytes=5), AnswerKind.UNCERTAIN, "broken_off"),
]


@pytest.mark.parametrize(("fault", "kind", "reason"), FAULTS, ids=lambda value: str(value)[:60])
def test_each_fault_is_one_request_and_its_own_kind_of_answer(tmp_path, fault, kind, reason):
    with Sink(tmp_path, [fault]) as sink:
        answer = twilio(sink.url).send(an_sms())
        requests = sink.requests()

    assert (answer.kind, answer.reason) == (kind, reason)
    assert len(requests) == (0 if fault.act == "reset_early" else 1)


def test_the_wait_a_busy_provider_asks_for_is_kept(tmp_path):
    with Sink(tmp_path, [error(20429, 429, **{"Retry-After": "7"})]) as sink:
        answer = twilio(sink.url).send(an_sms())

    assert (answer.kind, answer.retry_after_seconds) == (AnswerKind.RETRY_LATER, 7)


def test_nothing_of_a_message_and_no_key_reaches_a_log(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)

    with Sink(tmp_path, [Reply(), Reply(status=400)]) as sink:
        provider = twilio(sink.url)
        for _ in range(2):
            provider.send(an_sms())

    assert not [secret for secret in ("15005550009", "come and listen", TOKEN) if secret in caplog.text]
    assert "Twilio API Request" not in caplog.text  # ten lines a message


def test_an_answer_that_never_comes_is_uncertain_after_the_timeout(tmp_path):
    with Sink(tmp_path, [Reply(act="silent")]) as sink:
        started = time.monotonic()
        answer = twilio(sink.url, timeout_seconds=0.3).send(an_sms())
        requests = sink.requests()

    assert (answer.kind, answer.reason) == (AnswerKind.UNCERTAIN, "timed_out")
    assert time.monotonic() - started < 5
    assert len(requests) == 1


def test_a_reset_of_a_kept_connection_is_uncertain_too_and_is_not_tried_again(tmp_path):
    with Sink(tmp_path, [Reply(), Reply(act="reset"), Reply()]) as sink:
        provider = twilio(sink.url)
        kinds = [provider.send(an_sms(key=f"m-{n}")).kind for n in range(3)]
        keys = [request.key for request in sink.requests()]

    assert kinds == [AnswerKind.ACCEPTED, AnswerKind.UNCERTAIN, AnswerKind.ACCEPTED]
    assert keys == ["m-0", "m-1", "m-2"]


def a_closed_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_refused_connection_proves_that_nothing_was_sent(scheme):
    answer = twilio(f"{scheme}://127.0.0.1:{a_closed_port()}").send(an_sms())

    assert (answer.kind, answer.reason) == (AnswerKind.RETRY_LATER, "not_connected")


def test_a_name_that_does_not_resolve_proves_that_nothing_was_sent(monkeypatch):
    def no_such_name(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_such_name)

    assert twilio("https://api.provider.example").send(an_sms()).kind is AnswerKind.RETRY_LATER


def test_a_failed_tls_handshake_proves_that_nothing_was_sent(tmp_path):
    with Sink(tmp_path) as sink:
        answer = twilio(sink.url.replace("http:", "https:")).send(an_sms())
        requests = sink.requests()

    assert (answer.kind, answer.reason) == (AnswerKind.RETRY_LATER, "not_connected")
    assert requests == []


def test_a_connection_reset_during_the_tls_handshake_proves_that_nothing_was_sent():
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=lambda: server.accept()[0].close())
        thread.start()
        answer = twilio(f"https://127.0.0.1:{server.getsockname()[1]}").send(an_sms())
        thread.join()

    assert answer.kind is AnswerKind.RETRY_LATER


def test_an_unsafe_number_never_reaches_the_client(tmp_path):
    with Sink(tmp_path) as sink:
        answer = twilio(sink.url).send(an_sms(to="+15005550009\r\nX: y"))
        requests = sink.requests()

    assert (answer.kind, answer.reason) == (AnswerKind.REJECTED, "unsafe_to")
    assert requests == []


def test_two_threads_each_get_the_answer_to_their_own_message(tmp_path, monkeypatch):
    """The official client returns an attribute it has just set; here both threads set it before either reads."""
    both_have_answers = threading.Barrier(2)

    def keep(client, response):
        client.__dict__["kept"] = response
        if response is not None:
            both_have_answers.wait(timeout=5)

    answer_attribute = property(lambda client: client.__dict__["kept"], keep)
    monkeypatch.setattr(TwilioHttpClient, "_test_only_last_response", answer_attribute, raising=False)
    messages = [an_sms(key=f"m-{n}") for n in range(2)]

    with Sink(tmp_path) as sink:
        provider = twilio(sink.url)
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(provider.send, messages))
        told = {request.key: f"SM{request.number:032x}" for request in sink.requests()}

    assert [answer.provider_id for answer in answers] == [told[message.key] for message in messages]


def test_the_environments_region_does_not_move_our_requests(tmp_path, monkeypatch):
    monkeypatch.setenv("TWILIO_EDGE", "sydney")
    monkeypatch.setenv("TWILIO_REGION", "au1")

    with Sink(tmp_path) as sink:
        assert twilio(sink.url).send(an_sms()).kind is AnswerKind.ACCEPTED


def test_an_address_that_is_none_is_said_so_at_the_start():
    with pytest.raises(Unusable, match="address"):
        twilio("api.twilio.com")
