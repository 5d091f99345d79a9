"""What becomes of a message nobody knows about: every row of the table, on the minute."""

from datetime import UTC, datetime, timedelta

import pytest

from flows.dispatch import LEASE
from winback.delivery.connection import TIMEOUT_SECONDS
from winback.delivery.settling import SETTLE, Unknown, after_absence, after_denial, is_past, may_be_asked_from
from winback.events import State

SINCE = datetime(2026, 3, 2, 12, tzinfo=UTC)
WINDOW = timedelta(minutes=15)
LATE = SINCE + timedelta(hours=4)


def unknown(**changes: object) -> Unknown:
    default: dict[str, object] = {
        "since": SINCE, "resends": 0, "late_after": LATE, "stopped": False, "policy": "resend_after_reconcile",
    }  # fmt: skip
    return Unknown(**(default | changes))


@pytest.mark.parametrize("provider", ["sendgrid", "twilio"])
def test_the_settle_window_is_longer_than_lease_and_timeout_and_a_provider_delay_together(provider: str):
    assert SETTLE[provider] >= LEASE + timedelta(seconds=2 * TIMEOUT_SECONDS) + timedelta(minutes=10)


def test_the_folder_has_no_delay_but_its_sender_may_hold_its_lease():
    assert SETTLE["folder"] >= LEASE


def test_a_mail_server_cannot_be_asked():
    assert may_be_asked_from(SINCE, "smtp") is None


@pytest.mark.parametrize(
    ("minutes", "state"),
    [(0, "uncertain"), (14.99, "uncertain"), (15, "queued"), (239, "queued"), (240, "uncertain")],
)
def test_an_absence_counts_from_the_settle_window_to_the_late_limit(minutes: float, state: str):
    now = SINCE + timedelta(minutes=minutes)

    assert after_absence(unknown(), "sendgrid", now) == state


@pytest.mark.parametrize(
    "changes", [{"policy": "hold"}, {"stopped": True}, {"resends": 1}, {"late_after": SINCE + WINDOW}]
)
def test_an_absent_message_stays_unknown_when_the_campaign_holds_or_is_stopped_or_it_may_have_gone_twice(
    changes: dict[str, object],
):
    assert after_absence(unknown(**changes), "sendgrid", SINCE + WINDOW) is State.UNCERTAIN


def test_an_absence_nobody_can_vouch_for_changes_nothing():
    assert after_absence(unknown(), "smtp", SINCE + 10 * WINDOW) is State.UNCERTAIN


def test_a_message_without_a_late_limit_may_always_leave():
    assert after_absence(unknown(late_after=None), "twilio", SINCE + timedelta(days=30)) is State.QUEUED


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "queued"),
        ({"policy": "hold"}, "queued"),  # a person knows better than the policy for when nobody does
        ({"stopped": True}, "queued"),  # and waits there
        ({"resends": 1}, "abandoned"),
        ({"late_after": SINCE}, "abandoned"),
    ],
)
def test_what_a_person_says_was_not_sent_leaves_again_while_it_may(changes: dict[str, object], state: str):
    assert after_denial(unknown(**changes), SINCE) == state


@pytest.mark.parametrize(
    ("late_after", "last_chance"),
    [(LATE, LATE), (None, SINCE), (SINCE - timedelta(days=9), SINCE)],
)
def test_nothing_is_learnt_72_hours_after_the_last_chance(late_after: datetime | None, last_chance: datetime):
    message = unknown(late_after=late_after)

    assert not is_past(message, last_chance + timedelta(hours=72) - timedelta(seconds=1))
    assert is_past(message, last_chance + timedelta(hours=72))
