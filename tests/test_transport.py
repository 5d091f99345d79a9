"""The bulk transport: what leaves when, what each ending proves, and which connections are used again."""

import asyncio
import socket
import threading
import time
from contextlib import closing
from itertools import count

import pytest

from tests.certificates import a_certificate, server_side
from tests.recording import Server, reset
from tests.sink import Reply, Sink
from winback.delivery import pool
from winback.delivery.answer import HELD_BACK, Answer, AnswerKind
from winback.delivery.transport import MOST_OCTETS, Transport, post
from winback.errors import Unusable

ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
NOT_CONNECTED = Answer(kind=AnswerKind.RETRY_LATER, reason="not_connected")
BROKEN_OFF = Answer(kind=AnswerKind.UNCERTAIN, reason="broken_off")
TIMED_OUT = Answer(kind=AnswerKind.UNCERTAIN, reason="timed_out")
SOON = 0.4  # seconds: a timeout that a test can wait for


@pytest.fixture(autouse=True, params=["uvloop", "asyncio"])
def loop(request, monkeypatch):
    """Every test runs on both loops."""
    if request.param == "uvloop":
        pytest.importorskip("uvloop")
    else:
        monkeypatch.setattr(pool, "new_event_loop", asyncio.new_event_loop)
    return request.param


@pytest.fixture
def transport():
    """Makes transports, and closes them."""
    made = []

    def make(url, **changes):
        made.append(Transport(url, **({"timeout_seconds": 5.0} | changes)))
        return made[-1]

    yield make
    for one in made:
        one.close()


def requests(transport, number, body=b"{}"):
    head = transport.head("/v3/mail/send", {"Content-Type": "application/json"})
    return [(n, post(head, body)) for n in range(number)]


def outcomes(transport, number, body=b"{}"):
    """The outcome of each request, by its number."""
    return dict(transport.exchange(requests(transport, number, body)))


class Raw(asyncio.Protocol):
    """Answers every request with the next bytes; None closes. ``wanted``: octets of one request."""

    opened = 0

    def __init__(self, answers, wanted=1):
        self._answers, self._wanted, self._got = answers, wanted, 0

    def connection_made(self, transport):
        Raw.opened += 1
        self._transport = transport

    def data_received(self, data):
        self._got += len(data)
        if self._got >= self._wanted:
            self._got = 0
            answer = next(self._answers)
            if answer is None:
                self._transport.close()
            else:
                self._transport.write(answer)


@pytest.fixture
def raw():
    """Starts servers that answer with given bytes; their addresses."""
    servers = []
    Raw.opened = 0

    def start(*answers, tls=None):
        said = iter(answers)
        servers.append(Server(lambda: Raw(said), tls=tls).__enter__())
        return f"http{'s' if tls else ''}://127.0.0.1:{servers[-1].port}"

    yield start
    for server in servers:
        server.__exit__()


# --- what leaves when --------------------------------------------------------------------------------------------


def test_every_request_has_its_own_answer(tmp_path, transport):
    with Sink(tmp_path) as sink:
        sender = transport(sink.url)
        head = sender.head("/v3/mail/send", {})
        came = dict(sender.exchange((n, post(head, b"%d" % n)) for n in range(300)))
        told = {int(request.body): f"sink-{request.number}" for request in sink.requests()}

    assert {n: response.headers[b"x-message-id"].decode() for n, response in came.items()} == told
    assert {response.status for response in came.values()} == {202}


def test_nothing_is_pulled_before_a_connection_is_open(tmp_path, transport):
    pulled = []

    with Sink(tmp_path, accept_seconds=0.2) as sink:
        sender = transport(sink.url.replace("http:", "https:"), timeout_seconds=SOON)
        came = list(
            sender.exchange((n, pulled.append(n) or b"") for n in range(1))
        )  # no TLS there: nobody answers

    assert came == [(0, NOT_CONNECTED)]
    assert pulled == [0]


def test_no_more_is_in_flight_than_there_are_connections(tmp_path, transport):
    pulled = count()
    most = 0

    with Sink(tmp_path, [Reply(delay_seconds=0.01)]) as sink:
        sender = transport(sink.url, connections=4)
        asked = requests(sender, 60)
        came = 0
        for _ in sender.exchange(asked[next(pulled)] for _ in range(60)):
            came += 1
            most = max(most, int(repr(pulled)[6:-1]) - came)

    assert came == 60
    assert most <= 4


