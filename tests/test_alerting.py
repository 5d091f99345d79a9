"""Staff is told of each alarm once, by a real POST over loopback, and hears nothing of any customer."""

import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from db.alerts import TELLING, Alarm, note, take
from db.alerts import untold as free_alerts
from db.engine import database, open_engine, reading, transaction
from db.settings import Settings
from db.stops import switch_stop
from db.tables import Alert, Gate, Message
from db.tallies import Tally, add
from flows.alerting import failure, tell_staff
from tests.builders import an_outbox
from tests.workspaces import a_workspace
from winback.delivery.alert_words import shut
from winback.errors import WrongUse

NOW = datetime(2026, 3, 2, 14, tzinfo=UTC)
MISSED = Alarm(kind="missed", run="spring/2026-03-02T09:00", text="its slot came too late to run")
FAILED = Alarm(kind="failed", run="summer/2026-03-02T09:00", text="OSError")


class Webhook:
    """Remembers every request; answers with ``answers``, statuses or bodies of a 200, then with plain 200s."""

    def __init__(self, *answers: int | str, port: int = 0) -> None:
        self.posts: list[dict[str, Any]] = []
        self.lines: list[str] = []
        left = list(answers)
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                webhook.lines.append(f"{self.requestline}; {self.headers['Content-Type']}")
                webhook.posts.append(json.loads(body))
                answer = left.pop(0) if left else 200
                if answer == 0:
                    self.wfile.write(b"no HTTP at all\r\n\r\n")
                    return
                text = answer.encode() if isinstance(answer, str) else b""
                self.send_response(answer if isinstance(answer, int) else 200)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def do_GET(self) -> None:
                webhook.lines.append(self.requestline)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self.server.server_port

    @contextmanager
    def listening(self) -> Iterator["Webhook"]:
        thread = Thread(target=self.server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield self
        finally:
            self.server.shutdown()
            thread.join()
            self.server.server_close()


@pytest.fixture
def shop(tmp_path: Path, database_url: str) -> Settings:
    return a_workspace(tmp_path, database_url)


def telling(shop: Settings, webhook: Webhook, host: str = "127.0.0.1") -> Settings:
    return replace(shop, alert_webhook=f"http://{host}:{webhook.port}/hooks/T0K3N")


def untold(shop: Settings) -> list[str]:
    with database(shop.database_url) as engine, reading(engine) as session:
        chosen = select(col(Alert.run)).where(col(Alert.delivered_at).is_(None)).order_by(col(Alert.id))
        return list(session.execute(chosen).scalars())


def test_an_alarm_is_one_post_of_plain_json_however_often_it_is_told(shop: Settings):
    with Webhook().listening() as webhook:
        told = [tell_staff(telling(shop, webhook), [MISSED], NOW) for _ in range(3)]

    assert told == [1, 0, 0]
    assert webhook.posts == [
        {
            "kind": "missed",
            "run": "spring/2026-03-02T09:00",
            "text": "winback: spring/2026-03-02T09:00: its slot came too late to run",
        }
    ]
    assert webhook.lines == ["POST /hooks/T0K3N HTTP/1.1; application/json"]


def test_four_that_tell_at_once_make_one_post_of_each_alarm(shop: Settings):
    start = Barrier(4)

    def tell(settings: Settings) -> int:
        start.wait()
        return tell_staff(settings, [MISSED, FAILED], NOW)

    with Webhook().listening() as webhook, ThreadPoolExecutor(4) as pool:
        told = [f.result() for f in [pool.submit(tell, telling(shop, webhook)) for _ in range(4)]]

    assert sum(told) == 2
    assert sorted(post["kind"] for post in webhook.posts) == ["failed", "missed"]


def test_a_webhook_that_is_down_is_tried_again_later(shop: Settings):
    closed = Webhook()
    closed.server.server_close()
    settings = telling(shop, closed)

    assert tell_staff(settings, [MISSED, FAILED], NOW) == 0
    assert untold(shop) == [MISSED.run, FAILED.run]
    with Webhook(port=closed.port).listening() as webhook:
        assert tell_staff(settings, [], NOW) == 2

    assert [post["run"] for post in webhook.posts] == [MISSED.run, FAILED.run]
    assert untold(shop) == []


@pytest.mark.parametrize("status", [500, 404, 0], ids=["server error", "not found", "no HTTP"])
def test_an_answer_that_is_no_success_is_tried_again_later(shop: Settings, status: int):
    with Webhook(status).listening() as webhook:
        first = tell_staff(telling(shop, webhook), [MISSED], NOW)
        left = untold(shop)
        second = tell_staff(telling(shop, webhook), [], NOW)

    assert (first, left, second) == (0, [MISSED.run], 1)
    assert len(webhook.posts) == 2


def test_one_alarm_that_is_refused_does_not_keep_the_next_from_staff(shop: Settings):
    with Webhook(400).listening() as webhook:
        told = tell_staff(telling(shop, webhook), [MISSED, FAILED], NOW)

    assert told == 1
    assert untold(shop) == [MISSED.run]


def test_a_redirect_is_not_followed_and_not_taken_for_delivered(shop: Settings):
    with Webhook(302).listening() as webhook:
        told = tell_staff(telling(shop, webhook), [MISSED], NOW)

    assert told == 0
    assert [line.split()[0] for line in webhook.lines] == ["POST"]


def test_without_a_webhook_an_alarm_is_logged_once(shop: Settings, caplog: pytest.LogCaptureFixture):
    told = [tell_staff(shop, [MISSED], NOW) for _ in range(2)]

    assert told == [1, 0]
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
        "winback: spring/2026-03-02T09:00: its slot came too late to run"
    ]


