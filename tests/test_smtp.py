"""SMTP: pipelined letters to a relay that records them and misbehaves, and to one that others have written."""

import asyncio
import email
import logging
import socket
import time
from contextlib import closing
from email.policy import default

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.certificates import a_certificate, server_side
from tests.messages import an_email
from tests.recording import Chances, Server
from tests.smtp_sink import EXTENSIONS, Fault, SmtpSink
from winback.delivery import pool
from winback.delivery.answer import HELD_BACK, Answer, AnswerKind
from winback.delivery.lookup import Found, Sought
from winback.delivery.mime import eml
from winback.delivery.smtp import Smtp
from winback.errors import Unusable

ACCEPTED, REJECTED, RETRY, UNCERTAIN, STOP = (
    AnswerKind.ACCEPTED,
    AnswerKind.REJECTED,
    AnswerKind.RETRY_LATER,
    AnswerKind.UNCERTAIN,
    AnswerKind.CHANNEL_STOP,
)
SOON = 0.4


def relay(url, **changes):
    return closing(Smtp(**({"url": url, "timeout_seconds": 3.0} | changes)))


def sent(url, *messages, **changes):
    """Message key -> answer."""
    with relay(url, **changes) as provider:
        return {message.key: answer for message, answer in provider.send_all(messages)}


def sent_one(url, **changes):
    return sent(url, an_email(), **changes)["spring-1"]


@pytest.fixture(params=[EXTENSIONS, ("8BITMIME",), ()], ids=["pipelining", "one by one", "nothing"])
def offers(request):
    """What the relay can do: the outcome is the same."""
    return request.param


# --- the letter --------------------------------------------------------------------------------------------------


def test_one_message_is_one_letter_to_one_customer(tmp_path):
    message = an_email()

    with SmtpSink(tmp_path) as sink:
        answer = sent_one(sink.url)
        [letter] = sink.letters()

    assert answer == Answer(kind=ACCEPTED, provider_id="SINK1", status=250)
    assert letter.said == ["MAIL FROM:<letters@shop.example> BODY=8BITMIME", "RCPT TO:<ada@example.com>"]
    assert letter.content.encode() == eml(message)
    assert letter.key == message.key


def test_the_commands_of_a_letter_leave_together_where_the_relay_allows(offers):
    packets = []

    class Listening(asyncio.Protocol):
        def connection_made(self, link):
            self._link = link
            link.write(b"220 x\r\n")

        def data_received(self, data):
            packets.append(data)
            lines = data.count(b"\r\n")
            if data.startswith(b"EHLO"):
                said = ["x", *offers]
                self._link.write(
                    "".join(f"250{'-' if line != said[-1] else ' '}{line}\r\n" for line in said).encode()
                )
            elif data.endswith(b"\r\n.\r\n"):
                self._link.write(b"250 ok\r\n")
            else:
                self._link.write(
                    b"250 ok\r\n" * (lines - 1) + (b"354 go\r\n" if b"DATA" in data else b"250 ok\r\n")
                )

    with Server(Listening) as server:
        assert sent_one(f"smtp://127.0.0.1:{server.port}").kind is ACCEPTED

    words = [b" ".join(line[:4] for line in packet.split(b"\r\n") if line) for packet in packets[1:]]
    together = b"MAIL RCPT DATA"
    assert words[: 1 if "PIPELINING" in offers else 3] == (
        [together] if "PIPELINING" in offers else together.split(b" ")
    )