def test_the_bytes_of_a_request_have_left_before_the_next_is_pulled(tmp_path, transport):
    with Sink(tmp_path, [Reply(delay_seconds=0.005)]) as sink:
        sender = transport(sink.url)
        outcomes(sender, 40)  # opens connections
        asked = requests(sender, 8)

        def slowly():
            for n, request in asked:
                deadline = time.monotonic() + 5
                while len(sink.requests()) < 40 + n:
                    assert time.monotonic() < deadline, f"request {n} waits for the next one to be pulled"
                yield n, request

        came = dict(sender.exchange(slowly()))

    assert len(came) == 8


def test_what_the_giver_raises_comes_after_the_answers_to_what_was_begun(tmp_path, transport):
    came = []

    with Sink(tmp_path, [Reply(delay_seconds=0.05)]) as sink:
        sender = transport(sink.url)
        outcomes(sender, 8)

        def giver():
            yield from requests(sender, 5)
            raise RuntimeError("the lease is over")

        with pytest.raises(RuntimeError, match="lease"):
            came.extend(sender.exchange(giver()))
        recorded = len(sink.requests())

    assert {n: response.status for n, response in came} == dict.fromkeys(range(5), 202)
    assert recorded == 8 + 5


def test_an_answer_that_is_known_already_is_handed_through(tmp_path, transport):
    refusal = Answer(kind=AnswerKind.REJECTED, reason="bad_to")

    with Sink(tmp_path) as sink:
        sender = transport(sink.url)
        [(_, request)] = requests(sender, 1)
        came = dict(sender.exchange([(0, refusal), (1, request), (2, refusal)]))
        recorded = len(sink.requests())

    assert (came[0], came[1].status, came[2]) == (refusal, 202, refusal)
    assert recorded == 1


def test_nothing_begins_once_its_time_is_over(tmp_path, transport):
    def slowly(requests):
        for number, request in requests:
            time.sleep(0.2 if number == 2 else 0)  # as a process that was stopped between the check and the write
            yield number, request

    with Sink(tmp_path) as sink:
        sender = transport(sink.url)
        until = time.monotonic() + 0.15
        came = dict(sender.exchange(slowly(requests(sender, 4)), lambda: time.monotonic() < until))
        recorded = len(sink.requests())

    assert [came[n].status for n in (0, 1)] == [202, 202]
    assert [came[n] for n in (2, 3)] == [HELD_BACK, HELD_BACK]
    assert recorded == 2


def test_who_stops_listening_breaks_off_and_can_go_on_afterwards(tmp_path, transport):
    with Sink(tmp_path, [*[Reply()] * 8, *[Reply(act="silent")] * 8, Reply()]) as sink:
        sender = transport(sink.url, connections=8, timeout_seconds=SOON)
        outcomes(sender, 8)
        answers = sender.exchange([(n, request) for n, request in requests(sender, 4)] + [(9, NOT_CONNECTED)])
        assert next(answers) == (9, NOT_CONNECTED)
        answers.close()
        while len(sink.requests()) < 12:
            time.sleep(0.005)
        later = outcomes(sender, 8)

    assert (
        sum(isinstance(one, Answer) for one in later.values()) == 4
    )  # the four that meet what is left of the fault
    assert sum(not isinstance(one, Answer) for one in later.values()) == 4


# --- how an answer may look --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nTrailer: x\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    ],
)
def test_an_answer_is_read_whatever_its_form(raw, transport, answer):
    [response] = outcomes(transport(raw(answer)), 1).values()

    assert (response.status, response.body) == (200, b"hello")


def test_an_answer_that_comes_byte_by_byte_is_read(tmp_path, transport):
    with Sink(tmp_path, [Reply(act="drip", status=200, body="slowly", every_seconds=0.001)]) as sink:
        [response] = outcomes(transport(sink.url), 1).values()

    assert (response.status, response.body) == (200, b"slowly")


