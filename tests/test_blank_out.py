"""Days after the start that do not count: the window begins after them, whoever reads it."""

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from app.cli import main
from db.facts.outcomes import MEMBERS, count_outcomes
from db.facts.sums import MEMBER_CELLS, read_members, sum_members
from db.settings import Settings
from flows.campaign_run import carry_out, manual
from flows.measuring import measure_again, measure_run
from flows.uplifting import uplift_of_runs
from tests.facts import an_order, write_orders
from tests.report_samples import SAMPLES, page
from tests.workspaces import CAMPAIGN, NOW, a_workspace, load, write_campaign
from winback.campaigns.file import examine, read_campaign
from winback.errors import WrongUse
from winback.outcomes.outcomes import outcome_window, read_outcome, write_outcome
from winback.report.page import chart_specs, render
from winback.report.tables import as_csv
from winback.report.words import Speaker

DAY = date(2025, 10, 31)
RUN = f"spring/manual-{DAY}"
BLANK = CAMPAIGN.replace("audience: {inactive: 60d}", "audience: {value: {top: 100%}}").replace(
    "window: 60d", "window: 60d, blank_out: 14d"
)
# Days from the start -> whether an order on them is one of the 60 before, and of the 60 after the 14 blank ones.
PLACES = {-60: (False, False), -59: (True, False), 0: (True, False), 1: (False, False), 14: (False, False),
          15: (False, True), 74: (False, True), 75: (False, False)}  # fmt: skip


@pytest.fixture
def facts(tmp_path: Path) -> Path:
    """A customer for each of PLACES, numbered from 1, with an order of 1.00 then."""
    days = enumerate(PLACES, 1)
    rows = [an_order(customer_no=n, order_id=str(n), ordered_on=DAY + timedelta(days=day)) for n, day in days]
    return write_orders(tmp_path, *({**row, "amount_minor": 100} for row in rows))


AROUND = {"t0_on": DAY, "window_days": 60, "through": DAY + timedelta(days=74), "blank_out": 14}
NUMBERS = list(range(1, len(PLACES) + 1))


def test_an_order_on_a_blank_day_is_none_before_and_none_after(facts: Path):
    groups = pl.DataFrame({"customer_no": NUMBERS, "value": [str(day) for day in PLACES]})
    members = pl.DataFrame({"customer_no": NUMBERS, "arm": "message"})
    members = members.with_columns(pl.lit(None, pl.Date).alias(name) for name in ("sent_on", "clicked_on"))

    found, [orders] = count_outcomes(
        [facts], groups=groups, members=members.select(MEMBERS.names()), complete=True, **AROUND
    )

    stayed = {int(each.name): (each.inactive_before, each.inactive_after) for each in found if each.n}
    assert stayed == {day: (int(not before), int(not after)) for day, (before, after) in PLACES.items()}
    assert (orders.orders, orders.net_minor) == (2, 200)
    assert orders.days_to_order == 44.5  # from the day of t0: (15 + 74) / 2


def test_the_sums_of_all_comparisons_leave_the_blank_days_out(facts: Path):
    members = pl.DataFrame({"customer_no": NUMBERS, "arm": "message", "cost_micros": 0}).select(
        pl.col(name).cast(kind)
        if name in ("customer_no", "arm", "cost_micros")
        else pl.lit(None, kind).alias(name)
        for name, kind in MEMBER_CELLS.items()
    )

    sums = sum_members([facts], members=members, **AROUND)

    arm = sums.arm("message")
    assert (arm.n, arm.buyers, arm.churned) == (8, 2, 6)
    assert (arm.spend.x, arm.spend.y, arm.worth.y) == (200, 200, 200)  # both who ordered before are lost
    assert (sums.days, sums.first_orders) == (60, {"message": {1: 1, 60: 1}})  # the window's first day is day 1


def test_what_each_member_did_leaves_them_out_too(facts: Path):
    deeds = read_members([facts], members=pl.DataFrame({"customer_no": NUMBERS}), **AROUND)

    told = deeds.select("orders_after", "days_after", "before_minor", "after_minor").rows()
    assert told == [(int(a), int(a), 100 * b, 100 * a) for b, a in PLACES.values()]


def a_crowd(shop: Settings, more: str) -> None:
    """Forty quiet customers; number 1 orders on day 10, number 2 on day 20; ``more`` orders."""
    people = "".join(f"{n:05},c{n}@example.com,yes\n" for n in range(1, 41))
    load(shop, "customers", "customer_id,email,email_consent\n" + people)
    orders = "".join(f"{n:05},o{n},{DAY - timedelta(days=70)},{n}.00\n" for n in range(1, 41))
    orders += f"00001,b1,{DAY + timedelta(days=10)},5\n00002,b2,{DAY + timedelta(days=20)},5\n"
    load(shop, "orders", "customer_id,order_id,ordered_at,amount\n" + orders + more)


@pytest.fixture
def shop(tmp_path: Path) -> Settings:
    """With the data through the window's end, 74 days after the start."""
    made = a_workspace(tmp_path, None, BLANK)
    a_crowd(made, f"00040,end,{DAY + timedelta(days=75)},5\n")
    carry_out(manual("spring", DAY), made, NOW)
    return made


@pytest.mark.slow
def test_it_is_early_until_the_window_is_over_and_its_days_are_counted_from_the_first(shop: Settings):
    read = {day: measure_run(shop, RUN, NOW, as_of=DAY + timedelta(days=day)) for day in (10, 14, 15, 30, 60, 74)}

    assert [each.window.days_seen for each in read.values()] == [0, 0, 1, 16, 46, 60]
    assert [each.window.complete for each in read.values()] == [False] * 5 + [True]
    assert {each.orders for each in read[14].responses} == {None}  # nothing of the window is known
    assert (read[14].look, read[15].look) == (None, None)  # nobody has come back in it
    assert read[60].look.fraction < 1  # 14 of its days are yet to come
    assert read[30].look.through == DAY + timedelta(days=30)
    assert "This is day 16 of 60" in page(read[30]).text("headline")
    after = {each.name: each.after for each in read[74].before_after}
    assert after["base"] == 39 / 40  # number 2 alone


