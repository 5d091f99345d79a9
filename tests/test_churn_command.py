"""`winback churn` by month, cohort and segment, and its page: the JSON, the text, and what is refused."""

import json
from datetime import date, timedelta
from pathlib import Path

import pytest

from db.settings import Settings
from flows.churning import Period, by_first_order
from tests.facts import an_order, write_orders
from tests.test_churn import BY_KEYS, KEYS
from tests.test_cli import as_json, ask
from tests.workspaces import load

THROUGH = date(2025, 6, 30)
HEADER = "customer_id,order_id,ordered_at,amount\n"


@pytest.fixture
def orders(shop: Settings) -> Settings:
    """From July 2024 to June 2025 customer n orders on the 10th of every n-th month, for n x 10.00.

    Sixty customers, n from 1 to 6; customers of n = 1 to 3 live in Germany, the others in Austria.
    """
    people = [f"{c:03},{'DE' if c % 6 < 3 else 'AT'}" for c in range(60)]
    load(shop, "customers", "customer_id,country\n" + "\n".join(people) + "\n")
    months = [date(2024 + place // 12, place % 12 + 1, 10) for place in range(6, 18)]
    rows = [
        f"{c:03},{c}/{place},{day},{10 * (c % 6 + 1)}.00"
        for place, day in enumerate(months)
        for c in range(60)
        if place % (c % 6 + 1) == 0
    ]
    rows += [f"000,end,{THROUGH},10.00"]
    load(shop, "orders", HEADER + "\n".join(rows) + "\n")
    return shop


def test_by_month_has_a_row_for_every_month_that_equals_the_churn_after_its_end(orders: Settings, capsys):
    found = as_json(capsys, "churn", "--as-of", "2025-06-15", "--window", "60", "--by", "month")
    april = as_json(capsys, "churn", "--as-of", "2025-04-30", "--window", "60")

    assert list(found) == [*KEYS, "reason", "comparison"]
    assert [row["value"] for row in found["by"]] == [
        *(f"2024-{month:02}" for month in range(7, 13)), *(f"2025-{month:02}" for month in range(1, 6)),
    ]  # fmt: skip
    assert list(found["by"][0]) == [
        *BY_KEYS, "as_of", "complete", "covered", "customers", "orders", "revenue", "month_complete",
    ]  # fmt: skip
    [row] = [row for row in found["by"] if row["as_of"] == "2025-04-30"]
    assert {key: row[key] for key in BY_KEYS[2:]} == {key: april[key] for key in BY_KEYS[2:]}
    assert [row["value"] for row in found["by"] if row["rate"] is None] == ["2025-05"]
    assert [row["value"] for row in found["by"] if not row["covered"]] == ["2024-07"]


def test_the_months_sales_are_those_of_the_file(orders: Settings, capsys):
    """July 2024 is everybody's: ten of each n, 10 x (10 + ... + 60) = 2,100; August is that of n = 1 alone."""
    found = as_json(capsys, "churn", "--as-of", "2025-05-31", "--window", "30", "--by", "month")

    july, august = found["by"][:2]
    assert (july["customers"], july["orders"], july["revenue"]) == (60, 60, 2100.0)
    assert (august["customers"], august["orders"], august["revenue"]) == (10, 10, 100.0)
    assert (august["active"], august["lost"], august["rate"]) == (10, 0, 0.0)
    assert july["value_lost_share"] == pytest.approx((2100 - 100) / 2100)


def test_by_cohort_tells_who_ordered_again_and_its_slices_add_up(orders: Settings, capsys):
    """Month k is that of everyone whose n divides k: of 6 months those of n = 1, 2, 3 and 6."""
    found = as_json(capsys, "churn", "--as-of", "2025-03-31", "--window", "60", "--by", "cohort")

    assert [(row["dimension"], row["value"]) for row in found["by"]] == [("cohort", "2024-07")]
    assert sum(row["active"] for row in found["by"]) == found["active"]
    [cohort] = found["cohorts"]
    assert (cohort["value"], cohort["customers"], cohort["complete"]) == ("2024-07", 60, True)
    assert [cell["ordered"] for cell in cohort["cells"]] == [10, 20, 20, 30, 20, 40, 10, 30]
    assert cohort["cells"][0] == {"months_since": 1, "ordered": 10, "share": 10 / 60, "complete": True}


def test_by_a_field_tells_how_long_each_segment_stayed(orders: Settings, capsys):
    """Silent for 60 days after the first order: those of n = 3 and more, as two months are 62 days at the most."""
    found = as_json(capsys, "churn", "--as-of", "2025-03-31", "--window", "62", "--by", "country")

    assert list(found) == [*KEYS, "survival"]
    assert {row["value"] for row in found["by"]} == {"AT", "DE"}
    austria, germany = found["survival"]["segments"]
    assert (austria["value"], austria["customers"], austria["left"], austria["returned"]) == ("AT", 30, 30, 30)
    assert (germany["value"], germany["customers"], germany["left"]) == ("DE", 30, 10)
    assert [(point["day"], point["staying"]) for point in germany["curve"]] == [(62, pytest.approx(2 / 3))]
    assert (austria["median_days"], germany["median_days"]) == (62, None)
    assert found["survival"]["watched_through"] == "2025-03-31"
    assert found["survival"]["log_rank"]["df"] == 1


def test_by_first_order_splits_at_the_highest_fifth_of_first_amounts(orders: Settings, capsys):
    """The twelfth highest of sixty first orders is one of 50.00: ten are of 60.00."""
    found = as_json(capsys, "churn", "--as-of", "2025-03-31", "--window", "60", "--by", "first_order")

    sizes = {each["value"]: each["customers"] for each in found["survival"]["segments"]}
    assert sizes == {"under 50.00": 40, "50.00+": 20}


def test_a_first_order_is_all_of_the_first_day_and_none_of_later_ones(tmp_path: Path):
    """Five customers: the highest fifth is one, 30.00 + 25.00 on the first day; 90.00 later do not count."""
    rows = [an_order(customer_no=n, order_id=str(n), amount_minor=1000 * n) for n in (1, 2, 4, 5)]
    rows += [
        an_order(customer_no=3, order_id=f"3{n}", amount_minor=amount) for n, amount in enumerate((3000, 2500))
    ]
    rows.append(an_order(customer_no=1, order_id="later", ordered_on="2026-02-01", amount_minor=9000))
    of = Period(
        facts=(), files=(write_orders(tmp_path, *rows),), data_through=None, as_of=date(2026, 2, 28),
        window_days=30, currency="EUR",
    )  # fmt: skip

    assert dict(by_first_order(of).rows()) == {n: "55.00+" if n == 3 else "under 55.00" for n in range(1, 6)}


def test_by_value_sets_the_top_fifth_of_all_scored_apart_and_has_no_curve(orders: Settings, capsys):
    found = as_json(capsys, "churn", "--as-of", "2024-07-31", "--window", "60", "--by", "value")

    assert list(found) == [*KEYS, "high_value"]
    assert {row["value"]: row["active"] for row in found["by"]} == {"top_20": 12, "others": 48}
    assert (found["high_value"]["scored"], found["high_value"]["customers"]) == (60, 12)


def test_the_high_value_customers_are_listed_as_csv(orders: Settings, capsys):
    """After July everybody has one order, of 10.00 to 60.00: by past value the ten of 60.00 and two of 50.00."""
    where = orders.workspace / "top.csv"

    code, _, _ = ask(
        capsys, "churn", "--as-of", "2024-07-31", "--window", "60", "--by", "value", "--out", str(where)
    )

    lines = where.read_text("utf-8-sig").splitlines()
    assert code == 0
    assert lines[0] == (
        "customer_id,risk,expected_value,value_rank,past_value,past_rank,top_by_expected,top_by_past"
    )
    past = [line.split(",")[4] for line in lines[1:] if line.endswith("True")]
    assert sorted(past) == ["50.0"] * 2 + ["60.0"] * 10


@pytest.mark.parametrize("by", ["cohort", "first_order", "value", "country"])
def test_the_model_s_churn_is_split_by_the_same_groups(orders: Settings, capsys, by):
    found = as_json(
        capsys, "churn", "--as-of", "2025-03-31", "--window", "60", "--by", by, "--definition", "model"
    )

    assert list(found) == KEYS
    assert sum(row["active"] for row in found["by"]) == found["active"] == 60


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("month", "2024-07 60 60 2,100.00"),
        ("cohort", "2024-07 60 16.7% 33.3%"),
        ("country", "DE 30 33.33% 33.33%"),
        ("first_order", "under 50.00"),
        ("value", "by expected value 12"),
    ],
)
def test_the_text_shows_what_belongs_to_the_dimension(orders: Settings, capsys, by, said):
    code, out, _ = ask(capsys, "churn", "--as-of", "2025-03-31", "--window", "60", "--by", by)

    assert code == 0
    assert said in " ".join(out.split())


