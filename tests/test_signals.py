"""Early-warning signals on facts worked by hand, and their base rate against CDNOW's published churn."""

from datetime import date

import polars as pl
import pytest

from db.facts.watching import read_watched
from flows.churning import Period, early_warnings
from tests.facts import MASTER, an_order, write_cdnow, write_orders
from tests.test_cli import as_json, ask
from tests.workspaces import load
from winback import words
from winback.customers.behaviour import ACTIVITY, CONTRACTS, FEEDBACK, Behaviour
from winback.signals.early_warning import EarlyWarnings, Reading, read_signals
from winback.signals.registry import SIGNALS

AS_OF = date(2026, 1, 31)  # with windows of 10 days: now = Jan 22 to 31, before = Jan 12 to 21


def orders_of(*days: str, customer_no: int = 1, amount_minor: int = 1000) -> list[dict]:
    """One order on each day."""
    return [
        an_order(
            customer_no=customer_no, order_id=f"{customer_no}/{day}", ordered_on=day, amount_minor=amount_minor
        )
        for day in days
    ]


def read(folder, *orders, behaviour: Behaviour | None = None, through: date | None = AS_OF) -> EarlyWarnings:
    days = AS_OF, date(2026, 1, 21)
    watched = read_watched([write_orders(folder, *orders)], as_ofs=days, window_days=10)
    given = behaviour or Behaviour()
    return read_signals(watched, given, as_of=AS_OF, window_days=10, data_through=through)


def reading_of(found: EarlyWarnings, name: str) -> Reading:
    return next(each for each in found.readings if each.signal.name == name)


def activity(*rows: tuple[int, str, str]) -> Behaviour:
    """Rows of customer_no, day, kind."""
    made = [(number, date.fromisoformat(day), kind, None) for number, day, kind in rows]
    return Behaviour(activity=pl.DataFrame(made, schema=ACTIVITY, orient="row"))


def test_buying_on_half_as_many_days_is_flagged_and_on_more_is_not(tmp_path):
    """Customer 1: 2 days, then 1. Customer 2: 3 days, then 2. Customer 3: 1 day, then 1: not looked at."""
    orders = [
        *orders_of("2026-01-12", "2026-01-21", "2026-01-22"),
        *orders_of("2026-01-12", "2026-01-13", "2026-01-14", "2026-01-22", "2026-01-31", customer_no=2),
        *orders_of("2026-01-12", "2026-01-31", customer_no=3),
    ]

    found = reading_of(read(tmp_path, *orders), "frequency_falls")

    assert found.count == 1


def test_spending_less_each_time_is_flagged(tmp_path):
    """Customer 1 spent 10.00, then 7.00 a day: 70 %. Customer 2 then 7.01."""
    orders = [
        *orders_of("2026-01-15"), *orders_of("2026-01-25", amount_minor=700),
        *orders_of("2026-01-15", customer_no=2), *orders_of("2026-01-25", customer_no=2, amount_minor=701),
    ]  # fmt: skip

    assert reading_of(read(tmp_path, *orders), "value_falls").count == 1


def test_what_was_refunded_was_not_spent(tmp_path):
    """All spent 10.00 on one day before, and on one now. 1 and 5 got 3.00 of it back now, 2 only 2.99; 3 got
    4.00 back before, so that 7.00 is more; 4 got all of it back before: nothing is left that could fall."""
    orders = [
        order for number in (1, 2, 4, 5) for order in orders_of("2026-01-15", "2026-01-25", customer_no=number)
    ]
    orders += [*orders_of("2026-01-15", customer_no=3), *orders_of("2026-01-25", customer_no=3, amount_minor=700)]
    refunds = [
        (1, "2026-01-26", -300), (5, "2026-01-26", -300), (2, "2026-01-31", -299), (3, "2026-01-21", -400),
        (4, "2026-01-16", -1000),
    ]  # fmt: skip
    orders += [
        back for number, day, amount in refunds for back in orders_of(day, customer_no=number, amount_minor=amount)
    ]

    assert reading_of(read(tmp_path, *orders), "value_falls").count == 2


