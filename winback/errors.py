"""What can go wrong, as one small tree.

    WinbackError                exit code, a sentence for a person
    ├── FileProblem             a person must fix a file: file, line, field, what is allowed, nearest name   (2)
    │   ├── CampaignError       a campaign file
    │   ├── TemplateError       a message template
    │   └── ImportProblem       a data file that cannot be read at all
    ├── WrongUse                a command was called with words that do not fit                              (2)
    └── Unusable                database, provider or workspace cannot be used now                           (3)

A provider's answer is a value (winback.delivery.answer), not an error; so is being excluded or not estimable.
"""

import re
from difflib import get_close_matches
from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of the command line (CONTRACT: exit codes)."""

    DONE = 0
    NO = 1
    WRONG_USE = 2
    UNUSABLE = 3


class WinbackError(Exception):
    """Base of all errors a person is told about in one sentence, without a traceback."""

    exit_code: Exit = Exit.WRONG_USE


class FileProblem(WinbackError):
    """A person must fix a file.

    ``str(problem)`` is ``file:line:column: field: what is wrong (allowed: ...; did you mean ...?)``; the column
    is said only where a field holds a text of its own grammar.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: str,
        line: int | None = None,
        column: int | None = None,
        field: str | None = None,
        allowed: str | None = None,
        nearest: str | None = None,
    ) -> None:
        self.problem, self.file, self.line, self.column, self.field = problem, file, line, column, field
        self.allowed, self.nearest = allowed, nearest
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        hints = [f"allowed: {self.allowed}"] if self.allowed else []
        hints += [f"did you mean '{self.nearest}'?"] if self.nearest else []
        text = f"{place}: {self.field}: {self.problem}" if self.field else f"{place}: {self.problem}"
        return f"{text} ({'; '.join(hints)})" if hints else text


class CampaignError(FileProblem):
    """A campaign file says something that cannot be run."""


class TemplateError(FileProblem):
    """A message template is missing, does not compile or uses an unknown name."""


class ImportProblem(FileProblem):
    """A data file cannot be read at all; single bad rows are rejects, not errors."""


class WrongUse(WinbackError):
    """A command or function was called with arguments that do not fit together."""


class Unusable(WinbackError):
    """The database, a provider or the workspace cannot be used now; says what to do."""

    exit_code = Exit.UNUSABLE


def unprintable(character: str) -> str:
    """What is wrong with a character that no text holds on purpose, as NUL."""
    return f"holds the invisible character U+{ord(character):04X}: take it out, or write the line anew"


def nearest(word: str, known: list[str]) -> str | None:
    """The known name closest to ``word``, or None when none is close; capitals do not count.

    One that begins as ``word`` does is closer: of ``order_count`` it is ``orders``, not ``last_order_on``.
    """
    small = {name.casefold(): name for name in reversed(known)}
    asked = word.casefold()
    start = re.match(r"[a-z.]{4,}", asked)
    alike = [name for name in small if start and name.startswith(start[0])]
    matches = get_close_matches(asked, alike, n=1, cutoff=0.4) or get_close_matches(asked, small, n=1, cutoff=0.6)
    return small[matches[0]] if matches else None
