"""SendGrid: our bulk request and the official client's, against a server that records them and misbehaves."""

import json
import logging
import socket
import tempfile
import threading
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import (
    Category,
    Content,
    CustomArg,
    From,
    Header,
    Mail,
    OpenTracking,
    ReplyTo,
    Subject,
    To,
    TrackingSettings,
)

from tests.certificates import a_certificate, server_side
from tests.messages import an_email
from tests.sink import Reply, Sink
from winback.delivery.answer import Answer, AnswerKind
from winback.delivery.lookup import Found, Sought
from winback.delivery.sendgrid import SendGrid, mail_body, read_answer
from winback.errors import Unusable

KEY = "SG.test-key"
PAGE = Reply(status=200, headers={"Content-Type": "text/html"}, body="<!doctype html><p>Sign in to the wifi")


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch):
    """Any connection that is not to this machine is an error."""
    connect = socket.socket.connect

    def guarded(self, address):
        assert address[0] in {"127.0.0.1", "::1"}, address
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


def sendgrid(url, **changes):
    return closing(SendGrid(**({"key": KEY, "url": url, "timeout_seconds": 2.0} | changes)))


def in_bulk(provider, message):
    [(handed, answer)] = provider.send_all([message])
    assert handed is message
    return answer


def by_the_client(provider, message):
    return provider.test_send(message)


both_ways = pytest.mark.parametrize("send", [in_bulk, by_the_client])


def answer_to(send, url, message, **changes):
    with sendgrid(url, **changes) as provider:
        return send(provider, message)


def by_the_official_helpers(message):
    """The request SendGrid's own helper classes build."""
    mail = Mail(
        from_email=From(message.from_address, message.from_name), to_emails=To(message.to, message.to_name)
    )
    mail.subject = Subject(message.subject)
    mail.add_content(Content("text/plain", message.text))
    mail.add_content(Content("text/html", message.html))
    mail.header = Header("List-Unsubscribe", f"<{message.unsubscribe_url}>")
    mail.header = Header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
    mail.custom_arg = CustomArg("winback_key", message.key, p=0)
    mail.tracking_settings = TrackingSettings(open_tracking=OpenTracking(False))
    if message.reply_to:
        mail.reply_to = ReplyTo(message.reply_to)
    if message.category:
        mail.category = Category(message.category)
    return mail.get()


words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), min_size=1, max_size=60)
local = st.text("abcxyz0189.+_-", min_size=1, max_size=20)


@given(
    local=local,
    to_name=st.none() | words,
    from_name=st.none() | words,
    subject=words,
    text=words,
    html=words,
    reply_to=st.none() | st.just("counter@shop.example"),
    category=st.none() | st.just("c1"),
)
def test_the_body_is_the_one_the_official_helpers_build(local, **changes):
    message = an_email(to=f"{local}@example.com", **changes)

    assert mail_body(message) == by_the_official_helpers(message)


def test_text_comes_before_html_as_the_provider_requires():
    assert [part["type"] for part in mail_body(an_email())["content"]] == ["text/plain", "text/html"]


def test_only_the_opaque_key_goes_into_what_the_provider_keeps():
    body = mail_body(an_email(key="opaque-7"))

    assert body["personalizations"][0]["custom_args"] == {"winback_key": "opaque-7"}
    assert "categories" not in body


@settings(max_examples=25)
@given(
    local=local,
    to_name=st.none() | words,
    from_name=st.none() | words,
    subject=words,
    text=words,
    html=words,
    category=st.none() | st.just("c1"),
)
def test_the_bulk_request_is_the_one_the_official_client_sends(local, **changes):
    """Method, path, authorization, content type and JSON, and the other headers that mean something there."""
    message = an_email(to=f"{local}@example.com", **changes)

    with tempfile.TemporaryDirectory() as folder, Sink(Path(folder)) as sink:
        client = SendGridAPIClient(KEY, host=sink.url)
        client.client.mail.send.post(request_body=by_the_official_helpers(message))
        answer_to(in_bulk, sink.url, message)
        official, ours = sink.requests()

    assert (ours.method, ours.path) == (official.method, official.path) == ("POST", "/v3/mail/send")
    assert json.loads(ours.body) == json.loads(official.body)
    for name in ("authorization", "content-type", "accept", "host"):
        assert ours.headers[name] == official.headers[name]