def test_a_letter_whose_time_is_over_when_the_relay_agrees_is_not_handed_over():
    said = []

    class Thinking(asyncio.Protocol):
        def connection_made(self, link):
            self._link = link
            link.write(b"220 x\r\n")

        def data_received(self, data):
            said.append(data)
            if data.startswith(b"EHLO"):
                self._link.write(b"250-x\r\n250 PIPELINING\r\n")
            else:
                asyncio.get_running_loop().call_later(0.4, self._link.write, b"250 ok\r\n250 ok\r\n354 go\r\n")

    with Server(Thinking) as server, relay(f"smtp://127.0.0.1:{server.port}") as provider:
        until = time.monotonic() + 0.2
        [(_, answer)] = provider.send_all([an_email()], may_begin=lambda: time.monotonic() < until)

    assert answer == HELD_BACK
    assert [data[:4] for data in said[:2]] == [b"EHLO", b"MAIL"]
    assert b"Subject:" not in b"".join(said)


def test_a_relay_without_8_bits_gets_none(tmp_path):
    message = an_email(text="Bonjour Zoë\n", html="<p>好</p>\n")

    with SmtpSink(tmp_path, offers=("PIPELINING",)) as sink:
        assert sent(sink.url, message)["spring-1"].kind is ACCEPTED
        [letter] = sink.letters()

    read = email.message_from_string(letter.content, policy=default)
    assert letter.content.isascii()
    assert letter.said[0] == "MAIL FROM:<letters@shop.example>"
    assert read.get_body(("html",)).get_content().strip() == "<p>好</p>"


lines = st.lists(st.sampled_from([".", "..", ".x", "", "x", "é", "\r", " ."]), max_size=8).map("\n".join)


@settings(max_examples=30)
@given(text=lines, html=lines)
@example(text=".\n", html="\n.\n.\n")
def test_a_line_of_dots_ends_no_letter_and_none_is_lost(tmp_path_factory, text, html):
    message = an_email(text=text + "|", html=html + "|")

    with SmtpSink(tmp_path_factory.mktemp("letters")) as sink:
        assert sent(sink.url, message)["spring-1"].kind is ACCEPTED
        [letter] = sink.letters()

    assert letter.content.encode() == eml(message)


def test_many_at_once_each_get_the_answer_to_their_own_message(tmp_path):
    messages = [an_email(key=f"m-{n}") for n in range(120)]

    with SmtpSink(tmp_path) as sink:
        came = sent(sink.url, *messages)
        told = {letter.key: f"SINK{letter.number}" for letter in sink.letters()}
        connections = sink.connections

    assert {key: answer.provider_id for key, answer in came.items()} == told
    assert len(told) == 120
    assert connections <= 16


# --- every fault has its answer ----------------------------------------------------------------------------------

FAULTS = [
    (Fault(at="MAIL", say="451 4.3.0 later"), RETRY, "smtp_451:4.3.0"),
    (Fault(at="MAIL", say="550 5.7.1 not you"), STOP, "smtp_550:5.7.1"),
    (Fault(at="MAIL", say="530 5.7.0 Authentication required"), STOP, "smtp_530:5.7.0"),
    (Fault(at="MAIL", say="421 4.3.2 closing"), RETRY, "smtp_421:4.3.2"),
    (Fault(at="RCPT", say="450 4.2.1 greylisted"), RETRY, "smtp_450:4.2.1"),
    (Fault(at="RCPT", say="550 5.1.1 ada@example.com unknown"), REJECTED, "smtp_550:5.1.1"),
    (Fault(at="RCPT", say="553 no such box"), REJECTED, "smtp_553"),
    (Fault(at="RCPT", say="554 5.7.1 Relay access denied"), STOP, "smtp_554:5.7.1"),
    (
        Fault(at="RCPT", say="550 5.1.1 rejected: User unknown in relay recipient table"),
        REJECTED,
        "smtp_550:5.1.1",
    ),
    (Fault(at="DATA", say="452 4.3.1 no room"), RETRY, "smtp_452:4.3.1"),
    (Fault(at="DATA", say="554 5.5.0 no"), REJECTED, "smtp_554:5.5.0"),
    (Fault(at=".", say="451 4.7.1 later", records=False), RETRY, "smtp_451:4.7.1"),
    (Fault(at=".", say="421 4.3.2 closing", records=False), RETRY, "smtp_421:4.3.2"),
    (Fault(at=".", say="552 5.3.4 too big", records=False), REJECTED, "smtp_552:5.3.4"),
    (Fault(at=".", say="354 more?"), UNCERTAIN, "smtp_354"),
    (Fault(at=".", say="<html>"), UNCERTAIN, "smtp_0"),
    (Fault(at="MAIL", say="<html>"), RETRY, "smtp_0"),
    (Fault(at="MAIL", act="reset"), RETRY, "broken_off"),
    (Fault(at="MAIL", act="close"), RETRY, "broken_off"),
    (Fault(at="MAIL", act="silent"), RETRY, "timed_out"),
    (Fault(at="RCPT", act="close"), RETRY, "broken_off"),
    (Fault(at="DATA", act="reset"), RETRY, "broken_off"),
    (Fault(at="DATA", act="silent"), RETRY, "timed_out"),
    (Fault(at="DATA", act="drip", say="354 " + "x" * 60, every_seconds=SOON / 5), RETRY, "timed_out"),
    (Fault(at=".", act="reset"), UNCERTAIN, "broken_off"),
    (Fault(at=".", act="reset", records=False), UNCERTAIN, "broken_off"),
    (Fault(at=".", act="close"), UNCERTAIN, "broken_off"),
    (Fault(at=".", act="silent"), UNCERTAIN, "timed_out"),
    (Fault(at=".", act="drip", say="250 " + "x" * 60, every_seconds=SOON / 5), UNCERTAIN, "timed_out"),
]


