"""Twilio: our bulk request and the official client's, against a server that records them and misbehaves."""

import json
import logging
import socket
import tempfile
import threading
import time
from base64 import b64encode
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.rest import Client

from tests.certificates import a_certificate, server_side
from tests.messages import an_sms
from tests.sink import Reply, Sink
from winback.delivery.answer import Answer, AnswerKind
from winback.delivery.lookup import Found, Sought
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
        "url": url,
        "status_callback": CALLBACK,
        "timeout_seconds": 2.0,
    }
    return closing(Twilio(**(usual | changes)))


def in_bulk(provider, message):
    [(handed, answer)] = provider.send_all([message])
    assert handed is message
    return answer


def by_the_client(provider, message):
    return provider.test_send(message)


both_ways = pytest.mark.parametrize("send", [in_bulk, by_the_client])


def answer_to(send, url, message, **changes):
    with twilio(url, **changes) as provider:
        return send(provider, message)


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
    message = an_sms(text=text, to=number, from_address=sender)

    _, _, _, data, _, _ = created_by_the_official_client(message, sender, callback)

    assert message_fields(message, callback) == data


@settings(max_examples=25)
@given(
    text=st.text(st.characters(codec="utf-8"), min_size=1, max_size=200),
    number=st.integers(10**7, 10**14).map(lambda n: f"+{n}"),
    sender=st.sampled_from([NUMBER, SERVICE, "Harbour"]),
    callback=st.sampled_from([CALLBACK, None]),
)
def test_the_bulk_request_is_the_one_the_official_client_sends(text, number, sender, callback):
    """Method, path, authorization, content type and form, and the other headers that mean something there."""
    message = an_sms(text=text, to=number, from_address=sender)

    with tempfile.TemporaryDirectory() as folder, Sink(Path(folder)) as sink:
        client = Client(ACCOUNT, TOKEN, environment={"TWILIO_REGION": ""})
        client.api.base_url = sink.url
        origin = {"messaging_service_sid": sender} if sender == SERVICE else {"from_": sender}
        optional = {"status_callback": f"{callback}?key={message.key}"} if callback else {}
        client.messages.create(to=message.to, body=message.text, **origin, **optional)
        client.http_client.session.close()
        answer_to(in_bulk, sink.url, message, status_callback=callback)
        official, ours = sink.requests()

    assert (ours.method, ours.path) == (official.method, official.path)
    assert dict(parse_qsl(ours.body, strict_parsing=True)) == dict(parse_qsl(official.body, strict_parsing=True))
    for name in ("authorization", "content-type", "accept", "accept-charset", "host"):
        assert ours.headers[name] == official.headers[name]


@both_ways
def test_one_send_is_the_request_of_the_official_client(tmp_path, send):
    message = an_sms(text="海港唱片 & friends + 100 % =")
    _, url, _, data, headers, auth = created_by_the_official_client(message, NUMBER, CALLBACK)

    with Sink(tmp_path) as sink:
        answer = answer_to(send, sink.url, message)
        [request] = sink.requests()

    assert answer == Answer(kind=AnswerKind.ACCEPTED, provider_id=f"SM{1:032x}", status=201)
    assert (request.method, request.path) == ("POST", url.removeprefix("https://api.twilio.com"))
    assert dict(parse_qsl(request.body)) == data
    assert request.headers["authorization"] == "Basic " + b64encode(":".join(auth).encode()).decode()
    assert request.headers["content-type"] == headers["Content-Type"]
    assert request.key == message.key


def test_the_key_goes_into_the_query_of_a_callback_address_that_already_has_one():
    fields = message_fields(an_sms(key="k-1"), "https://shop.example/hooks/twilio?site=2")

    assert fields["StatusCallback"] == "https://shop.example/hooks/twilio?site=2&key=k-1"


def error(code, status=400, **headers):
    said = {"code": code, "message": "about +15005550009", "more_info": "", "status": status}
    return Reply(status=status, body=json.dumps(said), headers={"Content-Type": "application/json"} | headers)


def given_up(status, code):
    """A message resource that Twilio made and gave up at once: 201 all the same."""
    said = {"sid": "SM" + "a" * 32, "status": status, "error_code": code}
    return Reply(status=201, body=json.dumps(said), headers={"Content-Type": "application/json"})


