"""``winback send`` in a process that imports nothing else; prints what it took as JSON.

python -m bench.one_send WORKSPACE [PROFILE]
"""

import io
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What one sender took: CPU seconds in all and in claim and record, messages, MiB at most, wall seconds."""

    cpu: float
    claim: float
    sent: int
    rss: float
    wall: float


def main(workspace: str, profile: str | None = None) -> None:
    import flows.dispatch
    from app.cli import main as winback

    clock, begun = Stopwatch(flows.dispatch.writing), time.monotonic()
    flows.dispatch.writing = clock
    with redirect_stdout(io.StringIO()) as said, _profiler(profile):
        code = winback(["--workspace", workspace, "send"])
    assert code == 0, code
    used = resource.getrusage(resource.RUSAGE_SELF)
    spent = Spent(
        cpu=used.ru_utime + used.ru_stime,
        claim=clock.seconds,
        sent=sum(
            int(line.split()[1].replace(",", "")) for line in said.getvalue().splitlines() if "accepted" in line
        ),
        rss=most_memory(),
        wall=time.monotonic() - begun,
    )
    print(json.dumps(asdict(spent)))


def most_memory() -> float:
    """MiB at most, of this program alone: ru_maxrss also counts what its parent had when it began."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].removesuffix("kB")) / 1024


@contextmanager
def _profiler(file: str | None) -> Iterator[None]:
    if file is None:
        yield
        return
    from cProfile import Profile

    with Profile() as profiler:
        yield
    profiler.dump_stats(file)


class Stopwatch:
    """The dispatch loop's write transactions, with their CPU seconds added up."""

    def __init__(self, writing: Callable[[Any], AbstractContextManager[Any]]) -> None:
        self._writing, self.seconds = writing, 0.0

    @contextmanager
    def __call__(self, connection: Any) -> Iterator[Any]:
        begun = time.process_time()
        with self._writing(connection):
            yield connection
        self.seconds += time.process_time() - begun


if __name__ == "__main__":
    main(*sys.argv[1:])
