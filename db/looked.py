"""What was found in templates, remembered: looking at them takes a process of its own and its time."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from db.confined import Child, Looked, NeededField, SampleText, Wanted, look
from db.remembered import digest_of, recall, remember

FILE = "templates-looked-at.json"
MOST = 500  # messages


def look_or_recall(state: Path, wanted: Sequence[Wanted], begun: Child | None = None) -> dict[Wanted, Looked]:
    """What is found in each message; those that ``state`` does not remember are looked at, all in one process.

    One whose process had to be ended is not remembered: that may have been the load of the machine. ``begun``: the
    process to take, if there is one already.
    """
    keys = {each: digest_of([each.files, each.message, each.channels, each.hosts]) for each in wanted}
    memory = recall(state / FILE)
    new = [each for each, key in keys.items() if key not in memory]
    found = dict(zip(new, look(new, begun), strict=True))
    if lasting := {keys[each]: asdict(looked) for each, looked in found.items() if not looked.ended}:
        remember(state / FILE, memory | lasting, MOST)
    return {each: found[each] if each in found else _looked(memory[key]) for each, key in keys.items()}


def _looked(finding: Mapping[str, Any]) -> Looked:
    texts = (SampleText(**each | {"outside": tuple(each["outside"])}) for each in finding["texts"])
    needs = tuple(NeededField(**each) for each in finding["needs"])
    return Looked(problems=tuple(finding["problems"]), texts=tuple(texts), needs=needs)
