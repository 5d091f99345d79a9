"""claims counted for each sender, resends for each message, what waits by run, clicks and replies

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
    _index_waiting(["occurrence_id", "channel", "not_before"])
    answer = sa.text("kind IN ('clicked', 'replied')")
    op.create_index("ix_event_answer", "event", ["message_key"], sqlite_where=answer, postgresql_where=answer)


def downgrade() -> None:
    op.drop_index("ix_event_answer", "event")
    _index_waiting(["not_before"])
    op.drop_column("message", "resends")
    op.drop_table("sender")


def _index_waiting(columns: list[str]) -> None:
    waiting = sa.text("not_before IS NOT NULL")
    op.drop_index("ix_message_waiting", "message")
    op.create_index("ix_message_waiting", "message", columns, sqlite_where=waiting, postgresql_where=waiting)
