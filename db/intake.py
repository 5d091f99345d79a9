"""A data file -> batches of text columns named by winback's fields, ready for ``winback.intake.records.parse``.

A file is read twice: once to see that it is whole, what encoding it has and what its digest is, and then for
its rows, so that a broken file is refused before anything is taken from it.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import polars as pl

from db.delimited import Chunk, Header, chunks, read_header
from db.encoding import Progress, TextFile, blocks, glance, inspect, lines, lines_of, no_progress
from db.parquet import as_text, digest_of, schema_of, slices
from db.plain import has_common_ends, is_tidy, plain_rows
from winback.customers.contact import each_distinct, mask_contact
from winback.errors import ImportProblem
from winback.intake.fields import FIELDS, REJECTS, Kind, place
from winback.intake.shown import shown
from winback.sheet import safe_texts

BATCH_ROWS = 100_000
ALLOWED = ".csv, .csv.gz, .parquet"
_CONTROL = r"[\x00-\x1f\x7f]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some rows of a file; ``read`` = rows in ``frame`` + rows in ``rejects``.

    ``frame``: ``line`` (Int64) and text columns, null or "" = blank; ``rejects`` (schema ``fields.REJECTS``):
    lines that could not be taken apart. ``tidy``: db.plain.is_tidy, False where nobody has looked.
    """

    frame: pl.DataFrame
    rejects: pl.DataFrame
    tidy: bool = False

    @property
    def read(self) -> int:
        return self.frame.height + self.rejects.height


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """An inspected file; iterating gives its batches in order, each time from the start.

    ``columns``: field name or ``attributes.<Column>`` -> position in the file. ImportProblem comes after the
    last batch when the file changed while it was read.
    """

    path: Path
    kind: Kind
    encoding: str
    columns: Mapping[str, int]
    source: TextFile | pl.Schema
    progress: Progress
    digest: str = ""  # of Parquet

    @property
    def sha256(self) -> str:
        """Of the bytes as stored; of a file only glanced at once it has been read."""
        if isinstance(self.source, TextFile):
            return self.source.sha256 or self.source.read[-1]
        return self.digest

    def __iter__(self) -> Iterator[Batch]:
        if isinstance(self.source, TextFile):
            return _text_batches(self.source, self.columns, self.progress)
        return _parquet_batches(self, self.source)


def glance_at(path: Path, kind: Kind, mapping: Mapping[str, str], progress: Progress) -> Table:
    """``open_table`` that reads a plain CSV file only once.

    What is wrong with it may then come out while it is read, as a UnicodeDecodeError or an ImportProblem: nothing
    that was read is to be kept, and ``open_table`` to be asked.
    """
    text = glance(path) if path.name.lower().endswith(".csv") and path.is_file() else None
    return _text_table(text, kind, mapping, progress) if text else open_table(path, kind, mapping, progress)


def open_table(path: Path, kind: Kind, mapping: Mapping[str, str], progress: Progress = no_progress) -> Table:
    """Inspect a data file; ``mapping`` is field -> column, as in ``--map``; ``progress(done, of)`` is in bytes.

    Raises ImportProblem when the file is missing, empty, cut off, not a table, or lacks a column it needs.
    """
    name = path.name.lower()
    if not path.is_file():
        raise ImportProblem("no such file", file=str(path))
    if name.endswith(".parquet"):
        return _open_parquet(path, kind, mapping, progress)
    if name.endswith((".csv", ".csv.gz")):
        return _text_table(inspect(path, progress), kind, mapping, progress)
    raise ImportProblem("not a kind of file that can be imported", file=str(path), allowed=ALLOWED)


def _text_table(text: TextFile, kind: Kind, mapping: Mapping[str, str], progress: Progress) -> Table:
    header = read_header(lines(text, no_progress), str(text.path))
    return Table(
        path=text.path,
        kind=kind,
        encoding=text.encoding,
        columns=place(kind, header.names, mapping, str(text.path)),
        source=text,
        progress=progress,
    )


def _open_parquet(path: Path, kind: Kind, mapping: Mapping[str, str], progress: Progress) -> Table:
    schema = schema_of(path)
    columns = place(kind, schema.names(), mapping, str(path))
    as_text(schema, columns, str(path))  # refuses types that have no text
    return Table(
        path=path,
        kind=kind,
        digest=digest_of(path, progress),
        encoding="parquet",
        columns=columns,
        source=schema,
        progress=progress,
    )


