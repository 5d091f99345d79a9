"""`winback --help` and `winback check` as whole processes, against bare Python and a bare script.

CPU seconds (user + system) of the finished processes, medians of several runs in turn; read the ratios.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

RUNS = 7
ROOT = Path(__file__).parent.parent
BARE = "pass"
LIBRARIES = (
    "import jinja2, pydantic, yaml; [yaml.load(open(f), yaml.CSafeLoader) for f in __import__('sys').argv[1:]]"
)


def cpu_seconds(command: list[str], folder: Path) -> float:
    """User and system seconds of one finished process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # as users have it: what is imported is compiled once
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print one line per ratio."""
    with tempfile.TemporaryDirectory() as name:
        shop = Path(name) / "shop"
        winback = [sys.executable, "-m", "app.cli"]
        cpu_seconds([*winback, "init", str(shop)], ROOT)
        file = str(shop / "campaigns" / "high-value-winback.yaml")
        commands = {
            "bare python": [sys.executable, "-c", BARE],
            "winback --help": [*winback, "--help"],
            "bare libraries": [sys.executable, "-c", LIBRARIES, file],
            "winback check": [*winback, "check"],
        }
        times: dict[str, list[float]] = {title: [] for title in commands}
        for _ in range(RUNS):
            for title, command in commands.items():
                times[title].append(cpu_seconds(command, shop))
    middle = {title: statistics.median(values) for title, values in times.items()}
    for title, bare in (
        ("winback --help", "bare python"),
        ("winback check", "bare python"),
        ("winback check", "bare libraries"),
    ):
        ratio = middle[title] / middle[bare]
        print(f"{title}: {middle[title]:.3f} CPU s, {ratio:.1f} times {bare} ({middle[bare]:.3f})")


if __name__ == "__main__":
    main()
