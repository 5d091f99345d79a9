"""Every reading that is due: runs without a final one, and second ones at twice the window."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from db.alerts import Alarm
from db.engine import database, reading
from db.occurrences import unmeasured
from db.readings import without_second
from db.settings import Settings
from flows.alerting import failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """The runs whose first or only reading was taken, and what went wrong: an alarm and the error of each."""

    runs: tuple[str, ...]
    alarms: tuple[Alarm, ...]
    errors: tuple[Exception, ...]


def read_due(settings: Settings, *, first: Callable[[str], object], second: Callable[[str], object]) -> Read:
    """Take them all by name of the run; one that fails does not keep the others from being taken.

    ``second`` may find that the data do not reach twice the window yet, which is no failure.
    """
    runs, failed = _each(waiting_runs(settings), first)
    _, late = _each(stayed_runs(settings), second)
    alarms = [failure(f"measuring {name}", error) for name, error in failed]
    alarms += [failure(f"the second reading of {name}", error) for name, error in late]
    return Read(runs=tuple(runs), alarms=tuple(alarms), errors=tuple(error for _, error in [*failed, *late]))


def _each(names: Iterable[str], take: Callable[[str], object]) -> tuple[list[str], list[tuple[str, Exception]]]:
    done: list[str] = []
    failed: list[tuple[str, Exception]] = []
    for name in names:
        try:
            take(name)
            done.append(name)
        except Exception as error:  # whatever it is: staff hears of it and the flow ends with it
            failed.append((name, error))
    return done, failed


def waiting_runs(settings: Settings) -> list[str]:
    """Released runs without a final reading."""
    with database(settings.database_url) as engine, reading(engine) as session:
        return unmeasured(session)


def stayed_runs(settings: Settings) -> list[str]:
    """Runs with a final reading that wait for their second one."""
    with database(settings.database_url) as engine, reading(engine) as session:
        return without_second(session)
