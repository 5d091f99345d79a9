"""A randomised file, one row per customer -> the sums of every arm.

A file is .csv, .csv.gz (UTF-8, commas, one header) or .parquet. Every cell is read as text first, so that a number
in quotes, a Parquet float and " 1 " mean the same. Rows are counted as a spreadsheet shows them: in a CSV the
header is row 1. A line of a CSV with nothing in any column is no row.
"""

import csv
import gzip
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import IO

import polars as pl
import polars.selectors as cs

from winback.errors import ImportProblem, WrongUse, nearest
from winback.lift.contrast import MoneySums, RateSums

ENDINGS = (".csv", ".csv.gz", ".parquet")
MOST_ARMS = 100  # more different values than this are an id, not an arm
# Amounts become integers of at most 15 digits before they are added: the sums are exact and the same in any order,
# and the squares of a hundred million rows fit into 128 bits.
DIGITS = 15
LARGEST = 1e60  # an amount; the test of means takes the fourth power, which must stay below 1e308


class Kind(StrEnum):
    """What a column is read as."""

    ARM = "arm"
    RATE = "rate"
    MONEY = "money"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column that is asked for."""

    name: str
    kind: Kind

    @property
    def alias(self) -> str:
        """Its name in our frames, free of the names a file may use."""
        return f"{self.kind.value}:{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSums:
    """What the file says: customers by arm (sorted by name), and their sums per column, in the order asked for."""

    sizes: dict[str, int]
    rates: tuple[RateSums, ...]
    money: tuple[MoneySums, ...]


def arm_sums(file: Path, columns: tuple[Column, ...]) -> ArmSums:
    """Read ``columns``, exactly one of them the arm, and add them up in one grouped query.

    Raises WrongUse for a column that the file does not have or that is no arm, ImportProblem naming row and column
    for a cell that is empty or not what its kind asks for, and for a file that cannot be read.
    """
    with _readable(file):
        cells = _cells(file, columns)
        values = cells.select("row", *(_value(column) for column in columns)).collect()
        _refuse_bad_cells(file, columns, cells, values)
    return _sums(values, columns)


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    """Turn what the readers raise about a broken file into a sentence about that file."""
    try:
        try:
            yield
        except pl.exceptions.PolarsError as error:
            if not _is_parquet(file):
                _refuse_long_rows(file)
            raise ImportProblem(str(error).splitlines()[0], file=str(file)) from error
    except UnicodeDecodeError as error:
        raise ImportProblem("is not UTF-8 text", file=str(file)) from error
    except (OSError, EOFError, zlib.error, csv.Error) as error:
        raise ImportProblem(f"cannot be read: {error}", file=str(file)) from error


def _is_parquet(file: Path) -> bool:
    return file.name.lower().endswith(".parquet")


def _cells(file: Path, columns: tuple[Column, ...]) -> pl.LazyFrame:
    """One row per customer: ``row`` and every column as text without spaces around it; empty is null."""
    if not file.is_file():
        raise ImportProblem("there is no such file", file=str(file))
    if _is_parquet(file):
        table, first = pl.scan_parquet(file, glob=False), 1
        names = _parquet_names(file, columns, table.collect_schema())
    elif file.name.lower().endswith((".csv", ".csv.gz")):
        table, first = pl.scan_csv(file, infer_schema=False, glob=False), 2
        names = _header(file, columns)
    else:
        raise ImportProblem("is of a kind that is not read here", file=str(file), allowed=", ".join(ENDINGS))
    # By place: pl.col takes a name such as ^a.*$ for a pattern, and scan_csv keeps the doubled quotes of a header.
    texts = [
        _text(cs.by_index(names.index(column.name)).cast(pl.String)).alias(column.alias) for column in columns
    ]
    blank = pl.all_horizontal(pl.all().is_null()) if first == 2 else pl.lit(False)
    rows = table.select(pl.int_range(first, first + pl.len()).alias("row"), *texts, blank.alias("blank"))
    return rows.filter(~pl.col("blank")).drop("blank")


def _text(cell: pl.Expr) -> pl.Expr:
    stripped = cell.str.strip_chars()
    return pl.when(stripped != "").then(stripped)


def _value(column: Column) -> pl.Expr:
    """The column's cells as what they mean; null where they are not that."""
    text = pl.col(column.alias)
    if column.kind is Kind.ARM:
        return text
    if column.kind is Kind.MONEY:
        number = text.cast(pl.Float64, strict=False)
        return pl.when(number.abs() <= LARGEST).then(number).alias(column.alias)
    word = text.str.to_lowercase().replace({"true": "1", "false": "0"})
    number = word.cast(pl.Float64, strict=False)
    return pl.when(number.is_in([0.0, 1.0])).then(number).cast(pl.Int64).alias(column.alias)


