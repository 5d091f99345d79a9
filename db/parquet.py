"""Parquet data files: their columns as text, so that one set of rules reads every kind of file."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError

from db.encoding import CHUNK_BYTES, Progress
from winback.errors import ImportProblem
from winback.intake.fields import FIELDS, CellType, Kind

FLOAT_DECIMALS = 6  # 35.309999999999995 was 35.31 before it was added up
_ID_FIELDS = frozenset(field.name for kind in Kind for field in FIELDS[kind] if field.type is CellType.ID)


def schema_of(path: Path) -> pl.Schema:
    """Columns and types; ImportProblem when it is no Parquet file."""
    try:
        return pl.scan_parquet(path, glob=False).collect_schema()
    except (PolarsError, OSError) as error:
        raise _broken(path, error) from error


def digest_of(path: Path, progress: Progress) -> str:
    """sha256 (hex) of the file, read in pieces."""
    size, done, digest = path.stat().st_size, 0, hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(CHUNK_BYTES):
            digest.update(piece)
            done += len(piece)
            progress(done, 2 * size)
    return digest.hexdigest()


def as_text(schema: pl.Schema, columns: Mapping[str, int], file: str) -> list[pl.Expr]:
    """One text expression per placed column; ImportProblem for a type that has no plain text.

    An id must not be a floating-point number: 12345 may have been any of ten ids that were rounded to it.
    """
    names = schema.names()
    return [_text(name, names[position], schema, file).alias(name) for name, position in columns.items()]


def _text(field: str, column: str, schema: pl.Schema, file: str) -> pl.Expr:
    type_, value = schema[column], pl.col(column)
    if type_.is_float() and field not in _ID_FIELDS:
        return value.round(FLOAT_DECIMALS).cast(pl.String)
    if type_ == pl.Datetime:
        return _moment(value, type_)
    if (
        type_.is_integer()
        or type_.is_decimal()
        or type_ in (pl.String, pl.Categorical, pl.Enum, pl.Boolean, pl.Date, pl.Null)
    ):
        return value.cast(pl.String)
    raise ImportProblem(f"a column of type {type_} cannot be read: store it as text", file=file, field=column)


def _moment(value: pl.Expr, type_: pl.DataType) -> pl.Expr:
    zoned = isinstance(type_, pl.Datetime) and type_.time_zone is not None
    instant = value.dt.convert_time_zone("UTC") if zoned else value
    return instant.dt.cast_time_unit("us").dt.to_string("%Y-%m-%dT%H:%M:%S%.6f" + ("Z" if zoned else ""))


def slices(path: Path, texts: list[pl.Expr], rows: int, progress: Progress) -> Iterator[pl.DataFrame]:
    """The file as text frames of ``rows`` rows with their row number from 1 as ``line``."""
    scan, size = pl.scan_parquet(path, glob=False), path.stat().st_size
    try:
        height = scan.select(pl.len()).collect().item()
        for start in range(0, height, rows):
            frame = scan.slice(start, rows).select(texts).collect()
            yield frame.with_row_index("line", start + 1).with_columns(pl.col("line").cast(pl.Int64))
            progress(size + size * min(start + rows, height) // height, 2 * size)
    except (PolarsError, OSError) as error:
        raise _broken(path, error) from error


def _broken(path: Path, error: Exception) -> ImportProblem:
    first_line = str(error).partition("\n")[0]
    return ImportProblem(f"not a Parquet file, or cut off: {first_line}", file=str(path))
