"""`winback check` of 50 campaigns, and a bare script that imports jinja2 and pydantic and parses the same files.

Both with the same YAML loader. CPU seconds (user + system) of the finished processes and seconds of the clock,
medians of several runs in turn; read the ratios (the clock's only where the machine has two cores to spare).
Nothing remembered: templates are looked at in a process of their own (db.confined), which loads while this one
does. One campaign edited: every campaign file is read, what was found in templates is remembered (db.looked).
Unchanged: so is all the rest.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.start import ROOT, cpu_seconds
from db.home import STATE

RUNS, CAMPAIGNS = 11, 50
BARE = (
    "import sys, jinja2, pydantic, yaml\n"
    "loader = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)\n"
    "for file in sys.argv[1:]:\n"
    "    yaml.load(open(file, encoding='utf-8'), loader)\n"
)


def main() -> None:
    """Print one line per ratio."""
    with tempfile.TemporaryDirectory() as name:
        shop = Path(name) / "shop"
        winback = [sys.executable, "-m", "app.cli"]
        cpu_seconds([*winback, "init", str(shop)], ROOT)
        files = _campaigns(shop / "campaigns")
        bare = [sys.executable, "-c", BARE, *files]
        cpu_seconds([*winback, "check"], shop)  # its byte code is there from now on
        rounds = [_round([*winback, "check"], bare, shop) for _ in range(RUNS)]
    base, *checks = (_medians(taken) for taken in zip(*rounds, strict=True))
    print(f"bare: {base[0]:.3f} CPU s, {base[1]:.3f} s of the clock")
    for title, (cpu, clock) in zip(
        ("nothing remembered", "one campaign edited", "unchanged"), checks, strict=True
    ):
        ratios = f"{cpu / base[0]:.1f} times bare; {clock:.3f} s, {clock / base[1]:.1f} times"
        print(f"check of {CAMPAIGNS} campaigns, {title}: {cpu:.3f} CPU s, {ratios}")


Taken = tuple[float, float]  # CPU seconds, seconds of the clock


def _medians(taken: Sequence[Taken]) -> Taken:
    cpu, clock = (statistics.median(seconds) for seconds in zip(*taken, strict=True))
    return cpu, clock


def _seconds(command: list[str], folder: Path) -> Taken:
    started = time.perf_counter()
    return cpu_seconds(command, folder), time.perf_counter() - started


def _round(check: list[str], bare: list[str], shop: Path) -> tuple[Taken, Taken, Taken, Taken]:
    """What the bare script takes, a first check, one after an edit, and one of unchanged files."""
    for memory in (shop / STATE).glob("*.json"):
        memory.unlink()
    first = _seconds(check, shop)
    with (shop / "campaigns" / "campaign-7.yaml").open("a", encoding="utf-8") as file:
        file.write("# edited\n")
    return _seconds(bare, shop), first, _seconds(check, shop), _seconds(check, shop)


def _campaigns(folder: Path) -> list[str]:
    """The example, so many times under names of their own."""
    example = folder / "high-value-winback.yaml"
    text = example.read_text(encoding="utf-8")
    for shipped in folder.glob("*.yaml"):
        shipped.unlink()
    files = [folder / f"campaign-{number}.yaml" for number in range(1, CAMPAIGNS + 1)]
    for file in files:
        file.write_text(text.replace("id: high-value-winback", f"id: {file.stem}"), encoding="utf-8")
    return [str(file) for file in files]


if __name__ == "__main__":
    main()