@both_ways
def test_one_send_is_one_request_with_the_right_path_key_and_body(tmp_path, send):
    message = an_email()

    with Sink(tmp_path) as sink:
        answer = answer_to(send, sink.url, message)
        [request] = sink.requests()

    assert answer == Answer(kind=AnswerKind.ACCEPTED, provider_id="sink-1", status=202)
    assert (request.method, request.path) == ("POST", "/v3/mail/send")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.body) == mail_body(message)
    assert request.key == message.key


def fault_of(field: str) -> Reply:
    return Reply(status=400, body=json.dumps({"errors": [{"message": "about ada@example.com", "field": field}]}))


FAULTS = [
    (fault_of("from.email"), AnswerKind.CHANNEL_STOP, "http_400:from.email"),
    (fault_of("reply_to.email"), AnswerKind.CHANNEL_STOP, "http_400:reply_to.email"),
    (
        fault_of("personalizations.0.custom_args"),
        AnswerKind.CHANNEL_STOP,
        "http_400:personalizations.0.custom_args",
    ),
    (fault_of("personalizations.0.to"), AnswerKind.REJECTED, "http_400:personalizations.0.to"),
    (fault_of("subject"), AnswerKind.REJECTED, "http_400:subject"),
    (Reply(status=400), AnswerKind.REJECTED, "http_400"),
    (Reply(status=413), AnswerKind.REJECTED, "http_413"),
    (Reply(status=401), AnswerKind.CHANNEL_STOP, "http_401"),
    (Reply(status=403), AnswerKind.CHANNEL_STOP, "http_403"),
    (Reply(status=429), AnswerKind.RETRY_LATER, "http_429"),
    (Reply(status=429, headers={"Retry-After": "9"}), AnswerKind.RETRY_LATER, "http_429"),
    (Reply(status=503, headers={"Retry-After": "9"}), AnswerKind.RETRY_LATER, "http_503"),
    (Reply(status=503), AnswerKind.UNCERTAIN, "http_503"),
    (Reply(status=500), AnswerKind.UNCERTAIN, "http_500"),
    (Reply(status=500, takes=True), AnswerKind.UNCERTAIN, "http_500"),
    (Reply(status=302, headers={"Location": "/elsewhere"}), AnswerKind.UNCERTAIN, "http_302"),
    (Reply(status=307, headers={"Location": "/elsewhere"}), AnswerKind.UNCERTAIN, "http_307"),
    (Reply(status=204), AnswerKind.UNCERTAIN, "unexpected_body"),
    (PAGE, AnswerKind.UNCERTAIN, "unexpected_body"),
    (Reply(status=202, body="<html>"), AnswerKind.UNCERTAIN, "unexpected_body"),
    (Reply(status=202, headers={"Content-Type": "text/html"}), AnswerKind.UNCERTAIN, "unexpected_body"),
    (Reply(act="reset"), AnswerKind.UNCERTAIN, "broken_off"),
    (Reply(act="close"), AnswerKind.UNCERTAIN, "broken_off"),
    (Reply(act="reset_early"), AnswerKind.UNCERTAIN, "broken_off"),
    (Reply(act="reset_early", after_bytes=10), AnswerKind.UNCERTAIN, "broken_off"),
]


@both_ways
@pytest.mark.parametrize(("fault", "kind", "reason"), FAULTS, ids=lambda value: str(value))
def test_each_fault_is_one_request_and_its_own_kind_of_answer(tmp_path, fault, kind, reason, send):
    with Sink(tmp_path, [fault]) as sink:
        answer = answer_to(send, sink.url, an_email())
        requests = sink.requests()

    assert (answer.kind, answer.reason) == (kind, reason)
    assert len(requests) == (0 if fault.act == "reset_early" else 1)


@both_ways
def test_an_ordinary_answer_with_a_content_type_is_one(tmp_path, send):
    usual = {"Content-Type": "text/plain; charset=utf-8", "X-Message-Id": "abc"}

    with Sink(tmp_path, [Reply(status=202, headers=usual)]) as sink:
        answer = answer_to(send, sink.url, an_email())

    assert answer == Answer(kind=AnswerKind.ACCEPTED, provider_id="abc", status=202)


IDS = {
    "a": "a",
    "x" * 200: "x" * 200,
    "x" * 201: None,
    "<script>": None,
    "eve@example.com": None,
    "a b": None,
    "é": None,
}