def test_a_silence_of_more_than_twice_the_own_gap_is_flagged(tmp_path):
    """Jan 22, 24, 26: gaps of 2 days, silent for 5. Jan 21, 24, 27: gaps of 3, silent for 4. Two: no gap."""
    orders = [
        *orders_of("2026-01-22", "2026-01-24", "2026-01-26"),
        *orders_of("2026-01-21", "2026-01-24", "2026-01-27", customer_no=2),
        *orders_of("2026-01-22", "2026-01-23", customer_no=3),
    ]

    assert reading_of(read(tmp_path, *orders), "out_of_rhythm").count == 1


def test_the_hit_rate_is_of_those_flagged_one_window_earlier(tmp_path):
    """At Jan 21 all four had bought twice in Jan 2-11; 1, 2 and 3 then once, and of these only 3 came back.

    Customer 4 bought twice again, and left: two of the three flagged are gone, of the four looked at three.
    """
    early = "2026-01-02", "2026-01-11"
    orders = [
        *orders_of(*early, "2026-01-12"),
        *orders_of(*early, "2026-01-12", customer_no=2),
        *orders_of(*early, "2026-01-12", "2026-01-31", customer_no=3),
        *orders_of(*early, "2026-01-12", "2026-01-13", customer_no=4),
    ]

    found = read(tmp_path, *orders)

    said = reading_of(found, "frequency_falls")
    assert (said.flagged, said.hits, said.looked_at) == (3, 2, 4)
    assert (said.hit_rate, said.base_rate, said.lift) == pytest.approx((2 / 3, 3 / 4, 8 / 9))
    # Wilson for 2 of 3 (Brown, Cai & DasGupta 2001, eq. 4), worked by hand: (0.2077, 0.9385).
    assert (said.hit_low, said.hit_high) == pytest.approx((0.2077, 0.9385), abs=5e-5)
    assert (found.active_before, found.gone, found.base_rate) == (4, 3, 0.75)


def test_a_day_the_orders_do_not_reach_has_no_hit_rate(tmp_path):
    found = read(tmp_path, *orders_of("2026-01-12", "2026-01-25"), through=date(2026, 1, 30))

    said = reading_of(found, "frequency_falls")
    assert (found.complete, found.base_rate, said.hit_rate) == (False, None, None)
    assert said.reason == "the orders do not reach the day: its past is not known yet"


@pytest.mark.parametrize(
    ("name", "rows", "flagged"),
    [
        ("visits_fall", [("2026-01-12", "visit"), ("2026-01-13", "login"), ("2026-01-25", "visit")], 1),
        ("visits_fall", [("2026-01-12", "visit"), ("2026-01-25", "visit")], 0),  # one visit before: no fall to see
        ("enquiries_fall", [("2026-01-12", "enquiry"), ("2026-01-21", "enquiry")], 1),
        ("contact_silence", [("2026-01-21", "contact")], 1),
        ("contact_silence", [("2026-01-21", "contact"), ("2026-01-22", "contact")], 0),
        ("stopped_clicking", [("2026-01-12", "click")], 1),
        ("complaint", [("2026-01-22", "complaint")], 1),
        ("complaint", [("2026-01-21", "complaint")], 0),  # the window before
        ("late_delivery", [("2026-01-31", "late_delivery")], 1),
        ("returned", [("2026-01-31", "return")], 1),
        ("unliked", [("2026-01-31", "unfollow")], 1),
        ("unsubscribed", [("2026-01-31", "unsubscribe")], 1),
    ],
)
def test_activity_is_flagged_by_its_kind_and_window(tmp_path, name, rows, flagged):
    told = activity(*((1, day, kind) for day, kind in rows))

    found = read(tmp_path, *orders_of("2026-01-31"), behaviour=told)

    assert reading_of(found, name).count == flagged


def test_what_was_never_imported_is_not_counted_as_nobody(tmp_path):
    found = read(tmp_path, *orders_of("2026-01-31"), behaviour=activity((1, "2026-01-31", "visit")))

    said = {each.signal.name: (each.count, each.reason) for each in found.readings}
    assert said["visits_fall"][0] == 0
    assert said["complaint"] == (None, "no activity of kind complaint imported")
    assert said["low_score"] == (None, "no feedback imported")
    assert said["downgraded"] == (None, "no subscriptions imported")