@pytest.mark.parametrize(
    ("definition", "heads"),
    [("model", "expected value expected of lost share"), ("no_order", "value at start value lost share")],
)
def test_the_money_is_headed_by_what_it_is(orders: Settings, capsys, definition, heads):
    """By the model: what is expected of them, not what they spent before."""
    asked = ("churn", "--as-of", "2025-03-31", "--window", "60", "--definition", definition)
    _, out, _ = ask(capsys, *asked)

    assert heads in " ".join(out.split())


def test_a_price_rise_that_hides_a_loss_is_warned_of(shop: Settings, capsys):
    """Three hundred customers a month at 10.00, then two hundred at 15.00: revenue stays, z = 300 / sqrt(1500)."""
    rows = ["first,first,2024-10-05,1.00"]
    for place in range(6):
        people, amount = (300, 10) if place < 3 else (200, 15)
        day = date(2024, 11, 5) + timedelta(days=30 * place)
        rows += [f"{c},{c}/{place},{day},{amount}" for c in range(people)]
    rows.append(f"first,last,{THROUGH},1.00")
    load(shop, "orders", HEADER + "\n".join(rows) + "\n")

    found = as_json(capsys, "churn", "--as-of", "2025-04-30", "--window", "30", "--by", "month")
    _, _, said = ask(capsys, "churn", "--as-of", "2025-04-30", "--window", "30", "--by", "month")

    assert found["comparison"] == {
        "first_month": "2025-02", "before_first_month": "2024-11", "a_year_before": False,
        "customers_change": pytest.approx(-1 / 3), "orders_change": pytest.approx(-1 / 3), "revenue_change": 0.0,
        "divergence": "revenue_hides_loss",
    }  # fmt: skip
    assert "warning: revenue (+0.0%) hides a loss: customers -33.3%, orders -33.3%" in said


