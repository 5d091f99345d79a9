"""Questions put to the order facts, answered by DuckDB over Parquet files.

Each question is one file of ``sql/``; values are bound, never written into the text. ``files`` are the paths of
the order facts a run has pinned: columns customer_no, source, order_id, ordered_on (the workspace's local day),
ordered_at, amount_minor, version, supersedes.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from functools import cache
from glob import escape
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.exceptions import PolarsError

from db.facts.store import why_missing
from winback.customers.order_log import OrderLog, features_at, order_log, packed
from winback.errors import Unusable, WrongUse

CHURN_COUNTS: Final = pl.Schema(
    {
        "value": pl.String(),  # the group's; null for customers without one
        "active": pl.Int64(),  # customers with an order in the look-back window
        "lost": pl.Int64(),  # of them, those without one in the window after
        "at_start_minor": pl.Int64(),  # net spend of the active in the look-back window
        "lost_minor": pl.Int64(),  # of it, that of the lost
    }
)

ROWS: Final = pl.Schema({"customer_no": pl.Int64(), "day": pl.Int32(), "amount_minor": pl.Int64()})

_PACKED: Final = packed(pl.col("customer_no"), pl.col("day")).alias("customer_day")

TOLD: Final = pl.Schema({"supersedes": pl.Boolean(), "last_on": pl.Date()})

CHURNS: Final = pl.Schema({"as_of": pl.Date(), **CHURN_COUNTS})

GROUPS: Final = pl.Schema({"customer_no": pl.Int64(), "value": pl.String()})


def read_log(files: Sequence[str | Path], *, as_of: date) -> OrderLog:
    """All orders on or before ``as_of``; nothing later is read."""
    return order_log(
        (rows["customer_day"].to_numpy(), rows["amount_minor"].to_numpy()) for rows in _rows(files, as_of)
    )


def _rows(files: Sequence[str | Path], as_of: date) -> Iterator[pl.DataFrame]:
    """What ``order_rows`` gives, customer and day ``packed``; by polars, at a quarter of the CPU, where it can.

    That is where no row replaces another.
    """
    told = _told(files)
    if told["supersedes"].any() or not files:
        yield ask("order_rows", files, ROWS, {"as_of": as_of}).select(_PACKED, "amount_minor")
        return
    rows = [_rows_until(as_of, *each) for each in zip(files, told["last_on"], strict=True)]
    with _readable(files):
        yield from pl.concat(rows).collect_batches()


def _rows_until(as_of: date, file: str | Path, last_on: date | None) -> pl.LazyFrame:
    """The rows of one file; only one that goes on after ``as_of`` is filtered, which costs half as much again."""
    rows = pl.scan_parquet(file, glob=False)
    if last_on is not None and last_on > as_of:
        rows = rows.filter(pl.col("ordered_on") <= as_of)
    days = rows.select("customer_no", pl.col("ordered_on").to_physical().alias("day"), "amount_minor")
    return days.select(_PACKED, "amount_minor")


def read_features(files: Sequence[str | Path], *, as_of: date) -> pl.DataFrame:
    """FEATURES at the end of ``as_of``; no rows when nobody had ordered by then."""
    return features_at(read_log(files, as_of=as_of), as_of)


def count_churn(
    files: Sequence[str | Path], *, as_of: date, window_days: int, groups: pl.DataFrame | None = None
) -> pl.DataFrame:
    """CHURN_COUNTS, one row per value of ``groups`` (GROUPS, each customer at most once), nulls last.

    Without ``groups`` one row, or none when nobody was active. Rows add up to the whole, so a customer in two
    groups is a WrongUse.
    """
    return count_churns(files, as_ofs=[as_of], window_days=window_days, groups=groups).drop("as_of")


def count_churns(
    files: Sequence[str | Path], *, as_ofs: Sequence[date], window_days: int, groups: pl.DataFrame | None = None
) -> pl.DataFrame:
    """``count_churn`` of several days at once, with ``as_of``; no row for a day on which nobody was active."""
    bound = {"as_ofs": list(as_ofs), "window_days": window_days}
    return ask("churn", files, CHURNS, bound, groups=one_group_each(groups))


def one_group_each(groups: pl.DataFrame | None) -> pl.DataFrame:
    """GROUPS that name each customer at most once, empty for None; WrongUse for a customer in two of them."""
    groups = GROUPS.to_frame() if groups is None else groups.select(GROUPS.names())
    if groups["customer_no"].is_duplicated().any():
        raise WrongUse("a customer can be in one group only, else the groups do not add up")
    return groups


def ask(
    question: str,
    files: Sequence[str | Path],
    schema: pl.Schema,
    bound: dict[str, Any],
    **tables: pl.DataFrame,
) -> pl.DataFrame:
    """The answer to ``sql/<question>.sql`` as a frame of ``schema``; ``tables`` can be named in the SQL."""
    if not files:
        return schema.to_frame()
    paths = [escape(str(file)) for file in files]  # read_parquet would take [ and * as a pattern
    superseded = bool(_told(files)["supersedes"].any())
    with _connection(files) as connection:
        for name, frame in tables.items():
            connection.register(name, arrow(frame))
        connection.execute(sql("orders_now"))
        bound |= {"files": paths, "superseded": superseded}
        return _frame(connection, question, schema, bound)


def _told(files: Sequence[str | Path]) -> pl.DataFrame:
    """Of each file: ``supersedes``, does any of its rows replace an earlier version; ``last_on``, its last day.

    By polars, which looks through a column at a tenth of DuckDB's CPU.
    """
    asked = pl.col("supersedes").any(), pl.col("ordered_on").max().alias("last_on")
    each = [pl.scan_parquet(file, glob=False).select(asked) for file in files]  # older files have fewer columns
    with _readable(files):
        return pl.concat([TOLD.to_frame().lazy(), *each]).collect()


@contextmanager
def _readable(files: Sequence[str | Path]) -> Iterator[None]:
    try:
        yield
    except (PolarsError, OSError) as problem:
        raise Unusable(_unreadable(files, problem)) from problem


def _unreadable(files: Sequence[str | Path], problem: Exception) -> str:
    return f"the facts cannot be read: {why_missing([Path(file) for file in files]) or problem}"


def ask_contracts(
    question: str,
    files: Sequence[str | Path],
    schema: pl.Schema,
    bound: dict[str, Any],
    **tables: pl.DataFrame,
) -> pl.DataFrame:
    """``ask`` put to the subscription facts."""
    if not files:
        return schema.to_frame()
    with _connection(files) as connection:
        for name, frame in tables.items():
            connection.register(name, arrow(frame))
        connection.execute(sql("contracts_now"))
        return _frame(connection, question, schema, bound | {"files": [escape(str(file)) for file in files]})


def _frame(
    connection: duckdb.DuckDBPyConnection, question: str, schema: pl.Schema, bound: dict[str, Any]
) -> pl.DataFrame:
    columns = connection.execute(sql(question), bound).fetchnumpy()
    return pl.DataFrame([_series(name, columns[name], kind) for name, kind in schema.items()])


@cache
def _instance() -> duckdb.DuckDBPyConnection:
    """An empty database in memory: starting one takes longer than most questions."""
    return duckdb.connect(config={"autoinstall_known_extensions": False})


@contextmanager
def _connection(files: Sequence[str | Path]) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = _instance().cursor()  # what it registers and calls TEMP is its own
    try:
        yield connection
    except duckdb.Error as problem:
        raise Unusable(_unreadable(files, problem)) from problem
    finally:
        connection.close()


def _series(name: str, values: NDArray[Any], kind: pl.DataType) -> pl.Series:
    """A column by way of NumPy: polars would keep DuckDB's Arrow stream alive, and DuckDB says so at exit."""
    holed = values.dtype == object or np.ma.isMaskedArray(values)
    return pl.Series(name, values.tolist() if holed else values).cast(kind)  # days with holes come as datetimes


@cache
def sql(question: str) -> str:
    """The text of ``sql/<question>.sql``."""
    return (Path(__file__).parent / "sql" / f"{question}.sql").read_text("utf-8")


def arrow(frame: pl.DataFrame) -> object:
    """``frame`` as DuckDB can scan it without pyarrow: by the Arrow stream both speak."""
    return _Stream(frame)


class _Stream:
    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._frame.__arrow_c_stream__(requested_schema)
