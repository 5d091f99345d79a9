"""Every finding of a million customers in 96 cells against one bare DuckDB group-by of the same sums: CPU seconds.

    python -m bench.outcomes [--customers 1000000]

Ours: exact sums from the order facts, rates, money, CUPED, contribution, curves, 26 segments and their tests.
Bare: one query over the same files for the same sums, in floating point, and nothing done with them.
Then the first report of a process, its charts among it, in CPU seconds; with what it has to import.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from bench.features import cpu_seconds
from db.facts.queries import arrow
from db.facts.sums import BY_ORDERS, MEMBER_CELLS, sum_members
from winback.campaigns.campaign import HOLDOUT, Campaign, Measure, Success
from winback.lift.contrast import Terms
from winback.lift.verdict import Conditions
from winback.outcomes.effects import LOWER_IS_BETTER, rate_contrasts
from winback.outcomes.findings import Findings
from winback.outcomes.outcomes import (
    BASE,
    TOP,
    TREATED,
    ArmResult,
    GroupCount,
    Method,
    Outcome,
    measure,
    outcome_window,
)
from winback.outcomes.part_sums import RunSums
from winback.outcomes.responses import MessageCount
from winback.outcomes.seen import Seen, find, question

T0_ON = date(2026, 1, 31)
DAYS = 60
MOST = 2.0
MOST_DRAWN = 3.0
EACH = [str(number) for number in range(1, 25)]
BARE = """
WITH customers AS (
    SELECT customer_no,
        count(*) FILTER (ordered_on > $t0_on) AS bought,
        coalesce(sum(amount_minor) FILTER (ordered_on <= $t0_on), 0)::DOUBLE AS x,
        coalesce(sum(amount_minor) FILTER (ordered_on > $t0_on), 0)::DOUBLE AS y,
        min(ordered_on) FILTER (ordered_on > $t0_on) AS first_on,
        max(ordered_on) FILTER (ordered_on > $t0_on) AS last_on
    FROM read_parquet($files)
    WHERE ordered_on BETWEEN $t0_on::DATE - 59 AND $t0_on::DATE + 60
    GROUP BY customer_no
)
SELECT arm, value, risk, orders, channel, count(*),
    count(*) FILTER (bought IS NULL OR bought = 0), count(*) FILTER (last_on > first_on),
    sum(bought), sum(bought * bought), sum(x), sum(x * x), sum(y), sum(y * y), sum(x * y),
    sum(least(y, 50000)), sum(least(y, 50000) * least(y, 50000)),
    sum(x) FILTER (bought = 0), sum(x * x) FILTER (bought = 0),
    sum(cost_micros), sum(cost_micros * cost_micros), sum(cost_micros * y), sum(cost_micros * x),
    count(nps), sum(nps), sum(nps * nps), count(csat), sum(csat), sum(csat * csat)
FROM members LEFT JOIN customers USING (customer_no)
GROUP BY arm, value, risk, orders, channel
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="All findings against a bare group-by.")
    parser.add_argument("--customers", type=int, default=1_000_000)
    customers = parser.parse_args().customers
    with tempfile.TemporaryDirectory() as folder:
        file, members = write_orders(Path(folder), customers), the_members(customers)
        bare = cpu_seconds(lambda: group_bare(file, members))
        asked = cpu_seconds(lambda: the_sums(file, members))
        ours = cpu_seconds(lambda: the_findings(the_sums(file, members)))
        drawn = cpu_of_first_report(the_sums(file, the_members(customers, ["1", "2-4", "5+"])))
    print(
        f"findings of {customers:,} customers in 96 cells: {ours:.2f} CPU s ({asked:.2f} for the sums), "
        f"bare group-by {bare:.2f}: {ours / bare:.1f} times (at most {MOST:g})"
    )
    print(f"the first report of a process: {drawn:.2f} CPU s (at most {MOST_DRAWN:g})")


def write_orders(folder: Path, customers: int) -> Path:
    """Three orders to a customer on average, over the days of both windows."""
    dice, rows = np.random.default_rng(4), 3 * customers
    days = dice.integers(-DAYS + 1, DAYS + 1, rows)
    frame = pl.DataFrame(
        {
            "customer_no": dice.integers(1, customers + 1, rows),
            "source": pl.Series(["shop"]).sample(rows, with_replacement=True),
            "order_id": np.arange(rows).astype(str),
            "ordered_on": pl.Series([T0_ON]).dt.epoch("d").item() + days,
            "amount_minor": np.floor(np.exp(dice.normal(8, 1, rows))).astype(np.int64),
            "version": np.ones(rows, dtype=np.int32),
            "supersedes": np.zeros(rows, dtype=bool),
        }
    ).with_columns(pl.col("ordered_on").cast(pl.Int32).cast(pl.Date))
    path = folder / "orders.parquet"
    frame.write_parquet(path)
    return path