@pytest.mark.parametrize(("language", "title"), [("en", "Churn overview"), ("zh", "客户流失概览")])
def test_the_page_is_written_also_while_the_window_is_open(orders: Settings, capsys, language, title):
    file = orders.workspace / "new" / "overview.html"

    code, out, _ = ask(
        capsys, "churn", "--as-of", "2025-06-15", "--window", "60", "--out", str(file), "--lang", language
    )

    assert (code, out.strip()) == (0, str(file))
    assert f"<h1>{title}</h1>" in file.read_text("utf-8")


def test_the_page_s_segments_are_a_field_of_the_shop_s_own(orders: Settings, capsys, tmp_path: Path):
    file = tmp_path / "overview.html"

    ask(capsys, "churn", "--as-of", "2025-03-31", "--window", "60", "--by", "country", "--out", str(file))

    assert '<span class="dot treated"></span>AT</th>' in file.read_text("utf-8")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--by", "month", "--definition", "model"], "speaks of one day only"),
        (["--out", "o.html", "--definition", "model"], "speaks of one day only"),
        (["--out", "o.html", "--json"], "use one of them"),
        (["--out", "o.html", "--by", "cohort"], "names the segments"),
        (["--out", "o.html", "--by", "value"], "names the segments"),
        (["--out", "o.html", "--by", "contry"], "did you mean 'country'"),
        (["--by", "contry"], "did you mean 'country'"),
        (["--by", "qqq"], "there are: country, email_consent, locale, salesperson_name, sms_consent, timezone"),
    ],
)
def test_what_cannot_be_told_is_refused_in_words(orders: Settings, capsys, words, said):
    code, _, error = ask(capsys, "churn", "--as-of", "2025-03-31", "--window", "60", *words)

    assert code == 2
    assert said in error
    assert not Path("o.html").exists()


def test_a_consent_is_told_as_yes_no_or_unknown(orders: Settings, capsys):
    load(orders, "customers", "customer_id,email_consent\n006,yes\n012,no\n")

    found = as_json(capsys, "churn", "--as-of", "2025-03-31", "--window", "60", "--by", "email_consent")

    assert {row["value"] for row in found["by"]} == {"yes", "no", "unknown"}


def test_a_shop_without_orders_has_no_page_and_empty_answers(shop: Settings, capsys):
    code, _, error = ask(capsys, "churn", "--as-of", "2025-03-31", "--window", "60", "--out", "o.html")

    assert (code, "there are no orders yet" in error) == (2, True)
    for by in ("month", "cohort", "value", "first_order"):
        code, out, _ = ask(capsys, "churn", "--as-of", "2025-03-31", "--window", "60", "--by", by, "--json")
        assert (code, json.loads(out)["by"]) == (1, [])