def _text_batches(text: TextFile, columns: Mapping[str, int], progress: Progress) -> Iterator[Batch]:
    if text.damaged or not text.encoding.startswith("utf-8"):
        source = lines(text, progress)
        yield from _batches(source, columns, read_header(source, str(text.path)), text)
        return
    pieces = blocks(text, progress)
    first = next(pieces)
    header = read_header(lines_of([first]), str(text.path))
    if not has_common_ends(first):
        source = lines_of(chain([first], pieces))
        yield from _batches(source, columns, read_header(source, str(text.path)), text)
        return
    number = header.first_line
    for piece in chain([_without_lines(first, number - 1)], pieces):
        rows = plain_rows(piece, header)
        if rows is None:
            rest = Header(names=header.names, delimiter=header.delimiter, first_line=number)
            yield from _batches(lines_of(chain([piece], pieces)), columns, rest, text)
            return
        tidy = is_tidy(piece, header)
        for part in rows.iter_slices(BATCH_ROWS):
            yield _plain_batch(part, columns, number, tidy=tidy)
            number += part.height


def _without_lines(piece: bytes, count: int) -> bytes:
    for _ in range(count):
        piece = piece[piece.find(b"\n") + 1 :] if b"\n" in piece else b""
    return piece


def _plain_batch(rows: pl.DataFrame, columns: Mapping[str, int], number: int, *, tidy: bool) -> Batch:
    texts = rows.select(pl.nth(position).alias(name) for name, position in columns.items())
    line = pl.int_range(number, number + rows.height, eager=True, dtype=pl.Int64).alias("line")
    return Batch(frame=texts.insert_column(0, line), rejects=_rejects([]), tidy=tidy)


def _batches(source: Iterator[str], columns: Mapping[str, int], header: Header, text: TextFile) -> Iterator[Batch]:
    gathered: list[Chunk] = []
    for chunk in chunks(source, header, damaged=text.damaged):
        gathered.append(chunk)
        if sum(len(each.lines) + len(each.refused) for each in gathered) >= BATCH_ROWS:
            yield _batch(gathered, columns, header)
            gathered = []
    last = _batch(gathered, columns, header)
    if last.read:
        yield last


def _batch(gathered: list[Chunk], columns: Mapping[str, int], header: Header) -> Batch:
    width = len(header.names)
    numbers = list(chain.from_iterable(chunk.lines for chunk in gathered))
    series = [pl.Series("line", numbers, dtype=pl.Int64)]
    for name, position in columns.items():
        cells = list(chain.from_iterable(chunk.cells[position::width] for chunk in gathered))
        series.append(pl.Series(name, cells, dtype=pl.String))
    refused = [(line, None, None, reason) for chunk in gathered for line, reason in chunk.refused]
    return Batch(frame=pl.DataFrame(series), rejects=_rejects(refused))


def _parquet_batches(table: Table, schema: pl.Schema) -> Iterator[Batch]:
    texts = as_text(schema, table.columns, str(table.path))
    for frame in slices(table.path, texts, BATCH_ROWS, table.progress):
        yield Batch(frame=frame, rejects=_rejects([]))
    if digest_of(table.path, no_progress) != table.sha256:
        raise ImportProblem("the file changed while it was read", file=str(table.path))


def _rejects(rows: list[tuple[int, None, None, str]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=dict(REJECTS), orient="row")


def write_rejects(path: Path, rejects: pl.DataFrame) -> None:
    """Bad rows (schema ``fields.REJECTS``) as UTF-8 CSV: line, column, value, reason.

    Addresses and numbers are masked in every column, for columns may be shifted; no cell begins as a formula
    would. The file is for its owner only, and appears whole or not at all.
    """
    contact = {field.name for kind in Kind for field in FIELDS[kind] if field.contact}
    masked = pl.col("value").map_batches(lambda s: each_distinct(s, mask_contact), return_dtype=pl.String)
    other = pl.col("value").map_batches(lambda s: each_distinct(s, shown), return_dtype=pl.String)
    value = pl.when(pl.col("column").is_in(contact)).then(masked).otherwise(other)
    table = rejects.with_columns(value.alias("value")).with_columns(_harmless("column"), _harmless("value"))
    unfinished = path.with_name(path.name + ".part")
    unfinished.unlink(missing_ok=True)
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        table.write_csv(file)
    unfinished.replace(path)


def _harmless(column: str) -> pl.Expr:
    return safe_texts(column).str.replace_all(_CONTROL, "\ufffd").alias(column)
