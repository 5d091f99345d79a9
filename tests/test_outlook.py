"""When the last of what waits can leave, and what will be too late: worked by hand."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.builders import NOON
from winback.delivery.outlook import Queue, last_begins, too_late

BERLIN = ZoneInfo("Europe/Berlin")


def a_queue(**changes: object) -> Queue:
    default: dict[str, object] = {"messages": {"email": 250}, "per_day": 100, "sent_today": 40, "late_after": None}
    return Queue(**(default | changes))


@pytest.mark.parametrize(
    ("messages", "days"),
    [
        ({"email": 60}, 0),
        ({"email": 61}, 1),
        ({"email": 160}, 1),
        ({"email": 100, "sms": 61}, 2),
        ({"sms": 361}, 4),
    ],
)
def test_the_last_leaves_on_the_day_that_has_room_for_it(messages: dict[str, int], days: int):
    """60 today, 100 on each day that follows; a day of Berlin begins at 23:00 UTC in winter."""
    midnight = datetime(2026, 3, 1, 23, tzinfo=UTC)

    begins = last_begins(a_queue(messages=messages), NOON, BERLIN)

    assert begins == (midnight + timedelta(days=days) if days else NOON)


def test_without_a_limit_a_day_the_last_may_leave_now():
    assert last_begins(a_queue(per_day=None), NOON, BERLIN) == NOON


@pytest.mark.parametrize(
    ("late_after", "late"),
    [
        (datetime(2026, 3, 2, 22, 59, tzinfo=UTC), 190),  # today only: 60 of 250
        (datetime(2026, 3, 2, 23, tzinfo=UTC), 190),  # the next day begins just when it is too late
        (datetime(2026, 3, 2, 23, 1, tzinfo=UTC), 90),
        (datetime(2026, 3, 4, 12, tzinfo=UTC), 0),
        (NOON, 250),
    ],
)
def test_what_the_days_before_the_late_limit_have_no_room_for_is_too_late(late_after: datetime, late: int):
    queue = a_queue(late_after=late_after)

    assert too_late(queue, NOON, BERLIN) == late
    assert last_begins(queue, NOON, BERLIN) < max(late_after, NOON + timedelta(seconds=1))


def test_what_the_pace_does_not_bring_out_in_time_is_too_late():
    """Two a second for a minute: 120 of 250 e-mails; the texts have no pace."""
    messages = {"email": 250, "sms": 500}
    queue = a_queue(messages=messages, per_day=None, late_after=NOON + timedelta(minutes=1), pace={"email": 2.0})

    assert too_late(queue, NOON, BERLIN) == 130


def test_a_day_that_has_had_more_than_its_limit_has_no_room():
    """The limit is new: 40 went today before it was 30."""
    assert last_begins(a_queue(messages={"email": 1}, per_day=30), NOON, BERLIN) == datetime(
        2026, 3, 2, 23, tzinfo=UTC
    )
