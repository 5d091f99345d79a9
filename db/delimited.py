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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    """Lines ``start`` up to ``end``; ``fault`` is why line ``start`` is refused, None for a row."""

    start: int
    end: int
    row: list[str]
    fault: str | None

    @property
    def sprawls(self) -> bool:
        return self.end - self.start > 1


def read_header(lines: Iterator[str], file: str) -> Header:
    """Take the header from the front of ``lines``; ImportProblem when it cannot be one.

    Blank lines before it and a spreadsheet's ``sep=;`` are skipped. A column without a name is called
    ``column_N`` by its place.
    """
    number, line, declared = _header_line(lines, file)
    _refuse_unreadable(line, number, file)
    delimiter = declared or max(DELIMITERS, key=re.sub(r'"[^"]*"', "", line).count)
    try:
        names = next(csv.reader([line.lstrip("\ufeff")], delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise ImportProblem(f"the header cannot be read: {error}", file=file, line=number) from error
    named = (name.replace("\ufeff", "").strip() or f"column_{i}" for i, name in enumerate(names, start=1))
    return Header(names=tuple(named), delimiter=delimiter, first_line=number + 1)


def _header_line(lines: Iterator[str], file: str) -> tuple[int, str, str | None]:
    """(its number from 1, the line, the delimiter a ``sep=`` line before it declares)."""
    declared = None
    for number, line in enumerate(lines, start=1):
        mark = _DECLARED.match(line.removeprefix("\ufeff"))
        if mark:
            declared = mark.group(1)
        elif line.strip("\ufeff \t\r\n"):
            return number, line, declared
    raise ImportProblem("empty: there is no header line", file=file)


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
        chunk = None if self.damaged else self._at_once(lines, number)
        return (chunk, len(lines)) if chunk else self._by_record(lines, number, final=final)

    def _at_once(self, lines: list[str], number: int) -> Chunk | None:
        """The common case, one row on each line and all as wide as the header; None when it is not so."""
        try:
            rows = list(csv.reader(lines, delimiter=self.delimiter, strict=True))
        except csv.Error:
            return None
        if len(rows) != len(lines) or set(map(len, rows)) - {self.width}:
            return None
        places = range(number, number + len(rows))
        return Chunk(lines=places, cells=list(chain.from_iterable(rows)), refused=[])

    def _by_record(self, lines: list[str], number: int, *, final: bool) -> tuple[Chunk, int]:
        places: list[int] = []
        cells: list[str] = []
        refused: list[tuple[int, str]] = []
        used = len(lines)
        for record in self._records(lines):
            if record.fault == _UNCLOSED and record.end == len(lines) and not final:
                used = record.start
                break
            if record.fault:
                refused.append((number + record.start, record.fault))
            elif record.row:
                places.append(number + record.start)
                cells += record.row
        return Chunk(lines=places, cells=cells, refused=refused), used

    def _records(self, lines: list[str]) -> Iterator[_Record]:
        """Every record; after one that ran over several lines for nothing, on from its second line."""
        start = 0
        while start < len(lines):
            for record in self._until_astray(lines, start):
                start = record.start + 1 if record.fault else record.end
                yield record

    def _until_astray(self, lines: list[str], first: int) -> Iterator[_Record]:
        reader = csv.reader(lines[first:], delimiter=self.delimiter, strict=True)
        start = first
        while start < len(lines):
            row, problem = _next_row(reader)
            end = first + reader.line_num
            fault = _quote_fault(problem, end - start) or self._fault(row, lines[start:end])
            record = _Record(start=start, end=end, row=row, fault=fault)
            yield record
            if fault and record.sprawls:
                return
            start = end

    def _fault(self, row: list[str], lines: list[str]) -> str | None:
        if self.damaged and any(map(_LONE_SURROGATE.search, row)):
            return _encoding_fault("".join(row))
        if len(lines) > 1 and (len(row) != self.width or self._swallowed(lines[1:-1])):
            return _UNCLOSED
        if len(row) not in (0, self.width):
            return f"{len(row)} columns, the header has {self.width}"
        return None

    def _swallowed(self, inside: list[str]) -> bool:
        """Whether the lines between a quote and the next one are all rows of their own, not a cell's text."""
        return bool(inside) and all(self._is_row(line) for line in inside)

    def _is_row(self, line: str) -> bool:
        row, problem = _next_row(csv.reader([line], delimiter=self.delimiter, strict=True))
        return problem is None and len(row) == self.width


def _next_row(reader: Iterator[list[str]]) -> tuple[list[str], str | None]:
    try:
        return next(reader, []), None
    except csv.Error as error:
        return [], str(error)


def _quote_fault(problem: str | None, lines: int) -> str | None:
    """Our words for an error of the csv module that came after so many lines."""
    if problem is None:
        return None
    if lines > 1 or "end of data" in problem:
        return _UNCLOSED
    return _TOO_LONG if "field limit" in problem else _AFTER_QUOTE


def _encoding_fault(text: str) -> str:
    try:
        raw = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return "not UTF-16: half a surrogate pair"
    try:
        raw.decode("gb18030")
    except UnicodeDecodeError:
        return "not UTF-8"
    return "not UTF-8 (it may be GBK, but the whole file is not surely GBK: save it as CSV UTF-8)"
