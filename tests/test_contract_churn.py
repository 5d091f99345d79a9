"""Churn of contracts: who is live at the end of a day, who is lost in the window after it, and what that costs."""

import json
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from app.cli import main
from db.facts.queries import GROUPS
from db.facts.recorded import count_contract_churn
from db.settings import Settings
from tests.test_other_facts import SNAPSHOT, SUB, bring, files
from winback.intake.fields import Kind

D = date(2026, 1, 31)


def counts(shop: Settings, as_of: date = D, days: int = 10, **more: object) -> list[tuple[object, ...]]:
    """(value, active, lost, monthly amount at the start, of it lost) of each slice."""
    found = count_contract_churn(files(shop, "subscriptions"), as_of=as_of, window_days=days, **more)
    return found.rows()


def ask(capsys, *words: str) -> tuple[int, dict[str, object]]:
    code = main(["churn", "--as-of", str(D), "--window", "10", "--definition", "contract", *words, "--json"])
    out = capsys.readouterr().out
    return code, json.loads(out) if out else {}


@pytest.mark.parametrize(
    ("started", "ended", "renews", "live", "lost"),
    [
        ("2026-01-31", "", "", 1, 0),  # begun on the day itself
        ("2026-02-01", "", "", 0, 0),  # not begun yet
        ("2025-01-01", "2026-01-31", "", 0, 0),  # the first day without it is the day itself
        ("2025-01-01", "2026-02-01", "", 1, 1),
        ("2025-01-01", "2026-02-10", "", 1, 1),  # the window's last day
        ("2025-01-01", "2026-02-11", "", 1, 0),
        ("2025-01-01", "", "2026-02-10", 1, 1),  # ran out, and was not renewed
        ("2025-01-01", "", "2026-02-11", 1, 0),
        ("2025-01-01", "", "2026-01-31", 0, 0),  # had run out before
        ("2025-01-01", "2026-02-20", "2026-02-05", 1, 0),  # its end is known: it went on after that
    ],
)
def test_a_contract_is_live_and_lost_by_its_days(
    shop: Settings, started: str, ended: str, renews: str, live: int, lost: int
):
    bring(shop, Kind.SUBSCRIPTIONS, f"{SUB}1,s1,{started},{ended},{renews},20.00,,\n")

    assert counts(shop) == ([(None, live, lost, 2000 * live, 2000 * lost)] if live else [])


def test_a_renewal_that_is_imported_keeps_the_contract(shop: Settings):
    bring(shop, Kind.SUBSCRIPTIONS, SUB + "1,s1,2025-02-05,,2026-02-05,20.00,,\n")
    bring(shop, Kind.SUBSCRIPTIONS, SUB + "1,s1,2025-02-05,,2027-02-05,20.00,,\n")

    assert counts(shop) == [(None, 1, 0, 2000, 0)]


def test_contracts_are_split_by_plan_and_customers_by_group(shop: Settings):
    rows = [
        "1,a,2025-01-01,2026-02-01,,20.00,Gold,",
        "1,b,2025-01-01,,,5.00,Basic,",
        "2,c,2025-01-01,,,7.00,Gold,",
    ]
    bring(shop, Kind.SUBSCRIPTIONS, SUB + "\n".join(rows) + "\n")
    groups = pl.DataFrame({"customer_no": [1], "value": ["north"]}, schema=GROUPS)

    assert counts(shop, by_plan=True) == [("Basic", 1, 0, 500, 0), ("Gold", 2, 1, 2700, 2000)]
    assert counts(shop, groups=groups) == [("north", 2, 1, 2500, 2000), (None, 1, 0, 700, 0)]


def test_of_several_snapshots_the_amount_is_of_the_day_and_the_end_of_the_first_that_told_it(shop: Settings):
    """Left by the end of February, still listed as gone in March: lost once, at what it paid in January."""
    bring(shop, Kind.SNAPSHOTS, SNAPSHOT + "1,13,no,20.00,\n2,5,no,9.00,\n", snapshot_on=date(2025, 12, 31))
    bring(shop, Kind.SNAPSHOTS, SNAPSHOT + "1,14,yes,30.00,\n2,6,no,9.00,\n", snapshot_on=date(2026, 1, 31))
    bring(shop, Kind.SNAPSHOTS, SNAPSHOT + "1,14,yes,30.00,\n2,7,yes,9.00,\n", snapshot_on=date(2026, 2, 28))

    assert counts(shop, as_of=date(2025, 12, 31), days=31) == [(None, 2, 1, 2900, 2000)]
    assert counts(shop, as_of=date(2026, 1, 31), days=28) == [(None, 1, 1, 900, 900)]
    assert counts(shop, as_of=date(2026, 2, 28), days=28) == []


def test_who_came_back_under_the_same_contract_is_live_again(shop: Settings):
    bring(shop, Kind.SNAPSHOTS, SNAPSHOT + "1,13,yes,20.00,\n", snapshot_on=date(2025, 11, 30))
    bring(shop, Kind.SNAPSHOTS, SNAPSHOT + "1,0,no,20.00,\n", snapshot_on=date(2026, 1, 31))

    assert counts(shop) == [(None, 1, 0, 2000, 0)]


def test_the_command_needs_subscriptions(shop: Settings, capsys):
    assert ask(capsys) == (2, {})


def test_the_command_tells_contracts_by_plan_and_by_a_customers_field(shop: Settings, capsys):
    """Wilson of 1 of 2: 0.0945 to 0.9055."""
    bring(shop, Kind.CUSTOMERS, "customer_id,country\n1,GB\n2,US\n")
    rows = "1,a,2025-01-01,2026-02-01,,20.00,Gold,\n2,b,2025-01-01,,,5.00,Basic,\n"
    bring(shop, Kind.SUBSCRIPTIONS, SUB + rows, complete_through=date(2026, 2, 10))

    code, by_plan = ask(capsys, "--by", "plan")
    _, by_country = ask(capsys, "--by", "country")

    assert code == 0
    assert (by_plan["definition"], by_plan["active"], by_plan["lost"], by_plan["rate"]) == ("contract", 2, 1, 0.5)
    assert (round(by_plan["rate_low"], 4), round(by_plan["rate_high"], 4)) == (0.0945, 0.9055)
    assert (by_plan["value_at_start"], by_plan["value_lost"], by_plan["value_lost_share"]) == (25.0, 20.0, 0.8)
    assert [(each["value"], each["lost"]) for each in by_plan["by"]] == [("Basic", 0), ("Gold", 1)]
    assert [(each["value"], each["lost"]) for each in by_country["by"]] == [("GB", 1), ("US", 0)]


def test_an_incomplete_window_of_contracts_has_no_rate(shop: Settings, capsys):
    bring(shop, Kind.SUBSCRIPTIONS, SUB + "1,a,2025-01-01,,,20.00,,\n", complete_through=date(2026, 2, 9))

    code, said = ask(capsys)

    assert (code, said["complete"], said["lost"], said["rate"]) == (1, False, None, None)


@pytest.mark.parametrize("words", [["--by", "month"], ["--by", "first_order"], ["--out", "x.html"]])
def test_what_is_told_of_orders_is_refused_for_contracts(shop: Settings, capsys, words: list[str]):
    bring(shop, Kind.SUBSCRIPTIONS, SUB + "1,a,2025-01-01,,,20.00,,\n")

    assert main(["churn", "--as-of", str(D), "--window", "9", "--definition", "contract", *words]) == 2
    assert "contracts are split by plan" in capsys.readouterr().err
    assert not Path("x.html").exists()