def test_the_newest_answer_tells_whether_a_customer_is_unhappy(tmp_path):
    """1: NPS 3, then 9. 2: NPS 9, then satisfaction 2. 3: NPS 6, before the window."""
    rows = [
        (1, "2026-01-22", "nps", 3.0), (1, "2026-01-23", "nps", 9.0),
        (2, "2026-01-22", "nps", 9.0), (2, "2026-01-23", "csat", 2.0), (3, "2026-01-21", "nps", 6.0),
    ]  # fmt: skip
    made = [(number, date.fromisoformat(day), kind, score, None) for number, day, kind, score in rows]
    told = Behaviour(feedback=pl.DataFrame(made, schema=FEEDBACK, orient="row"))
    orders = [order for number in (1, 2, 3) for order in orders_of("2026-01-31", customer_no=number)]

    assert reading_of(read(tmp_path, *orders, behaviour=told), "low_score").count == 1


def test_contracts_tell_who_expires_soon_and_who_pays_less(tmp_path):
    """1 renews on Feb 10 and is silent, 2 on Feb 11: too late. 3 went from 20.00 to 15.00 on Jan 25."""
    rows = [
        (1, "2025-02-10", None, "2026-02-10", 1000),
        (2, "2025-02-11", None, "2026-02-11", 1000),
        (3, "2025-01-01", "2026-01-25", None, 2000),
        (3, "2026-01-25", None, None, 1500),
    ]
    days = [
        (number, *(date.fromisoformat(day) if day else None for day in (start, end, renew)), minor, None)
        for number, start, end, renew, minor in rows
    ]
    told = Behaviour(contracts=pl.DataFrame(days, schema=CONTRACTS, orient="row"))
    orders = [order for number in (1, 2, 3) for order in orders_of("2026-01-31", customer_no=number)]

    found = read(tmp_path, *orders, behaviour=told)

    assert (reading_of(found, "expiry_near").count, reading_of(found, "downgraded").count) == (1, 1)


def test_the_base_rate_is_cdnow_s_published_forward_churn(tmp_path):
    """1997-12-31 with 90 days: 2,238 of 4,176."""
    of = Period(
        facts=("x",), files=(write_cdnow(tmp_path, MASTER),), data_through=date(1998, 6, 30),
        as_of=date(1998, 3, 31), window_days=90, currency="USD",
    )  # fmt: skip

    found = early_warnings(of, Behaviour())

    assert (found.gone, found.active_before, found.active) == (2238, 4176, 3817)


def test_every_signal_is_defined_in_both_languages_and_named_once():
    assert len({each.name for each in SIGNALS}) == len(SIGNALS)
    for each in SIGNALS:
        assert all((each.en, each.zh, each.en_text.format(days=90), each.zh_text.format(days=90)))
    assert words.LANGUAGES == ("en", "zh")


def test_the_command_prints_signals_as_a_table_and_as_json(shop, capsys):
    rows = [f"a,{day},{day},10.00" for day in ("2026-01-12", "2026-01-21", "2026-01-22", "2026-01-31")]
    load(shop, "orders", "customer_id,order_id,ordered_at,amount\n" + "\n".join(rows) + "\n")

    load(shop, "activity", "customer_id,at,kind\na,2026-01-25,complaint\n")

    said = as_json(capsys, "signals", "--as-of", "2026-01-31", "--window", "10d")
    code, out, _ = ask(capsys, "signals", "--as-of", "2026-01-31", "--window", "10")

    complaint = next(each for each in said["signals"] if each["signal"] == "complaint")
    assert complaint["count"] == 1
    assert (said["active"], said["complete"], len(said["signals"])) == (1, True, len(SIGNALS))
    assert list(said["signals"][0]) == [
        "signal", "name", "definition", "direction", "count", "flagged", "hits", "hit_rate", "hit_low",
        "hit_high", "looked_at", "base_rate", "lift", "reason", "tells", "alarm",
    ]  # fmt: skip
    assert (code, "Buys less often" in out) == (0, True)
