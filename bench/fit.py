"""BG/NBD fit of the 1/10 sample against the package lifetimes; CPU milliseconds and their ratio.

lifetimes is not a dependency: install it (``pip install lifetimes``) where this runs, or name an interpreter that
has it in LIFETIMES_PYTHON. Both run alone in a process with one BLAS thread: a waiting one counts as CPU.
"""

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import polars as pl

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "samples" / "cdnow_sample_1_10.csv.gz"
CALIBRATION_END = date(1997, 9, 30)
OURS = """
from winback.scores.btyd import Family, Histories, fit
def fit_once(repeats, last, age):
    fit(Family.BG_NBD, Histories(repeats=repeats, last=last, age=age))
"""
THEIRS = """
import warnings
warnings.simplefilter("ignore")
from lifetimes import BetaGeoFitter
def fit_once(repeats, last, age):
    BetaGeoFitter().fit(repeats, last, age)
"""
TIMED = """
import json, sys, time
import numpy as np
columns = np.array(json.load(sys.stdin))
spent = []
for _ in range(20):
    begun = time.process_time()
    fit_once(*columns)
    spent.append(time.process_time() - begun)
print(min(spent))
"""


def read_histories() -> list[list[float]]:
    """Repeats, last and age of the sample until 1997-09-30 in weeks, one purchase per customer-day."""
    orders = pl.read_csv(SAMPLE, try_parse_dates=True).filter(pl.col("ordered_at") <= CALIBRATION_END)
    first, last = pl.col("ordered_at").min(), pl.col("ordered_at").max()
    customers = orders.group_by("customer_id").agg(
        repeats=pl.col("ordered_at").n_unique() - 1.0,
        last=(last - first).dt.total_days() / 7,
        age=(pl.lit(CALIBRATION_END) - first).dt.total_days() / 7,
    )
    return [customers[name].to_list() for name in ("repeats", "last", "age")]


def cpu_seconds(python: str, fit_once: str, histories: list[list[float]]) -> float | None:
    """The least CPU seconds of 20 fits, None when ``python`` cannot run them."""
    done = subprocess.run(
        [python, "-c", fit_once + TIMED],
        input=json.dumps(histories),
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return None if done.returncode else float(done.stdout)


def main() -> None:
    histories = read_histories()
    ours = cpu_seconds(sys.executable, OURS, histories)
    theirs = cpu_seconds(os.environ.get("LIFETIMES_PYTHON", sys.executable), THEIRS, histories)
    if ours is None:
        raise SystemExit("our own fit did not run")
    if theirs is None:
        raise SystemExit(
            f"BG/NBD fit: {1000 * ours:.1f} CPU ms; to compare, pip install lifetimes, or set LIFETIMES_PYTHON to "
            "the python of an environment that has it"
        )
    print(f"BG/NBD fit: {1000 * ours:.1f} CPU ms, lifetimes {1000 * theirs:.1f}: {theirs / ours:.1f} times that")


if __name__ == "__main__":
    main()
