"""how far a database was read as a source

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

import db.instants

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "source_cursor",
        sa.Column("kind", sa.String(), primary_key=True),
        sa.Column("source", sa.String(), primary_key=True),
        sa.Column("query", sa.String(), primary_key=True),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("read_at", db.instants.UtcDateTime(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("source_cursor")