def test_an_answer_may_end_with_its_connection_but_not_with_a_reset(raw, transport):
    unmeasured = b"HTTP/1.1 429 Too Many\r\nRetry-After: 7\r\n\r\nslow down"

    class Ending(asyncio.Protocol):
        def connection_made(self, link):
            self._link = link

        def data_received(self, data):
            self._link.write(unmeasured)
            self._link.close()

    with Server(Ending) as server:
        [response] = outcomes(transport(f"http://127.0.0.1:{server.port}"), 1).values()

    assert (response.status, response.body) == (429, b"slow down")
    assert response.headers[b"retry-after"] == b"7"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 202 Accepted\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
        b"HTTP/1.1 202 Acc",
        b"",
    ],
)
def test_an_answer_cut_off_in_the_middle_is_uncertain(transport, answer):
    class Cutting(asyncio.Protocol):
        def connection_made(self, link):
            self._link = link

        def data_received(self, data):
            self._link.write(answer)
            self._link.close()

    with Server(Cutting) as server:
        assert outcomes(transport(f"http://127.0.0.1:{server.port}"), 1) == {0: BROKEN_OFF}


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>Sign in to the wifi",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 202 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 202 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + b"x" * (MOST_OCTETS + 1),
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * (MOST_OCTETS + 1),
    ],
    ids=lambda answer: repr(answer[:50]),
)
def test_what_is_no_answer_or_has_no_end_is_uncertain(raw, transport, answer):
    assert outcomes(transport(raw(answer)), 1) == {0: BROKEN_OFF}


# --- time --------------------------------------------------------------------------------------------------------


def test_an_answer_that_never_comes_is_given_up(tmp_path, transport):
    with Sink(tmp_path, [Reply(act="silent")]) as sink:
        began = time.monotonic()
        came = outcomes(transport(sink.url, timeout_seconds=SOON), 3)
        recorded = len(sink.requests())

    assert came == dict.fromkeys(range(3), TIMED_OUT)
    assert time.monotonic() - began < 3 * SOON + 2
    assert recorded == 3


def test_the_time_is_for_the_whole_answer_and_not_for_each_byte(tmp_path, transport):
    with Sink(tmp_path, [Reply(act="drip", status=200, body="x" * 60, every_seconds=SOON / 4)]) as sink:
        began = time.monotonic()
        came = outcomes(transport(sink.url, timeout_seconds=SOON), 1)

    assert came == {0: TIMED_OUT}
    assert time.monotonic() - began < 5 * SOON


def test_a_server_that_does_not_read_is_given_up(transport):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        came = outcomes(transport(url, timeout_seconds=SOON), 1, body=b"x" * 8_000_000)

    assert came == {0: TIMED_OUT}


def test_the_time_for_an_answer_begins_with_the_last_byte_sent(transport):
    """A reader that needs most of the timeout for the request, and again much of it for the answer."""
    size = 12_000_000

    def read_slowly(listener):
        client, _ = listener.accept()
        with client:
            got, pauses = 0, 0
            while data := client.recv(200_000):
                got += len(data)
                if got > size * (pauses + 1) // 10 and pauses < 8:
                    pauses += 1
                    time.sleep(SOON / 10)
                if got >= size:
                    time.sleep(SOON * 0.4)
                    client.sendall(ACCEPTED)

    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        reader = threading.Thread(target=read_slowly, args=(listener,))
        reader.start()
        sender = transport(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout_seconds=SOON)
        began = time.monotonic()
        [response] = outcomes(sender, 1, body=b"x" * size).values()
        took = time.monotonic() - began
        sender.close()
        reader.join()

    assert not isinstance(response, Answer)
    assert took > SOON


def test_an_answer_that_waits_unread_is_not_late(tmp_path, transport):
    """The caller is away for longer than the timeout, while the answers come."""
    with Sink(tmp_path) as sink:
        sender = transport(sink.url, timeout_seconds=SOON)
        outcomes(sender, 8)

        def away():
            yield from requests(sender, 4)
            time.sleep(SOON * 2)

        came = dict(sender.exchange(away()))

    assert {response.status for response in came.values()} == {202}


# --- nothing left us ---------------------------------------------------------------------------------------------


def a_closed_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_refused_connection_proves_that_nothing_was_sent(transport, scheme):
    url = f"{scheme}://127.0.0.1:{a_closed_port()}"

    assert outcomes(transport(url), 40) == dict.fromkeys(range(40), NOT_CONNECTED)


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..b"])
def test_a_name_that_cannot_be_one_proves_that_nothing_was_sent(transport, host):
    assert outcomes(transport(f"http://{host}:80"), 1) == {0: NOT_CONNECTED}


def test_a_name_that_does_not_resolve_proves_that_nothing_was_sent(transport, monkeypatch):
    def no_such_name(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_such_name)
    monkeypatch.setattr(pool, "new_event_loop", asyncio.new_event_loop)  # uvloop asks the system itself

    assert outcomes(transport("https://api.provider.example"), 1) == {0: NOT_CONNECTED}


