"""What a person sees: results on standard output, progress and messages on standard error."""

import json
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Event
from typing import Any


def say(text: str) -> None:
    """One line to the person; not part of the result."""
    print(text, file=sys.stderr)


def print_json(value: Any) -> None:  # noqa: ANN401 - any plain value
    """One JSON object to standard output."""
    print(json.dumps(value, ensure_ascii=False, default=str))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table to standard output: numbers to the right, nothing cut."""
    shown = [[_cell(value) for value in row] for row in rows]
    widths = [max(_width(text) for text in column) for column in zip(columns, *shown, strict=True)]
    right = [
        bool(rows) and all(isinstance(row[i], int | float | None) for row in rows) for i in range(len(columns))
    ]
    for line in ([list(columns)], shown):
        for row in line:
            print("  ".join(_padded(t, w, r) for t, w, r in zip(row, widths, right, strict=True)).rstrip())


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _padded(text: str, width: int, right: bool) -> str:
    space = " " * (width - _width(text))
    return space + text if right else text + space


def _width(text: str) -> int:
    from unicodedata import east_asian_width

    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, fed with (done, of); silent where nobody watches."""
    if not sys.stderr.isatty():
        yield lambda done, of: None
        return
    from rich.console import Console  # 60 ms to import: only where somebody watches
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)


@contextmanager
def working(title: str) -> Iterator[None]:
    """A spinner on standard error while something longer runs; silent where nobody watches."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console  # 60 ms to import: only where somebody watches

    with Console(stderr=True).status(title):
        yield


def waterfall_rows(reasons: Mapping[str, int], arms: Mapping[str, int]) -> list[tuple[str, int, int | None]]:
    """The audience from everybody scored down to the arms: what, customers, and how many are left after it."""
    left = sum(reasons.values()) + sum(arms.values())
    rows: list[tuple[str, int, int | None]] = [("scored customers", left, left)]
    for reason, count in reasons.items():
        left -= count
        rows.append((f"- {reason}", count, left))
    return [*rows, ("in", left, left), *((f"  {arm}", n, None) for arm, n in arms.items())]


@contextmanager
def asked_to_end() -> Iterator[Event]:
    """Set by the first SIGINT or SIGTERM, so that what is under way can be finished; the second does as usual."""
    ending = Event()
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}

    def end(number: int, _: object) -> None:
        ending.set()
        signal.signal(number, before[signal.Signals(number)])

    for each in before:
        signal.signal(each, end)
    try:
        yield ending
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