def test_staff_hears_how_many_messages_are_unknown_and_of_no_customer(
    shop: Settings, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    engine = open_engine(shop.database_url)
    an_outbox(engine, messages=3, state="uncertain")
    engine.dispose()

    with Webhook().listening() as webhook:
        told = tell_staff(telling(shop, webhook), [], NOW)

    assert told == 1
    run = "spring/manual-2026-03-01"
    text = f"winback: {run}: 3 messages may or may not have been sent\n3 条消息不知是否已经发出"
    assert webhook.posts == [{"kind": "unknowns", "run": run, "text": text}]
    for trace in ("c1@example.com", "+1212555", "Customer 1", "mail-1", "T0K3N"):
        assert trace not in json.dumps(webhook.posts) + caplog.text


def set_states(shop: Settings, state: str, *keys: str) -> None:
    with database(shop.database_url) as engine, transaction(engine) as session:
        session.execute(update(Message).where(col(Message.key).in_(keys)).values(state=state))


def an_unknown_outbox(shop: Settings, messages: int) -> None:
    engine = open_engine(shop.database_url)
    an_outbox(engine, messages=messages, state="uncertain")
    engine.dispose()


def test_unknown_messages_are_told_again_once_they_have_doubled(shop: Settings):
    """Two, then three, then four: twice as many as staff was told of; then five, and eight within the hour."""
    an_unknown_outbox(shop, 8)
    set_states(shop, "accepted", *(f"k-{n}" for n in range(3, 9)))

    with Webhook().listening() as webhook:
        for hours, key in ((0, "k-1"), (2, "k-3"), (4, "k-4"), (6, "k-5")):
            set_states(shop, "uncertain", key)
            tell_staff(telling(shop, webhook), [], NOW + timedelta(hours=hours))
        set_states(shop, "uncertain", "k-6", "k-7", "k-8")
        told = [tell_staff(telling(shop, webhook), [], NOW + timedelta(hours=hours)) for hours in (4.5, 5.1, 5.2)]

    assert [post["text"].split(": ")[2].split()[0] for post in webhook.posts] == ["2", "4", "8"]
    assert told == [0, 1, 0]


def test_an_alert_that_was_refused_is_worded_as_things_are_when_it_is_told(shop: Settings):
    an_unknown_outbox(shop, 4)
    with Webhook('{"errcode": 45009}', '{"errcode": 0}').listening() as webhook:
        settings = replace(telling(shop, webhook), alert_kind="wecom")
        first = tell_staff(settings, [], NOW)
        set_states(shop, "accepted", "k-1", "k-2", "k-3")
        second = tell_staff(settings, [], NOW + timedelta(minutes=1))

    assert (first, second) == (0, 1)
    assert [post["text"]["content"].split(": ")[2].split()[0] for post in webhook.posts] == ["4", "1"]


def test_an_alert_that_no_longer_holds_is_never_told(shop: Settings):
    an_unknown_outbox(shop, 2)
    gate = Gate(provider="sendgrid", waits=2, shut_until=NOW, reason="http_401")
    with database(shop.database_url) as engine, transaction(engine) as session:
        session.add(gate)
        switch_stop(session, "spring/manual-2026-03-01", on=True, now=NOW, reason="render_error")

    with Webhook(500, 500, 500).listening() as webhook:
        tell_staff(telling(shop, webhook), [], NOW)
        set_states(shop, "accepted", "k-1", "k-2")
        with database(shop.database_url) as engine, transaction(engine) as session:
            session.execute(update(Gate).values(shut_until=None, waits=0))
            switch_stop(session, "spring/manual-2026-03-01", on=False, now=NOW)
        told = tell_staff(telling(shop, webhook), [], NOW + timedelta(minutes=1))

    assert (told, len(webhook.posts), untold(shop)) == (0, 3, [])


def test_new_unknown_messages_are_told_again_once_the_old_ones_are_settled(shop: Settings):
    """At 0 told; 5 one more, no post; 60 all settled; 61 a new one, told; 65 and 70 settled and new, no post."""
    an_unknown_outbox(shop, 3)
    set_states(shop, "accepted", "k-2", "k-3")
    steps = [(0, "", ""), (5, "uncertain", "k-2"), (60, "accepted", "k-1 k-2"), (61, "uncertain", "k-3")]
    steps += [(65, "accepted", "k-3"), (70, "uncertain", "k-3")]

    told = []
    with Webhook().listening() as webhook:
        for minutes, state, keys in steps:
            if state:
                set_states(shop, state, *keys.split())
            told.append(tell_staff(telling(shop, webhook), [], NOW + timedelta(minutes=minutes)))

    assert told == [1, 0, 0, 1, 0, 0]


def test_a_stop_and_a_warning_say_what_they_are_in_both_languages(shop: Settings):
    """500 delivered: one complaint (0.2 %) warns, the second (0.4 %) stops."""
    engine = open_engine(shop.database_url)
    occurrence = an_outbox(engine, messages=0)
    with Webhook().listening() as webhook:
        for change in (Tally(delivered=500, complained=1), Tally(complained=1)):
            with transaction(engine) as session:
                add(session.connection(), {occurrence: change}, NOW)
            tell_staff(telling(shop, webhook), [], NOW)
    engine.dispose()

    run = "spring/manual-2026-03-01"
    assert [(post["kind"], post["text"]) for post in webhook.posts] == [
        (
            "harm",
            f"winback: {run}: warning, it goes on: 1 of 500 delivered messages were reported as spam "
            "(0.20%, limit 0.1%)\n警告，仍在发送：500 条送达的消息中有 1 条被举报为垃圾邮件（0.20%，上限 0.1%）",
        ),
        (
            "stopped",
            f"winback: {run}: stopped: 2 of 500 delivered messages were reported as spam (0.40%, limit 0.3%); "
            f"nothing more of it leaves. To let it go on: winback resume {run}\n"
            "已停止：500 条送达的消息中有 2 条被举报为垃圾邮件（0.40%，上限 0.3%）；剩下的不再发出。"
            f"要继续：winback resume {run}",
        ),
    ]


def test_an_alert_whose_teller_died_is_told_by_somebody_else_once_his_time_is_over(shop: Settings):
    with database(shop.database_url) as engine, transaction(engine) as session:
        note(session, [MISSED], NOW)
        [alert] = free_alerts(session, NOW)
        assert take(session, alert.id or 0, NOW)  # and here it dies

    with Webhook().listening() as webhook:
        settings = telling(shop, webhook)
        told = [tell_staff(settings, [], NOW + TELLING + timedelta(seconds=more)) for more in (-1, 1, 2)]

    assert told == [0, 1, 0]
    assert len(webhook.posts) == 1


@pytest.mark.parametrize(("waits", "kinds"), [(1, []), (2, ["closed"])])
def test_a_provider_shut_twice_in_a_row_is_told_once_a_day(shop: Settings, waits: int, kinds: list[str]):
    gate = Gate(provider="sendgrid", waits=waits, shut_until=NOW - timedelta(seconds=5), reason="http_401")
    with database(shop.database_url) as engine, transaction(engine) as session:
        session.add(gate)

    with Webhook().listening() as webhook:
        for hours in (0, 1, 24):
            tell_staff(telling(shop, webhook), [], NOW + timedelta(hours=hours))

    assert [post["kind"] for post in webhook.posts] == kinds * 2
    assert [post["text"] for post in webhook.posts[:1]] == [
        "winback: sendgrid/2026-03-02: nothing leaves through it: http_401\n无法经它发送：http_401"
    ] * len(kinds)


def test_a_provider_that_only_answers_no_questions_is_not_told_as_shut(shop: Settings):
    with database(shop.database_url) as engine, transaction(engine) as session:
        session.add(Gate(provider="sendgrid look-up", waits=5, shut_until=NOW, reason="http_403"))

    assert tell_staff(shop, [], NOW) == 0


def test_a_run_that_stopped_itself_is_told_once_and_one_that_a_person_stopped_is_not(shop: Settings):
    with database(shop.database_url) as engine, transaction(engine) as session:
        switch_stop(session, "spring/manual-2026-03-01", on=True, now=NOW, reason="render_error")
        switch_stop(session, "summer", on=True, now=NOW)
        switch_stop(session, "*", on=True, now=NOW, reason="restored")

    with Webhook().listening() as webhook:
        for _ in range(2):
            tell_staff(telling(shop, webhook), [], NOW)

    assert [(post["kind"], post["run"]) for post in webhook.posts] == [("stopped", "spring/manual-2026-03-01")]


def test_an_error_that_is_not_our_own_is_not_quoted():
    strange = failure("spring/manual", ValueError("ann@example.com has no @"))
    own = failure("spring/manual", WrongUse("no campaign 'spring'"))

    assert (strange.text, own.text) == ("ValueError", "no campaign 'spring'")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_proxy_of_the_environment_gets_nothing_meant_for_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
):
    with Webhook().listening() as webhook, Webhook().listening() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        told = tell_staff(telling(a_workspace(tmp_path), webhook, host), [MISSED], NOW)

    assert (told, len(webhook.posts), proxy.lines) == (1, 1, [])


