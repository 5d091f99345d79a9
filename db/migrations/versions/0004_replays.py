"""a replay on history stands in no run's way: one unfinished run per campaign, replays not counted

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

UNFINISHED = "stage IN ('opened', 'selected', 'assigned', 'planned')"
NO_REPLAY = "SUBSTR(slot, 1, 7) <> 'replay-'"


def upgrade() -> None:
    _index_unfinished(f"{UNFINISHED} AND {NO_REPLAY}")


def downgrade() -> None:
    op.execute(f"UPDATE occurrence SET stage = 'missed' WHERE {UNFINISHED} AND NOT ({NO_REPLAY})")
    _index_unfinished(UNFINISHED)


def _index_unfinished(condition: str) -> None:
    name, where = "ix_occurrence_unfinished", sa.text(condition)
    op.drop_index(name, "occurrence")
    op.create_index(name, "occurrence", ["campaign_id"], unique=True, sqlite_where=where, postgresql_where=where)
