"""a run is pinned to all kinds of facts, and a member to what is recommended to him

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("occurrence", sa.Column("other_facts", sa.Text(), nullable=True))
    op.add_column("assignment", sa.Column("recommended", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("assignment", "recommended")
    op.drop_column("occurrence", "other_facts")
