"""of how many messages an alert tells: told again once they have doubled; refused messages by run and reason

Revision ID: 0017
Revises: 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

REJECTED = sa.text("state = 'rejected'")


def upgrade() -> None:
    op.add_column("alert", sa.Column("messages", sa.Integer(), nullable=True))
    op.create_index(
        "ix_message_rejected",
        "message",
        ["occurrence_id", "reason"],
        sqlite_where=REJECTED,
        postgresql_where=REJECTED,
    )


def downgrade() -> None:
    op.drop_index("ix_message_rejected", "message")
    op.drop_column("alert", "messages")
