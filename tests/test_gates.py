"""The gate and the pace of a provider in the database, as several senders share them."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from db.direct import writer, writing
from db.gates import Leave, after_answers, ask_leave, gates, spend_pace
from flows.dispatch import drain
from tests.builders import NOON, an_outbox
from tests.test_dispatch import ACCEPTED, Clock, Recorder, a_post, states
from winback.delivery.answer import Answer, AnswerKind
from winback.delivery.breaker import IN_A_ROW

DOWN = Answer(kind=AnswerKind.RETRY_LATER, reason="not_connected")
CLOSED = Answer(kind=AnswerKind.CHANNEL_STOP, reason="http_401")


def ask(engine: Engine, at=NOON, *, pace: float | None = None, insist: bool = False) -> Leave:
    with writer(engine) as connection, writing(connection):
        return ask_leave(connection, "mail", window=64, now=at, pace=pace, insist=insist)


def tell(engine: Engine, *answers: Answer, at=NOON, probe: bool = False) -> None:
    with writer(engine) as connection, writing(connection):
        after_answers(connection, "mail", answers, at, probe=probe)


def spend(engine: Engine, units: int, at=NOON, *, pace: float) -> None:
    with writer(engine) as connection, writing(connection):
        spend_pace(connection, "mail", units, at, pace)


def known(engine: Engine) -> list[str]:
    with writer(engine) as connection, writing(connection):
        return list(gates(connection))


def test_a_sound_provider_takes_a_whole_window_and_leaves_no_trace(engine: Engine):
    tell(engine, ACCEPTED, ACCEPTED)

    assert ask(engine).messages == 64
    assert known(engine) == []


def test_ten_failures_in_a_row_shut_the_gate_for_everybody(engine: Engine):
    tell(engine, *[DOWN] * (IN_A_ROW - 1))
    assert ask(engine).messages == 64

    tell(engine, DOWN)

    shut = ask(engine)
    assert (shut.messages, shut.reason) == (0, "not_connected")
    assert timedelta(seconds=30) <= shut.shut_until - NOON <= timedelta(seconds=33)


def test_once_the_wait_is_over_one_sender_may_try_one_message(engine: Engine):
    tell(engine, CLOSED)
    later = NOON + timedelta(minutes=1)

    assert [ask(engine, later).messages for _ in range(3)] == [1, 0, 0]


def test_a_probe_that_comes_through_opens_the_gate(engine: Engine):
    tell(engine, CLOSED)
    later = NOON + timedelta(minutes=1)
    assert ask(engine, later).probe

    tell(engine, ACCEPTED, at=later, probe=True)

    assert ask(engine, later).messages == 64


def test_a_person_who_insists_tries_one_message_before_the_wait_is_over(engine: Engine):
    tell(engine, CLOSED)

    assert ask(engine).messages == 0
    assert ask(engine, insist=True) == Leave(messages=1, probe=True, reason="http_401")


@pytest.mark.parametrize(("pace", "most"), [(10.0, 20), (0.5, 1), (1000.0, 64)])
def test_a_paced_provider_is_given_two_seconds_worth_at_once(engine: Engine, pace: float, most: int):
    assert ask(engine, pace=pace).messages == most


def test_two_senders_share_one_pace(engine: Engine):
    spend(engine, ask(engine, pace=10.0).messages, pace=10.0)

    assert ask(engine, pace=10.0).messages == 0
    assert ask(engine, NOON + timedelta(milliseconds=500), pace=10.0).messages == 5


def test_long_text_messages_take_their_segments_from_the_pace(engine: Engine):
    spend(engine, 20, pace=10.0)
    spend(engine, 40, pace=10.0)  # they were of three segments each

    assert ask(engine, NOON + timedelta(seconds=3), pace=10.0).messages == 0
    assert ask(engine, NOON + timedelta(seconds=4), pace=10.0).messages == 0
    assert ask(engine, NOON + timedelta(seconds=5), pace=10.0).messages == 10


def test_a_paced_sender_takes_as_long_as_the_pace_says(engine: Engine):
    an_outbox(engine, messages=50)
    clock = Clock()

    drain(a_post(engine, Recorder(), clock, pace={"email": 5.0}), until_empty=True)

    assert states(engine) == {"accepted": 50}
    assert 8 <= clock.monotonic() <= 11  # the first two seconds' worth goes at once


@pytest.mark.slow
def test_half_an_hour_of_outage_costs_at_most_twelve_tries_after_the_first(engine: Engine):
    an_outbox(engine, messages=100)
    clock, tries = Clock(), [0]

    def down(message: object) -> Answer:
        tries[0] += clock.monotonic() > 0
        return DOWN if clock.monotonic() < 1_800 else ACCEPTED

    drain(a_post(engine, Recorder(down), clock), until_empty=True)

    outage = tries[0] - states(engine)["accepted"]
    assert states(engine) == {"accepted": 100}
    assert 1 <= outage <= 12
