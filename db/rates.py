"""rates.csv of the workspace: what other currencies were worth, day by day."""

from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError

from winback.errors import ImportProblem
from winback.intake.moments import read_day
from winback.intake.rates import RATES

FILE_NAME = "rates.csv"
_RATE = r"^[0-9]{1,9}(?:\.[0-9]{1,10})?$"


def read_rates(workspace: Path, currency: str) -> pl.DataFrame:
    """RATES of the workspace's rates.csv (columns day, currency, rate); empty when there is no such file.

    ImportProblem names the first line that cannot be used: none is left out, else its orders were.
    """
    path = workspace / FILE_NAME
    if not path.is_file():
        return RATES.to_frame()
    texts = _texts(path)
    day, code = read_day(pl.col("day")), pl.col("currency").str.to_uppercase()
    rate = pl.when(pl.col("rate").str.contains(_RATE)).then("rate").cast(RATES["rate"], strict=False)
    found = texts.with_columns(day=day, currency=code, rate=pl.when(rate > 0).then(rate))
    faults = {
        "day": (pl.col("day").is_null(), "write the day as 2024-03-31"),
        "currency": (~_is_code(), "write three letters such as EUR"),
        "rate": (pl.col("rate").is_null(), f"write what one unit is worth in {currency}, such as 0.8571"),
    }
    for field, (wrong, problem) in faults.items():
        _refuse(found, wrong, problem, field, path)
    _refuse(found, ~pl.struct("day", "currency").is_first_distinct(), "is given twice", "day", path)
    return found.select(RATES.names()).filter(pl.col("currency") != currency)


def _is_code() -> pl.Expr:
    return pl.col("currency").str.contains("^[A-Z]{3}$").fill_null(False)


def _texts(path: Path) -> pl.DataFrame:
    try:
        texts = pl.read_csv(path, infer_schema=False)
    except (PolarsError, OSError) as error:
        raise ImportProblem(f"cannot be read: {str(error).partition(chr(10))[0]}", file=str(path)) from error
    for name in RATES.names():
        if name not in texts.columns:
            allowed = ", ".join(RATES.names())
            raise ImportProblem("required column is missing", file=str(path), line=1, field=name, allowed=allowed)
    return texts.select(pl.col(name).str.strip_chars() for name in RATES.names()).with_row_index("line", 2)


def _refuse(found: pl.DataFrame, wrong: pl.Expr, problem: str, field: str, path: Path) -> None:
    lines = found.filter(wrong)["line"]
    if len(lines):
        raise ImportProblem(problem, file=str(path), line=int(lines[0]), field=field)
