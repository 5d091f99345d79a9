"""Whether ``winback.toml`` still has the salt that a database was made with, and what to do where it is lost."""

import hashlib
from pathlib import Path

from sqlalchemy import Engine, Select, func, make_url, select
from sqlalchemy.exc import ArgumentError
from sqlmodel import Session, col

from db.engine import SCHEMA, make_engine, reading, schema_of, usable
from db.home import FILE_NAME
from db.settings import Settings
from db.tables import Assignment
from winback.audience.code import CODE_LENGTH, person_code
from winback.errors import Unusable, WrongUse

LOST_SALT = "lost_salt"  # the setting
_WAIT_SECONDS = 5.0
_CHANGED = (
    f"the salt in {FILE_NAME} is not the one this workspace's messages were made with: every opt-out and click "
    "link already sent would be dead, and people would be drawn anew. Put the old salt back, as in a copy of "
    f"{FILE_NAME}; nothing runs and nothing is sent until then. Only where it is lost for good: "
    f'{LOST_SALT} = "{{}}" above its first [table] gives those links up (docs/operations.md, "A lost salt")'
)


def foreign_mark(settings: Settings, engine: Engine) -> str | None:
    """What ``lost_salt`` must say for this database and this salt to go together; None where nothing must.

    Nothing must where the newest member of a run was drawn with this salt, or ``lost_salt`` says it already.
    Codes of members from before there were any are shorter (migration 0002) and say nothing.
    """
    newest = _newest(engine)
    if newest is None or _is_ours(settings, *newest):
        return None
    mark = _mark(settings.file.salt, newest[2])
    return None if mark == settings.file.lost_salt else mark


def changed_salt(settings: Settings, engine: Engine) -> str | None:
    """What to do where links sent so far were signed with another salt; None where they were not."""
    mark = foreign_mark(settings, engine)
    return _CHANGED.format(mark) if mark else None


def agreed(settings: Settings) -> str | bool:
    """Whether the salt made what is in the database; ``changed_salt`` where it did not.

    False: nobody can say, for nobody was drawn yet, or no database of this schema is there to be read.
    """
    try:
        url = make_url(settings.database_url)
        if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
            return False
        engine = make_engine(settings.database_url, wait_seconds=_WAIT_SECONDS)
        try:
            with usable(engine):
                if schema_of(engine) != SCHEMA:
                    return False
            return changed_salt(settings, engine) or _newest(engine) is not None
        finally:
            engine.dispose()
    except (ArgumentError, Unusable):
        return False


def check_salt(settings: Settings, engine: Engine) -> None:
    """WrongUse when links sent so far were signed with another salt; asked by whoever runs, sends or serves."""
    if words := changed_salt(settings, engine):
        raise WrongUse(words)


def drew(session: Session, settings: Settings, occurrence_id: int) -> bool:
    """Whether this workspace's salt drew the run's people, as far as can be known."""
    of_run = _members().where(col(Assignment.occurrence_id) == occurrence_id)
    newest = session.execute(of_run.limit(1)).tuples().first()
    return newest is None or _is_ours(settings, *newest)


def _newest(engine: Engine) -> tuple[str, str, str] | None:
    with reading(engine) as session:
        return session.execute(_members().limit(1)).tuples().first()


def _members() -> Select[tuple[str, str, str]]:
    """Campaign, person and code of members, the newest first."""
    drawn = select(col(Assignment.campaign_id), col(Assignment.person), col(Assignment.code))
    return drawn.where(func.length(col(Assignment.code)) == CODE_LENGTH).order_by(col(Assignment.id).desc())


def _is_ours(settings: Settings, campaign_id: str, person: str, code: str) -> bool:
    return code == person_code(settings.file.salt, campaign_id, person)


def _mark(salt: str, code: str) -> str:
    """Of the new salt and of what the old one made last: neither another salt nor another database fits it."""
    return hashlib.sha256(f"winback lost salt 1\0{salt}\0{code}".encode()).hexdigest()[:16]
