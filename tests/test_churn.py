"""Churn from counts: the published CDNOW and telco numbers, and windows the data do not cover."""

import json
from datetime import date

import pytest
from scipy import stats

from tests.printed import printed
from winback.overview.churn import Churn, ChurnCounts, ChurnDefinition, churn

# The contract's JSON of `winback churn`, key for key.
KEYS = [
    "definition", "as_of", "window_days", "data_through", "complete", "active", "lost", "rate", "rate_low",
    "rate_high", "currency", "value_at_start", "value_lost", "value_lost_share", "by",
]  # fmt: skip
BY_KEYS = [
    "dimension", "value", "active", "lost", "rate", "rate_low", "rate_high", "value_at_start", "value_lost",
    "value_lost_share",
]  # fmt: skip


def cdnow(active: int, lost: int, as_of: date, **changes) -> Churn:
    """A 90-day window of the CDNOW master orders, which end on 1998-06-30."""
    usual = {
        "definition": ChurnDefinition.NO_ORDER, "as_of": as_of, "window_days": 90,
        "data_through": date(1998, 6, 30), "currency": "USD",
    }  # fmt: skip
    counts = ChurnCounts(active=active, lost=lost, value_at_start_minor=1_000_000, value_lost_minor=396_400)
    return churn(counts, **usual | changes)


@pytest.mark.parametrize(
    ("as_of", "lost", "active", "rate"),
    [
        (date(1997, 6, 30), 3079, 5322, "0.5785"),
        (date(1997, 9, 30), 2167, 4195, "0.5166"),
        (date(1997, 12, 31), 2238, 4176, "0.5359"),
        (date(1998, 3, 31), 2061, 3817, "0.5400"),
    ],
)
def test_the_rate_is_the_published_one_with_its_wilson_interval(as_of, lost, active, rate):
    result = cdnow(active, lost, as_of).total

    theirs = stats.binomtest(lost, active).proportion_ci(method="wilson")
    assert result.rate == printed(rate)
    assert (result.rate_low, result.rate_high) == pytest.approx((theirs.low, theirs.high))


def test_recurring_value_lost_is_the_published_share():
    """IBM telco: 1,869 of 7,043 churned; 139,130.85 of 456,116.60 a month, 30.50 %."""
    counts = ChurnCounts(active=7043, lost=1869, value_at_start_minor=45_611_660, value_lost_minor=13_913_085)

    result = churn(
        counts, definition=ChurnDefinition.CONTRACT, as_of=date(2020, 1, 31), window_days=30,
        data_through=date(2020, 3, 1), currency="USD",
    ).as_dict()  # fmt: skip

    assert (result["value_at_start"], result["value_lost"]) == (456_116.60, 139_130.85)
    assert (result["rate"], result["value_lost_share"]) == (printed("0.2654"), printed("0.3050"))


def test_the_dict_is_the_contract_key_for_key_and_plain_json():
    country = ChurnCounts(
        dimension="country", value="US", active=10, lost=4, value_at_start_minor=5000, value_lost_minor=1250
    )

    plain = cdnow(4176, 2238, date(1997, 12, 31), by=[country]).as_dict()

    assert list(plain) == KEYS
    assert list(plain["by"][0]) == BY_KEYS
    assert (plain["definition"], plain["as_of"], plain["data_through"]) == ("no_order", "1997-12-31", "1998-06-30")
    assert (plain["by"][0]["value"], plain["by"][0]["rate"], plain["by"][0]["value_lost"]) == ("US", 0.4, 12.5)
    assert json.loads(json.dumps(plain)) == plain


@pytest.mark.parametrize(("through", "complete"), [(date(1998, 3, 31), True), (date(1998, 3, 30), False)])
def test_a_window_is_complete_when_the_data_reach_its_last_day(through, complete):
    """As of 1997-12-31 a window of 90 days is [1998-01-01, 1998-03-31]."""
    assert cdnow(4176, 2238, date(1997, 12, 31), data_through=through).complete is complete


@pytest.mark.parametrize("through", [date(1998, 1, 31), None])
def test_an_incomplete_window_has_no_rate_and_says_why(through):
    country = ChurnCounts(
        dimension="country", value="US", active=10, lost=4, value_at_start_minor=5000, value_lost_minor=1250
    )

    plain = cdnow(4176, 2238, date(1997, 12, 31), data_through=through, by=[country]).as_dict()

    assert list(plain) == [*KEYS, "reason"]
    assert (plain["complete"], plain["active"], plain["value_at_start"]) == (False, 4176, 10_000.0)
    for part in (plain, plain["by"][0]):
        assert [part[key] for key in ("lost", "rate", "rate_low", "rate_high")] == [None] * 4
        assert [part[key] for key in ("value_lost", "value_lost_share")] == [None] * 2
    assert "needs data through 1998-03-31" in plain["reason"]


def test_the_models_churn_needs_no_data_of_the_window():
    result = cdnow(
        4176, 2000, date(1997, 12, 31), definition=ChurnDefinition.MODEL, data_through=date(1997, 12, 31)
    )

    assert (result.complete, result.total.lost) == (True, 2000)


def test_nobody_active_has_no_rate_and_says_so():
    nobody = ChurnCounts(active=0, lost=0, value_at_start_minor=0, value_lost_minor=0)

    plain = churn(
        nobody, definition=ChurnDefinition.NO_ORDER, as_of=date(2020, 1, 1), window_days=90,
        data_through=date(2021, 1, 1), currency="USD",
    ).as_dict()  # fmt: skip

    assert (plain["complete"], plain["active"], plain["lost"], plain["rate"]) == (True, 0, 0, None)
    assert plain["value_lost_share"] is None
    assert plain["reason"] == "nobody was active at the start of the window"


@pytest.mark.parametrize("at_start", [0, -500])
def test_a_share_of_nothing_or_less_is_none(at_start):
    counts = ChurnCounts(active=3, lost=1, value_at_start_minor=at_start, value_lost_minor=100)

    result = churn(
        counts, definition=ChurnDefinition.NO_ORDER, as_of=date(2020, 1, 1), window_days=90,
        data_through=date(2021, 1, 1), currency="USD",
    )  # fmt: skip

    assert result.total.value_lost_share is None
    assert result.total.rate == pytest.approx(1 / 3)


def test_yen_have_no_decimals():
    counts = ChurnCounts(active=3, lost=1, value_at_start_minor=12_000, value_lost_minor=4_000)

    plain = churn(
        counts, definition=ChurnDefinition.NO_ORDER, as_of=date(2020, 1, 1), window_days=90,
        data_through=date(2021, 1, 1), currency="JPY",
    ).as_dict()  # fmt: skip

    assert (plain["value_at_start"], plain["value_lost"]) == (12_000, 4_000)
