"""A replay on history: a run of a past day, written into a folder of its own, measured and reported in one go.

Nothing of it can leave, whatever winback.toml says, and no other run counts its entries and messages. Caps, quiet
hours, budget and pace are not asked: they are about today.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from threading import Event

from sqlalchemy import func, select
from sqlmodel import Session, col

from db.campaigns import read_files
from db.engine import database, reading
from db.facts.store import ORDERS, data_through, facts_cover
from db.occurrences import find, opened_id, version_files
from db.outbox import counts
from db.readings import latest
from db.settings import Providers, Settings
from db.tables import FactFile, Occurrence
from flows.campaign_run import Order, RunSummary, carry_out, replay, summarise
from flows.dispatch import drain
from flows.measuring import measure_run
from flows.reporting import write_reports
from flows.sending import sender
from winback.campaigns.file import read_campaign
from winback.channel import CHANNELS
from winback.delivery.claiming import Rules
from winback.delivery.registry import open_provider
from winback.errors import WrongUse
from winback.events import State
from winback.outcomes.outcomes import Outcome, write_outcome

OPEN_STATES = (State.PLANNED, State.QUEUED, State.SENDING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """The days a replay may play: with orders before it and a whole outcome window after it.

    ``default``: the last whose reading is final, so a day before ``last`` while the data's own last day may grow.
    """

    first: date
    last: date
    default: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A replay as it ended; ``again``: measured before; ``outdated``: campaign or templates are others by now."""

    summary: RunSummary
    outcome: Outcome
    reports: Sequence[Path]
    messages: Path
    again: bool
    outdated: bool


def replay_campaign(
    settings: Settings,
    campaign_id: str,
    as_of: date | None,
    clock: Callable[[], datetime],
    *,
    progress: Callable[[int], None] = lambda done: None,
    ending: Event | None = None,
) -> Replayed:
    """Play ``campaign_id`` as of a past day (None = the latest that can be); the same day again resumes.

    WrongUse for a day whose outcome window the orders do not reach, and while messages are stopped.
    """
    played = nothing_leaves(settings)
    files = read_files(settings, campaign_id)
    order, again, outdated = _order(settings, campaign_id, as_of, files)
    carry_out(order, played, clock())
    folder = settings.state / "replays" / campaign_id / str(order.as_of)
    summary = summarise(_write(played, order, folder, clock, progress, ending or Event()), played)
    outcome = measure_run(played, summary.run, clock())
    reports = [Path(path) for path in write_reports(settings, write_outcome(outcome))]
    return Replayed(
        summary=summary,
        outcome=outcome,
        reports=reports,
        messages=folder,
        again=again,
        outdated=outdated,
    )


def nothing_leaves(settings: Settings) -> Settings:
    """The workspace with the folder as its only provider."""
    return replace(settings, file=settings.file.model_copy(update={"providers": Providers(), "live": False}))


def _order(
    settings: Settings, campaign_id: str, as_of: date | None, files: dict[str, str]
) -> tuple[Order, bool, bool]:
    """Which replay, whether it was measured before, and whether what it pinned differs from ``files``."""
    lasts = read_campaign(files[f"campaigns/{campaign_id}.yaml"], campaign_id).success.lasts
    with database(settings.database_url) as engine, reading(engine) as session:
        day = as_of or playable(session, lasts).default
        order = replay(campaign_id, day)
        known = opened_id(session, campaign_id, order.slot)
        if known is None:
            _check(day, playable(session, lasts), lasts)
            return order, False, False
        version = session.get_one(Occurrence, known).version_id or 0
        return order, latest(session, known) is not None, version_files(session, version) != files


def playable(session: Session, lasts: int) -> Days:
    """The days that can be played with a window that ends ``lasts`` days later; WrongUse when there is none."""
    through = data_through(session)
    chosen = select(func.min(FactFile.first_on)).where(col(FactFile.kind) == ORDERS)
    first: date | None = session.execute(chosen).scalar_one()
    if through is None or first is None:
        raise WrongUse("there are no orders yet: winback import orders FILE")
    last = through - timedelta(days=lasts)
    if last < first:
        raise WrongUse(
            f"the orders reach from {first} to {through}: "
            f"too short for a replay with a window that ends {lasts} days later"
        )
    default = last if facts_cover(session, through) else max(first, last - timedelta(days=1))
    return Days(first=first, last=last, default=default)


def _check(day: date, days: Days, lasts: int) -> None:
    if days.first <= day <= days.last:
        return
    why = (
        f"the {lasts} days after {day} are not all in the orders yet"
        if day > days.last
        else f"there was no order by {day}"
    )
    raise WrongUse(f"{why} (allowed for a replay: {days.first} to {days.last})")


def _write(
    played: Settings,
    order: Order,
    folder: Path,
    clock: Callable[[], datetime],
    progress: Callable[[int], None],
    ending: Event,
) -> int:
    """Write the replay's messages into ``folder``; returns its id. WrongUse when some had to stay."""
    with sender(played, clock, progress) as post:
        with reading(post.engine) as session:
            only = find(session, order.campaign_id, order.slot).id or 0
        drain(
            replace(
                post,
                only=only,
                providers=dict.fromkeys(CHANNELS, open_provider("folder", path=folder)),
                rules=lambda campaign_id, version, channel: Rules(zone=played.zone),
                pace={},
                interrupted=ending.is_set,
            ),
            until_empty=True,
        )
        with reading(post.engine) as session:
            found = counts(session, only)
    if left := sum(found.get(state, 0) for state in OPEN_STATES):
        raise WrongUse(
            f"{left:,} messages of {order.campaign_id}/{order.slot} are not written yet: "
            "see what is stopped with 'winback status'; running it again resumes"
        )
    return only
