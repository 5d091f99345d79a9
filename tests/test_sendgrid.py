"""SendGrid: the official client's own request, against a server that records it and misbehaves."""

import json
import logging
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
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

from tests.messages import an_email
from tests.sink import Reply, Sink
from winback.delivery.answer import Answer, AnswerKind
from winback.delivery.sendgrid import SendGrid, mail_body
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
    return SendGrid(**({"key": KEY, "url": url, "timeout_seconds": 2.0} | changes))


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


def test_one_send_is_one_request_with_the_right_path_key_and_body(tmp_path):
    message = an_email()

    with Sink(tmp_path) as sink:
        answer = sendgrid(sink.url).send(message)
        [request] = sink.requests()

    assert answer == Answer(kind=AnswerKind.ACCEPTED, provider_id="sink-1", status=202)
    assert (request.method, request.path) == ("POST", "/v3/mail/send")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.body) == mail_body(message)
    assert request.key == message.key


FAULTS = [
    (Reply(status=400), AnswerKind.REJECTED),
    (Reply(status=413), AnswerKind.REJECTED),
    (Reply(status=401), AnswerKind.CHANNEL_STOP),
    (Reply(status=403), AnswerKind.CHANNEL_STOP),
    (Reply(status=429), AnswerKind.RETRY_LATER),
    (Reply(status=503, headers={"Retry-After": "9"}), AnswerKind.RETRY_LATER),
    (Reply(status=503), AnswerKind.UNCERTAIN),
    (Reply(status=500), AnswerKind.UNCERTAIN),
    (Reply(status=302, headers={"Location": "/elsewhere"}), AnswerKind.UNCERTAIN),
    (Reply(status=307, headers={"Location": "/elsewhere"}), AnswerKind.UNCERTAIN),
    (Reply(status=204), AnswerKind.UNCERTAIN),
    (PAGE, AnswerKind.UNCERTAIN),
    (Reply(status=202, body="<html>"), AnswerKind.UNCERTAIN),
    (Reply(act="reset"), AnswerKind.UNCERTAIN),
    (Reply(act="reset_early"), AnswerKind.UNCERTAIN),
    (Reply(act="reset_early", after_bytes=10), AnswerKind.UNCERTAIN),
]


@pytest.mark.parametrize(("fault", "kind"), FAULTS, ids=lambda value: str(value))
def test_each_fault_is_one_request_and_its_own_kind_of_answer(tmp_path, fault, kind):
    with Sink(tmp_path, [fault]) as sink:
        answer = sendgrid(sink.url).send(an_email())
        requests = sink.requests()

    assert answer.kind is kind
    assert len(requests) == (0 if fault.act == "reset_early" else 1)


def test_nothing_of_a_message_and_no_key_reaches_a_log(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)

    with Sink(tmp_path, [Reply(), Reply(status=400)]) as sink:
        provider = sendgrid(sink.url)
        for _ in range(2):
            provider.send(an_email())

    assert not [secret for secret in ("ada@example.com", "Hello Ada", KEY) if secret in caplog.text]


def test_an_answer_that_never_comes_is_uncertain_after_the_timeout(tmp_path):
    with Sink(tmp_path, [Reply(act="silent")]) as sink:
        started = time.monotonic()
        answer = sendgrid(sink.url, timeout_seconds=0.3).send(an_email())
        requests = sink.requests()

    assert (answer.kind, answer.reason) == (AnswerKind.UNCERTAIN, "timed_out")
    assert time.monotonic() - started < 5
    assert len(requests) == 1


def test_a_body_cut_in_the_middle_is_uncertain(tmp_path):
    with Sink(tmp_path, [Reply(status=202, headers={"Transfer-Encoding": "chunked"}, body="5\r\nab")]) as sink:
        answer = sendgrid(sink.url, timeout_seconds=0.3).send(an_email())

    assert answer.kind is AnswerKind.UNCERTAIN