PAGE = Reply(status=200, headers={"Content-Type": "text/html"}, body="<!doctype html><p>Sign in to the wifi")
FAULTS = [
    (error([21211]), AnswerKind.REJECTED, "http_400"),
    (error(21211), AnswerKind.REJECTED, "twilio_21211"),
    (error(21408), AnswerKind.REJECTED, "twilio_21408"),
    (error(21610), AnswerKind.REJECTED, "opted_out"),
    (error("21610"), AnswerKind.REJECTED, "opted_out"),
    (error("21609"), AnswerKind.CHANNEL_STOP, "twilio_21609"),
    (error("about +15005550009"), AnswerKind.REJECTED, "http_400"),
    (error("２１６１０"), AnswerKind.REJECTED, "http_400"),
    (error(30002), AnswerKind.CHANNEL_STOP, "twilio_30002"),
    # https://www.twilio.com/docs/api/errors/21606, 21659 ("for this destination"), 21703: of one number abroad
    (error(21606), AnswerKind.REJECTED, "twilio_21606"),
    (error(21659), AnswerKind.REJECTED, "twilio_21659"),
    (error(21703), AnswerKind.REJECTED, "twilio_21703"),
    (error(21702), AnswerKind.RETRY_LATER, "twilio_21702"),
    (error(21609), AnswerKind.CHANNEL_STOP, "twilio_21609"),
    (error(21660), AnswerKind.CHANNEL_STOP, "twilio_21660"),
    (error(21661), AnswerKind.CHANNEL_STOP, "twilio_21661"),
    (error(21701), AnswerKind.CHANNEL_STOP, "twilio_21701"),
    (error(21704), AnswerKind.CHANNEL_STOP, "twilio_21704"),
    (error(20003, 401), AnswerKind.CHANNEL_STOP, "twilio_20003"),
    (Reply(status=403), AnswerKind.CHANNEL_STOP, "http_403"),
    (error(20404, 404), AnswerKind.CHANNEL_STOP, "twilio_20404"),
    (error(20429, 429), AnswerKind.RETRY_LATER, "twilio_20429"),
    (error(20429, 429, **{"Retry-After": "9"}), AnswerKind.RETRY_LATER, "twilio_20429"),
    (Reply(status=503, headers={"Retry-After": "9"}), AnswerKind.RETRY_LATER, "http_503"),
    (Reply(status=503), AnswerKind.UNCERTAIN, "http_503"),
    (error(20500, 500), AnswerKind.UNCERTAIN, "twilio_20500"),
    (Reply(status=500, takes=True), AnswerKind.UNCERTAIN, "http_500"),
    (Reply(status=302, headers={"Location": "/elsewhere"}), AnswerKind.UNCERTAIN, "http_302"),
    (given_up("failed", 30008), AnswerKind.REJECTED, "twilio_30008"),
    (given_up("undelivered", 21610), AnswerKind.REJECTED, "opted_out"),
    (given_up("canceled", None), AnswerKind.REJECTED, "twilio_canceled"),
    (given_up("failed", [21704]), AnswerKind.REJECTED, "twilio_failed"),
    (given_up("failed", 21704), AnswerKind.CHANNEL_STOP, "twilio_21704"),
    (given_up("failed", 30002), AnswerKind.CHANNEL_STOP, "twilio_30002"),
    (given_up("failed", "30002"), AnswerKind.CHANNEL_STOP, "twilio_30002"),
    (given_up("failed", 20003), AnswerKind.CHANNEL_STOP, "twilio_20003"),
    (given_up("failed", 20403), AnswerKind.CHANNEL_STOP, "twilio_20403"),
    (PAGE, AnswerKind.UNCERTAIN, "unexpected_body"),
    (Reply(status=201, body="{}"), AnswerKind.UNCERTAIN, "unexpected_body"),
    (Reply(status=201, body='{"sid": ["SM"]}'), AnswerKind.UNCERTAIN, "unexpected_body"),
    (Reply(status=201, body="[" * 5_000), AnswerKind.UNCERTAIN, "unexpected_body"),
    (Reply(act="reset"), AnswerKind.UNCERTAIN, "broken_off"),
    (Reply(act="close"), AnswerKind.UNCERTAIN, "broken_off"),
    (Reply(act="reset_early", after_bytes=5), AnswerKind.UNCERTAIN, "broken_off"),
]