@pytest.mark.parametrize(("fault", "kind", "reason"), FAULTS, ids=lambda value: str(value)[:70])
def test_each_fault_is_its_own_kind_of_answer_and_the_next_letter_arrives(tmp_path, offers, fault, kind, reason):
    messages = [an_email(key="first"), an_email(key="second")]

    with SmtpSink(tmp_path, [fault, None], offers=offers) as sink:
        came = sent(sink.url, *messages, timeout_seconds=SOON)
        arrived = [letter.key for letter in sink.letters()]

    assert (came["first"].kind, came["first"].reason) == (kind, reason)
    assert came["second"].kind is ACCEPTED
    assert arrived == (["first", "second"] if fault.at == "." and fault.records else ["second"])


OPENINGS = [
    (Fault(at="greeting", say="554 5.3.2 no service"), STOP, "smtp_554:5.3.2"),
    (Fault(at="greeting", say="421 4.3.2 too many connections"), RETRY, "smtp_421:4.3.2"),
    (Fault(at="greeting", act="reset"), RETRY, "not_connected"),
    (Fault(at="greeting", act="close"), RETRY, "not_connected"),
    (Fault(at="greeting", act="silent"), RETRY, "not_connected"),
    (Fault(at="greeting", act="drip", say="220 " + "x" * 60, every_seconds=SOON / 5), RETRY, "not_connected"),
    (Fault(at="EHLO", say="502 5.5.1 HELO only"), STOP, "smtp_502:5.5.1"),
    (Fault(at="EHLO", say="451 later"), RETRY, "smtp_451"),
    (Fault(at="EHLO", act="close"), RETRY, "not_connected"),
]


@pytest.mark.parametrize(("fault", "kind", "reason"), OPENINGS, ids=lambda value: str(value)[:70])
def test_a_relay_that_will_not_have_us_proves_that_nothing_was_sent(tmp_path, fault, kind, reason):
    with SmtpSink(tmp_path, openings=[fault]) as sink:
        answer = sent_one(sink.url, timeout_seconds=SOON)
        letters = sink.letters()

    assert (answer.kind, answer.reason) == (kind, reason)
    assert letters == []


