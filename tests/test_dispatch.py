"""The claim-send-record loop with a provider that records, on both databases."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, select
from sqlmodel import col

from db.claims import Claimed
from db.engine import reading, transaction
from db.gates import gates
from db.outbox import counts
from db.tables import DayTally, Message, Stop
from flows.dispatch import STOP_SECONDS, Post, drain
from tests.builders import NOON, an_outbox
from tests.messages import an_email
from tests.recording import Server
from winback.delivery.answer import HELD_BACK, Answer, AnswerKind
from winback.delivery.breaker import OPEN
from winback.delivery.claiming import Rules
from winback.delivery.outgoing import Outgoing
from winback.delivery.smtp import Smtp
from winback.delivery.tariff import Tariff
from winback.message.rendering import RenderFailure

ACCEPTED = Answer(kind=AnswerKind.ACCEPTED, provider_id="theirs")


class Recorder:
    """A provider that writes down what it gets and answers as told."""

    name = "recorder"
    channels = frozenset({"email", "sms"})

    def __init__(self, answer: Callable[[Outgoing], Answer] = lambda message: ACCEPTED) -> None:
        self.sent: list[str] = []
        self._answer = answer

    def send_all(
        self, messages: Iterable[Outgoing], *, may_begin: Callable[[], bool]
    ) -> Iterator[tuple[Outgoing, Answer]]:
        for message in messages:
            if may_begin():
                self.sent.append(message.key)
                yield message, self._answer(message)
            else:
                yield message, HELD_BACK

    def close(self) -> None:
        pass


class Clock:
    """Time that passes only when somebody sleeps, or when it is told to."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return (self.now - NOON).total_seconds()

    def pass_(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def compose(claimed: Claimed, dated_at: datetime) -> Outgoing | RenderFailure:
    return Outgoing(key=claimed.key, channel="sms", to="+12125550101", dated_at=dated_at, text="hello")


def unrenderable(claimed: Claimed, dated_at: datetime) -> RenderFailure:
    return RenderFailure(file="hello/sms.txt", line=1, field="customer.name", problem="missing")


def a_post(engine: Engine, provider: Recorder, clock: Clock, **changes: object) -> Post:
    values: dict[str, object] = {
        "engine": engine,
        "providers": {"email": provider, "sms": provider},
        "compose": compose,
        "rules": lambda campaign_id, version_id, channel: Rules(zone=ZoneInfo("UTC")),
        "unknown_email_consent": False,
        "placebo": True,
        "owner": "me",
        "clock": clock,
        "monotonic": clock.monotonic,
        "sleep": clock.pass_,
    }
    return Post(**(values | changes))


def states(engine: Engine) -> dict[str, int]:
    with reading(engine) as session:
        return counts(session)


def reasons(engine: Engine) -> set[str | None]:
    with reading(engine) as session:
        return set(session.execute(select(col(Message.reason))).scalars())


def test_every_queued_message_is_sent_once(engine: Engine):
    an_outbox(engine, messages=7)
    provider = Recorder()

    drain(a_post(engine, provider, Clock(), window=3))

    assert sorted(provider.sent) == [f"k-{n}" for n in range(1, 8)]
    assert states(engine) == {"accepted": 7}


def test_draining_again_sends_nothing(engine: Engine):
    an_outbox(engine, messages=2)
    drain(a_post(engine, Recorder(), Clock()))
    again = Recorder()

    drain(a_post(engine, again, Clock()), until_empty=True)

    assert again.sent == []


def test_the_claim_is_durable_before_the_provider_is_called(engine: Engine):
    an_outbox(engine, messages=1)
    seen: list[dict[str, int]] = []

    def look(message: Outgoing) -> Answer:
        seen.append(states(engine))
        return ACCEPTED

    drain(a_post(engine, Recorder(look), Clock()))

    assert seen == [{"sending": 1}]


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (AnswerKind.ACCEPTED, "accepted"),
        (AnswerKind.REJECTED, "rejected"),
        (AnswerKind.UNCERTAIN, "uncertain"),
        (AnswerKind.RETRY_LATER, "queued"),
        (AnswerKind.CHANNEL_STOP, "queued"),
    ],
)
def test_each_answer_leads_to_its_state(engine: Engine, kind: AnswerKind, state: str):
    an_outbox(engine, messages=1)

    drain(a_post(engine, Recorder(lambda message: Answer(kind=kind, reason="why")), Clock()))

    assert states(engine) == {state: 1}
    assert reasons(engine) == {"why"}


