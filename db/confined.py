"""Templates are programs of others: they are compiled and tried in another process, with limits, before any use.

Heavy expressions run when a template is compiled, not only when it is rendered, so even looking at one happens
there (db.confinement). What was found is remembered by content (db.looked): the same files are looked at once.
"""

import json
import os
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from winback.channel import Channel
from winback.errors import TemplateError, Unusable

MEMORY_BYTES = 400 * 2**20
CPU_SECONDS = 3
SECONDS = 4.0  # of the clock, for one message
_START_SECONDS = 30.0
_BEGIN = "import gc, sys; gc.disable(); sys.path += sys.argv[1:]; from db.confinement import main; main()"
Child: TypeAlias = subprocess.Popen[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A message to look at, as winback.message.inspection.check is asked for it."""

    files: tuple[tuple[str, str], ...] = field(repr=False)
    message: str
    channels: tuple[Channel, ...]
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleText:
    """What a text message to a made-up customer costs; ``outside``: the characters that GSM-7 does not have.

    ``signed``: its signature, in 【】, is the sender's name.
    """

    file: str
    encoding: str
    units: int
    segments: int
    outside: tuple[str, ...]
    signed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NeededField:
    """A field of the customer without which there is no message, and where it is printed."""

    file: str
    line: int | None
    field: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What was found: ``problems`` to mend, and of a message without any its ``texts`` and ``needs``.

    ``ended``: by a limit.
    """

    problems: tuple[Mapping[str, Any], ...]
    texts: tuple[SampleText, ...]
    needs: tuple[NeededField, ...] = ()
    ended: bool = False

    def errors(self) -> list[TemplateError]:
        """The problems as errors."""
        return [TemplateError(**each) for each in self.problems]


def asked(files: Mapping[str, str], message: str, channels: Collection[Channel], hosts: Collection[str]) -> Wanted:
    """A Wanted of these."""
    return Wanted(
        files=tuple(sorted(files.items())), message=message, channels=tuple(channels), hosts=tuple(hosts)
    )


def begin() -> Child:
    """A process that templates will be looked at in; it takes a while to load, so it may be begun before its use.

    Isolated (-I), and without what ``site`` loads (-S): that is half of what bare Python takes to start.
    """
    root, here = str(Path(__file__).parent.parent), os.getcwd()
    places = [root, *(each for each in sys.path if each not in {"", here})]
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _BEGIN, *places],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            env={"TZ": "UTC"},  # no key of a provider is where templates run; Babel need not look for a zone
        )
    except OSError as error:
        raise _unusable(error) from error


def look(wanted: Sequence[Wanted], begun: Child | None = None) -> list[Looked]:
    """What is found in each message, all looked at in one child process; Unusable when there cannot be one.

    ``begun``: the process to take, if there is one already; it is used up.
    """
    if not wanted:
        return []
    requests = json.dumps([asdict(each) | {"files": dict(each.files)} for each in wanted])
    with begun or begin() as child:
        try:
            text, _ = child.communicate(requests, _START_SECONDS + SECONDS * len(wanted))
            answers = json.loads(text)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            raise _unusable(error) from error
        finally:
            child.kill()  # one that has ended is left alone
    return [_read(each, answer) for each, answer in zip(wanted, answers, strict=True)]


def _unusable(error: Exception) -> Unusable:
    return Unusable(f"templates cannot be looked at: {type(error).__name__} in their process")


def _read(asked: Wanted, answer: Mapping[str, Any] | None) -> Looked:
    if answer is None:
        problem = f"takes more than {CPU_SECONDS} s or {MEMORY_BYTES // 2**20} MB to read: was ended"
        return Looked(problems=({"problem": problem, "file": f"{asked.message}/"},), texts=(), ended=True)
    texts = (
        SampleText(file=each["file"], **each["size"], outside=tuple(each["outside"]), signed=each["signed"])
        for each in answer["texts"]
    )
    needs = tuple(NeededField(**each) for each in answer["needs"])
    return Looked(problems=tuple(answer["problems"]), texts=tuple(texts), needs=needs)
