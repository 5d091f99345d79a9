"""Scores of contracts from files to a Parquet file and to an audience: what is known when, and by whom."""

import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sqlmodel import select

from app.cli import main
from db.customers import told_of
from db.engine import database, reading
from db.settings import Settings
from db.tables import Assignment, Occurrence
from flows.campaign_run import carry_out, manual, read_ledger
from flows.choosing import choose_now
from tests.test_other_facts import ORDERS, SNAPSHOT, SUB, bring
from tests.workspaces import AS_OF, CAMPAIGN, NOW, load, write_campaign
from winback.audience.selection import digest
from winback.errors import CampaignError
from winback.intake.fields import Kind

BY_CONTRACT = CAMPAIGN.replace("within: 60d}", "within: 60d, definition: contract}", 1)


def a_crowd(people: int = 400) -> str:
    """Contracts of two plans; of Basic half ended after some months, of Gold a tenth; all within two years."""
    rng = np.random.default_rng(7)
    rows = []
    for number in range(people):
        started = AS_OF - timedelta(days=int(rng.integers(30, 700)))
        plan, share = ("Basic", 0.5) if number % 2 else ("Gold", 0.1)
        ended = started + timedelta(days=int(rng.integers(20, 600)))
        gone = rng.random() < share and ended <= AS_OF
        rows.append(f"{number:05},s{number},{started},{ended if gone else ''},,{10 + number % 9}.00,{plan},\n")
    return "".join(rows)