def test_a_relay_that_wants_a_letter_it_must_not_get_gets_none(tmp_path):
    """The recipient was refused, but DATA is answered with 354 all the same."""
    with SmtpSink(
        tmp_path,
        [Fault(at="RCPT", say="550 5.1.1 unknown"), None],
        openings=[Fault(at="DATA", say="354 go on"), None],
    ) as sink:
        came = sent(sink.url, an_email(key="first"), an_email(key="second"))
        arrived = [letter.key for letter in sink.letters()]
        connections = sink.connections

    assert [came[key].kind for key in ("first", "second")] == [REJECTED, ACCEPTED]
    assert arrived == ["second"]
    assert connections >= 2


def test_a_connection_goes_on_after_a_refused_recipient(tmp_path):
    with SmtpSink(tmp_path, [Fault(at="RCPT", say="550 5.1.1 unknown"), None]) as sink:
        with relay(sink.url) as provider:
            kinds = [provider.test_send(an_email(key=f"m-{n}")).kind for n in range(3)]
        said, connections = sink.said, sink.connections

    assert kinds == [REJECTED, ACCEPTED, ACCEPTED]
    assert connections == 1
    assert said.count("RSET") == 1


def test_a_relay_that_says_good_bye_between_two_letters_costs_nothing():
    class Brief(asyncio.Protocol):
        def connection_made(self, link):
            self._link = link
            link.write(b"220 x\r\n")

        def data_received(self, data):
            if data.endswith(b"\r\n.\r\n"):
                self._link.write(b"250 ok\r\n")
                asyncio.get_running_loop().call_later(0.02, self._link.write, b"421 4.4.2 timeout\r\n")
            elif data.startswith(b"MAIL"):
                self._link.write(b"250 ok\r\n250 ok\r\n354 go\r\n")
            elif data.startswith(b"EHLO"):
                self._link.write(b"250-x\r\n250 PIPELINING\r\n")

    with Server(Brief) as server, relay(f"smtp://127.0.0.1:{server.port}") as provider:
        kinds = []
        for _ in range(3):
            kinds.append(provider.test_send(an_email()).kind)
            time.sleep(0.1)

    assert kinds == [ACCEPTED] * 3


ENDS = {
    "421 to the next letter": b"421 4.7.0 too many messages on this connection\r\n",
    "a close": b"",
}