@both_ways
@pytest.mark.parametrize(("fault", "kind", "reason"), FAULTS, ids=lambda value: str(value)[:60])
def test_each_fault_is_one_request_and_its_own_kind_of_answer(tmp_path, fault, kind, reason, send):
    with Sink(tmp_path, [fault]) as sink:
        answer = answer_to(send, sink.url, an_sms())
        requests = sink.requests()

    assert (answer.kind, answer.reason) == (kind, reason)
    assert len(requests) == (0 if fault.act == "reset_early" else 1)


@both_ways
def test_the_wait_a_busy_provider_asks_for_is_kept(tmp_path, send):
    with Sink(tmp_path, [error(20429, 429, **{"Retry-After": "7"})]) as sink:
        answer = answer_to(send, sink.url, an_sms())

    assert (answer.kind, answer.retry_after_seconds) == (AnswerKind.RETRY_LATER, 7)


@both_ways
def test_nothing_of_a_message_and_no_key_reaches_a_log(tmp_path, caplog, send):
    caplog.set_level(logging.DEBUG)

    with Sink(tmp_path, [Reply(), Reply(status=400), Reply(act="reset")]) as sink:
        for _ in range(3):
            answer_to(send, sink.url, an_sms())

    assert not [secret for secret in ("15005550009", "come and listen", TOKEN) if secret in caplog.text]
    assert "Twilio API Request" not in caplog.text  # ten lines a message


@both_ways
def test_an_answer_that_never_comes_is_uncertain_after_the_timeout(tmp_path, send):
    with Sink(tmp_path, [Reply(act="silent")]) as sink:
        started = time.monotonic()
        answer = answer_to(send, sink.url, an_sms(), timeout_seconds=0.3)
        requests = sink.requests()

    assert (answer.kind, answer.reason) == (AnswerKind.UNCERTAIN, "timed_out")
    assert time.monotonic() - started < 5
    assert len(requests) == 1


def test_a_body_that_comes_byte_by_byte_is_uncertain_when_the_time_is_up(tmp_path):
    with Sink(tmp_path, [Reply(act="drip", every_seconds=0.1)]) as sink:
        answer = answer_to(in_bulk, sink.url, an_sms(), timeout_seconds=0.3)

    assert (answer.kind, answer.reason) == (AnswerKind.UNCERTAIN, "timed_out")


@both_ways
def test_a_reset_of_a_kept_connection_is_uncertain_too_and_is_not_tried_again(tmp_path, send):
    with Sink(tmp_path, [Reply(), Reply(act="reset"), Reply()]) as sink, twilio(sink.url) as provider:
        kinds = [send(provider, an_sms(key=f"m-{n}")).kind for n in range(3)]
        keys = [request.key for request in sink.requests()]

    assert kinds == [AnswerKind.ACCEPTED, AnswerKind.UNCERTAIN, AnswerKind.ACCEPTED]
    assert keys == ["m-0", "m-1", "m-2"]


def a_closed_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


@both_ways
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_refused_connection_proves_that_nothing_was_sent(scheme, send):
    answer = answer_to(send, f"{scheme}://127.0.0.1:{a_closed_port()}", an_sms())

    assert (answer.kind, answer.reason) == (AnswerKind.RETRY_LATER, "not_connected")


def test_a_name_that_does_not_resolve_proves_that_nothing_was_sent(monkeypatch):
    def no_such_name(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_such_name)

    assert answer_to(by_the_client, "https://api.provider.example", an_sms()).kind is AnswerKind.RETRY_LATER


@both_ways
def test_a_certificate_nobody_vouches_for_is_named_and_closes_the_channel(tmp_path, send):
    with Sink(tmp_path, tls=server_side(*a_certificate(tmp_path))) as sink:
        answer = answer_to(send, sink.url, an_sms())
        requests = sink.requests()

    assert answer == Answer(kind=AnswerKind.CHANNEL_STOP, reason="certificate:127.0.0.1")
    assert requests == []


