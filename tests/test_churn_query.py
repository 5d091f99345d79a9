"""Churn counts worked by hand, and of CDNOW against the counts made independently with pandas and DuckDB."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from db.facts.queries import CHURN_COUNTS, GROUPS, count_churn
from db.facts.sums import MEMBER_CELLS, sum_members
from tests.facts import MASTER, an_order, write_cdnow, write_orders
from winback.errors import WrongUse
from winback.overview.words import TEXTS
from winback.report.words import Speaker

AS_OF = date(2026, 1, 31)


@pytest.fixture(scope="module")
def master(tmp_path_factory):
    return write_cdnow(tmp_path_factory.mktemp("master"), MASTER)


def counts_of(folder, *orders, window_days=10) -> list[tuple]:
    """(active, lost, at_start_minor, lost_minor) of the one row there is."""
    counts = count_churn([write_orders(folder, *orders)], as_of=AS_OF, window_days=window_days)
    return counts.drop("value").rows()


@pytest.mark.parametrize(
    ("as_of", "active", "lost", "value_lost_share"),
    [
        (date(1997, 6, 30), 5322, 3079, 0.4244),
        (date(1997, 9, 30), 4195, 2167, 0.3964),
        (date(1997, 12, 31), 4176, 2238, None),
        (date(1998, 3, 31), 3817, 2061, None),
    ],
)
def test_cdnow_s_forward_churn_is_the_published_one(master, as_of, active, lost, value_lost_share):
    [counts] = count_churn([master], as_of=as_of, window_days=90).to_dicts()

    assert (counts["active"], counts["lost"]) == (active, lost)
    if value_lost_share is not None:
        assert counts["lost_minor"] / counts["at_start_minor"] == pytest.approx(value_lost_share, abs=0.00005)


def test_the_windows_hold_their_first_and_last_days(tmp_path):
    """As of Jan 31 with 10 days: active are Jan 22 to Jan 31, back in time are Feb 1 to Feb 10."""
    days = {1: ("2026-01-21",), 2: ("2026-01-22", "2026-02-10"), 3: ("2026-01-31", "2026-02-11")}
    orders = [
        an_order(customer_no=number, order_id=f"{number}/{day}", ordered_on=day)
        for number, ordered_on in days.items()
        for day in ordered_on
    ]

    assert counts_of(tmp_path, *orders) == [(2, 1, 2000, 1000)]


def test_a_free_order_keeps_a_customer_and_a_refund_does_not(tmp_path):
    orders = [
        an_order(customer_no=1, order_id="a", amount_minor=0),
        an_order(customer_no=1, order_id="b", ordered_on="2026-02-03", amount_minor=0),
        an_order(customer_no=2, order_id="c", amount_minor=500),
        an_order(customer_no=2, order_id="d", ordered_on="2026-02-03", amount_minor=-500),
        an_order(customer_no=3, order_id="e", amount_minor=-70),  # never active
    ]

    assert counts_of(tmp_path, *orders) == [(2, 1, 500, 500)]


def test_refunds_of_the_first_window_reduce_the_value_those_after_do_not(tmp_path):
    orders = [
        an_order(order_id="a", ordered_on="2026-01-25", amount_minor=900),
        an_order(order_id="b", ordered_on="2026-01-26", amount_minor=-200),
        an_order(order_id="c", ordered_on="2026-01-02", amount_minor=5000),
        an_order(order_id="d", ordered_on="2026-02-02", amount_minor=-300),
    ]

    assert counts_of(tmp_path, *orders) == [(1, 1, 700, 700)]


def test_an_order_that_was_corrected_counts_once(tmp_path):
    first = write_orders(tmp_path, an_order(amount_minor=1000), name="first")
    second = write_orders(tmp_path, an_order(amount_minor=800, version=2, supersedes=True), name="second")

    counts = count_churn([first, second], as_of=AS_OF, window_days=10)

    assert counts.drop("value").rows() == [(1, 1, 800, 800)]


def test_groups_split_the_counts_and_add_up(tmp_path):
    """Customer 3 is in no group; customer 9 is in a group but never ordered."""
    orders = [an_order(customer_no=number, order_id=str(number), amount_minor=number) for number in (1, 2, 3)]
    back = an_order(customer_no=1, order_id="back", ordered_on="2026-02-01")
    groups = pl.DataFrame([(1, "DE"), (2, "AT"), (9, "AT")], schema=GROUPS, orient="row")

    counts = count_churn([write_orders(tmp_path, *orders, back)], as_of=AS_OF, window_days=10, groups=groups)

    assert counts.rows() == [("AT", 1, 1, 2, 2), ("DE", 1, 0, 1, 0), (None, 1, 1, 3, 3)]


def test_a_customer_in_two_groups_is_refused(tmp_path):
    groups = pl.DataFrame([(1, "DE"), (1, "AT")], schema=GROUPS, orient="row")

    with pytest.raises(WrongUse, match="one group"):
        count_churn([write_orders(tmp_path, an_order())], as_of=AS_OF, window_days=10, groups=groups)


def test_nobody_active_gives_no_row_of_the_right_kind(tmp_path):
    facts = write_orders(tmp_path, an_order(ordered_on="2025-01-01"))

    for files in ([facts], []):
        counts = count_churn(files, as_of=AS_OF, window_days=10)
        assert (counts.height, counts.schema) == (0, CHURN_COUNTS)


def test_who_was_refunded_more_than_he_spent_counts_below_0_here_and_as_0_in_a_run(tmp_path):
    """He bought for 5.00 and was refunded 8.00, the other bought for 10.00: 7.00 are lost here, 10.00 in a run."""
    orders = [
        an_order(customer_no=1, order_id="a", amount_minor=500),
        an_order(customer_no=1, order_id="b", amount_minor=-800),
        an_order(customer_no=2, order_id="c", amount_minor=1000),
    ]
    members = pl.DataFrame({"customer_no": [1, 2], "arm": "message", "cost_micros": 0}).select(
        pl.col(name).cast(kind)
        if name in ("customer_no", "arm", "cost_micros")
        else pl.lit(None, kind).alias(name)
        for name, kind in MEMBER_CELLS.items()
    )

    here = counts_of(tmp_path, *orders)
    files = [tmp_path / "orders.parquet"]
    sums = sum_members(files, t0_on=AS_OF, window_days=10, through=date(2026, 2, 10), members=members)

    assert here == [(2, 2, 700, 700)]
    assert (sums.arm("message").worth.x, sums.arm("message").worth.y) == (1000, 1000)


@pytest.mark.parametrize(
    ("page", "says"), [("docs/campaign-file.md", "as 0"), ("docs/campaign-file.zh-CN.md", "为 0")]
)
def test_the_campaign_file_s_page_says_that_nobody_s_value_lost_is_below_0(page, says):
    lines = (Path(__file__).parent.parent / page).read_text(encoding="utf-8").splitlines()

    [said] = [line for line in lines if line.startswith("- `value_lost`")]
    assert says in said


@pytest.mark.parametrize(("language", "says"), [("en", "nobody below 0"), ("zh", "每人不低于 0")])
def test_the_reports_small_print_says_so_too_and_the_overview_names_the_difference(language, says):
    assert says in Speaker(language)("money_note", level="95%", cap="")
    assert TEXTS["m_value_text"].say(language, days=90).endswith(("as 0.", "为 0。"))