@both_ways
@pytest.mark.parametrize("page", [False, True], ids=["usual", "with a content type"])
@pytest.mark.parametrize(("told", "kept"), IDS.items(), ids=[ascii(told)[:20] for told in IDS])
def test_an_id_that_is_none_is_not_kept_and_the_message_stays_accepted(tmp_path, send, told, kept, page):
    headers = {"X-Message-Id": told} | ({"Content-Type": "text/plain"} if page else {})

    with Sink(tmp_path, [Reply(status=202, headers=headers)]) as sink:
        answer = answer_to(send, sink.url, an_email())

    assert answer == Answer(kind=AnswerKind.ACCEPTED, provider_id=kept, status=202)


@both_ways
def test_nothing_of_a_message_and_no_key_reaches_a_log(tmp_path, caplog, send):
    caplog.set_level(logging.DEBUG)

    with Sink(tmp_path, [Reply(), Reply(status=400), Reply(act="reset")]) as sink:
        for _ in range(3):
            answer_to(send, sink.url, an_email())

    assert not [secret for secret in ("ada@example.com", "Hello Ada", KEY) if secret in caplog.text]


@both_ways
def test_an_answer_that_never_comes_is_uncertain_after_the_timeout(tmp_path, send):
    with Sink(tmp_path, [Reply(act="silent")]) as sink:
        started = time.monotonic()
        answer = answer_to(send, sink.url, an_email(), timeout_seconds=0.3)
        requests = sink.requests()

    assert (answer.kind, answer.reason) == (AnswerKind.UNCERTAIN, "timed_out")
    assert time.monotonic() - started < 5
    assert len(requests) == 1


def test_a_body_that_comes_byte_by_byte_is_uncertain_when_the_time_is_up(tmp_path):
    with Sink(tmp_path, [Reply(act="drip", status=400, body="x" * 100, every_seconds=0.1)]) as sink:
        answer = answer_to(in_bulk, sink.url, an_email(), timeout_seconds=0.3)

    assert (answer.kind, answer.reason) == (AnswerKind.UNCERTAIN, "timed_out")


@both_ways
def test_a_body_cut_in_the_middle_is_uncertain(tmp_path, send):
    with Sink(tmp_path, [Reply(status=202, headers={"Transfer-Encoding": "chunked"}, body="5\r\nab")]) as sink:
        answer = answer_to(send, sink.url, an_email(), timeout_seconds=0.3)

    assert answer.kind is AnswerKind.UNCERTAIN


@both_ways
def test_the_wait_a_busy_provider_asks_for_is_kept(tmp_path, send):
    with Sink(tmp_path, [Reply(status=429, headers={"Retry-After": "7"})]) as sink:
        answer = answer_to(send, sink.url, an_email())

    assert (answer.kind, answer.retry_after_seconds) == (AnswerKind.RETRY_LATER, 7)


@both_ways
def test_the_second_at_which_a_rate_limit_ends_is_kept(tmp_path, send):
    now = datetime(2026, 3, 2, 12, tzinfo=UTC)
    ends = {
        "Date": format_datetime(now, usegmt=True),
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": str(int((now + timedelta(seconds=42)).timestamp())),
    }

    with Sink(tmp_path, [Reply(status=429, headers=ends)]) as sink:
        answer = answer_to(send, sink.url, an_email())

    assert (answer.kind, answer.retry_after_seconds) == (AnswerKind.RETRY_LATER, 42)


@both_ways
def test_a_refusal_names_the_field_at_fault_but_not_the_customer(tmp_path, send):
    said = {"errors": [{"message": "ada@example.com does not exist", "field": "personalizations.0.to.0.email"}]}

    with Sink(tmp_path, [Reply(status=400, body=json.dumps(said))]) as sink:
        answer = answer_to(send, sink.url, an_email())

    assert answer.reason == "http_400:personalizations.0.to.0.email"


@pytest.mark.parametrize(
    "body", ["", "[]", "null", '{"errors": []}', '{"errors": [{"field": "Ada Quill"}]}', "[" * 5_000]
)
def test_an_error_body_of_any_shape_leaves_the_status_as_the_reason(tmp_path, body):
    with Sink(tmp_path, [Reply(status=400, body=body)]) as sink:
        assert answer_to(in_bulk, sink.url, an_email()).reason == "http_400"


def a_closed_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


