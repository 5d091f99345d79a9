"""Who stayed away: counts per group before and after a campaign's start, in one query."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import polars as pl

from db.facts.queries import GROUPS, ask
from winback.outcomes import GroupCount

_COUNTS = pl.Schema(
    {"value": pl.String(), "n": pl.Int64(), "inactive_before": pl.Int64(), "inactive_after": pl.Int64()}
)


def count_inactive(
    files: Sequence[Path], *, t0_on: date, window_days: int, groups: pl.DataFrame, complete: bool
) -> list[GroupCount]:
    """One GroupCount per value of ``groups`` (GROUPS, here a customer may be in several groups)."""
    bound = {"t0_on": t0_on, "window_days": window_days}
    counts = ask("inactive", files, _COUNTS, bound, groups=groups.select(GROUPS.names()))
    return [
        GroupCount(name=name, n=n, inactive_before=before, inactive_after=after if complete else None)
        for name, n, before, after in counts.iter_rows()
    ]
