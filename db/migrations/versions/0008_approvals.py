"""a run can wait for approval, and who approved it is kept

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

OPEN = "stage IN ('opened', 'selected', 'assigned', 'planned')"
OPEN_OR_WAITING = "stage IN ('opened', 'waiting', 'selected', 'assigned', 'planned')"
NO_REPLAY = "SUBSTR(slot, 1, 7) <> 'replay-'"


def upgrade() -> None:
    op.create_table(
        "approval",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("occurrence_id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("approved_by", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["occurrence_id"], ["occurrence.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_approval_occurrence_id", "approval", ["occurrence_id"])
    _index_unfinished(OPEN_OR_WAITING)


def downgrade() -> None:
    op.execute("UPDATE occurrence SET stage = 'missed' WHERE stage = 'waiting'")
    _index_unfinished(OPEN)
    op.drop_index("ix_approval_occurrence_id", "approval")
    op.drop_table("approval")


def _index_unfinished(stages: str) -> None:
    name, where = "ix_occurrence_unfinished", sa.text(f"{stages} AND {NO_REPLAY}")
    op.drop_index(name, "occurrence")
    op.create_index(name, "occurrence", ["campaign_id"], unique=True, sqlite_where=where, postgresql_where=where)