@pytest.mark.slow
def test_the_second_reading_is_of_twice_the_window_after_the_same_blank_days(tmp_path: Path):
    """Of 30 days: the second one is of days 15 to 74."""
    shop = a_workspace(tmp_path, None, BLANK.replace("window: 60d", "window: 30d"))
    a_crowd(shop, f"00003,late,{DAY + timedelta(days=74)},5\n")
    carry_out(manual("spring", DAY), shop, NOW)
    measure_run(shop, RUN, NOW)
    early = measure_again(shop, RUN, NOW)
    end = f"customer_id,order_id,ordered_at,amount\n00040,last,{DAY + timedelta(days=75)},5\n"
    load(shop, "orders", end)

    second = measure_again(shop, RUN, NOW)

    assert early is None  # the last day may not be whole yet
    assert (second.window.first_on, second.window.last_on) == (DAY + timedelta(days=15), DAY + timedelta(days=74))
    assert {each.name: each.after for each in second.before_after}["base"] == 38 / 40  # numbers 2 and 3


@pytest.mark.slow
def test_answers_given_on_blank_days_are_not_of_the_window(shop: Settings):
    given = [f"{n:05},{DAY + timedelta(days=14 + n % 2)} 12:00:00,nps,7,\n" for n in range(1, 41)]
    load(shop, "feedback", "customer_id,at,kind,score,cause\n" + "".join(given))

    found = measure_run(shop, RUN, NOW).findings

    [each] = [each for each in found.satisfaction if each.kind == "nps" and each.arm == "treated"]
    assert each.answered.x + each.control_answered.x == 20  # those of day 15


@pytest.mark.slow
def test_the_command_and_the_json_name_them(shop: Settings, capsys: pytest.CaptureFixture[str]):
    place = ["--workspace", str(shop.workspace)]

    main([*place, "measure", RUN])
    printed = capsys.readouterr().out
    main([*place, "measure", RUN, "--json"])
    window = json.loads(capsys.readouterr().out)["window"]

    assert "window: 2025-11-15 to 2026-01-13; the 14 days before do not count" in printed
    assert (window["blank_out"], window["first_on"], window["days"]) == (14, "2025-11-15", 60)


@pytest.mark.slow
def test_past_runs_are_read_by_their_own_window_and_unlike_ones_not_put_together(shop: Settings):
    write_campaign(shop, BLANK.replace(", blank_out: 14d", ""))
    carry_out(manual("spring", DAY - timedelta(days=1)), shop, NOW)

    with pytest.raises(WrongUse, match="differ in their window or measure"):
        uplift_of_runs(shop, ["spring"])


A_SAMPLE = replace(
    SAMPLES["better"], window=outcome_window(date(1997, 12, 31), 90, date(1998, 5, 1), blank_out=14)
)


@pytest.mark.parametrize(
    ("language", "told", "method"),
    [
        ("en", "15 January 1998 to 14 April 1998 (90 days); the 14 days before it do not count",
         "the 14 days between them counts neither before nor after, in any group. Day 1 of a curve"),
        ("zh", "1998年1月15日至1998年4月14日（90 天）；此前 14 天不计入", "两者之间的 14 天，各组都不计入"),
    ],
)  # fmt: skip
def test_the_report_names_them_in_both_languages(language: str, told: str, method: str):
    assert told in render(A_SAMPLE, language)
    assert method in page(A_SAMPLE, language).text("method")


def test_the_days_of_a_curve_are_those_of_the_window():
    window = replace(A_SAMPLE.window, first_on=date(1998, 1, 15))

    curve = chart_specs(replace(SAMPLES["won"], window=window), Speaker("en"))["curve"]

    assert "days since 14 January 1998" in json.dumps(curve)


def test_without_them_nobody_reads_of_them():
    assert "before it do not count" not in render(SAMPLES["better"], "en")
    assert "blank_out" not in as_csv(SAMPLES["better"], "en")


def test_the_csv_says_how_many_and_a_reading_keeps_them():
    assert any(
        line.startswith("report,") and "blank_out_days,14" in line for line in as_csv(A_SAMPLE, "en").split()
    )
    assert read_outcome(write_outcome(A_SAMPLE)) == A_SAMPLE


def test_a_reading_from_before_there_were_any_has_none():
    kept = json.loads(write_outcome(SAMPLES["better"]))
    del kept["window"]["blank_out"]

    assert read_outcome(json.dumps(kept)) == SAMPLES["better"]


@pytest.mark.parametrize(("written", "days"), [("", 0), (", blank_out: 0d", 0), (", blank_out: 14d", 14)])
def test_the_campaign_file_names_them_and_none_are_the_default(written: str, days: int):
    text = CAMPAIGN.replace("window: 60d", f"window: 60d{written}")

    success = read_campaign(text, "spring.yaml").success

    assert (success.blank_out, success.lasts) == (days, 60 + days)


@pytest.mark.parametrize(
    ("written", "said"), [("14", "write days as a number and d"), ("4000d", "at most 3650"), ("-1d", "write days")]
)
def test_what_is_no_number_of_days_is_refused(written: str, said: str):
    text = CAMPAIGN.replace("window: 60d", f"window: 60d, blank_out: {written}")

    [problem] = examine(text, "campaigns/spring.yaml")[1]

    assert problem.field == "success.blank_out"
    assert said in str(problem)