def _header(file: Path, columns: tuple[Column, ...]) -> list[str]:
    with _open_text(file) as stream:
        names = next(csv.reader(stream), [])
    if not names:
        raise ImportProblem("is empty: not even a header", file=str(file))
    _refuse_unknown(columns, names)
    for column in columns:
        if names.count(column.name) > 1:
            raise ImportProblem("two columns have this name", file=str(file), line=1, field=column.name)
    return names


def _open_text(file: Path) -> IO[str]:
    if file.name.lower().endswith(".gz"):
        return gzip.open(file, "rt", encoding="utf-8-sig", newline="")
    return file.open(encoding="utf-8-sig", newline="")


def _refuse_unknown(columns: tuple[Column, ...], names: list[str]) -> None:
    for column in columns:
        if column.name not in names:
            near = nearest(column.name, names)
            hint = f"did you mean '{near}'?" if near else f"there are: {', '.join(names)}"
            raise WrongUse(f"the file has no column '{column.name}'; {hint}")


def _parquet_names(file: Path, columns: tuple[Column, ...], schema: pl.Schema) -> list[str]:
    """All names; refuses a column that is neither text nor numbers, before a cast could guess."""
    _refuse_unknown(columns, schema.names())
    plain = (pl.String, pl.Boolean, pl.Categorical, pl.Enum, pl.Null)
    for column in columns:
        kind = schema[column.name]
        if not (kind.is_numeric() or isinstance(kind, plain)):
            problem = f"holds {kind}, neither text nor numbers"
            raise ImportProblem(problem, file=str(file), field=column.name)
    return schema.names()


def _refuse_long_rows(file: Path) -> None:
    """Name the first row with more cells than the header; the reader's own message does not."""
    with _open_text(file) as stream:
        rows = csv.reader(stream)
        width = len(next(rows, []))
        for number, row in enumerate(rows, 2):
            if len(row) > width:
                problem = f"{len(row)} cells under a header of {width}"
                raise ImportProblem(problem, file=str(file), line=number)


def _refuse_bad_cells(file: Path, columns: tuple[Column, ...], cells: pl.LazyFrame, values: pl.DataFrame) -> None:
    """Name the first row with a cell that could not be read, and the first such column in it."""
    if values.is_empty():
        raise ImportProblem("has a header but no rows", file=str(file))
    bad = values.filter(pl.any_horizontal(pl.all().is_null())).head(1)
    if bad.is_empty():
        return
    row = bad["row"].item()
    column = next(column for column in columns if bad[column.alias].item() is None)
    text = cells.filter(pl.col("row") == row).select(column.alias).collect().item()
    problem = "the cell is empty" if text is None else f"'{text}' is not {_meaning(column)}"
    raise ImportProblem(problem, file=str(file), line=row, field=column.name)


def _meaning(column: Column) -> str:
    return "0 or 1, nor true or false" if column.kind is Kind.RATE else f"a number of at most {LARGEST:.0e}"


def _sums(values: pl.DataFrame, columns: tuple[Column, ...]) -> ArmSums:
    of = {kind: [column for column in columns if column.kind is kind] for kind in Kind}
    (arm,) = of[Kind.ARM]
    scales = {column.alias: _scale(values[column.alias]) for column in of[Kind.MONEY]}
    grouped = values.group_by(pl.col(arm.alias).alias("arm")).agg(
        pl.len().alias("n"),
        *(pl.col(column.alias).sum() for column in of[Kind.RATE]),
        *(each for alias, scale in scales.items() for each in _money(alias, scale)),
    )
    if grouped.height > MOST_ARMS:
        raise WrongUse(f"column '{arm.name}' has {grouped.height:,} different values: is it the arm?")
    rows = grouped.sort("arm").to_dicts()
    return ArmSums(
        sizes={row["arm"]: row["n"] for row in rows},
        rates=tuple(
            RateSums(column=column.name, arm=row["arm"], x=row[column.alias], n=row["n"])
            for column in of[Kind.RATE]
            for row in rows
        ),
        money=tuple(
            MoneySums(
                column=column.name,
                arm=row["arm"],
                n=row["n"],
                buyers=row[f"{column.alias} buyers"],
                total=row[f"{column.alias} total"] / scales[column.alias],
                total_sq=row[f"{column.alias} squares"] / scales[column.alias] ** 2,
            )
            for column in of[Kind.MONEY]
            for row in rows
        ),
    )


def _scale(amounts: pl.Series) -> Fraction:
    """The power of ten that makes the largest amount an integer of at most DIGITS digits."""
    largest = amounts.to_frame().select(pl.all().abs().max()).item()
    digits = DIGITS - math.ceil(math.log10(largest)) if largest else 0
    return Fraction(10) ** max(-300, min(300, digits))


def _money(alias: str, scale: Fraction) -> list[pl.Expr]:
    amount = pl.col(alias)
    scaled = (amount * float(scale)).round().cast(pl.Int128)
    return [
        (amount > 0).sum().alias(f"{alias} buyers"),
        scaled.sum().alias(f"{alias} total"),
        (scaled * scaled).sum().alias(f"{alias} squares"),
    ]
