"""Who is watched by the early-warning signals, from the order facts."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import polars as pl

from db.facts.queries import ask
from winback.signals.early_warning import WATCHED


def read_watched(files: Sequence[str | Path], *, as_ofs: Sequence[date], window_days: int) -> pl.DataFrame:
    """WATCHED of each day: its active customers."""
    return ask("signals", files, WATCHED, {"as_ofs": list(as_ofs), "window_days": window_days})
