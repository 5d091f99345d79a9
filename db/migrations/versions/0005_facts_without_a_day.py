"""a fact file may have no day: lines whose orders are not there yet

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("fact_file") as table:
        for name in ("first_on", "last_on"):
            table.alter_column(name, existing_type=sa.Date(), nullable=True)


def downgrade() -> None:
    op.execute("DELETE FROM fact_file WHERE first_on IS NULL OR last_on IS NULL")
    with op.batch_alter_table("fact_file") as table:
        for name in ("first_on", "last_on"):
            table.alter_column(name, existing_type=sa.Date(), nullable=False)
