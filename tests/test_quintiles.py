"""R+F quintiles, worked by hand."""

import math
from datetime import date

import numpy as np
import polars as pl
import pytest

from db.facts.queries import read_features, read_log
from tests.facts import MASTER, area_under_curve, write_cdnow
from winback.customers.features import EARLIER, EarlierWindow
from winback.customers.order_log import earlier_window
from winback.scores.quintiles import observed_risk, orders_if_any


def an_earlier_window(*customers: tuple[int, int, bool]) -> EarlierWindow:
    """Customers as (recency_days, purchase_days, ordered)."""
    rows = [(number, *customer) for number, customer in enumerate(customers)]
    frame = pl.DataFrame(rows, schema=EARLIER, orient="row")
    return EarlierWindow(as_of=date(2025, 10, 2), horizon_days=90, customers=frame)


def risk_of(customer: tuple[int, int], earlier: EarlierWindow | None) -> float:
    recency_days, purchase_days = customer
    return float(observed_risk(np.array([recency_days]), np.array([purchase_days]), earlier)[0])


RECENT = [(10, 3, True), (10, 3, True), (10, 3, False), (10, 3, True)]
LONG_AGO = [(100, 1, False), (100, 1, False), (100, 1, False), (100, 1, True)]


def test_the_risk_is_the_share_of_the_cell_that_did_not_order():
    """Of four who ordered thrice and lately one stayed away, of four with one old order three did; of all half, so
    that two more in each cell make it 2 of 6 and 4 of 6."""
    earlier = an_earlier_window(*RECENT, *LONG_AGO)

    assert risk_of((10, 3), earlier) == pytest.approx(2 / 6)
    assert risk_of((100, 1), earlier) == pytest.approx(4 / 6)


def test_a_customer_beyond_the_last_edge_stands_in_the_last_cell():
    """Edges are 10 and 100 days, 1 and 3 purchase days: 500 days is past them all, and so is a cell of its own.
    Its one stayed away; two like all nine (5 of 9 stayed away) are counted in."""
    earlier = an_earlier_window(*RECENT, *LONG_AGO, (500, 1, False))

    assert risk_of((700, 1), earlier) == risk_of((500, 1), earlier) == pytest.approx((1 + 2 * 5 / 9) / 3)


def test_a_cell_nobody_stood_in_gets_the_share_of_all():
    """Nobody ordered three times and long ago; four of eight stayed away."""
    earlier = an_earlier_window(*RECENT, *LONG_AGO)

    assert risk_of((100, 3), earlier) == 0.5


@pytest.mark.parametrize("earlier", [None, an_earlier_window()])
def test_where_nobody_was_observed_the_risk_is_one_half(earlier):
    assert risk_of((10, 3), earlier) == 0.5


def test_who_comes_at_all_orders_at_his_own_pace():
    """6 purchase days in 54 and 2 in 26 are one in 10.25 days of all, less than the horizon of 30, which is added:
    6 in 84 and 2 in 56 make 15/7 and 15/14 expected in 30 days. Given at least one, a Poisson mean m is
    m / (1 - exp(-m))."""
    expected = [15 / 7 / (1 - math.exp(-15 / 7)), 15 / 14 / (1 - math.exp(-15 / 14))]

    assert orders_if_any(np.array([6, 2]), np.array([54, 26]), 30).tolist() == pytest.approx(expected)


def test_who_came_yesterday_is_not_expected_every_day():
    """One purchase day at age 0, and nothing else known, is one order in a horizon."""
    assert orders_if_any(np.array([1]), np.array([0]), 90)[0] == pytest.approx(1 / (1 - math.exp(-1)))


def test_quintiles_of_cdnow_rank_and_size_the_risk(tmp_path_factory):
    """90 days from 1997-12-31. Quintiles were measured to rank the lost as well as recency alone (AUC .003 to .004
    above it over two longer windows); the shares of one horizon earlier must be right to 3 points on average."""
    facts = [write_cdnow(tmp_path_factory.mktemp("master"), MASTER)]
    now = read_features(facts, as_of=date(1997, 12, 31))
    then = earlier_window(read_log(facts, as_of=date(1997, 12, 31)), date(1997, 12, 31), 90)
    after = earlier_window(read_log(facts, as_of=date(1998, 3, 31)), date(1998, 3, 31), 90).customers

    recency_days = (now["age_days"] - now["span_days"]).to_numpy()
    risk = observed_risk(recency_days, now["purchase_days"].to_numpy(), then)

    lost = ~after["ordered"].to_numpy()
    assert area_under_curve(risk, lost) == pytest.approx(area_under_curve(recency_days, lost), abs=0.01)
    assert abs(risk.mean() - lost.mean()) < 0.03