def test_the_wait_a_busy_provider_asks_for_is_kept(tmp_path):
    with Sink(tmp_path, [Reply(status=429, headers={"Retry-After": "7"})]) as sink:
        answer = sendgrid(sink.url).send(an_email())

    assert (answer.kind, answer.retry_after_seconds) == (AnswerKind.RETRY_LATER, 7)


def test_a_refusal_names_the_field_at_fault_but_not_the_customer(tmp_path):
    said = {"errors": [{"message": "ada@example.com does not exist", "field": "personalizations.0.to.0.email"}]}

    with Sink(tmp_path, [Reply(status=400, body=json.dumps(said))]) as sink:
        answer = sendgrid(sink.url).send(an_email())

    assert answer.reason == "http_400:personalizations.0.to.0.email"


@pytest.mark.parametrize(
    "body", ["", "[]", "null", '{"errors": []}', '{"errors": [{"field": "Ada Quill"}]}', "[" * 5_000]
)
def test_an_error_body_of_any_shape_leaves_the_status_as_the_reason(tmp_path, body):
    with Sink(tmp_path, [Reply(status=400, body=body)]) as sink:
        assert sendgrid(sink.url).send(an_email()).reason == "http_400"


def a_closed_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def test_a_refused_connection_proves_that_nothing_was_sent():
    answer = sendgrid(f"http://127.0.0.1:{a_closed_port()}").send(an_email())

    assert (answer.kind, answer.reason) == (AnswerKind.RETRY_LATER, "not_connected")


def test_a_name_that_does_not_resolve_proves_that_nothing_was_sent(monkeypatch):
    def no_such_name(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_such_name)

    assert sendgrid("https://api.provider.example").send(an_email()).kind is AnswerKind.RETRY_LATER


def test_a_failed_tls_handshake_proves_that_nothing_was_sent(tmp_path):
    with Sink(tmp_path) as sink:
        answer = sendgrid(sink.url.replace("http:", "https:")).send(an_email())
        requests = sink.requests()

    assert (answer.kind, answer.reason) == (AnswerKind.RETRY_LATER, "not_connected")
    assert requests == []


def test_a_connection_reset_during_the_tls_handshake_proves_that_nothing_was_sent():
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=lambda: server.accept()[0].close())
        thread.start()
        answer = sendgrid(f"https://127.0.0.1:{server.getsockname()[1]}").send(an_email())
        thread.join()

    assert answer.kind is AnswerKind.RETRY_LATER


def test_a_redirect_is_not_followed_with_our_key(tmp_path):
    (tmp_path / "other").mkdir()
    with Sink(tmp_path / "other") as other:
        elsewhere = Reply(status=302, headers={"Location": f"{other.url}/v3/mail/send"})
        with Sink(tmp_path, [elsewhere]) as sink:
            sendgrid(sink.url).send(an_email())
        requests = other.requests()

    assert requests == []


def test_an_unsafe_message_never_reaches_the_client(tmp_path):
    with Sink(tmp_path) as sink:
        answer = sendgrid(sink.url).send(an_email(subject="Hi\r\nBcc: evil@example.com"))
        requests = sink.requests()

    assert (answer.kind, answer.reason) == (AnswerKind.REJECTED, "unsafe_subject")
    assert requests == []


def test_many_threads_each_get_the_answer_to_their_own_message(tmp_path):
    messages = [an_email(key=f"m-{n}") for n in range(60)]

    with Sink(tmp_path) as sink:
        provider = sendgrid(sink.url)
        with ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(provider.send, messages))
        told = {request.key: f"sink-{request.number}" for request in sink.requests()}

    assert [answer.provider_id for answer in answers] == [told[message.key] for message in messages]


@pytest.mark.parametrize(
    "url", ["", "api.sendgrid.com", "ftp://x.example", "http://", "https://x:abc", "https://x/?a=b"]
)
def test_an_address_that_is_none_is_said_so_at_the_start(url):
    with pytest.raises(Unusable, match="address"):
        sendgrid(url)
