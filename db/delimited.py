"""From lines of text to rows of equal width: CSV in strict mode, where one bad line costs one line.

Python's csv module reads; its strict mode finds a quote that is not closed only where it runs into the next
quote, the field limit or the end of the file. The line that opened it is then refused and reading goes on
with the line after it, so that nothing is swallowed.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from winback.errors import ImportProblem

CHUNK_LINES = 1000  # small enough to stay in the processor's cache: twice as fast as 100,000
DELIMITERS = ",;\t"

_DECLARED = re.compile(r'^"?sep=([,;\t])"?\s*$')
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_UNCLOSED = "a quote opened on this line is not closed"
_TOO_LONG = "a cell is longer than 131,072 characters"
_AFTER_QUOTE = "text after a closing quote"


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The column names, the delimiter, and the physical line on which the rows begin."""

    names: tuple[str, ...]
    delimiter: str
    first_line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Some rows: the physical line each begins on, their cells row by row (flat), and the refused lines."""

    lines: Sequence[int]
    cells: list[str]
    refused: list[tuple[int, str]]


def read_header(lines: Iterator[str], file: str) -> Header:
    """Take the header from the front of ``lines``; ImportProblem when it cannot be one.

    Blank lines before it and a spreadsheet's ``sep=;`` are skipped. A column without a name is called
    ``column_N`` by its place.
    """
    number, declared = 0, None
    for number, line in enumerate(lines, start=1):  # noqa: B007  # the line it stopped at
        mark = _DECLARED.match(line)
        declared = mark.group(1) if mark else declared
        if line.strip("\ufeff \t\r\n") and not mark:
            break
    else:
        raise ImportProblem("empty: there is no header line", file=file)
    _refuse_unreadable(line, number, file)
    delimiter = declared or max(DELIMITERS, key=re.sub(r'"[^"]*"', "", line).count)
    try:
        names = next(csv.reader([line.lstrip("\ufeff")], delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise ImportProblem(f"the header cannot be read: {error}", file=file, line=number) from error
    named = (name.replace("\ufeff", "").strip() or f"column_{i}" for i, name in enumerate(names, start=1))
    return Header(names=tuple(named), delimiter=delimiter, first_line=number + 1)


def _refuse_unreadable(line: str, number: int, file: str) -> None:
    if "\0" in line:
        raise ImportProblem("NUL bytes in the header: save the file as CSV (UTF-8)", file=file, line=number)
    if _LONE_SURROGATE.search(line):
        raise ImportProblem(f"the header is {_encoding_fault(line)}", file=file, line=number)


def chunks(lines: Iterator[str], header: Header, *, damaged: bool) -> Iterator[Chunk]:
    """The rows after the header, each as wide as it; blank lines are no rows.

    ``damaged``: some lines may hold lone surrogates in place of undecodable bytes; they are refused.
    """
    reader = _RowReader(len(header.names), header.delimiter, damaged)
    pending: list[str] = []
    number, more = header.first_line, True
    while more:
        fresh = list(islice(lines, CHUNK_LINES))
        more = bool(fresh)
        pending += fresh
        chunk, used = reader.read(pending, number, final=not more)
        yield chunk
        pending, number = pending[used:], number + used


@dataclass(frozen=True, slots=True)
class _RowReader:
    width: int
    delimiter: str
    damaged: bool

    def read(self, lines: list[str], number: int, *, final: bool) -> tuple[Chunk, int]:
        """(rows, lines used); an open quoted cell at the end is left for the next time unless ``final``."""
        return (None if self.damaged else self._at_once(lines, number)) or self._by_record(lines, number, final)

    def _at_once(self, lines: list[str], number: int) -> tuple[Chunk, int] | None:
        """The common case, one row on each line and all as wide as the header; None when it is not so."""
        try:
            rows = list(csv.reader(lines, delimiter=self.delimiter, strict=True))
        except csv.Error:
            return None
        if len(rows) != len(lines) or set(map(len, rows)) - {self.width}:
            return None
        places = range(number, number + len(rows))
        return Chunk(lines=places, cells=list(chain.from_iterable(rows)), refused=[]), len(lines)

    def _by_record(self, lines: list[str], number: int, final: bool) -> tuple[Chunk, int]:
        places: list[int] = []
        cells: list[str] = []
        refused: list[tuple[int, str]] = []
        start = 0
        while start < len(lines):
            for row, fault, end in self._records(lines, start):
                if fault and fault == _UNCLOSED and end == len(lines) and not final:
                    return Chunk(lines=places, cells=cells, refused=refused), start
                if fault:
                    refused.append((number + start, fault))
                    break
                if row:
                    places.append(number + start)
                    cells += row
                start = end
            start += 1 if start < len(lines) else 0
        return Chunk(lines=places, cells=cells, refused=refused), start
