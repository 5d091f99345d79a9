"""From a file's bytes to lines of text: which encoding, is it whole, and did it stay the same while read.

UTF-8 is the rule; a byte order mark names UTF-8, UTF-16 or UTF-32; a file that is strictly GB18030 from
first to last line and looks Chinese is GB18030. In any other file each line that is not UTF-8 is marked by
lone surrogates (``surrogateescape``) for the reader to refuse. Latin-1 is never tried: it fits every file
and says nonsense.
"""

import codecs
import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from winback.errors import ImportProblem

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    _Bytes = gzip.GzipFile | io.BufferedReader["_Metered"]

Progress = Callable[[int, int], None]  # bytes read, bytes to read; a file is read twice

CHUNK_BYTES = 1 << 17  # in the memory of the one before it
BLOCK_BYTES = 4 << 20
LINE_BYTES = 64 << 20  # a longer line is no table
_CHINESE_LINES_PER_UTF8_LINE = 10_000  # GB18030 text is valid multi-byte UTF-8 by chance far less often

_MARKS = (  # the longer ones first: UTF-32's begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LONG_LINE = f"a line is longer than {LINE_BYTES >> 20} MiB: not a table"
_CHANGED = "the file changed while it was read: import it again when it is complete"
_WIDE = ("utf-16", "utf-32")
_PAIR = re.compile(  # the group: a sign or a character of GB2312, as nearly all are that Chinese is written with
    rb"([\xa1-\xa3\xb0-\xf7][\xa1-\xfe])|[\x81-\xfe][\x30-\xfe]"
)


def no_progress(done: int, of: int) -> None:
    """The progress callback that shows nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFile:
    """A text file, and how to read it: inspected, or not yet.

    ``sha256``: of the bytes as stored, None where it was only glanced at; ``read``: what it was when it was read.
    ``damaged`` = some lines hold bytes that are not of the encoding, or in UTF-16 may hold half a pair; such
    lines come with lone surrogates.
    """

    path: Path
    size: int
    sha256: str | None
    encoding: str
    damaged: bool
    read: list[str] = field(default_factory=list, compare=False)

    @property
    def errors(self) -> str:
        if not self.damaged:
            return "strict"
        return "surrogatepass" if self.encoding.startswith(_WIDE) else "surrogateescape"


class _Metered(io.RawIOBase):
    """The first ``size`` bytes of a file, hashed and counted as they pass."""

    def __init__(self, path: Path, size: int, report: Callable[[int], None]) -> None:
        self._file, self._left, self._size = io.FileIO(path), size, size
        self._report, self._hash = report, hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer)[: self._left]
        count = self._file.readinto(view)
        self._hash.update(view[:count])
        self._left -= count
        self._report(self._size - self._left)
        return count

    def close(self) -> None:
        self._file.close()
        super().close()

    def digest(self) -> str:
        while self.read(CHUNK_BYTES):  # what a decompressor left unread
            pass
        return self._hash.hexdigest()


def glance(path: Path) -> TextFile | None:
    """A file that begins as plain UTF-8, which nearly all are to their end; None for any other.

    Whoever reads it learns of anything else by a UnicodeDecodeError or an ImportProblem, and inspects it then.
    """
    with path.open("rb") as file:
        head = file.read(CHUNK_BYTES)
    marked = head.startswith((*(mark for mark, _ in _MARKS), b"\x1f\x8b", b"PK\x03\x04"))
    if marked or b"\n" not in head or not _is("utf-8", head[: head.rfind(b"\n")]):
        return None
    return TextFile(path=path, size=path.stat().st_size, sha256=None, encoding="utf-8", damaged=False)


def inspect(path: Path, progress: Progress) -> TextFile:
    """Read the whole file once, before anything is taken from it.

    ImportProblem when it is empty, a cut or broken gzip, a workbook, or has a line over 64 MiB.
    """
    size = path.stat().st_size
    with _readable(path), _Metered(path, size, lambda done: progress(done, 2 * size)) as metered:
        stream = _unpacked(metered, path)
        encoding, damaged = _encoding(stream, path)
        sha256 = metered.digest()
    if encoding == "utf-8" and damaged and _is_chinese(path, size):
        encoding, damaged = "gb18030", False
    return TextFile(path=path, size=size, sha256=sha256, encoding=encoding, damaged=damaged)


def blocks(file: TextFile, progress: Progress) -> Iterator[bytes]:
    """The file in pieces of whole lines, the last one perhaps without an end; ImportProblem as for ``lines``."""

    def report(done: int) -> None:
        progress(file.size + done if file.sha256 else 2 * done, 2 * file.size)

    with _readable(file.path), _Metered(file.path, file.size, report) as metered:
        stream = _unpacked(metered, file.path)
        yield from _whole_lines(stream, file)
        _refuse_changed(file, metered)


def _whole_lines(stream: "_Bytes", file: TextFile) -> Iterator[bytes]:
    """In one buffer, which is used again: memory that is new each time costs more than the reading."""
    buffer, filled = bytearray(BLOCK_BYTES), 0
    while count := stream.readinto(memoryview(buffer)[filled:]):
        filled += count
        end = buffer.rfind(b"\n", 0, filled) + 1
        if end:
            yield bytes(memoryview(buffer)[:end])
            buffer[: filled - end] = buffer[end:filled]
            filled -= end
        if file.sha256 is None and filled > LINE_BYTES:
            raise ImportProblem(_LONG_LINE, file=str(file.path))
        if filled == len(buffer):
            buffer = buffer.ljust(2 * len(buffer))
    if filled:
        yield bytes(memoryview(buffer)[:filled])


def lines_of(pieces: Iterable[bytes]) -> Iterator[str]:
    """The physical lines of pieces of UTF-8 that end with a line, as ``lines`` gives them."""
    for piece in pieces:
        yield from io.StringIO(piece.decode(), newline="")


def lines(file: TextFile, progress: Progress) -> Iterator[str]:
    """The physical lines with their ends (LF, CR or CRLF).

    ImportProblem after the last one if the file is not, byte for byte, the one that was inspected.
    """

    def report(done: int) -> None:
        progress(file.size + done, 2 * file.size)

    with _readable(file.path), _Metered(file.path, file.size, report) as metered:
        text = io.TextIOWrapper(_unpacked(metered, file.path), file.encoding, file.errors, newline="")
        yield from text
        _refuse_changed(file, metered)


def _refuse_changed(file: TextFile, metered: _Metered) -> None:
    digest = metered.digest()
    if digest != (file.sha256 or digest) or file.path.stat().st_size != file.size:
        raise ImportProblem(_CHANGED, file=str(file.path))
    file.read.append(digest)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ImportProblem(f"cut off or broken gzip file: {error}", file=str(path)) from error
    except UnicodeDecodeError as error:
        raise ImportProblem(_CHANGED, file=str(path)) from error
    except OSError as error:
        raise ImportProblem(f"cannot be read: {error.strerror or error}", file=str(path)) from error


def _unpacked(metered: _Metered, path: Path) -> "_Bytes":
    raw = io.BufferedReader(metered, CHUNK_BYTES)
    if raw.peek(2)[:2] == b"\x1f\x8b":
        return gzip.GzipFile(fileobj=raw, mode="rb")
    if raw.peek(4)[:4] == b"PK\x03\x04":
        raise ImportProblem("an Excel workbook or zip file: save it as CSV (UTF-8)", file=str(path))
    return raw


def _encoding(stream: "_Bytes", path: Path) -> tuple[str, bool]:
    """(encoding, whether some bytes are not of it); reads the stream to its end."""
    chunk = stream.read(CHUNK_BYTES)
    if not chunk.strip():
        raise ImportProblem("empty: there is no header line", file=str(path))
    encoding = next((name for mark, name in _MARKS if chunk.startswith(mark)), "utf-8")
    wide = encoding.startswith(_WIDE)
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass" if wide else "strict")
    clean, run = True, 0
    while chunk:
        clean = clean and _decodes(decoder, chunk)
        run = _line_bytes(run, chunk, path)
        chunk = stream.read(CHUNK_BYTES)
    clean = clean and _decodes(decoder, b"", final=True)
    if wide and not clean:
        raise ImportProblem(f"cannot be read as {encoding.upper()} to its end: cut off?", file=str(path))
    return encoding, wide or not clean


def _decodes(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return False
    return True


def _line_bytes(run: int, chunk: bytes, path: Path) -> int:
    """Bytes since the last line end, which is what could grow without bound in memory."""
    end = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
    run = run + len(chunk) if end < 0 else len(chunk) - end
    if run > LINE_BYTES:
        raise ImportProblem(_LONG_LINE, file=str(path))
    return run


def _is_chinese(path: Path, size: int) -> bool:
    """Whether every line is strict GB18030, hardly any also UTF-8, and two of three pairs are common characters.

    The last tells it from Western encodings and Big5, whose letters GB18030 would take as halves of rare
    characters. No GB18030 sequence contains a line end, so the check can go by lines.
    """
    chinese = also_utf8 = common = rare = 0
    with _Metered(path, size, lambda _: None) as metered:
        for line in _unpacked(metered, path):
            if line.isascii():
                continue
            if not _is("gb18030", line):
                return False
            pairs = _PAIR.findall(line)
            common += sum(map(bool, pairs))
            rare += len(pairs) - sum(map(bool, pairs))
            also_utf8 += _is_long_utf8(line)
            chinese += 1
    return also_utf8 * _CHINESE_LINES_PER_UTF8_LINE <= chinese and 2 * rare <= common


def _is(encoding: str, line: bytes) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _is_long_utf8(line: bytes) -> bool:
    """UTF-8 with a character of three bytes or more, as every Chinese one is."""
    return _is("utf-8", line) and max(line.decode()) >= "\u0800"
