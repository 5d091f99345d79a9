"""`winback check` of 50 campaigns, and a bare script that imports jinja2 and pydantic and parses the same files.

Both with the same YAML loader. CPU seconds (user + system) of the finished processes, medians of several runs in
turn; read the ratios.
"""

import statistics
import sys
import tempfile
from pathlib import Path

from bench.start import ROOT, cpu_seconds

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
        first = cpu_seconds([*winback, "check"], shop)
        again, base = zip(
            *((cpu_seconds([*winback, "check"], shop), cpu_seconds(bare, shop)) for _ in range(RUNS)), strict=True
        )
    middle = statistics.median(base)
    print(f"bare: {middle:.3f} CPU s")
    for title, seconds in (("check", statistics.median(again)), ("the first check", first)):
        print(f"{title} of {CAMPAIGNS} campaigns: {seconds:.3f} CPU s, {seconds / middle:.1f} times bare")


def _campaigns(folder: Path) -> list[str]:
    """The example, so many times under names of their own."""
    example = folder / "high-value-winback.yaml"
    text = example.read_text(encoding="utf-8")
    example.unlink()
    files = [folder / f"campaign-{number}.yaml" for number in range(1, CAMPAIGNS + 1)]
    for file in files:
        file.write_text(text.replace("id: high-value-winback", f"id: {file.stem}"), encoding="utf-8")
    return [str(file) for file in files]


if __name__ == "__main__":
    main()