@pytest.mark.parametrize("said", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize(
    "offered", [b"250-x\r\n250 PIPELINING\r\n", b"250 x\r\n"], ids=["pipelining", "one by one"]
)
def test_a_relay_that_takes_two_letters_a_connection_is_dialled_again_and_nothing_failed(said, offered):
    """100 letters to one that ends every connection when the third letter begins."""
    taken = []

    class Two(asyncio.Protocol):
        def connection_made(self, link):
            self._link, self._letters, self._unread, self._in_letter = link, 0, b"", False
            link.write(b"220 x\r\n")

        def data_received(self, data):
            self._unread += data
            while not self._link.is_closing():
                line, found, rest = self._unread.partition(b"\r\n.\r\n" if self._in_letter else b"\r\n")
                if not found:
                    return
                self._unread = rest
                self._hear(line)

        def _hear(self, line):
            if self._in_letter:
                self._in_letter = False
                self._letters += 1
                taken.append(line)
                self._link.write(b"250 ok\r\n")
            elif line.startswith(b"EHLO"):
                self._link.write(offered)
            elif line.startswith(b"MAIL") and self._letters == 2:
                self._link.write(said)
                self._link.close()
            else:
                self._in_letter = line == b"DATA"
                self._link.write(b"354 go\r\n" if self._in_letter else b"250 ok\r\n")

    with Server(Two) as server:
        came = sent(f"smtp://127.0.0.1:{server.port}", *(an_email(key=f"m-{n}") for n in range(100)))

    assert {answer.kind for answer in came.values()} == {ACCEPTED}
    assert (len(came), len(taken)) == (100, 100)


def test_a_relay_that_ends_a_connection_before_it_took_anything_has_failed():
    class Never(asyncio.Protocol):
        def connection_made(self, link):
            self._link = link
            link.write(b"220 x\r\n")

        def data_received(self, data):
            if data.startswith(b"EHLO"):
                self._link.write(b"250-x\r\n250 PIPELINING\r\n")
            else:
                self._link.write(b"421 4.7.0 not today\r\n")
                self._link.close()

    with Server(Never) as server:
        came = sent(f"smtp://127.0.0.1:{server.port}", *(an_email(key=f"m-{n}") for n in range(5)))

    assert {(answer.kind, answer.status) for answer in came.values()} == {(RETRY, 421)}


def test_replies_cut_anywhere_are_read(tmp_path):
    faults = [
        Fault(at=".", act="drip", say="250-2.0.0 well\r\n250 2.0.0 Ok: queued as ABC123", every_seconds=0.001)
    ]

    with SmtpSink(tmp_path, faults) as sink:
        assert sent_one(sink.url) == Answer(kind=ACCEPTED, provider_id="ABC123", status=250)


def test_a_reply_without_an_end_is_cut_off():
    class Endless(asyncio.Protocol):
        def connection_made(self, link):
            link.write(b"220 " + b"x" * 200_000)

    with Server(Endless) as server:
        answer = sent_one(f"smtp://127.0.0.1:{server.port}")

    assert (answer.kind, answer.reason) == (RETRY, "not_connected")


def test_every_message_has_one_answer_whatever_goes_wrong_and_none_arrives_that_was_said_not_to(tmp_path):
    """400 letters to a relay where one word in seven goes wrong; the seed is printed."""
    faults = [fault for fault, *_ in FAULTS if fault.act not in ("silent", "drip")]
    chances = Chances([(1 / (2 * len(faults)), fault) for fault in faults], None, seed=20260302)

    with SmtpSink(tmp_path, chances) as sink:
        came = sent(sink.url, *(an_email(key=f"m-{n}") for n in range(400)))
        arrived = [letter.key for letter in sink.letters()]

    kinds = {key: answer.kind for key, answer in came.items()}
    assert len(kinds) == 400
    assert len(set(arrived)) == len(arrived)
    assert {key for key, kind in kinds.items() if kind is ACCEPTED} <= set(arrived)
    assert {kinds[key] for key in arrived} <= {ACCEPTED, UNCERTAIN}
    assert {ACCEPTED, REJECTED, RETRY, UNCERTAIN, STOP} == set(kinds.values())


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_both_loops_do(tmp_path, monkeypatch, loop):
    if loop == "asyncio":
        monkeypatch.setattr(pool, "new_event_loop", asyncio.new_event_loop)
    certificate, key = a_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    with SmtpSink(
        tmp_path, [None, Fault(at=".", act="reset"), None], starttls=server_side(certificate, key)
    ) as sink:
        came = [sent_one(sink.url).kind for _ in range(3)]

    assert came == [ACCEPTED, UNCERTAIN, ACCEPTED]


# --- nothing left us ---------------------------------------------------------------------------------------------


def a_closed_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_refused_connection_proves_that_nothing_was_sent(scheme):
    answer = sent_one(f"{scheme}://127.0.0.1:{a_closed_port()}")

    assert (answer.kind, answer.reason) == (RETRY, "not_connected")


def test_an_unsafe_message_never_leaves(tmp_path):
    with SmtpSink(tmp_path) as sink:
        answer = sent(sink.url, an_email(to="ada@example.com>\r\nRCPT TO:<evil@example.com"))["spring-1"]
        said = sink.said

    assert (answer.kind, answer.reason) == (REJECTED, "unsafe_to")
    assert not [line for line in said if "RCPT" in line]


# --- TLS and the login -------------------------------------------------------------------------------------------


@pytest.fixture
def tls(tmp_path, monkeypatch):
    """The context of a server whose certificate is trusted."""
    certificate, key = a_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return server_side(certificate, key)


def test_tls_is_begun_when_it_is_offered_and_the_login_comes_after_it(tmp_path, tls):
    with SmtpSink(tmp_path, starttls=tls, login=("shop", "pä:ss/word")) as sink:
        url = sink.url.replace("//", "//shop:p%C3%A4%3Ass%2Fword@")
        answer = sent_one(url)
        words = [line.split(" ")[0] for line in sink.said]

    assert answer.kind is ACCEPTED
    assert words[:7] == ["EHLO", "STARTTLS", "EHLO", "AUTH", "MAIL", "RCPT", "DATA"]  # the good-bye may come later


def test_tls_from_the_first_byte(tmp_path, tls):
    with SmtpSink(tmp_path, tls=tls) as sink:
        assert sent_one(sink.url).kind is ACCEPTED


@pytest.mark.parametrize("how", ["starttls", "tls"])
def test_a_certificate_nobody_vouches_for_proves_that_nothing_was_sent(tmp_path, how):
    context = server_side(*a_certificate(tmp_path))

    with SmtpSink(tmp_path, **{how: context}) as sink:
        answer = sent_one(sink.url)
        said = sink.said

    assert (answer.kind, answer.reason) == (STOP, "certificate:127.0.0.1")
    assert not [line for line in said if line.startswith(("MAIL", "AUTH"))]


@pytest.mark.parametrize(
    ("fault", "kind", "reason"),
    [
        (Fault(at="STARTTLS", say="454 4.7.0 not now"), RETRY, "smtp_454:4.7.0"),
        (Fault(at="STARTTLS", say="501 5.5.4 what"), STOP, "smtp_501:5.5.4"),
        (Fault(at="STARTTLS", act="close"), RETRY, "not_connected"),
    ],
)
def test_tls_that_does_not_begin_ends_the_conversation(tmp_path, tls, fault, kind, reason):
    with SmtpSink(tmp_path, openings=[fault], starttls=tls) as sink:
        answer = sent_one(sink.url, timeout_seconds=SOON)
        said = sink.said

    assert (answer.kind, answer.reason) == (kind, reason)
    assert not [line for line in said if line.startswith("MAIL")]


def test_words_put_in_before_tls_do_not_count_after_it(tls):
    """CVE-2011-0411 turned round: whoever sits in between adds a reply to the one that begins TLS."""

    class Injecting(asyncio.Protocol):
        def connection_made(self, link):
            self._link = link
            link.write(b"220 x\r\n")

        def data_received(self, data):
            self._link.write(
                b"250-x\r\n250 STARTTLS\r\n"
                if data.startswith(b"EHLO")
                else b"220 go\r\n250-x\r\n250 PIPELINING\r\n"
            )

    with Server(Injecting) as server:
        answer = sent_one(f"smtp://127.0.0.1:{server.port}")

    assert (answer.kind, answer.reason) == (RETRY, "not_connected")


def test_without_tls_nothing_is_said_to_another_machine(tmp_path, monkeypatch):
    """127.0.0.1 under another name: what counts is where the address says the relay is."""
    monkeypatch.setattr("winback.delivery.smtp.is_loopback", lambda host: False)

    with SmtpSink(tmp_path, login=("shop", "secret")) as sink:
        answer = sent_one(sink.url.replace("//", "//shop:secret@"))
        said = sink.said

    assert (answer.kind, answer.reason) == (STOP, "smtp_no_starttls")
    assert [line.split(" ")[0] for line in said] == ["EHLO"]


def test_a_wrong_password_stops_the_channel(tmp_path):
    with SmtpSink(tmp_path, login=("shop", "right")) as sink:
        answer = sent_one(sink.url.replace("//", "//shop:wrong@"))

    assert (answer.kind, answer.reason) == (STOP, "smtp_535:5.7.8")


def test_a_login_that_is_not_possible_now_is_tried_later(tmp_path):
    fault = Fault(at="AUTH", say="454 4.7.0 Temporary authentication failure")

    with SmtpSink(tmp_path, openings=[fault], login=("shop", "right")) as sink:
        answer = sent_one(sink.url.replace("//", "//shop:right@"))

    assert (answer.kind, answer.reason) == (RETRY, "smtp_454:4.7.0")


def test_a_relay_without_logins_is_told_to_a_person(tmp_path):
    with SmtpSink(tmp_path) as sink:
        answer = sent_one(sink.url.replace("//", "//shop:right@"))

    assert (answer.kind, answer.reason) == (STOP, "smtp_no_login")


def test_nothing_of_a_message_and_no_password_reaches_a_log(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)

    with SmtpSink(tmp_path, [None, Fault(at=".", act="reset")], login=("shop", "opensesame")) as sink:
        for _ in range(2):
            sent_one(sink.url.replace("//", "//shop:opensesame@"))

    assert not [secret for secret in ("ada@example.com", "Hello Ada", "opensesame") if secret in caplog.text]


# --- a relay that others have written ----------------------------------------------------------------------------


class Box:
    """Keeps what aiosmtpd hands over."""

    def __init__(self):
        self.taken = []

    async def handle_DATA(self, server, session, envelope):
        self.taken.append((envelope.mail_from, envelope.rcpt_tos, envelope.original_content))
        return "250 2.0.0 Ok: queued as AIO1"


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # on this machine alone
@pytest.mark.parametrize("way", ["plain", "starttls", "tls"])
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_aiosmtpd_takes_our_letters(tls, way, mechanism):
    def check(server, session, envelope, how, data):
        right = (data.login, data.password) == (b"shop", b"secret") and how == mechanism
        return AuthResult(success=right)

    box = Box()
    controller = Controller(
        box,
        hostname="127.0.0.1",
        port=a_closed_port(),
        authenticator=check,
        auth_required=True,
        auth_require_tls=way == "starttls",
        auth_exclude_mechanism=[{"PLAIN": "LOGIN", "LOGIN": "PLAIN"}[mechanism]],
        tls_context=tls if way == "starttls" else None,
        ssl_context=tls if way == "tls" else None,
    )
    messages = [an_email(key=f"m-{n}", to=f"c{n}@example.com", html=".\n" * n + "é") for n in range(20)]
    controller.start()
    try:
        came = sent(f"smtp{'s' if way == 'tls' else ''}://shop:secret@127.0.0.1:{controller.port}", *messages)
    finally:
        controller.stop()

    assert {(answer.kind, answer.provider_id) for answer in came.values()} == {(ACCEPTED, "AIO1")}
    assert sorted(box.taken, key=lambda one: one[1]) == sorted(
        ((one.from_address, [one.to], eml(one)) for one in messages), key=lambda one: one[1]
    )


# --- the rest ----------------------------------------------------------------------------------------------------


def test_a_relay_cannot_be_asked(tmp_path):
    with relay("smtp://127.0.0.1:9") as provider:
        found = provider.look_up(Sought(key="k", to="ada@example.com", sent_at=an_email().dated_at))

    assert found == Found(arrived=None, evidence="smtp: a relay cannot be asked")


def test_the_relay_is_left_with_a_good_bye(tmp_path):
    with SmtpSink(tmp_path) as sink:
        sent_one(sink.url)
        deadline = time.monotonic() + 5
        while sink.said[-1] != "QUIT":
            assert time.monotonic() < deadline
            time.sleep(0.005)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mail.shop.example",
        "http://mail.shop.example",
        "smtp://",
        "smtp://x:abc",
        "smtp://x/?a=b",
        "smtp://x/y",
    ],
)
def test_an_address_that_is_none_is_said_so_at_the_start(url):
    with pytest.raises(Unusable, match="address"):
        Smtp(url=url)


def test_the_password_is_not_quoted_when_the_address_is_wrong():
    with pytest.raises(Unusable) as refused:
        Smtp(url="smtp://shop:opensesame@mail.shop.example:587/path")

    assert "opensesame" not in str(refused.value)