@both_ways
def test_a_failed_tls_handshake_proves_that_nothing_was_sent(tmp_path, send):
    with Sink(tmp_path) as sink:
        answer = answer_to(send, sink.url.replace("http:", "https:"), an_sms())
        requests = sink.requests()

    assert (answer.kind, answer.reason) == (AnswerKind.RETRY_LATER, "not_connected")
    assert requests == []


def test_a_connection_reset_during_the_tls_handshake_proves_that_nothing_was_sent():
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=lambda: server.accept()[0].close())
        thread.start()
        answer = answer_to(by_the_client, f"https://127.0.0.1:{server.getsockname()[1]}", an_sms())
        thread.join()

    assert answer.kind is AnswerKind.RETRY_LATER


@both_ways
def test_an_unsafe_number_never_leaves(tmp_path, send):
    with Sink(tmp_path) as sink:
        answer = answer_to(send, sink.url, an_sms(to="+15005550009\r\nX: y"))
        requests = sink.requests()

    assert (answer.kind, answer.reason) == (AnswerKind.REJECTED, "unsafe_to")
    assert requests == []


def test_half_a_letter_rejects_its_own_message_only(tmp_path):
    messages = [an_sms(key="a"), an_sms(key="b", text="\ud83d Reply STOP"), an_sms(key="c")]

    with Sink(tmp_path) as sink, twilio(sink.url) as provider:
        came = {message.key: answer for message, answer in provider.send_all(messages)}

    assert [came[key].kind.value for key in "abc"] == ["accepted", "rejected", "accepted"]
    assert came["b"].reason == "unencodable_text"


def test_many_at_once_each_get_the_answer_to_their_own_message(tmp_path):
    messages = [an_sms(key=f"m-{n}") for n in range(100)]

    with Sink(tmp_path) as sink, twilio(sink.url) as provider:
        came = {message.key: answer.provider_id for message, answer in provider.send_all(messages)}
        told = {request.key: f"SM{request.number:032x}" for request in sink.requests()}

    assert came == told
    assert len(came) == 100


def test_the_environments_region_does_not_move_our_requests(tmp_path, monkeypatch):
    monkeypatch.setenv("TWILIO_EDGE", "sydney")
    monkeypatch.setenv("TWILIO_REGION", "au1")

    with Sink(tmp_path) as sink:
        assert answer_to(by_the_client, sink.url, an_sms()).kind is AnswerKind.ACCEPTED
        assert looked_up(sink.url).arrived is True


def test_an_address_that_is_none_is_said_so_at_the_start():
    with pytest.raises(Unusable, match="address"):
        twilio("api.twilio.com")


# --- look-ups ----------------------------------------------------------------------------------------------------

LINK = "shop.example/u/spring-2"


def an_sms_with_its_link(**changes):
    return an_sms(**({"text": f"Harbour Records: come and listen. {LINK} Reply STOP to opt out"} | changes))


def looked_up(url, *, marker="Reply STOP", before=timedelta(minutes=1), others=(), **changes):
    sent_at = datetime.now(UTC) - before
    sought = Sought(key="spring-2", to="+15005550009", sent_at=sent_at, marker=marker, others=frozenset(others))
    with twilio(url, **changes) as provider:
        return provider.look_up(sought)


