"""Whether ``winback.toml`` still has the salt that a database was made with."""

from sqlalchemy import Engine, func, select
from sqlmodel import col

from db.engine import reading
from db.home import FILE_NAME
from db.settings import Settings
from db.tables import Assignment
from winback.audience.code import CODE_LENGTH, person_code
from winback.errors import WrongUse

_CHANGED = (
    f"the salt in {FILE_NAME} is not the one this workspace's messages were made with: every opt-out and click "
    "link already sent would be dead, and people would be drawn anew. Put the old salt back, as in a copy of "
    f"{FILE_NAME}; nothing runs and nothing is sent until then"
)


def is_foreign(settings: Settings, engine: Engine) -> bool:
    """Whether the newest member of a run was drawn with another salt than this workspace's.

    Codes of members from before there were any are shorter (migration 0002) and say nothing.
    """
    drawn = select(col(Assignment.campaign_id), col(Assignment.person), col(Assignment.code))
    salted = drawn.where(func.length(col(Assignment.code)) == CODE_LENGTH).order_by(col(Assignment.id).desc())
    with reading(engine) as session:
        newest = session.execute(salted.limit(1)).tuples().first()
    return newest is not None and newest[2] != person_code(settings.file.salt, newest[0], newest[1])


def check_salt(settings: Settings, engine: Engine) -> None:
    """WrongUse when links sent so far were signed with another salt; asked by whoever runs, sends or serves."""
    if is_foreign(settings, engine):
        raise WrongUse(_CHANGED)