def the_members(customers: int, orders: Sequence[str] = EACH) -> pl.DataFrame:
    """Everybody, in 2 arms x 2 x 24 cells; with ``orders`` as the report names them in fewer."""
    dice = np.random.default_rng(5)
    arms = np.where(dice.random(customers) < 0.2, HOLDOUT, "message")
    return pl.DataFrame(
        {
            "customer_no": np.arange(1, customers + 1),
            "arm": arms,
            "value": np.where(dice.random(customers) < 0.2, "top", "other"),
            "risk": np.full(customers, "high"),
            "orders": dice.choice(orders, customers),
            "channel": np.full(customers, "email"),
            "kind": pl.repeat(None, customers, eager=True),
            "cost_micros": np.where(arms == HOLDOUT, 0, 2_000),
            "nps": pl.Series(dice.integers(0, 11, customers)).set(pl.Series(dice.random(customers) > 0.1), None),
            "csat": pl.Series(dice.integers(1, 6, customers)).set(pl.Series(dice.random(customers) > 0.1), None),
            "cause": pl.Series(np.where(dice.random(customers) < 0.1, "price", "")).replace("", None),
            **dict.fromkeys(BY_ORDERS),
        },
        schema=MEMBER_CELLS,
    )


def group_bare(file: Path, members: pl.DataFrame) -> None:
    with duckdb.connect() as connection:
        connection.register("members", arrow(members))
        connection.execute(BARE, {"files": [str(file)], "t0_on": T0_ON}).fetchnumpy()


def the_sums(file: Path, members: pl.DataFrame) -> RunSums:
    through = T0_ON + timedelta(days=DAYS)
    return sum_members([file], t0_on=T0_ON, window_days=DAYS, through=through, members=members)


def the_findings(sums: RunSums) -> Findings:
    success = Success.model_validate({"window": "60d", "measure": Measure.NET_CONTRIBUTION.value, "margin": "40%"})
    seen = Seen(sums=sums, members={HOLDOUT: 1, "message": 1}, currency="USD", minor=100)
    terms = Terms(conditions=Conditions(srm_p=1.0), lower_is_better=LOWER_IS_BETTER)
    ask = question(seen, success, ["message"], "treated", terms)
    assert ask.margin == Fraction(2, 5)
    return find(seen, success, ask, rate_contrasts(ask, "churned")[0])


def cpu_of_first_report(sums: RunSums) -> float:
    begun = time.process_time()
    from winback.report.page import render  # what it imports is part of it

    render(the_outcome(sums), "en")
    return time.process_time() - begun


def the_outcome(sums: RunSums) -> Outcome:
    arms = {name: sums.arm(name) for name in (HOLDOUT, "message")}
    groups = {**arms, TREATED: arms["message"], BASE: arms["message"], TOP: arms["message"]}
    written = {"delivered": arms["message"].n}
    campaign = {
        "id": "bench", "name": "Bench", "owner": "ann@example.com", "churn": {"within": "60d"},
        "audience": {"inactive": "60d"}, "journey": [{"send": "hello"}],
        "success": {"window": "60d", "margin": "40%"},
    }  # fmt: skip
    return measure(
        run="bench/manual-2026-01-31",
        campaign=Campaign.model_validate(campaign),
        placebo=False,
        as_of=T0_ON,
        window=outcome_window(T0_ON, DAYS, T0_ON + timedelta(days=DAYS)),
        waterfall={},
        arms=[
            ArmResult(name=name, n=part.n, drawn=part.n, planned_share=0.2 if name == HOLDOUT else 0.8,
                      messages=written if name != HOLDOUT else {})
            for name, part in arms.items()
        ],
        counts=[
            GroupCount(name=name, n=part.n, inactive_before=part.n // 2, inactive_after=part.churned)
            for name, part in groups.items()
        ],
        contaminated=0,
        responses=[],
        method=Method(audience_digest="a", facts=["b"], campaign_digest="c", code_version="1", score={}),
        seen=Seen(
            sums=sums, members={name: part.n for name, part in arms.items()}, currency="USD", minor=100,
            messages=[MessageCount(arm="message", state="delivered", messages=arms["message"].n)],
        ),
    )  # fmt: skip


if __name__ == "__main__":
    main()
