"""Reasons in words: which facts are told, in what order, with which numbers."""

import numpy as np
import polars as pl
import pytest

from tests.test_scoring import customers
from winback.scores.reasons import TOLD, WHY, Recent, Why, reasons


def told(purchase_days, span_days, age_days, risk, language="en", orders=(0, 0), minor=(0, 0), net=None):
    """Reasons of one customer beside one whose risk is .5 and who was silent for 30 days."""
    features = customers([purchase_days, 2], [span_days, 70], [age_days, 100])
    if net is not None:
        features = features.with_columns(net_minor=np.array([net, 2_000]))
    recent = Recent(
        days=90,
        orders=np.array([orders[0], 1.0]),
        orders_before=np.array([orders[1], 1.0]),
        minor=np.array([minor[0], 0.0]),
        minor_before=np.array([minor[1], 0.0]),
    )
    return reasons(features, np.array([risk, 0.5]), recent, 100, language)[0].to_list()


def test_every_fact_has_words_in_both_languages():
    assert set(WHY) == set(Why)
    assert all(words.en and words.zh for words in WHY.values())


def test_who_is_overdue_is_told_his_own_pace():
    """Five purchases in 247 days are one every 62 days (247 / 4); the last was 92 days ago."""
    said = told(5, 247, 339, risk=0.9, orders=(0, 3))

    assert said == [
        "0 orders in the last 90 days, 3 in as many before",
        "no order for 92 days, before that a day with an order every 62",
        "5 orders in 340 days",
    ]


def test_reasons_are_said_in_chinese_too():
    said = told(5, 247, 339, risk=0.9, language="zh", orders=(0, 3))

    assert said == [
        "最近 90 天下单 0 次，之前同样天数 3 次",
        "已 92 天没有下单，此前平均每 62 天有一天下单",
        "340 天内共下单 5 次",
    ]


def test_the_side_of_the_risk_comes_first():
    """The same facts: at a high risk the fall comes first, at a low one the many orders do."""
    high, low = (told(5, 247, 339, risk=risk, orders=(0, 3)) for risk in (0.9, 0.1))

    assert high[0].startswith("0 orders in the last 90 days")
    assert low[0] == "5 orders in 340 days"
    assert sorted(high) == sorted(low)


@pytest.mark.parametrize(("silent", "text"), [(1, "no order for 1 day"), (40, "no order for 40 days")])
def test_a_single_order_is_said_to_be_one(silent, text):
    said = told(1, 0, silent, risk=0.9)

    assert said == ["a single order so far", text] or said == [text, "a single order so far"]


def test_several_orders_on_one_day_are_not_a_single_one():
    features = customers([1, 2], [0, 70], [40, 100]).with_columns(orders=pl.Series([3, 2]))
    none = np.zeros(2)
    recent = Recent(days=90, orders=none, orders_before=none, minor=none, minor_before=none)

    said, chinese = (
        reasons(features, np.array([0.9, 0.5]), recent, 100, language)[0].to_list() for language in ("en", "zh")
    )

    assert sorted(said) == ["all 3 orders on one day", "no order for 40 days"]
    assert "共下过 3 单，都在同一天" in chinese


def test_spend_that_is_less_than_what_came_back_is_not_told():
    """Net -5.00 after 45.00: there is no "spent" to tell."""
    assert not any("spent" in text for text in told(2, 200, 339, risk=0.9, minor=(-500, 4_500)))


def test_spend_and_refunds_are_told_in_major_units():
    """20.00 of 50.00 came back: 40 %; 5.00 after 45.00."""
    said = told(5, 200, 339, risk=0.9, orders=(1, 1), minor=(500, 4_500), net=3_000)

    assert "spent 5.00 in the last 90 days, 45.00 in as many before" in said
    assert "40 % of what was paid came back as refunds" in said


def test_nobody_is_told_more_than_three():
    assert len(told(9, 247, 339, risk=0.9, orders=(0, 3), minor=(500, 4_500), net=1)) == TOLD