@both_ways
def test_a_refused_connection_proves_that_nothing_was_sent(send):
    answer = answer_to(send, f"http://127.0.0.1:{a_closed_port()}", an_email())

    assert (answer.kind, answer.reason) == (AnswerKind.RETRY_LATER, "not_connected")


def test_a_name_that_does_not_resolve_proves_that_nothing_was_sent(monkeypatch):
    def no_such_name(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_such_name)

    answer = answer_to(by_the_client, "https://api.provider.example", an_email())
    assert answer.kind is AnswerKind.RETRY_LATER


@both_ways
def test_a_certificate_nobody_vouches_for_is_named_and_closes_the_channel(tmp_path, send):
    with Sink(tmp_path, tls=server_side(*a_certificate(tmp_path))) as sink:
        answer = answer_to(send, sink.url, an_email())
        requests = sink.requests()

    assert answer == Answer(kind=AnswerKind.CHANNEL_STOP, reason="certificate:127.0.0.1")
    assert requests == []


@both_ways
def test_a_failed_tls_handshake_proves_that_nothing_was_sent(tmp_path, send):
    with Sink(tmp_path) as sink:
        answer = answer_to(send, sink.url.replace("http:", "https:"), an_email())
        requests = sink.requests()

    assert (answer.kind, answer.reason) == (AnswerKind.RETRY_LATER, "not_connected")
    assert requests == []


def test_a_connection_reset_during_the_tls_handshake_proves_that_nothing_was_sent():
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=lambda: server.accept()[0].close())
        thread.start()
        answer = answer_to(by_the_client, f"https://127.0.0.1:{server.getsockname()[1]}", an_email())
        thread.join()

    assert answer.kind is AnswerKind.RETRY_LATER


@both_ways
def test_a_redirect_is_not_followed_with_our_key(tmp_path, send):
    (tmp_path / "other").mkdir()
    with Sink(tmp_path / "other") as other:
        elsewhere = Reply(status=302, headers={"Location": f"{other.url}/v3/mail/send"})
        with Sink(tmp_path, [elsewhere]) as sink:
            answer_to(send, sink.url, an_email())
        requests = other.requests()

    assert requests == []


@both_ways
def test_an_unsafe_message_never_leaves(tmp_path, send):
    with Sink(tmp_path) as sink:
        answer = answer_to(send, sink.url, an_email(subject="Hi\r\nBcc: evil@example.com"))
        requests = sink.requests()

    assert (answer.kind, answer.reason) == (AnswerKind.REJECTED, "unsafe_subject")
    assert requests == []


def test_half_a_letter_rejects_its_own_message_only(tmp_path):
    messages = [an_email(key="a"), an_email(key="b", html="<p>\ud83d</p>"), an_email(key="c")]

    with Sink(tmp_path) as sink, sendgrid(sink.url) as provider:
        came = {message.key: answer for message, answer in provider.send_all(messages)}

    assert [came[key].kind.value for key in "abc"] == ["accepted", "rejected", "accepted"]
    assert came["b"].reason == "unencodable_text"


def test_many_at_once_each_get_the_answer_to_their_own_message(tmp_path):
    messages = [an_email(key=f"m-{n}") for n in range(200)]

    with Sink(tmp_path) as sink, sendgrid(sink.url) as provider:
        came = {message.key: answer.provider_id for message, answer in provider.send_all(messages)}
        told = {request.key: f"sink-{request.number}" for request in sink.requests()}

    assert came == told
    assert len(came) == 200


def test_a_refusal_of_the_account_is_told_before_the_next_message_is_pulled(tmp_path):
    """One connection, so one in flight: who gives the messages has seen each answer before he gives the next."""
    seen = []

    with Sink(tmp_path, [Reply(status=401)]) as sink, sendgrid(sink.url) as provider:

        def until_stopped():
            while AnswerKind.CHANNEL_STOP not in seen:
                yield an_email()

        for _, answer in provider.send_all(until_stopped()):
            seen.append(answer.kind)
        requests = sink.requests()

    assert seen == [AnswerKind.CHANNEL_STOP]
    assert len(requests) == 1


@pytest.mark.parametrize(
    "url", ["", "api.sendgrid.com", "ftp://x.example", "http://", "https://x:abc", "https://x/?a=b"]
)
def test_an_address_that_is_none_is_said_so_at_the_start(url):
    with pytest.raises(Unusable, match="address"):
        sendgrid(url)


