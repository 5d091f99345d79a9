"""One column of a small CSV file, read as files that are imported are: encoding, delimiter, quotes."""

from pathlib import Path

from db.delimited import chunks, read_header
from db.encoding import inspect, lines, no_progress
from winback.errors import ImportProblem


def read_column(path: Path, name: str) -> list[str]:
    """The cells of a small CSV file's column ``name``, in any case, but blank ones; [] without the column.

    Encoding and delimiter as for a file that is imported, but no line may be bad: ImportProblem names the first.
    """
    text = inspect(path, no_progress)
    source = lines(text, no_progress)
    header = read_header(source, str(path))
    place = next((at for at, known in enumerate(header.names) if known.casefold() == name), None)
    found: list[str] = []
    for chunk in chunks(source, header, damaged=text.damaged) if place is not None else ():
        if chunk.refused:
            line, why = chunk.refused[0]
            raise ImportProblem(why, file=str(path), line=line)
        found += [cell.strip() for cell in chunk.cells[place :: len(header.names)]]
    return [cell for cell in found if cell]
