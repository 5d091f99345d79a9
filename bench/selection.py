"""Everything between the facts and a run's audience, against a bare group-by of the same files; CPU seconds.

Seeded synthetic customers, 20 orders each on average: features, fits, scores, ranks and the ledger, by the fixed
recipes without and with LightGBM. ``python -m bench.selection [CUSTOMERS]``; 100,000 unless said. With
LIFETIMES_PYTHON (see ``bench.fit``) also against what the package lifetimes needs for features and expected value
alone, its rows already in memory.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from multiprocessing import Process
from pathlib import Path

import numpy as np
import polars as pl

from bench.features import cpu_seconds, group_bare
from db.facts.queries import read_log
from winback.audience.selection import CONTACTS, AudienceRules, digest, scored_frame, select
from winback.customers.order_log import number_of
from winback.customers.tie_key import tie_keys
from winback.scores.learners import has_lightgbm
from winback.scores.material import material
from winback.scores.recipe import FULL, PLAIN, Recipe
from winback.scores.scoring import score

BEGUN, AS_OF, HORIZON = date(2023, 1, 1), date(2025, 9, 30), 90
DAYS = 1095
THEIRS = """
import sys, time, warnings
warnings.simplefilter("ignore")
import numpy as np, pandas as pd
from lifetimes import BetaGeoFitter, GammaGammaFitter
from lifetimes.utils import summary_data_from_transaction_data
no, day, minor = (np.load(f"{sys.argv[1]}/{name}.npy") for name in ("customer_no", "ordered_on", "amount_minor"))
begun = time.process_time()
rows = pd.DataFrame({"customer": no, "day": pd.to_datetime(day), "amount": minor / 100})
seen = summary_data_from_transaction_data(rows, "customer", "day", monetary_value_col="amount",
                                          observation_period_end=pd.Timestamp(sys.argv[2]))
