"""Runs that do harm are warned of and stopped, from counts kept while events come in."""

import pytest
from sqlalchemy import Engine, func, select
from sqlmodel import col

from db.engine import reading, transaction
from db.stops import stopped_scopes, switch_stop
from db.tables import Alert, Message, RunTally
from db.tallies import resume
from tests.builders import NOON
from tests.telling import a_large_outbox, an_event, tell
from winback.events import OPTED_OUT, REPORTED, Event

RUN = "spring/manual-2026-03-01"
PERSON_GONE = {"reason": "bounce 5.1.1"}


def delivered(numbers: range) -> list[Event]:
    return [an_event(key=f"k-{n}") for n in numbers]


def told(kind: str, numbers: range, **fields: object) -> list[Event]:
    return [an_event(kind, key=f"k-{n}", **fields) for n in numbers]


def tally(engine: Engine) -> tuple[int, int, int] | None:
    with reading(engine) as session:
        row = session.execute(select(RunTally)).scalar_one_or_none()
        return (row.delivered, row.bounced, row.complained) if row else None


def alarms(engine: Engine) -> list[tuple[str, str]]:
    with reading(engine) as session:
        return [(row.kind, row.run) for row in session.execute(select(Alert).order_by(Alert.id)).scalars()]


def stops(engine: Engine) -> dict[str, str | None]:
    with reading(engine) as session:
        return stopped_scopes(session)


def test_a_tally_is_what_counting_anew_gives(engine: Engine):
    a_large_outbox(engine, 40, state="accepted")

    tell(engine, *delivered(range(1, 31)))
    tell(engine, *delivered(range(1, 31)), *told("opened", range(1, 35)))
    tell(engine, *told("complained", range(29, 37)), *told("bounced", range(37, 40), **PERSON_GONE))

    with reading(engine) as session:
        rows = session.execute(select(col(Message.state), func.count()).group_by(col(Message.state)))
        states = dict(rows.tuples().all())
    assert states == {"accepted": 1, "delivered": 28, "complained": 8, "bounced": 3}
    assert tally(engine) == (28 + 8, 3, 8)


@pytest.mark.parametrize("order", [1, -1])
def test_a_complaint_before_the_delivery_counts_as_one_message(engine: Engine, order: int):
    a_large_outbox(engine, 1, state="accepted")

    for event in [an_event("delivered"), an_event("complained")][::order]:
        tell(engine, event)

    assert tally(engine) == (1, 0, 1)


@pytest.mark.parametrize(
    "fields",
    [{"reason": "blocked", "permanent": False}, {"reason": OPTED_OUT}, {"reason": REPORTED}],
    ids=["for now", "held back", "reported"],
)
def test_a_bounce_that_is_not_for_good_is_not_counted(engine: Engine, fields: dict):
    a_large_outbox(engine, 1, state="accepted")

    tell(engine, an_event("bounced", **fields))

    assert tally(engine) in (None, (0, 0, 0))


def test_two_complaints_of_a_thousand_are_told_to_staff_and_stop_nothing(engine: Engine):
    a_large_outbox(engine, 1_000, state="accepted")
    tell(engine, *delivered(range(1, 1_001)))

    tell(engine, *told("complained", range(1, 3)))

    assert alarms(engine) == [("harm", RUN)]
    assert stops(engine) == {}


def test_three_complaints_of_a_thousand_stop_the_run_in_the_same_transaction(engine: Engine):
    a_large_outbox(engine, 1_000, state="accepted")

    tell(engine, *delivered(range(1, 1_001)), *told("complained", range(1, 4)))

    assert alarms(engine) == [("stopped", RUN)]
    assert list(stops(engine)) == [RUN]
    assert stops(engine)[RUN].startswith("3 of 1,000 delivered messages were reported as spam")


def test_a_warning_is_followed_by_the_stop(engine: Engine):
    a_large_outbox(engine, 1_000, state="accepted")
    tell(engine, *delivered(range(1, 1_001)))

    for n in range(1, 5):
        tell(engine, *told("complained", range(n, n + 1)))

    assert alarms(engine) == [("harm", RUN), ("stopped", RUN)]


def test_bounces_for_good_stop_a_run_too(engine: Engine):
    a_large_outbox(engine, 1_000, state="accepted")

    tell(engine, *delivered(range(1, 951)), *told("bounced", range(951, 1_001), **PERSON_GONE))

    assert tally(engine) == (950, 50, 0)
    assert list(stops(engine)) == [RUN]


def test_fewer_than_five_hundred_delivered_say_nothing(engine: Engine):
    a_large_outbox(engine, 499, state="accepted")

    tell(engine, *delivered(range(1, 500)), *told("complained", range(1, 100)))

    assert alarms(engine) == []
    assert stops(engine) == {}


