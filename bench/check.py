"""`winback check` of 50 campaigns, and a bare script that imports jinja2 and pydantic and parses the same files.

Both with the same YAML loader. CPU seconds (user + system) of the finished processes, medians of several runs in
turn; read the ratios. Nothing remembered: templates are looked at in a process of their own (db.confined). One
campaign edited: every campaign file is read, what was found in templates is remembered (db.looked). Unchanged: so
is all the rest.
"""

import statistics
import sys
import tempfile
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
    base, *checks = (statistics.median(seconds) for seconds in zip(*rounds, strict=True))
    print(f"bare: {base:.3f} CPU s")
    for title, seconds in zip(("nothing remembered", "one campaign edited", "unchanged"), checks, strict=True):
        print(f"check of {CAMPAIGNS} campaigns, {title}: {seconds:.3f} CPU s, {seconds / base:.1f} times bare")


def _round(check: list[str], bare: list[str], shop: Path) -> tuple[float, float, float, float]:
    """CPU seconds of the bare script, of a first check, one after an edit, and one of unchanged files."""
    for memory in (shop / STATE).glob("*.json"):
        memory.unlink()
    first = cpu_seconds(check, shop)
    with (shop / "campaigns" / "campaign-7.yaml").open("a", encoding="utf-8") as file:
        file.write("# edited\n")
    return cpu_seconds(bare, shop), first, cpu_seconds(check, shop), cpu_seconds(check, shop)


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