def test_a_webhook_elsewhere_is_reached_as_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with Webhook().listening() as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        settings = replace(a_workspace(tmp_path), alert_webhook="http://hooks.example/x")
        told = tell_staff(settings, [MISSED], NOW)

    assert told == 1
    assert proxy.lines == ["POST http://hooks.example/x HTTP/1.1; application/json"]


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/hostname",
        "ftp://127.0.0.1/T0K3N",
        "127.0.0.1:8080/T0K3N",
        "hooks.example.com/T0K3N",
        "http:///T0K3N",
        "http://[::1/T0K3N",
        "http://127.0.0.1:99999/T0K3N",
        "",
    ],
)
def test_only_a_web_address_is_a_webhook_and_a_wrong_one_is_not_quoted(tmp_path: Path, address: str):
    settings = replace(a_workspace(tmp_path), alert_webhook=address)

    with pytest.raises(WrongUse, match="WINBACK_ALERT_WEBHOOK") as told:
        tell_staff(settings, [MISSED], NOW)

    assert "T0K3N" not in str(told.value)


def test_a_certificate_that_is_not_trusted_is_told_in_words_with_whose_it_is():
    en, zh = shut("certificate:mail.shop.example")

    assert "certificate: nobody this machine trusts vouches for that of mail.shop.example" in en
    assert "SSL_CERT_FILE" in en
    assert "SSL_CERT_FILE" in zh
    assert shut("http_401") == ("nothing leaves through it: http_401", "无法经它发送：http_401")
