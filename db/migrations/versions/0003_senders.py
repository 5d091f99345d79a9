"""claims counted for each sender, resends for each message

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sender",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("claims", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.add_column("message", sa.Column("resends", sa.Integer(), nullable=False, server_default="0"))
    op.execute(
        "UPDATE message SET resends = 1 WHERE attempt > 1"
    )  # perhaps only tries that came back: none goes twice


def downgrade() -> None:
    op.drop_column("message", "resends")
    op.drop_table("sender")