def test_what_nobody_knows_is_never_sent_again_by_itself(engine: Engine):
    an_outbox(engine, messages=1)
    provider, clock = Recorder(lambda message: Answer(kind=AnswerKind.UNCERTAIN)), Clock()
    for _ in range(5):
        drain(a_post(engine, provider, clock), until_empty=True)
        clock.pass_(3_600)

    assert provider.sent == ["k-1"]
    assert states(engine) == {"uncertain": 1}


def test_a_provider_that_asks_to_wait_is_asked_again_only_after_it(engine: Engine):
    an_outbox(engine, messages=1)
    clock = Clock()
    answers = [Answer(kind=AnswerKind.RETRY_LATER, retry_after_seconds=90), ACCEPTED]
    times: list[float] = []

    def answer(message: Outgoing) -> Answer:
        times.append(clock.monotonic())
        return answers.pop(0)

    drain(a_post(engine, Recorder(answer), clock), until_empty=True)

    assert times[0] == 0
    assert 90 <= times[1] <= 92
    assert states(engine) == {"accepted": 1}


def test_an_outage_of_ten_minutes_loses_nobody(engine: Engine):
    an_outbox(engine, messages=3)
    clock = Clock()

    def down_for_ten_minutes(message: Outgoing) -> Answer:
        return Answer(kind=AnswerKind.RETRY_LATER) if clock.monotonic() < 600 else ACCEPTED

    drain(a_post(engine, Recorder(down_for_ten_minutes), clock), until_empty=True)

    assert states(engine) == {"accepted": 3}


def test_a_closed_channel_is_left_alone_and_nothing_is_burnt(engine: Engine):
    an_outbox(engine, messages=5)
    provider = Recorder(lambda message: Answer(kind=AnswerKind.CHANNEL_STOP, reason="http_401"))

    tally = drain(a_post(engine, provider, Clock()), until_empty=True)

    assert tally.closed == {"email": "http_401"}
    assert len(provider.sent) == 1
    assert states(engine) == {"queued": 5}


def test_the_stop_switch_ends_a_batch_under_way(engine: Engine):
    an_outbox(engine, messages=5)

    def stop_after_first(message: Outgoing) -> Answer:
        with transaction(engine) as session:
            session.add(Stop(scope="spring", at=NOON))
        clock.pass_(0.1)
        return ACCEPTED

    provider, clock = Recorder(stop_after_first), Clock()
    drain(a_post(engine, provider, clock), until_empty=True)

    assert len(provider.sent) == 1
    assert states(engine) == {"accepted": 1, "queued": 4}


class Brief(asyncio.Protocol):
    """A relay that takes one connection at a time and two letters on each; the third finds it closed."""

    open = 0

    def __init__(self, third: Callable[[], None], taken: list[bytes]) -> None:
        self._third, self._taken = third, taken
        self._letters, self._unread = 0, b""

    def connection_made(self, link: asyncio.Transport) -> None:
        self._link = link
        link.write(b"421 one at a time\r\n" if Brief.open else b"220 x\r\n")
        Brief.open += 1

    def connection_lost(self, error: Exception | None) -> None:
        Brief.open -= 1

    def data_received(self, data: bytes) -> None:
        self._unread += data
        if self._unread.startswith(b"EHLO"):
            self._link.write(b"250-x\r\n250 PIPELINING\r\n")
        elif self._unread.startswith(b"MAIL") and self._letters == 2:
            self._third()
            asyncio.get_running_loop().call_later(2 * STOP_SECONDS, self._link.close)
        elif self._unread.startswith(b"MAIL"):
            self._link.write(b"250 ok\r\n250 ok\r\n354 go\r\n")
        elif self._unread.endswith(b"\r\n.\r\n"):
            self._letters += 1
            self._taken.append(self._unread)
            self._link.write(b"250 ok\r\n")
        else:
            return  # not whole yet
        self._unread = b""