def test_a_server_without_tls_proves_that_nothing_was_sent(tmp_path, transport):
    with Sink(tmp_path) as sink:
        came = outcomes(transport(sink.url.replace("http:", "https:"), timeout_seconds=SOON), 1)
        recorded = sink.requests()

    assert came == {0: NOT_CONNECTED}
    assert recorded == []


@pytest.mark.parametrize("address", [None, "127.0.0.2"])
def test_a_certificate_that_is_not_vouched_for_or_of_another_proves_that_nothing_was_sent(
    tmp_path, transport, monkeypatch, address
):
    certificate, key = a_certificate(tmp_path, address or "127.0.0.1")
    if address:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    with Sink(tmp_path, tls=server_side(certificate, key)) as sink:
        came = outcomes(transport(sink.url), 1)
        recorded = sink.requests()

    assert came == {0: Answer(kind=AnswerKind.CHANNEL_STOP, reason="certificate:127.0.0.1")}
    assert recorded == []


def test_a_handshake_that_takes_too_long_proves_that_nothing_was_sent(tmp_path, transport):
    with Sink(tmp_path, tls=server_side(*a_certificate(tmp_path)), accept_seconds=60) as sink:
        assert outcomes(transport(sink.url, timeout_seconds=SOON), 1) == {0: NOT_CONNECTED}


def test_a_connection_reset_during_the_handshake_proves_that_nothing_was_sent(transport):
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=lambda: server.accept()[0].close())
        thread.start()
        came = outcomes(transport(f"https://127.0.0.1:{server.getsockname()[1]}"), 1)
        thread.join()

    assert came == {0: NOT_CONNECTED}


def test_a_server_that_hangs_up_at_once_is_not_called_for_ever(transport):
    class Rude(asyncio.Protocol):
        def connection_made(self, link):
            link.close()

    with Server(Rude) as server:
        came = outcomes(transport(f"http://127.0.0.1:{server.port}"), 5)

    assert len(came) == 5
    assert set(came.values()) <= {NOT_CONNECTED, BROKEN_OFF}


def test_a_server_that_takes_one_connection_only_is_used_through_that_one(transport):
    def serve(listener):
        client, _ = listener.accept()
        listener.close()
        with client:
            while client.recv(65_536):
                client.sendall(ACCEPTED)

    listener = socket.create_server(("127.0.0.1", 0), backlog=0)
    server = threading.Thread(target=serve, args=(listener,))
    server.start()
    with closing(Transport(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout_seconds=2.0)) as sender:
        came = outcomes(sender, 30)
    server.join()

    assert [outcome.status for outcome in came.values()] == [202] * 30


# --- TLS ---------------------------------------------------------------------------------------------------------


def test_a_certificate_of_the_named_authorities_is_trusted(tmp_path, transport, monkeypatch):
    certificate, key = a_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    with Sink(tmp_path, tls=server_side(certificate, key)) as sink:
        came = outcomes(transport(sink.url), 100, body=b"x" * 20_000)
        recorded = sink.requests()

    assert {response.status for response in came.values()} == {202}
    assert {len(request.body) for request in recorded} == {20_000}


@pytest.mark.parametrize("act", ["reset", "close"])
def test_a_connection_that_breaks_under_tls_is_uncertain(tmp_path, transport, monkeypatch, act):
    certificate, key = a_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    with Sink(tmp_path, [Reply(), Reply(act=act), Reply()], tls=server_side(certificate, key)) as sink:
        sender = transport(sink.url)
        came = [outcomes(sender, 1)[0] for _ in range(3)]

    assert [came[0].status, came[1], came[2].status] == [202, BROKEN_OFF, 202]


# --- which connections are used again ----------------------------------------------------------------------------


def test_a_connection_is_used_again(raw, transport):
    url = raw(*[ACCEPTED] * 10)
    sender = transport(url)

    for _ in range(10):
        assert outcomes(sender, 1)[0].status == 202
    assert Raw.opened == 1