def test_an_endless_id_of_the_providers_is_not_kept():
    headers = {"X-Message-Id": "x" * 70_000}

    assert read_answer(202, headers, b"").provider_id is None


# --- look-ups ----------------------------------------------------------------------------------------------------

SOUGHT = Sought(key="spring-1", to="ada@example.com", sent_at=datetime(2026, 3, 2, 12, tzinfo=UTC))


def looked_up(url, **changes):
    with sendgrid(url, **changes) as provider:
        return provider.look_up(SOUGHT)


def test_a_message_that_arrived_is_found_by_its_key(tmp_path):
    with Sink(tmp_path, [Reply(act="reset")]) as sink:
        with sendgrid(sink.url) as provider:
            unknown = [answer.kind for _, answer in provider.send_all([an_email(key="other"), an_email()])]
        found = looked_up(sink.url)
        [asked] = sink.look_ups()

    assert unknown == [AnswerKind.UNCERTAIN] * 2
    there = Found(arrived=True, provider_id="sink-2.filter-1", evidence="sendgrid activity: processed")
    assert replace(found, told=None) == there
    assert asked.path.startswith("/v3/messages?")
    assert asked.headers["authorization"] == f"Bearer {KEY}"


def test_a_message_that_never_arrived_is_not_found(tmp_path):
    with Sink(tmp_path, [Reply(status=500)]) as sink:
        answer_to(in_bulk, sink.url, an_email())
        found = looked_up(sink.url)

    assert found == Found(arrived=False, evidence="sendgrid activity: no message with this key")


def test_a_message_is_not_found_before_the_provider_has_written_it_down(tmp_path):
    with Sink(tmp_path, recording_seconds=60) as sink:
        answer_to(in_bulk, sink.url, an_email())
        early = looked_up(sink.url)
        sink.recording_seconds = 0
        late = looked_up(sink.url)

    assert (early.arrived, late.arrived) == (False, True)


@pytest.mark.parametrize(("to", "arrived"), [("Ada@Example.com", True), ("stranger@example.com", None)])
def test_only_a_message_to_the_same_address_is_ours(tmp_path, to, arrived):
    """An account that ignores the filter answers with messages to anybody."""
    one = {"msg_id": "m-1", "to_email": to, "status": "delivered"}
    with Sink(tmp_path, look_ups=[Reply(status=200, body=json.dumps({"messages": [one]}))]) as sink:
        found = looked_up(sink.url)

    assert (found.arrived, found.provider_id) == (arrived, "m-1" if arrived else None)


@pytest.mark.parametrize(
    ("fault", "evidence"),
    [
        (Reply(status=429), "http_429"),
        (Reply(status=404), "http_404"),
        (Reply(status=500), "http_500"),
        (Reply(status=302, headers={"Location": "/elsewhere"}), "http_302"),
        (PAGE, "http_200"),
        (Reply(status=200, body="[]"), "http_200"),
        (Reply(status=200, body='{"messages": {}}'), "http_200"),
        (Reply(status=200, body='{"messages": [1]}'), "http_200"),
        (Reply(status=200, body="[" * 5_000), "http_200"),
        (Reply(act="reset"), "broken_off"),
        (Reply(act="silent"), "timed_out"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_look_up_that_fails_says_nothing_about_the_message(tmp_path, fault, evidence):
    with Sink(tmp_path, look_ups=[fault]) as sink:
        found = looked_up(sink.url, timeout_seconds=0.3)

    assert found == Found(arrived=None, evidence=f"sendgrid activity: {evidence}")


@pytest.mark.parametrize(
    ("status", "lacks"),
    [
        (401, "the key is not accepted"),
        (403, "the Email Activity add-on, or the key's right to read it, is missing"),
    ],
)
def test_an_account_that_may_not_ask_is_told_what_it_lacks(tmp_path, status, lacks):
    with Sink(tmp_path, look_ups=[Reply(status=status)]) as sink:
        found = looked_up(sink.url)

    assert found == Found(arrived=None, evidence=f"sendgrid activity: http_{status}: {lacks}", barred=True)


def test_a_provider_that_cannot_be_reached_says_nothing_about_the_message():
    found = looked_up(f"http://127.0.0.1:{a_closed_port()}")

    assert found == Found(arrived=None, evidence="sendgrid activity: not_connected")