@pytest.mark.parametrize(("stop", "taken"), [(True, 2), (False, 3)])
def test_a_letter_begun_again_on_a_new_connection_asks_the_stop_switch(engine: Engine, stop: bool, taken: int):
    """It was pulled before stop was pressed; the stop is older than STOP_SECONDS when it may begin again."""
    an_outbox(engine, messages=3)
    letters: list[bytes] = []

    def third() -> None:
        if stop:
            with transaction(engine) as session:
                session.add(Stop(scope="spring", at=NOON))

    def letter(claimed: Claimed, dated_at: datetime) -> Outgoing:
        return an_email(key=claimed.key, to=claimed.address)

    with (
        Server(lambda: Brief(third, letters)) as relay,
        closing(Smtp(url=f"smtp://127.0.0.1:{relay.port}")) as smtp,
    ):
        drain(a_post(engine, smtp, Clock(), compose=letter, monotonic=time.monotonic))

    with reading(engine) as session:
        columns = col(Message.state), col(Message.reason), col(Message.not_before)
        waiting = session.execute(select(*columns).where(col(Message.state) != "accepted")).all()
        known = gates(session.connection())
    assert len(letters) == taken
    assert waiting == [("queued", None, None)] * (3 - taken)
    assert known.get("smtp", OPEN).failures == 0


def test_refused_messages_of_a_run_that_stops_itself_are_told_as_back_in_the_queue(engine: Engine):
    an_outbox(engine, messages=30)
    refused = Answer(kind=AnswerKind.REJECTED, reason="too_long")

    tally = drain(a_post(engine, Recorder(lambda message: refused), Clock()))

    assert states(engine) == {"queued": 30}
    assert +tally.states == {"queued": 30}


def test_a_sender_that_outlives_its_lease_gives_back_what_it_has_not_begun(engine: Engine):
    an_outbox(engine, messages=3)
    clock = Clock()

    def slow(message: Outgoing) -> Answer:
        clock.pass_(121)
        return ACCEPTED

    provider = Recorder(slow)
    drain(a_post(engine, provider, clock))

    assert sorted(provider.sent) == ["k-1", "k-2", "k-3"]
    assert states(engine) == {"accepted": 3}


def test_messages_slower_to_render_than_a_lease_allows_for_all_leave_a_few_at_a_time(engine: Engine):
    """Five take 40 s each to render, and a lease is 120 s: had all to be ready first, none would ever leave."""
    an_outbox(engine, messages=5)
    clock, provider, rendered = Clock(), Recorder(), list[str]()

    def slow(claimed: Claimed, dated_at: datetime) -> Outgoing | RenderFailure:
        clock.pass_(40)
        rendered.append(claimed.key)
        assert len(rendered) < 20, "it goes round in a circle"
        return compose(claimed, dated_at)

    drain(a_post(engine, provider, clock, compose=slow))

    assert provider.sent == rendered == ["k-1", "k-2", "k-3", "k-4", "k-5"]
    assert states(engine) == {"accepted": 5}