def test_a_message_that_arrived_is_found_by_its_number_and_its_text(tmp_path):
    with Sink(tmp_path, [Reply(act="reset")]) as sink:
        for message in (an_sms_with_its_link(to="+15005550001"), an_sms_with_its_link(), an_sms(key="another")):
            answer_to(in_bulk, sink.url, message)
        found = looked_up(sink.url, marker=LINK)
        [asked] = sink.look_ups()

    there = Found(arrived=True, provider_id=f"SM{2:032x}", evidence="twilio list: sent")
    assert replace(found, told=None) == there
    assert asked.path.startswith(f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json?To=%2B15005550009&DateSent%3E=")


def test_a_message_that_is_known_to_be_another_one_is_not_taken_for_this_one(tmp_path):
    with Sink(tmp_path) as sink:
        answer_to(in_bulk, sink.url, an_sms_with_its_link(key="spring-1"))
        known = looked_up(sink.url, marker=LINK, others={f"SM{1:032x}"})
        unknown = looked_up(sink.url, marker=LINK)

    assert known == Found(arrived=False, evidence="twilio list: no message with this text")
    assert unknown.arrived


def test_a_message_that_never_arrived_is_not_found_among_the_others(tmp_path):
    with Sink(tmp_path) as sink:
        answer_to(in_bulk, sink.url, an_sms())
        found = looked_up(sink.url, marker=LINK)

    assert found == Found(arrived=False, evidence="twilio list: no message with this text")


def test_a_message_that_waits_at_twilio_without_a_sending_date_is_found_in_the_whole_list(tmp_path):
    """A list filtered by DateSent may leave it out, so absence is read from the list without the filter."""
    waiting = {"sid": "SM" + "a" * 32, "body": LINK, "status": "accepted", "date_sent": None}
    waiting["date_created"] = "Mon, 02 Mar 2099 12:00:00 +0000"
    lists = [{"messages": [], "next_page_uri": None}, {"messages": [waiting], "next_page_uri": None}]

    with Sink(tmp_path, look_ups=[Reply(status=200, body=json.dumps(one)) for one in lists]) as sink:
        found = looked_up(sink.url, marker=LINK)

    there = Found(arrived=True, provider_id="SM" + "a" * 32, evidence="twilio list: accepted")
    assert replace(found, told=None) == there


def test_an_older_message_with_the_same_text_is_another_one(tmp_path):
    with Sink(tmp_path, clock=lambda: time.time() - 86_400) as sink:
        answer_to(in_bulk, sink.url, an_sms_with_its_link())
        found = looked_up(sink.url, marker=LINK)

    assert found.arrived is False


def test_a_message_is_not_found_before_the_provider_has_written_it_down(tmp_path):
    with Sink(tmp_path, recording_seconds=60) as sink:
        answer_to(in_bulk, sink.url, an_sms_with_its_link())
        early = looked_up(sink.url, marker=LINK)
        sink.recording_seconds = 0
        late = looked_up(sink.url, marker=LINK)

    assert (early.arrived, late.arrived) == (False, True)


def test_without_a_text_to_look_for_nobody_is_asked(tmp_path):
    with Sink(tmp_path) as sink:
        found = looked_up(sink.url, marker="")
        asked = sink.look_ups()

    assert found == Found(arrived=None, evidence="twilio list: no text to look for")
    assert asked == []


def listed(*messages):
    dated = {"date_created": "Mon, 02 Mar 2099 12:00:00 +0000", "sid": "SM" + "a" * 32, "status": "sent"}
    return Reply(
        status=200, body=json.dumps({"messages": [dated | one for one in messages], "next_page_uri": None})
    )


@pytest.mark.parametrize(
    ("fault", "evidence"),
    [
        (error(20429, 429), "http_429"),
        (Reply(status=500, body="{}"), "http_500"),
        (PAGE, "unexpected_body"),
        (Reply(status=200, body="[]"), "unexpected_body"),
        (Reply(status=200, body='{"messages": [1]}'), "unexpected_body"),
        (Reply(status=200, body='{"messages": [{}]}'), "unexpected_body"),
        (Reply(status=200, body="[" * 5_000), "unexpected_body"),
        (Reply(status=302, headers={"Location": "/elsewhere"}), "http_302"),
        (listed({"body": ""}), "a message without its text"),
        (listed({"body": None}), "a message without its text"),
        (listed(*[{"body": "Reply to us"}] * 200), "more than 200 messages"),
        (Reply(act="reset"), "broken_off"),
        (Reply(act="silent"), "timed_out"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_look_up_that_fails_says_nothing_about_the_message(tmp_path, fault, evidence):
    with Sink(tmp_path, look_ups=[fault]) as sink:
        found = looked_up(sink.url, timeout_seconds=0.3)

    assert found == Found(arrived=None, evidence=f"twilio list: {evidence}")


def test_an_account_that_may_not_ask_is_told_what_it_lacks(tmp_path):
    with Sink(tmp_path, look_ups=[error(20003, 401)]) as sink:
        found = looked_up(sink.url)

    said = "twilio list: http_401: the SID or the token is not accepted"
    assert found == Found(arrived=None, evidence=said, barred=True)


def test_a_provider_that_cannot_be_reached_says_nothing_about_the_message():
    found = looked_up(f"http://127.0.0.1:{a_closed_port()}")

    assert found == Found(arrived=None, evidence="twilio list: not_connected")
