"""The flow that scores everybody: the frame in a file, its summary as an artifact."""

import json
from datetime import date
from typing import Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from db.engine import database, reading
from db.facts.store import digests, path_of
from db.frames import save_frame
from db.settings import Settings
from flows.prefect_stages import entry, stage
from flows.scoring import score_and_explain
from flows.standing_still import standstill_at
from winback.campaigns.schedule import last_whole_day


@flow(name="score-customers")
def score_customers(
    horizon_days: int = 90, as_of: date | None = None, workspace: str | None = None
) -> dict[str, Any]:
    """Score every customer with an order at ``as_of`` (None = the last whole local day)."""
    settings, now = entry(workspace)
    day = as_of or last_whole_day(now, settings.zone)
    said: dict[str, Any] = stage(score_and_save)(settings, day, horizon_days)
    create_markdown_artifact(key="scores", markdown=f"```json\n{json.dumps(said, indent=2)}\n```")
    return said


def score_and_save(settings: Settings, as_of: date, horizon_days: int) -> dict[str, Any]:
    """Score, write the frame under its digest, and say what was done."""
    with database(settings.database_url) as engine, reading(engine) as session:
        facts = digests(session)
        scores = score_and_explain(session, settings, facts, as_of, horizon_days, "en")
        still = standstill_at([path_of(settings.facts, digest) for digest in facts], as_of)
    file = save_frame(settings.state / "scores", scores.frame.drop("customer_no"))
    return {
        "as_of": as_of.isoformat(),
        "horizon_days": horizon_days,
        "rows": scores.frame.height,
        "model": scores.model,
        "fallback_reason": scores.fallback_reason,
        "digest": scores.digest,
        "file": file.name,
        "notes": [still.said.en, still.said.zh] if still else [],
    }