def test_a_lease_that_ran_out_elsewhere_makes_no_second_copy(engine: Engine):
    """A second sender calls the first one's messages uncertain while it is still at work; both finish."""
    an_outbox(engine, messages=4)
    clock = Clock()
    second = Recorder()

    def slow(message: Outgoing) -> Answer:
        if message.key == "k-1":
            clock.pass_(200)
            drain(a_post(engine, second, clock, owner="other"))
        return ACCEPTED

    first = Recorder(slow)
    drain(a_post(engine, first, clock), until_empty=True)

    assert sorted(first.sent + second.sent) == ["k-1", "k-2", "k-3", "k-4"]
    assert states(engine) == {"accepted": 4}


def test_a_message_that_cannot_be_rendered_is_skipped_with_its_reason_and_others_go_on(engine: Engine):
    an_outbox(engine, messages=3)

    def one_bad(claimed: Claimed, dated_at: datetime) -> Outgoing | RenderFailure:
        return unrenderable(claimed, dated_at) if claimed.key == "k-2" else compose(claimed, dated_at)

    provider = Recorder()
    drain(a_post(engine, provider, Clock(), compose=one_bad))

    assert provider.sent == ["k-1", "k-3"]
    assert states(engine) == {"accepted": 2, "skipped": 1}
    assert "render_error" in reasons(engine)


@pytest.mark.parametrize(("bad", "stopped"), [(19, False), (20, True)])
def test_a_campaign_stops_when_many_messages_cannot_be_rendered(engine: Engine, bad: int, stopped: bool):
    an_outbox(engine, messages=40)
    left = [bad]

    def some_bad(claimed: Claimed, dated_at: datetime) -> Outgoing | RenderFailure:
        left[0] -= 1
        return unrenderable(claimed, dated_at) if left[0] >= 0 else compose(claimed, dated_at)

    drain(a_post(engine, Recorder(), Clock(), compose=some_bad, window=20), until_empty=True)

    assert states(engine).get("queued", 0) == (20 if stopped else 0)


def test_what_is_known_is_recorded_even_when_the_sender_fails(engine: Engine):
    an_outbox(engine, messages=3)

    def fail_at_second(message: Outgoing) -> Answer:
        if message.key == "k-2":
            raise KeyboardInterrupt
        return ACCEPTED

    with pytest.raises(KeyboardInterrupt):
        drain(a_post(engine, Recorder(fail_at_second), Clock()))

    assert states(engine) == {"accepted": 1, "queued": 1, "sending": 1}


def test_progress_counts_every_message(engine: Engine):
    an_outbox(engine, messages=4)
    seen: list[int] = []

    drain(a_post(engine, Recorder(), Clock(), progress=seen.append))

    assert sum(seen) == 4


@pytest.mark.parametrize("until_empty", [True, False])
def test_the_last_of_a_budget_is_spent_and_the_run_ends(engine: Engine, until_empty: bool):
    """In one call, without waiting, since nobody else holds any of it.

    950 at 400 a text, which might have cost 1,000: two go; what the third costs is known once it is written,
    and 150 are not tried on the two behind it.
    """
    an_outbox(engine, messages=5, channel="sms")
    composed: list[str] = []

    def four_segments(claimed: Claimed, dated_at: datetime) -> Outgoing | RenderFailure:
        composed.append(claimed.key)
        return replace(compose(claimed, dated_at), units=4)

    limits = Rules(zone=ZoneInfo("UTC"), budget_micros=950, price_micros=1_000, least_micros=100)
    provider, clock = Recorder(), Clock()
    tariff = Tariff(ZoneInfo("UTC"), {"sms": 100})

    post = a_post(engine, provider, clock, rules=lambda *of: limits, tariff=tariff, compose=four_segments)
    drain(post, until_empty=until_empty)

    assert provider.sent == ["k-1", "k-2"]
    assert composed == ["k-1", "k-2", "k-3"]
    assert states(engine) == {"accepted": 2, "skipped": 3}
    assert reasons(engine) == {None, "over_budget"}
    with reading(engine) as session:
        assert session.execute(select(col(DayTally.sent), col(DayTally.cost_micros))).all() == [(2, 800)]
    assert clock.now == NOON
