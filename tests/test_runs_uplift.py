"""Uplift from our own past runs: arms as drawn, outcomes as measured, refused where that would compare unlikes."""

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from db.engine import database, reading
from db.occurrences import find_run
from db.settings import Settings
from flows.campaign_run import carry_out, manual, read_ledger
from flows.uplifting import uplift_of_runs
from tests.test_cli import as_json, ask
from tests.workspaces import CAMPAIGN, NOW, a_workspace, load, write_campaign
from winback.errors import WrongUse

PEOPLE, AS_OF = 2_600, date(2025, 12, 20)
RUN = f"spring/manual-{AS_OF}"


def a_crowd(shop: Settings, people: int = PEOPLE) -> None:
    """Everybody bought once, in August: odd numbers for 10.00, even ones for 100.00."""
    numbers = range(1, people + 1)
    load(shop, "customers", "customer_id,email,email_consent\n"
         + "".join(f"{n:05},c{n}@example.com,yes\n" for n in numbers))  # fmt: skip
    load(shop, "orders", "customer_id,order_id,ordered_at,amount\n"
         + "".join(f"{n:05},o{n},2025-08-{1 + n % 28:02},{_spent(n)}\n" for n in numbers))  # fmt: skip


def _spent(number: int) -> str:
    return "10.00" if number % 2 else "100.00"


def members(shop: Settings, run: str = RUN) -> pl.DataFrame:
    with database(shop.database_url) as engine, reading(engine) as session:
        return read_ledger(shop, find_run(session, run)).filter(pl.col("arm").is_not_null())


def who_came(shop: Settings, *, to_small: float, to_large: float) -> None:
    """A tenth comes anyway; of the written-to also so many of those who had spent little, or much."""
    random, rows = np.random.default_rng(5), []
    for row in members(shop).iter_rows(named=True):
        helped = (to_large if row["past_value"] > 50 else to_small) if row["arm"] != "holdout" else 0
        if random.random() < 0.1 + helped:
            rows.append(f"{row['customer_id']},back{row['customer_id']},2026-01-10,20.00\n")
    rows.append("00001,last,2026-02-28,1.00\n")
    load(shop, "orders", "customer_id,order_id,ordered_at,amount\n" + "".join(rows))


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A run in which the message helped those who had spent much, and nobody else."""
    shop = a_workspace(tmp_path_factory.mktemp("past"))
    a_crowd(shop)
    carry_out(manual("spring", AS_OF), shop, NOW)
    who_came(shop, to_small=0.0, to_large=0.3)
    return shop


@pytest.mark.slow
def test_whom_a_past_run_helped_is_told_beside_the_ranking_by_risk(past: Settings):
    """Effect: .3 of one half, so .15 of all; on the 30 % ranked first .3."""
    found = uplift_of_runs(past, [RUN])

    arms = members(past)["arm"].value_counts()
    held = arms.filter(pl.col("arm") == "holdout")["count"].item()
    assert (found.runs, found.uplift.control, found.uplift.treated) == ((RUN,), held, PEOPLE - held)
    assert found.uplift.reason is None
    assert found.uplift.effect == pytest.approx(0.15, abs=0.04)
    assert found.uplift.top_effect == pytest.approx(0.3, abs=0.06)
    assert set(found.uplift.others) == {"risk", "expected_value"}
    assert found.uplift.others["risk"] < found.uplift.qini


@pytest.mark.slow
def test_a_campaign_s_name_stands_for_all_its_runs_that_are_over(past: Settings):
    assert uplift_of_runs(past, ["spring"]) == uplift_of_runs(past, [RUN])


@pytest.mark.slow
def test_the_command_shows_the_rankings_side_by_side(
    past: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(past.workspace)

    said = as_json(capsys, "uplift", "--runs", RUN)
    code, out, err = ask(capsys, "uplift", "--runs", RUN)

    assert (said["runs"], said["measure"], said["placebo"]) == ([RUN], "churn", True)
    assert "ridge" in said["learners"]
    assert code == 0
    assert [line.split()[0] for line in out.splitlines() if line.startswith(("uplift", "risk"))][:2] == [
        "uplift", "uplift" if len(said["learners"]) > 1 else "risk",
    ]  # fmt: skip
    assert "a rehearsal: nobody got a message" in err


@pytest.mark.slow
def test_a_message_that_helped_nobody_more_than_others_is_refused(tmp_path: Path):
    shop = a_workspace(tmp_path)
    a_crowd(shop)
    carry_out(manual("spring", AS_OF), shop, NOW)
    who_came(shop, to_small=0.2, to_large=0.2)

    found = uplift_of_runs(shop, [RUN])

    assert found.uplift.reason == "its ranking is no better than random ones: write to all, or by value"


@pytest.mark.slow
def test_orders_on_blank_days_are_no_help(tmp_path: Path):
    """All came on day 21, the last of the blank ones."""
    shop = a_workspace(tmp_path, None, CAMPAIGN.replace("window: 60d", "window: 30d, blank_out: 21d"))
    a_crowd(shop)
    carry_out(manual("spring", AS_OF), shop, NOW)
    who_came(shop, to_small=0.0, to_large=0.3)

    found = uplift_of_runs(shop, [RUN])

    assert (found.uplift.effect, found.uplift.reason is None) == (0, False)


def test_runs_that_cannot_be_compared_are_refused_in_words(shop: Settings):
    a_crowd(shop, 60)
    for as_of, holdout in ((date(2025, 11, 1), "50%"), (date(2025, 12, 1), "20%"), (date(2026, 2, 1), "50%")):
        write_campaign(shop, CAMPAIGN.replace("50%", holdout))
        carry_out(manual("spring", as_of), shop, NOW)
    load(shop, "orders", "customer_id,order_id,ordered_at,amount\n00001,last,2026-02-28,1.00\n")

    with pytest.raises(
        WrongUse, match="spring/manual-2026-02-01: the data do not reach the end of its window yet"
    ):
        uplift_of_runs(shop, ["spring/manual-2026-02-01"])
    with pytest.raises(WrongUse, match="differ in their share held out"):
        uplift_of_runs(shop, ["spring"])
    with pytest.raises(WrongUse, match="'autumn' has no run whose window is over"):
        uplift_of_runs(shop, ["autumn"])
    few = uplift_of_runs(shop, ["spring/manual-2025-11-01"])
    assert few.uplift.reason == "fewer than 500 customers in a group: too few to tell whom it helps"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ([], "name a file, or runs by --runs RUN"),
        (["past.csv", "--runs", RUN], "name a file, or runs by --runs RUN"),
        (["--runs", RUN, "--arm", "a"], "--arm is of a file"),
        (["past.csv", "--arm", "a"], "a file needs --treated, --control, --outcome, --features"),
    ],
)
def test_a_file_and_runs_are_not_asked_together(
    shop: Settings, capsys: pytest.CaptureFixture[str], asked: list[str], said: str
):
    code, _, err = ask(capsys, "uplift", *asked)

    assert (code, said in err) == (2, True)
