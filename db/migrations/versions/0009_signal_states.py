"""what the thresholds of early-warning signals said last

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "signal_state",
        sa.Column("signal", sa.String(), nullable=False),
        sa.Column("checked_on", sa.Date(), nullable=False),
        sa.Column("share", sa.Float(), nullable=False),
        sa.Column("raised_on", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("signal"),
    )


def downgrade() -> None:
    op.drop_table("signal_state")
