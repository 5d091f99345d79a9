"""what backtests chose for the scores

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "score_choice",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("definition", sa.String(), nullable=False),
        sa.Column("horizon_days", sa.Integer(), nullable=False),
        sa.Column("learned_through", sa.Date(), nullable=False),
        sa.Column("chosen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recipe", sa.Text(), nullable=False),
        sa.Column("measured", sa.Text(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("score_choice")