def test_a_run_is_judged_when_enough_has_arrived_by_the_complaints_that_came_before(engine: Engine):
    """20 complaints of 480 say nothing yet; of 500 they are 4 %, and nobody has to complain once more."""
    a_large_outbox(engine, 600, state="accepted")
    tell(engine, *delivered(range(1, 481)), *told("complained", range(1, 21)))
    assert stops(engine) == {}

    tell(engine, *delivered(range(481, 500)))
    assert stops(engine) == {}
    tell(engine, *delivered(range(500, 511)))

    assert stops(engine) == {
        RUN: "20 of 510 delivered messages were reported as spam (3.92%, limit 0.3%)",
    }


def test_bounces_are_judged_too_when_enough_was_tried(engine: Engine):
    a_large_outbox(engine, 500, state="accepted")
    tell(engine, *told("bounced", range(1, 31), **PERSON_GONE))

    tell(engine, *delivered(range(31, 501)))

    assert stops(engine) == {RUN: "30 of 500 addresses do not exist or refuse for good (6.00%, limit 5.0%)"}


def let_go_on(engine: Engine) -> None:
    with transaction(engine) as session:
        resume(session, RUN, NOON)


def a_run_resumed_after_21_complaints_of_1_100(engine: Engine) -> None:
    a_large_outbox(engine, 2_300, state="accepted")
    tell(engine, *delivered(range(1, 1_101)), *told("complained", range(1, 22)))
    assert list(stops(engine)) == [RUN]
    let_go_on(engine)


def test_a_run_that_was_resumed_goes_on_after_single_complaints_and_bounces(engine: Engine):
    """22 complaints are no more of a share than a person has seen; two bounces of 1,102 are 0.2 %."""
    a_run_resumed_after_21_complaints_of_1_100(engine)

    tell(engine, *told("bounced", range(1_101, 1_103), **PERSON_GONE))
    tell(engine, *told("complained", range(22, 23)))

    assert stops(engine) == {}


def test_a_run_that_was_resumed_is_stopped_by_what_came_since_and_staff_hears_of_it_again(engine: Engine):
    """One complaint of 600 since is 0.17 %: below 0.3 %; two are 0.33 %."""
    a_run_resumed_after_21_complaints_of_1_100(engine)
    assert alarms(engine) == []  # what was told is seen

    tell(engine, *delivered(range(1_101, 1_701)), *told("complained", range(1_101, 1_102)))
    assert (stops(engine), alarms(engine)) == ({}, [("harm", RUN)])
    tell(engine, *told("complained", range(1_102, 1_103)))

    said = "since it was resumed, 2 of 600 delivered messages were reported as spam (0.33%, limit 0.3%)"
    assert stops(engine) == {RUN: said}
    assert alarms(engine) == [("harm", RUN), ("stopped", RUN)]


def test_a_run_that_was_resumed_is_stopped_when_its_share_doubles_whatever_came_since(engine: Engine):
    """42 of 1,100 are twice the 21 that were seen; 41 are not."""
    a_run_resumed_after_21_complaints_of_1_100(engine)

    tell(engine, *told("complained", range(22, 42)))
    assert stops(engine) == {}
    tell(engine, *told("complained", range(42, 43)))

    words = "42 of 1,100 delivered messages were reported as spam (3.82%, limit 0.3%)"
    assert stops(engine) == {RUN: f"{words}: the share has doubled since it was resumed"}


def test_what_was_seen_of_complaints_is_not_seen_of_bounces(engine: Engine):
    """120 bounces of 1,220 are 9.8 %, and nobody has looked at them."""
    a_run_resumed_after_21_complaints_of_1_100(engine)

    tell(engine, *told("bounced", range(1_101, 1_221), **PERSON_GONE))

    assert stops(engine)[RUN].startswith("120 of 1,220 addresses do not exist")


def test_a_pause_of_a_run_that_only_warns_takes_nothing_off_its_counts(engine: Engine):
    a_large_outbox(engine, 1_000, state="accepted")
    tell(engine, *delivered(range(1, 1_001)), *told("complained", range(1, 3)))
    with transaction(engine) as session:
        switch_stop(session, RUN, on=True, now=NOON)
    let_go_on(engine)

    tell(engine, *told("complained", range(3, 4)))

    assert stops(engine)[RUN].startswith("3 of 1,000 delivered messages")


def test_events_of_no_message_of_ours_are_counted_nowhere(engine: Engine):
    a_large_outbox(engine, 1, state="accepted")

    tell(engine, *told("complained", range(100, 200)))

    assert tally(engine) is None