def test_one_message_opens_one_connection(raw, transport):
    outcomes(transport(raw(ACCEPTED)), 1)

    assert Raw.opened == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 202 Accepted\r\nContent-Length: 0\r\n\r\n",
        ACCEPTED + ACCEPTED,
        ACCEPTED + b"junk",
    ],
)
def test_a_connection_that_is_to_be_closed_or_says_too_much_is_not_used_again(raw, transport, answer):
    sender = transport(raw(answer, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))

    assert [outcomes(sender, 1)[0].status for _ in range(2)] == [202, 200]
    assert Raw.opened == 2


def test_an_answer_nobody_asked_for_is_nobodys(transport):
    """The server answers the first request twice, the second time a moment later."""

    class Twice(asyncio.Protocol):
        def connection_made(self, link):
            self._link = link

        def data_received(self, data):
            self._link.write(ACCEPTED)
            asyncio.get_running_loop().call_later(0.02, self._link.write, b"HTTP/1.1 500 No\r\n\r\n")

    with Server(Twice) as server:
        sender = transport(f"http://127.0.0.1:{server.port}")
        first = outcomes(sender, 1)
        time.sleep(0.1)
        second = outcomes(sender, 1)

    assert (first[0].status, second[0].status) == (202, 202)


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_connection_closed_meanwhile_is_not_written_to(tmp_path, transport, how):
    class Closing(asyncio.Protocol):
        def connection_made(self, link):
            self._link = link

        def data_received(self, data):
            self._link.write(ACCEPTED)
            end = self._link.close if how == "close" else lambda: reset(self._link)
            asyncio.get_running_loop().call_later(0.02, end)

    with Server(Closing) as server:
        sender = transport(f"http://127.0.0.1:{server.port}")
        came = []
        for _ in range(3):
            came.append(outcomes(sender, 1)[0])
            time.sleep(0.1)

    assert [one.status for one in came] == [202, 202, 202]


def test_a_connection_closed_while_the_giver_took_his_time_is_not_written_to(transport):
    class Closing(asyncio.Protocol):
        def connection_made(self, link):
            self._link = link

        def data_received(self, data):
            self._link.write(ACCEPTED)
            asyncio.get_running_loop().call_later(0.02, self._link.close)

    with Server(Closing) as server:
        sender = transport(f"http://127.0.0.1:{server.port}", connections=1)

        def giver():
            for asked in requests(sender, 3):
                time.sleep(0.1)
                yield asked

        came = list(sender.exchange(giver()))

    assert {isinstance(one, Answer) and one.kind is AnswerKind.UNCERTAIN for _, one in came} == {False}


def test_a_connection_that_was_idle_for_seconds_is_not_trusted(raw, transport, monkeypatch):
    sender = transport(raw(ACCEPTED, ACCEPTED))

    monkeypatch.setattr(pool, "IDLE_SECONDS", 0.1)
    outcomes(sender, 1)
    time.sleep(0.2)
    outcomes(sender, 1)

    assert Raw.opened == 2


def test_a_transport_that_was_closed_can_be_used_again(raw, transport):
    sender = transport(raw(ACCEPTED, ACCEPTED))

    outcomes(sender, 1)
    sender.close()

    assert outcomes(sender, 1)[0].status == 202


# --- what the head of a request may be ---------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["a\r\nX: y", "a\nb", "ключ", "a\0b", "\x7f"])
def test_a_key_that_would_forge_a_header_is_refused(transport, key):
    with pytest.raises(Unusable, match="no header may have") as refused:
        transport("https://api.provider.example").head("/v3/mail/send", {"Authorization": f"Bearer {key}"})

    assert key not in str(refused.value)


def test_the_host_and_the_path_are_those_of_the_address(transport):
    head = transport("https://user:secret@api.provider.example:8443/eu/").head("/v3/mail/send", {})

    assert head.startswith(b"POST /eu/v3/mail/send HTTP/1.1\r\nHost: api.provider.example:8443\r\n")
    assert b"secret" not in head


def test_a_proxy_of_the_environment_is_not_passed_over_in_silence(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.shop.example:3128")

    with pytest.raises(Unusable, match="put api.provider.example into NO_PROXY"):
        Transport("https://api.provider.example")


@pytest.mark.parametrize("url", ["https://127.0.0.1:4443", "https://localhost", "http://api.provider.example"])
def test_a_proxy_that_is_not_for_this_address_is_no_obstacle(monkeypatch, url):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.shop.example:3128")

    Transport(url)


def test_an_exception_to_the_proxy_is_honoured(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.shop.example:3128")
    monkeypatch.setenv("NO_PROXY", "other.example,api.provider.example")

    Transport("https://api.provider.example")
