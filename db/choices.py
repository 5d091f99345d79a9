"""What backtests chose for the scores."""

import json
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlmodel import Session, col

from db.tables import ScoreChoice
from winback.scores.recipe import Recipe

NO_ORDER = "no_order"


def keep_choice(
    session: Session,
    recipe: Recipe,
    *,
    horizon_days: int,
    learned_through: date,
    measured: list[dict[str, Any]],
    now: datetime,
) -> None:
    """Store what a backtest chose: scores over its horizon, of ``learned_through`` or later, are made by it."""
    session.add(
        ScoreChoice(
            definition=NO_ORDER,
            horizon_days=horizon_days,
            learned_through=learned_through,
            chosen_at=now,
            recipe=json.dumps(recipe.as_dict()),
            measured=json.dumps(measured),
        )
    )


def latest_choice(session: Session, as_of: date, horizon_days: int) -> Recipe | None:
    """The recipe chosen last for this horizon, of those that knew nothing after ``as_of``."""
    found = _newest(session, as_of, col(ScoreChoice.horizon_days) == horizon_days)
    return None if found is None else Recipe.of(json.loads(found.recipe))


def last_horizon(session: Session, as_of: date) -> int | None:
    """Of how many days the last backtest was, of those that knew nothing after ``as_of``."""
    found = _newest(session, as_of)
    return None if found is None else found.horizon_days


def _newest(session: Session, as_of: date, *of: ColumnElement[bool]) -> ScoreChoice | None:
    known = col(ScoreChoice.definition) == NO_ORDER, col(ScoreChoice.learned_through) <= as_of
    newest = select(ScoreChoice).where(*known, *of).order_by(col(ScoreChoice.id).desc()).limit(1)
    return session.execute(newest).scalar_one_or_none()
