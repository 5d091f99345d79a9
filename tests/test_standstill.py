"""A shop that stands still is told, in both languages, where risks are made; one that pauses as ever is not."""

from datetime import date, timedelta

import pytest

from db.settings import Settings
from flows.importing import Arrival, import_file
from tests.test_cli import as_json, ask
from tests.workspaces import NOW, load
from winback.customers.standstill import standstill
from winback.intake.fields import Kind
from winback.report.page import recorded
from winback.report.words import speaker

FIRST = date(2025, 1, 1)


def customers(days: int, a_day: int = 1, missing: range = range(0)) -> dict[date, int]:
    """``a_day`` customers on each of so many days from FIRST on, but for the ``missing``."""
    return {FIRST + timedelta(days=day): a_day for day in range(days) if day not in missing}


@pytest.mark.parametrize(
    ("told", "silent", "still"),
    [
        (customers(60), 20, True),  # 20 purchase days were to be expected
        (customers(60), 19, False),
        (customers(28), 20, True),
        (customers(27), 20, False),  # not known for four weeks
        (customers(60, a_day=1_000), 7, True),
        (customers(60, a_day=1_000), 6, False),  # less than a week
        (customers(80, missing=range(20, 39)), 30, True),  # before that 19 days at most, 61 of 80 days: .76 a day
        (customers(80, missing=range(20, 49)), 30, False),  # 30 days from one order to the next were seen before
        ({}, 30, False),
    ],
)
def test_a_silence_is_told_that_neither_chance_nor_habit_explains(told, silent, still):
    newest = max(told, default=FIRST)

    found = standstill(told, newest + timedelta(days=silent))

    assert (found is not None) == still


def test_the_flow_is_that_of_the_last_year():
    """Two a day for 365 days, 1,000 on one day two years before; after 11 days of silence 22 are missing."""
    newest = FIRST + timedelta(days=364)

    found = standstill({date(2022, 12, 31): 1_000} | customers(365, a_day=2), newest + timedelta(days=11))

    assert found is None  # from that day to the next 732 days passed: a longer silence than this
    found = standstill({date(2024, 12, 25): 1_000} | customers(365, a_day=2), newest + timedelta(days=11))
    assert (found.usual, found.known_days, found.days, found.newest_on) == (2.0, 365, 11, newest)
    assert "11 days old (2025-12-31), and in the 365 days up to it 2.0 customers a day" in found.said.en
    assert "距今 11 天（2025-12-31），而截至该日的 365 天内平均每天有 2.0 名客户" in found.said.zh


@pytest.fixture
def stopped(shop: Settings) -> Settings:
    """Two customers a day, with addresses, from January 1 to April 30; the orders are complete through June 30."""
    rows = [
        f"{day % 60:03}{which},{day}{which},{FIRST + timedelta(days=day)},9.00"
        for day in range(120)
        for which in "ab"
    ]
    known = [f"{number:03}{which},{which}{number}@example.com,yes" for number in range(60) for which in "ab"]
    load(shop, "customers", "customer_id,email,email_consent\n" + "\n".join(known) + "\n")
    file = shop.workspace / "orders.csv"
    file.write_text("customer_id,order_id,ordered_at,amount\n" + "\n".join(rows) + "\n")
    through = date(2025, 6, 30)
    import_file(
        Arrival(kind=Kind.ORDERS, file=file, source="main", mapping={}, complete_through=through), shop, NOW
    )
    return shop


def test_scores_backtest_signals_and_runs_tell_of_it(stopped: Settings, capsys, tmp_path):
    out = str(tmp_path / "scores.parquet")
    asked = ["score", "--horizon", "30", "--out", out, "--as-of"]

    scores = as_json(capsys, *asked, "2025-05-30")
    chinese = as_json(capsys, *asked, "2025-05-30", "--lang", "zh")
    before = as_json(capsys, *asked, "2025-05-01")
    warned = as_json(capsys, "signals", "--as-of", "2025-05-30", "--window", "30")
    _, _, said = ask(capsys, "signals", "--as-of", "2025-05-30", "--window", "30")
    measured = as_json(capsys, "backtest", "--horizon", "30", "--cuts", "1")
    _, run, _ = ask(capsys, "run", "spring", "--as-of", "2025-05-30", "--dry-run")

    told = "The newest order is 30 days old (2025-04-30), and in the 120 days up to it 2.0 customers a day ordered"
    assert [told in note for note in scores["notes"]] == [True]
    assert [("最新订单距今 30 天" in note) for note in chinese["notes"]] == [True]
    assert before["notes"] == []
    assert warned["notes"] == scores["notes"]
    assert told in said
    assert "The newest order is 61 days old" in measured["notes"][0]
    assert ("risk from: " in run, told in run) == (True, True)


def test_the_overview_and_a_report_say_it_in_their_language(stopped: Settings, capsys, tmp_path):
    page = tmp_path / "page.html"
    asked = ["churn", "--window", "30", "--out", str(page), "--lang", "zh", "--as-of"]

    ask(capsys, *asked, "2025-05-30")
    still = page.read_text(encoding="utf-8")
    ask(capsys, *asked, "2025-05-01")

    assert "最新订单距今 30 天" in still
    assert "最新订单距今" not in page.read_text(encoding="utf-8")
    said = {"standstill": {"en": "The newest order is old.", "zh": "最新订单很旧。"}}
    assert recorded(said, speaker("no_order", "zh")) == [("没有新订单", "最新订单很旧。")]
    assert recorded(said, speaker("no_order", "en")) == [("no new orders", "The newest order is old.")]
