"""``winback send`` in a process that imports little else; prints what it took as JSON.

python -m bench.one_send WORKSPACE [PROFILE]

The machine's pace changes by half within a minute, so the bare loop runs in this process, a slice at a time
between the sender's transactions; its own CPU is not counted as the sender's.
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

SLICE, EVERY = 40, 20  # customers of the bare loop at a time, and transactions between two slices


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What one sender took: CPU seconds in all and in claim and record, messages, MiB at most, wall seconds.

    ``bare``: CPU seconds of one customer in the bare loop, meanwhile.
    """

    cpu: float
    claim: float
    bare: float
    sent: int
    rss: float
    wall: float


def main(workspace: str, profile: str | None = None) -> None:
    import flows.dispatch
    from app.cli import main as winback

    yardstick = Yardstick()
    clock, begun = Stopwatch(flows.dispatch.writing, yardstick), time.monotonic()
    flows.dispatch.writing = clock
    with redirect_stdout(io.StringIO()) as said, _profiler(profile):
        code = winback(["--workspace", workspace, "send"])
    assert code == 0, code
    used = resource.getrusage(resource.RUSAGE_SELF)
    if not yardstick.customers:
        yardstick.slice()
    spent = Spent(
        cpu=used.ru_utime + used.ru_stime - yardstick.aside,
        claim=clock.seconds,
        bare=yardstick.seconds / yardstick.customers,
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


class Yardstick:
    """The bare loop in slices; ``aside``: all CPU seconds that went into measuring."""

    def __init__(self) -> None:
        begun = time.process_time()
        from bench import letter

        self._loop, self._customers = letter.bare_loop, letter.make_customers(SLICE)
        self._loop(self._customers[:1])  # compiled
        self.aside, self.seconds, self.customers = time.process_time() - begun, 0.0, 0

    def slice(self) -> None:
        """One more slice."""
        begun = time.process_time()
        self._loop(self._customers)
        spent = time.process_time() - begun
        self.aside, self.seconds, self.customers = self.aside + spent, self.seconds + spent, self.customers + SLICE


class Stopwatch:
    """The dispatch loop's write transactions, with their CPU seconds added up; between some, a slice of bare."""

    def __init__(self, writing: Callable[[Any], AbstractContextManager[Any]], yardstick: Yardstick) -> None:
        self._writing, self._yardstick = writing, yardstick
        self.seconds, self._transactions = 0.0, 0

    @contextmanager
    def __call__(self, connection: Any) -> Iterator[Any]:
        begun = time.process_time()
        with self._writing(connection):
            yield connection
        self.seconds += time.process_time() - begun
        self._transactions += 1
        if self._transactions % EVERY == 0:
            self._yardstick.slice()


if __name__ == "__main__":
    main(*sys.argv[1:])
