"""Approve a run that waits: it goes on at once, with exactly what was approved."""

from dataclasses import dataclass
from datetime import datetime

from db.approvals import approve as record
from db.approvals import to_approve
from db.engine import database, reading, transaction
from db.occurrences import Stage, find_run, pinned_campaign, version_files
from db.settings import Settings
from flows.campaign_run import Order, RunSummary, carry_out, summarise
from winback.campaigns.approval import may_not_approve, who_approves
from winback.errors import WrongUse

DIGEST_CHARACTERS = 8  # the least that name one digest among all that anybody looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The run after the approval; ``changed``: nothing was approved, it was chosen anew.

    ``edited``: what of its files, or of who writes, is not as it was.
    """

    summary: RunSummary
    changed: bool
    edited: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A run that waits for a yes to ``digest``, of ``who``, until ``late_after``."""

    run: str
    people: int
    above: int
    who: str
    digest: str
    late_after: datetime | None


def waiting(settings: Settings, run: str) -> Waiting | None:
    """What is to be approved of the run; None where it does not wait."""
    with database(settings.database_url) as engine, reading(engine) as session:
        found = find_run(session, run)
        if found.stage != Stage.WAITING:
            return None
        campaign, summary = pinned_campaign(session, found), summarise(found.id or 0, settings)
        return Waiting(
            run=run,
            people=sum(summary.arms.values()),
            above=campaign.approval.above if campaign.approval else 0,
            who=who_approves(campaign),
            digest=to_approve(session, found),
            late_after=found.late_after,
        )


def approve(settings: Settings, run: str, by: str, now: datetime, digest: str) -> Answer:
    """Approve the run and carry it out; WrongUse where it does not wait, ``by`` may not, or it is another one.

    ``digest``: how the digest of what was looked at begins.
    """
    with database(settings.database_url) as engine:
        with reading(engine) as session:
            found = find_run(session, run)
            if found.stage != Stage.WAITING:
                raise WrongUse(f"{run} does not wait for approval: it is {found.stage}")
            if why := may_not_approve(pinned_campaign(session, found), by):
                raise WrongUse(why)
            if found.late_after is not None and found.late_after < now:
                raise WrongUse(f"{run} came too late: nothing of it may leave any more")
            order = Order(
                campaign_id=found.campaign_id, slot=found.slot, as_of=found.as_of, late_after=found.late_after
            )
            asked = to_approve(session, found)
            if len(digest) < DIGEST_CHARACTERS:
                raise WrongUse(f"--digest '{digest}' is too short: {DIGEST_CHARACTERS} characters or more")
            if not asked.startswith(digest):
                raise WrongUse(f"{run} is not what was looked at: its digest is {asked[:12]}")
            seen, occurrence_id = (found.version_id, found.audience_digest), found.id or 0
            before = version_files(session, found.version_id or 0)
        carry_out(order, settings, now)  # chosen anew where the files have changed since
        with transaction(engine) as session:
            found = find_run(session, run)
            after = version_files(session, found.version_id or 0)
            same = (found.version_id, found.audience_digest) == seen
            approved = same and record(session, found, by, now)
        if not approved:
            edited = tuple(sorted(name for name in {*before, *after} if before.get(name) != after.get(name)))
            return Answer(summary=summarise(occurrence_id, settings), changed=True, edited=edited)
    return Answer(summary=carry_out(order, settings, now), changed=False)