model = BetaGeoFitter().fit(seen.frequency, seen.recency, seen["T"])
histories = seen.frequency, seen.recency, seen["T"]
made = model.conditional_expected_number_of_purchases_up_to_time(int(sys.argv[3]), *histories)
again = seen[(seen.frequency > 0) & (seen.monetary_value > 0)]
spend = GammaGammaFitter().fit(again.frequency, again.monetary_value)
(made * spend.conditional_expected_average_profit(seen.frequency, seen.monetary_value)).rank()
print(time.process_time() - begun)
"""
RULES = AudienceRules(
    top_share=0.2, top_by="expected", inactive_days=None, min_risk=0.5, channels=("email",)
)  # fmt: skip


def write_orders(folder: Path, customers: int) -> list[str]:
    """Four fact files of a quarter of the time each, rows by customer and day, as the import writes them."""
    random = np.random.default_rng(1)
    first = random.integers(0, DAYS - 150, customers)
    end = np.minimum(DAYS, first + random.exponential(700, customers))
    count = random.poisson(random.gamma(0.7, 0.055 / 0.7, customers) * (end - first)) + 1
    who = np.repeat(np.arange(customers), count)
    share = random.random(len(who))
    share[np.r_[0, np.cumsum(count)[:-1]]] = 0
    day = (first[who] + share * (end - first)[who]).astype(np.int32) + number_of(BEGUN)
    amount = np.exp(random.normal(8, 0.5, customers)[who] + random.normal(0, 0.5, len(who))).astype(np.int64)
    amount[random.random(len(who)) < 0.02] *= -1
    order = np.argsort(day, kind="stable")
    files = []
    for number, rows in enumerate(np.array_split(order, 4)):
        frame = pl.DataFrame({"customer_no": who[rows] + 1, "order_id": rows, "ordered_on": day[rows]})
        frame = frame.with_columns(
            pl.col("order_id").cast(pl.String),
            pl.col("ordered_on").cast(pl.Date),
            ordered_at=pl.col("ordered_on").cast(pl.Date).cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
            source=pl.lit("shop"),
            amount_minor=pl.lit(pl.Series(amount[rows])),
            version=pl.lit(1, pl.Int32),
            supersedes=pl.lit(False),
        )
        files.append(str(folder / f"{number}.parquet"))
        frame.sort("customer_no", "ordered_at", "order_id").write_parquet(files[-1])
    return files


def select_all(files: list[str], ids: pl.DataFrame, contacts: pl.DataFrame, recipe: Recipe) -> str:
    """As a run does it, without the database."""
    said = Laps()
    log = read_log(files, as_of=AS_OF)
    said("read")
    given = material(log, ids, AS_OF, HORIZON, recipe)
    said("features")
    scores = score(
        given.features, as_of=AS_OF, horizon_days=HORIZON, minor_per_major=100, recipe=recipe,
        windows=given.windows, lesson=given.lesson, season=given.season, keys=given.keys,
    )  # fmt: skip
    said("fit, score, rank")
    ledger = select(scored_frame(given.features, scores.frame), contacts, [], RULES, number_of(AS_OF))
    ledger = ledger.with_columns(arm=pl.when(pl.col("reason").is_null()).then(pl.lit("treatment")))
    found = digest(ledger)
    said("ledger")
    return found


class Laps:
    """CPU seconds since the lap before, on standard error."""

    def __init__(self) -> None:
        self._at = time.process_time()

    def __call__(self, what: str) -> None:
        now = time.process_time()
        print(f"  {what} {now - self._at:.2f}", file=sys.stderr)
        self._at = now


def a_round(files: list[str], customers: int, recipe: Recipe) -> Callable[[], str]:
    no = pl.int_range(1, customers + 1, eager=True)  # polars knows that they ascend, as of the database's
    ids = pl.DataFrame({"customer_no": no, "customer_id": [f"c{each:07}" for each in no]})
    keyed = ids.with_columns(tie_key=tie_keys(ids["customer_id"]))  # as the database keeps it
    contacts = ids.with_columns(
        email_hash=pl.concat_str(*["customer_id"] * 8), email_consent=True, email_suppressed=False,
        sms_hash=pl.lit(None, pl.String), sms_consent=pl.lit(None, pl.Boolean), sms_suppressed=False,
    ).select(list(CONTACTS))  # fmt: skip
    return lambda: select_all(files, keyed, contacts, recipe)


def by_lifetimes(folder: Path, files: list[str]) -> float | None:
    """CPU seconds of the package lifetimes, None where there is none."""
    if "LIFETIMES_PYTHON" not in os.environ:
        return None
    asked = (pl.col("ordered_on") <= AS_OF) & (pl.col("amount_minor") > 0)
    rows = pl.scan_parquet(files).filter(asked).select("customer_no", "ordered_on", "amount_minor").collect()
    for name in rows.columns:
        np.save(folder / f"{name}.npy", rows[name].to_numpy())
    done = subprocess.run(
        [os.environ["LIFETIMES_PYTHON"], "-c", THEIRS, str(folder), str(AS_OF), str(HORIZON)],
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def main() -> None:
    customers = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        writer = Process(target=write_orders, args=(folder, customers))
        writer.start()  # what this process had in memory would count as ours
        writer.join()
        files = [str(file) for file in sorted(folder.glob("*.parquet"))]
        bare = cpu_seconds(lambda: group_bare(files))
        spent = []
        for recipe in (PLAIN, FULL) if has_lightgbm() else (PLAIN,):
            spent.append(cpu_seconds(a_round(files, customers, recipe)))
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            said = f"{spent[-1]:.2f} CPU s, group-by {bare:.2f}: {spent[-1] / bare:.1f} times; peak {peak:,.0f} MB"
            print(f"{' + '.join(recipe.parts)}: {said}")
        theirs = by_lifetimes(folder, files)
    if theirs is not None:
        print(f"lifetimes: {theirs:.2f} CPU s, {theirs / spent[0]:.1f} times the first")
    print(f"{customers:,} customers")


if __name__ == "__main__":
    main()