def score(
    shop: Settings, capsys: pytest.CaptureFixture[str], as_of: date = AS_OF, *words: str
) -> dict[str, object]:
    out = shop.workspace / "scores.parquet"
    capsys.readouterr()
    command = ["score", "--definition", "contract", "--as-of", str(as_of), "--horizon", "60", "--out", str(out)]
    assert main([*command, *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_every_contract_that_lives_is_scored_with_reasons_in_words(shop: Settings, capsys):
    bring(shop, Kind.SUBSCRIPTIONS, SUB + a_crowd())

    said = score(shop, capsys)

    frame = pl.read_parquet(said["out"])
    assert list(frame.columns) == [
        "customer_id", "risk", "expected_value", "value_rank", "past_value", "past_rank", "model",
        "subscription_id", "reasons",
    ]  # fmt: skip
    assert (said["rows"], said["horizon_days"], said["fallback_reason"]) == (frame.height, 60, None)
    assert said["model"].startswith("hazard by age")
    assert frame["reasons"].list.len().is_between(1, 3).all()
    basic = frame["subscription_id"].str.tail(1).cast(pl.Int64) % 2 == 1
    assert frame.filter(basic)["risk"].mean() > 2 * frame.filter(~basic)["risk"].mean()
    assert frame.explode("reasons")["reasons"].str.contains("times the usual risk of ending").all()


def test_reasons_are_in_chinese_where_it_is_asked_for(shop: Settings, capsys):
    bring(shop, Kind.SUBSCRIPTIONS, SUB + a_crowd())

    said = score(shop, capsys, AS_OF, "--lang", "zh")

    assert pl.read_parquet(said["out"]).explode("reasons")["reasons"].str.contains("流失风险为平均的").all()


def test_without_subscriptions_there_is_nothing_to_score(shop: Settings, capsys):
    command = ["score", "--definition", "contract", "--as-of", "2026-02-28", "--horizon", "60", "--out", "x"]

    assert main(command) == 2
    assert "there are no subscriptions" in capsys.readouterr().err


def test_before_the_first_snapshot_no_contract_is_known_and_the_scores_say_from_when(shop: Settings, capsys):
    bring(shop, Kind.SNAPSHOTS, SNAPSHOT + "00001,3,yes,99.00,Gold\n00002,5,no,9.00,Gold\n", snapshot_on=AS_OF)

    before, on_the_day = (score(shop, capsys, day) for day in (AS_OF - timedelta(days=1), AS_OF))

    assert before["rows"] == 0
    said = f"no contract was known by {AS_OF - timedelta(days=1)}: the first snapshot is of {AS_OF}"
    assert before["fallback_reason"] == said
    assert on_the_day["rows"] == 1


def test_what_is_told_later_leaves_earlier_scores_equal_byte_by_byte(shop: Settings, capsys):
    """Ends after the day, contracts begun after it, and a snapshot of a later day."""
    text = a_crowd()
    bring(shop, Kind.SUBSCRIPTIONS, SUB + text)
    day = AS_OF - timedelta(days=60)
    before = score(shop, capsys, day)
    content = Path(before["out"]).read_bytes()
    living = [row.split(",") for row in text.splitlines() if ",,,".join(["", ""]) in row]
    later = [",".join([*row[:3], str(AS_OF), *row[4:]]) for row in living[:150] if row[2] <= str(day)]
    new = [f"9{n:04},n{n},{day + timedelta(days=1 + n % 40)},,,10.00,Basic," for n in range(50)]

    report = bring(shop, Kind.SUBSCRIPTIONS, SUB + "\n".join([*later, *new]) + "\n")
    bring(shop, Kind.SNAPSHOTS, SNAPSHOT + "00001,3,yes,99.00,Gold\n", snapshot_on=AS_OF)

    after = score(shop, capsys, day)
    assert report.changed > 50
    assert report.new == 50
    assert after["digest"] == before["digest"]
    assert Path(after["out"]).read_bytes() == content
    assert score(shop, capsys)["digest"] != before["digest"]


def test_the_future_of_a_contract_says_nothing_of_its_risk(shop: Settings, capsys):
    """Whoever is called Doomed ends right after the day: known, it would be learned; it must not be."""
    text = a_crowd()
    rows = [row.split(",") for row in text.splitlines()]
    day = AS_OF - timedelta(days=60)
    doomed = set(sorted(row[0] for row in rows if not row[3] and row[2] <= str(day))[::2])
    soon = str(day + timedelta(days=1))
    fates = [f"{row[0]},{'Doomed' if row[0] in doomed else 'Fine'}\n" for row in rows]
    planted = [",".join([*row[:3], soon if row[0] in doomed else row[3], *row[4:]]) for row in rows]
    bring(shop, Kind.SUBSCRIPTIONS, SUB + "\n".join(planted) + "\n")
    bring(shop, Kind.CUSTOMERS, "customer_id,fate\n" + "".join(fates))

    said = score(shop, capsys, day)

    frame = pl.read_parquet(said["out"])
    fated = frame["customer_id"].is_in(sorted(doomed))
    assert fated.sum() == len(doomed)
    assert frame.filter(fated)["risk"].mean() < 2 * frame.filter(~fated)["risk"].mean()


def test_attributes_of_customers_are_learned_from(shop: Settings, capsys):
    text = a_crowd()
    rows = [row.split(",") for row in text.splitlines()]
    bring(shop, Kind.SUBSCRIPTIONS, SUB + "".join(",".join([*row[:6], "One", "\n"]) for row in rows))
    told = "".join(f"{row[0]},{'paper' if row[6] == 'Basic' else 'card'},GB\n" for row in rows)
    bring(shop, Kind.CUSTOMERS, "customer_id,Payment,country\n" + told)

    said = score(shop, capsys)

    texts = pl.read_parquet(said["out"]).explode("reasons")["reasons"]
    assert texts.str.starts_with("Payment paper: ").any()
    assert texts.str.starts_with("Payment card: ").any()


@pytest.mark.parametrize("at_once", [1, 20_000])
def test_who_told_what_of_customers_is_text_or_nothing(shop: Settings, monkeypatch, at_once: int):
    monkeypatch.setattr("db.customers.TOLD_AT_ONCE", at_once)
    load(shop, "customers", "customer_id,country,Colour\n1,GB,red\n2,,\n")

    with database(shop.database_url) as engine, reading(engine) as session:
        told = told_of(session)

    assert told.columns == ["customer_no", "country", "attributes.Colour"]
    assert told.rows()[0][1:] == ("GB", "red")
    assert told.rows()[1][1:] == (None, None)


def addresses(people: int) -> str:
    rows = [f"{n:05},c{n}@example.com,yes\n" for n in range(people)]
    return "customer_id,email,email_consent\n" + "".join(rows)


def test_an_audience_by_contract_holds_who_has_one_with_the_same_ledger(shop: Settings):
    """No order was ever imported; the top fifth by value, of whom the likelier half."""
    audience = "{value: {top: 20%}, risk: {at_least: 4%}}"
    write_campaign(shop, BY_CONTRACT.replace("{inactive: 60d}", audience))
    load(shop, "customers", addresses(400))
    bring(shop, Kind.SUBSCRIPTIONS, SUB + a_crowd())

    choice = choose_now(manual("spring", AS_OF), shop)
    summary = carry_out(manual("spring", AS_OF), shop, NOW)

    with database(shop.database_url) as engine, reading(engine) as session:
        occurrence = session.execute(select(Occurrence)).scalars().one()
        ledger = read_ledger(shop, occurrence)
        entered = len(session.execute(select(Assignment)).all())
    living = sum(not row.split(",")[3] for row in a_crowd().splitlines())
    inside = ledger.filter(pl.col("reason").is_null())
    assert ledger.height == living == sum(summary.arms.values()) + sum(summary.reasons.values())
    assert summary.model.startswith("hazard by age")
    assert inside["risk"].min() >= 0.04
    assert inside["value_rank"].max() <= -(-living // 5)
    assert set(ledger["reason"].drop_nulls()) == {"not_top_value", "not_at_risk"}
    assert entered == inside.height > 0
    assert ledger["orders"].to_list() == [0] * living
    assert digest(choice.ledger) == summary.digest


def test_an_audience_by_contract_needs_subscriptions_and_no_orders(shop: Settings):
    write_campaign(shop, BY_CONTRACT)
    load(shop, "orders", "customer_id,order_id,ordered_at,amount\n1,a,2026-01-05,10.00\n")

    with pytest.raises(CampaignError, match="needs contracts, and there are none"):
        choose_now(manual("spring", AS_OF), shop)


def test_who_also_orders_keeps_his_orders_in_the_ledger(shop: Settings):
    write_campaign(shop, BY_CONTRACT.replace("{inactive: 60d}", "{risk: {at_least: 0%}}"))
    bring(shop, Kind.ORDERS, ORDERS + "00000,a,2026-01-05,10.00,\n00000,b,2026-01-09,10.00,\n")
    bring(shop, Kind.SUBSCRIPTIONS, SUB + "00000,s,2025-01-05,,,20.00,,\n00001,t,2025-03-05,,,20.00,,\n")

    ledger = choose_now(manual("spring", AS_OF), shop).ledger

    assert ledger.sort("customer_id").select("orders", "last_order_on").rows() == [
        (2, date(2026, 1, 9)), (0, date(2025, 3, 5)),
    ]  # fmt: skip
