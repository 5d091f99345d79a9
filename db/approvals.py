"""Approvals of runs: who said yes to what. Added, never changed."""

import json
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from db.occurrences import Stage, advance
from db.tables import Approval, CampaignVersion, Occurrence
from winback.campaigns.approval import approved_digest


def approve(session: Session, occurrence: Occurrence, by: str, now: datetime) -> bool:
    """Record the yes and let the run go on; False when it does not wait any more."""
    occurrence_id, digest = occurrence.id or 0, to_approve(session, occurrence)
    if not advance(session, occurrence_id, come_from=Stage.WAITING, to=Stage.SELECTED):
        return False
    session.add(Approval(occurrence_id=occurrence_id, digest=digest, approved_by=by.strip(), at=now))
    return True


def to_approve(session: Session, occurrence: Occurrence) -> str:
    """The digest of what a yes to the run would be about."""
    return approved_digest(
        version=session.get_one(CampaignVersion, occurrence.version_id).digest,
        facts=[*json.loads(occurrence.facts), *json.loads(occurrence.other_facts or "[]")],
        audience=occurrence.audience_digest or "",
    )


def approved_by(session: Session, occurrence_id: int | None) -> str | None:
    """Who approved the run, as typed; None where nobody had to or has yet."""
    chosen = select(col(Approval.approved_by)).where(col(Approval.occurrence_id) == occurrence_id)
    return session.execute(chosen.order_by(col(Approval.id).desc()).limit(1)).scalar_one_or_none()
