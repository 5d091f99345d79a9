"""What a run's members did in its window, as exact sums: one question to the order facts for every comparison."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from db.facts.queries import ask
from winback.lift.pairs import PairSums
from winback.outcomes.findings import Dimension
from winback.outcomes.part_sums import SCORES, PartSums, RunSums

# Members of a run whose arm was drawn in it, with what was known of them before t0, what writing to them cost, and
# the newest score of each kind and cause they gave in the window; null: not known. Where contracts decide, whether
# they lost the last one, and the monthly amounts at the start and at the end; null: orders do.
MEMBER_CELLS = pl.Schema(
    {
        "customer_no": pl.Int64(),
        "arm": pl.String(),
        "value": pl.String(),
        "risk": pl.String(),
        "orders": pl.String(),
        "channel": pl.String(),
        "kind": pl.String(),
        "cost_micros": pl.Int64(),
        **dict.fromkeys(SCORES, pl.Int64()),
        "cause": pl.String(),
        "lost": pl.Boolean(),
        "held_minor": pl.Int64(),
        "kept_minor": pl.Int64(),
    }
)
# What one member of a run did: orders and days with one after t0, net spend before and after it in minor units.
DEEDS = pl.Schema(
    {
        "customer_no": pl.Int64(),
        "orders_after": pl.Int64(),
        "days_after": pl.Int64(),
        "before_minor": pl.Int64(),
        "after_minor": pl.Int64(),
    }
)
BY_ORDERS = {name: pl.lit(None, dtype=MEMBER_CELLS[name]) for name in ("lost", "held_minor", "kept_minor")}
_SUMS = [
    "bought", "bought_sq", "x", "xx", "y", "yy", "xy", "xk", "k", "kk", "ky",
    "c", "cc", "v", "vv", "l", "ll", "vl",
]  # fmt: skip
_ROWS = pl.Schema(
    {
        "about": pl.String(),  # cells, days, causes, cap, or one of SCORES
        "arm": pl.String(),
        **{dimension.value: pl.String() for dimension in Dimension},
        "first_day": pl.Int64(),
        "cause": pl.String(),
        "score": pl.Int64(),
        "n": pl.Int64(),
        "buyers": pl.Int64(),
        "churned": pl.Int64(),
        "repeated": pl.Int64(),
        **dict.fromkeys(_SUMS, pl.String()),
    }
)


def sum_members(
    files: Sequence[Path],
    *,
    t0_on: date,
    window_days: int,
    through: date,
    members: pl.DataFrame,
    blank_out: int = 0,
) -> RunSums:
    """The sums of every cell of ``members`` (MEMBER_CELLS, each customer once) over the days up to ``through``.

    The ``blank_out`` days after ``t0_on`` count neither before nor after; day 1 is the one after them.
    """
    after_on = t0_on + timedelta(days=blank_out)
    bound = {"t0_on": t0_on, "after_on": after_on, "window_days": window_days, "through": through}
    rows = ask("sums", files, _ROWS, bound, members=members.select(MEMBER_CELLS.names()))
    parts = rows.partition_by("about", as_dict=True)
    cells, days, causes, cap = (parts.get((name,), rows.clear()) for name in ("cells", "days", "causes", "cap"))
    return RunSums(
        scores={kind: _by_arm(parts.get((kind,), rows.clear()), "score") for kind in SCORES},
        days=(through - after_on).days,
        cells=[_cell(row) for row in cells.iter_rows(named=True)],
        first_orders=_by_arm(days, "first_day"),
        causes=_by_arm(causes, "cause"),
        cap_minor=sum(map(int, cap["c"])),  # one row; none where there are no files to ask
    )


def read_members(
    files: Sequence[Path],
    *,
    t0_on: date,
    window_days: int,
    through: date,
    members: pl.DataFrame,
    blank_out: int = 0,
) -> pl.DataFrame:
    """DEEDS of each of ``members`` (customer_no, each once) in the windows to ``through`` and to ``t0_on``."""
    after_on = t0_on + timedelta(days=blank_out)
    bound = {"t0_on": t0_on, "after_on": after_on, "window_days": window_days, "through": through}
    return ask("members", files, DEEDS, bound, members=members.select("customer_no"))


def _by_arm(rows: pl.DataFrame, key: str) -> dict[str, dict[Any, int]]:
    found: dict[str, dict[Any, int]] = {}
    for arm, value, n in rows.drop_nulls(key).select("arm", key, "n").iter_rows():
        found.setdefault(arm, {})[value] = n
    return found


def _cell(row: dict[str, Any]) -> PartSums:
    s = {name: int(row[name]) for name in _SUMS}
    n = row["n"]
    return PartSums(
        arm=row["arm"],
        parts={dimension: row[dimension.value] for dimension in Dimension},
        n=n,
        buyers=row["buyers"],
        churned=row["churned"],
        repeated=row["repeated"],
        spend=PairSums(n=n, x=s["x"], y=s["y"], xx=s["xx"], yy=s["yy"], xy=s["xy"]),
        capped=(s["c"], s["cc"]),
        orders=(s["bought"], s["bought_sq"]),
        worth=PairSums(n=n, x=s["v"], y=s["l"], xx=s["vv"], yy=s["ll"], xy=s["vl"]),
        messages=PairSums(n=n, x=s["k"], y=s["y"], xx=s["kk"], yy=s["yy"], xy=s["ky"]),
        cost_before=s["xk"],
    )
