"""What stops sending by itself: a provider's gate, and complaints and bounces."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winback.delivery.answer import Answer, AnswerKind, ErrorKind, from_error, from_http
from winback.delivery.breaker import (
    IN_A_ROW,
    JITTER,
    LOOK_BACK,
    OPEN,
    PROBE,
    Gate,
    Level,
    after,
    judge,
    may_claim,
    probed,
)

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
WINDOW = 64
SECOND = timedelta(seconds=1)

ACCEPTED = Answer(kind=AnswerKind.ACCEPTED)
REJECTED = Answer(kind=AnswerKind.REJECTED, reason="bad_to")
UNREACHABLE = from_error(ErrorKind.NOT_CONNECTED)
TIMED_OUT = from_error(ErrorKind.TIMED_OUT)
NO_KEY = from_http(401, {}, False)
answers = st.sampled_from([ACCEPTED, REJECTED, UNREACHABLE, TIMED_OUT, NO_KEY])


def busy(seconds: int) -> Answer:
    return from_http(429, {"Retry-After": str(seconds)}, False)


def shut(waits: int = 1, until: datetime = NOW + 30 * SECOND) -> Gate:
    return Gate(failures=IN_A_ROW, recent=(1 << IN_A_ROW) - 1, seen=IN_A_ROW, waits=waits, shut_until=until)


def told(gate: Gate, *given: Answer, now: datetime = NOW, probe: bool = False) -> Gate:
    return after(gate, given, now, probe=probe)


def test_ten_failures_in_a_row_shut_it_for_half_a_minute():
    nine = told(OPEN, *[TIMED_OUT] * 9)
    ten = told(nine, UNREACHABLE)

    assert may_claim(nine, NOW, WINDOW) == WINDOW
    assert may_claim(ten, NOW, WINDOW) == 0
    assert ten.shut_until == NOW + 30 * SECOND
    assert ten.reason == "not_connected"


@pytest.mark.parametrize("good", [ACCEPTED, REJECTED])
def test_a_sound_answer_in_between_begins_the_row_anew(good: Answer):
    gate = told(OPEN, *[TIMED_OUT] * 9, good, *[TIMED_OUT] * 9)  # 18 of 19: not twenty yet

    assert may_claim(gate, NOW, WINDOW) == WINDOW


@pytest.mark.parametrize(("failures", "is_shut"), [(9, False), (10, True)])
def test_half_of_the_last_twenty_shut_it(failures: int, is_shut: bool):
    mixed = [ACCEPTED] * (20 - 2 * failures) + [ACCEPTED, TIMED_OUT] * failures

    assert (told(OPEN, *mixed).shut_until is not None) is is_shut


def test_only_the_last_twenty_count():
    old = [TIMED_OUT, ACCEPTED] * 4 + [ACCEPTED] * 12
    new = [TIMED_OUT, ACCEPTED] * 9 + [ACCEPTED] * 2

    assert told(OPEN, *old, *new).shut_until is None


def test_an_answer_that_stops_the_channel_shuts_it_at_once():
    gate = told(OPEN, NO_KEY)

    assert gate.shut_until == NOW + 30 * SECOND
    assert gate.reason == "http_401"


@pytest.mark.parametrize("status", [429, 503])
def test_asked_to_wait_it_waits_exactly_that_long(status: int):
    gate = told(OPEN, from_http(status, {"Retry-After": "7"}, False))

    assert gate.shut_until == NOW + 7 * SECOND
    assert may_claim(gate, NOW + 6.9 * SECOND, WINDOW) == 0
    assert may_claim(gate, NOW + 7 * SECOND, WINDOW) == 1


def test_asked_again_although_it_waited_it_does_not_come_back_sooner_than_its_own_wait():
    gate = told(told(OPEN, busy(1)), busy(1), probe=True)

    assert gate.shut_until == NOW + 60 * SECOND
    assert told(gate, busy(900), probe=True).shut_until == NOW + 900 * SECOND


def test_busy_without_a_time_is_one_failure_of_many():
    assert told(OPEN, from_http(429, {}, False)).shut_until is None


@pytest.mark.parametrize(
    ("failure", "minutes"), [(TIMED_OUT, [0.5, 1, 2, 4, 5, 5, 5]), (NO_KEY, [0.5, 1, 2, 4, 8, 15, 15])]
)
def test_each_probe_that_fails_doubles_the_wait_up_to_its_longest(failure: Answer, minutes: list[float]):
    gate, waits = told(OPEN, *[failure] * 10), []
    for _ in minutes:
        waits.append((gate.shut_until - NOW) / timedelta(minutes=1))
        gate = told(gate, failure, probe=True)

    assert waits == minutes


@pytest.mark.parametrize("good", [ACCEPTED, REJECTED])
def test_a_probe_that_succeeds_opens_it_as_if_nothing_had_been(good: Answer):
    assert told(shut(waits=4), good, probe=True) == OPEN


def test_while_a_probe_is_under_way_nobody_else_may_go():
    gate = probed(shut(until=NOW), NOW)

    assert may_claim(gate, NOW + PROBE - SECOND, WINDOW) == 0
    assert may_claim(gate, NOW + PROBE, WINDOW) == 1  # its sender died


def test_a_probe_that_found_nothing_to_send_leaves_the_next_its_turn():
    gate = told(probed(shut(until=NOW), NOW), now=NOW + SECOND, probe=True)

    assert may_claim(gate, NOW + SECOND, WINDOW) == 1
    assert gate.waits == 1


@pytest.mark.parametrize("late", [ACCEPTED, REJECTED, TIMED_OUT, UNREACHABLE, NO_KEY, busy(5)])
def test_answers_of_messages_that_were_under_way_neither_open_it_nor_lengthen_its_wait(late: Answer):
    gate = shut()

    assert told(gate, *[late] * 64) == gate


def test_a_longer_wait_that_the_provider_names_late_counts():
    assert told(shut(), busy(400)).shut_until == NOW + 400 * SECOND


def test_a_window_that_fails_shuts_it_for_the_first_wait_only():
    gate = told(OPEN, *[TIMED_OUT] * 64)

    assert (gate.waits, gate.shut_until) == (1, NOW + 30 * SECOND)


def test_senders_do_not_come_back_all_at_once_and_never_too_early():
    late = NOW.replace(microsecond=999_999)
    wait = told(OPEN, NO_KEY, now=late).shut_until - late

    assert 30 * SECOND < wait < 30 * SECOND * (1 + JITTER)


@given(given_answers=st.lists(answers, max_size=80), probe=st.booleans())
def test_whatever_comes_the_counts_stay_in_their_bounds(given_answers: list[Answer], probe: bool):
    gate = told(shut() if probe else OPEN, *given_answers, probe=probe)

    assert 0 <= gate.failures <= IN_A_ROW
    assert 0 <= gate.recent < 1 << LOOK_BACK
    assert gate.seen <= LOOK_BACK
    assert (gate.waits == 0) == (gate.shut_until is None)


@given(given_answers=st.lists(answers, max_size=60), cut=st.integers(0, 60))
def test_answers_in_two_batches_say_what_they_say_in_one(given_answers: list[Answer], cut: int):
    whole = told(OPEN, *given_answers)
    parts = told(told(OPEN, *given_answers[:cut]), *given_answers[cut:])

    assert parts == whole


def outage(answer: Answer, senders: int) -> tuple[int, int]:
    """(probes, messages tried) in 30 minutes without a good answer; the senders look every second."""
    gate, probes, tried = OPEN, 0, 0
    for at in (NOW + SECOND * n for n in range(30 * 60)):
        for _ in range(senders):
            free = min(may_claim(gate, at, WINDOW), IN_A_ROW)  # a sender stops at so many failures in a row
            if is_probe := free == 1:
                gate, probes = probed(gate, at), probes + 1
            if free:
                gate = after(gate, [answer] * free, at + SECOND, probe=is_probe)
            tried += free
    return probes, tried


@pytest.mark.parametrize(
    "answer",
    [UNREACHABLE, TIMED_OUT, NO_KEY, busy(0), busy(1), busy(120), from_http(503, {}, False)],
    ids=["unreachable", "timed out", "no key", "busy 0 s", "busy 1 s", "busy 2 min", "down"],
)
@pytest.mark.parametrize("senders", [1, 4])
def test_half_an_hour_of_outage_costs_at_most_twelve_probes(answer: Answer, senders: int):
    probes, tried = outage(answer, senders)

    assert 1 <= probes <= 12
    assert tried == probes + IN_A_ROW


def test_after_an_outage_the_first_good_probe_lets_everything_through():
    gate, at = told(OPEN, *[UNREACHABLE] * 10), NOW
    while may_claim(gate, at, WINDOW) == 0:
        at += SECOND
    gate = told(probed(gate, at), ACCEPTED, now=at, probe=True)

    assert at == NOW + 30 * SECOND
    assert may_claim(gate, at, WINDOW) == WINDOW


@pytest.mark.parametrize(
    ("delivered", "complained", "level"),
    [
        (499, 100, Level.OK),  # too few to say
        (500, 0, Level.OK),
        (1_001, 1, Level.OK),  # 0.0999 %
        (1_000, 1, Level.WARN),  # 0.1 %
        (100_000, 299, Level.WARN),
        (100_000, 300, Level.STOP),  # 0.3 %
        (500, 2, Level.STOP),
    ],
)
def test_spam_reports_warn_at_a_tenth_of_a_percent_and_stop_at_three(
    delivered: int, complained: int, level: Level
):
    assert judge(delivered=delivered, bounced=0, complained=complained).level is level


@pytest.mark.parametrize(
    ("delivered", "bounced", "level"),
    [
        (449, 50, Level.OK),  # 499 tried
        (450, 50, Level.STOP),  # 10 % of 500
        (9_801, 199, Level.OK),  # 1.99 %
        (9_800, 200, Level.WARN),  # 2 %
        (9_501, 499, Level.WARN),
        (9_500, 500, Level.STOP),  # 5 %
        (0, 500, Level.STOP),
    ],
)
def test_hard_bounces_warn_at_two_percent_of_what_was_tried_and_stop_at_five(
    delivered: int, bounced: int, level: Level
):
    assert judge(delivered=delivered, bounced=bounced, complained=0).level is level


def test_the_worse_of_the_two_is_told_with_its_counts():
    both = judge(delivered=9_700, bounced=300, complained=40)

    assert both.level is Level.STOP
    assert both.reason == "40 of 9,700 delivered messages were reported as spam (0.41%, limit 0.3%)"
    assert judge(delivered=9_700, bounced=300, complained=0).reason == (
        "300 of 10,000 addresses do not exist or refuse for good (3.00%, limit 2.0%)"
    )
    assert judge(delivered=9_999, bounced=1, complained=1).reason is None
