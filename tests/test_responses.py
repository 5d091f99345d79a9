"""Responses from counts: what is a share of whom, and what is not known rather than nothing."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from db.facts.outcomes import MEMBERS, count_outcomes
from db.facts.queries import GROUPS
from tests.facts import an_order, write_orders
from winback.outcomes.responses import MessageCount, OrderCount, by_arm, responses, share


def test_an_arm_nobody_entered_newly_still_has_its_orders(tmp_path: Path):
    """Its one member keeps the arm of an earlier entry, so he is in no group whose churn is compared."""
    facts = write_orders(tmp_path, an_order(customer_no=7, ordered_on="2026-02-03", amount_minor=500))
    member = {"customer_no": 7, "arm": "message", "sent_on": None, "clicked_on": None}
    members = pl.DataFrame([member], schema=MEMBERS)

    groups, orders = count_outcomes(
        [facts], t0_on=date(2026, 2, 1), window_days=30, through=date(2026, 3, 3),
        groups=GROUPS.to_frame(), members=members, complete=True,
    )  # fmt: skip

    assert [(group.name, group.n) for group in groups] == [("message", 0)]
    assert orders == [OrderCount(arm="message", ordered=1, orders=1, net_minor=500, days_to_order=2.0)]


@pytest.mark.parametrize("state", ["planned", "queued", "sending", "skipped", "rejected", "abandoned"])
def test_nothing_came_of_messages_of_which_none_can_have_gone_out(state: str):
    messages = [MessageCount(arm="message", state=state, messages=10)]

    [found] = responses({"message": 10}, messages, [], currency="USD")

    assert found.messages is None
    assert (found.orders.ordered.x, found.orders.after_message) == (0, None)


@pytest.mark.parametrize("state", ["accepted", "deferred", "delivered", "bounced", "complained", "uncertain"])
def test_no_click_is_a_number_where_messages_may_have_gone_out(state: str):
    messages = [MessageCount(arm="message", state=state, messages=10)]

    [found] = responses({"message": 10}, messages, None, currency="USD")

    assert (found.messages.clicked.x, found.messages.clicked.n) == (0, 10)
    assert found.orders is None


def test_a_share_has_the_interval_of_wilson():
    """288 of 1600: .1619486 to .1995843 (tests/test_intervals.py says why not .1995844)."""
    found = share(288, 1600)

    assert (found.rate, found.low, found.high) == pytest.approx((0.18, 0.1619486, 0.1995843), abs=6e-8)


def test_a_share_of_nobody_is_undefined():
    found = share(0, 0)

    assert (found.rate, found.low, found.high) == (None, None, None)


def test_counts_are_put_together_by_arm():
    counts = [MessageCount(arm="a", state="queued", messages=1), MessageCount(arm="b", state="queued", messages=2)]

    assert by_arm([*counts, replace(counts[0], state="bounced")]) == {
        "a": [counts[0], replace(counts[0], state="bounced")],
        "b": [counts[1]],
    }
