"""what a person had seen of complaints and bounces who resumed a run that they stopped

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

COLUMNS = ("seen_delivered", "seen_complained", "seen_tried", "seen_bounced")


def upgrade() -> None:
    for name in COLUMNS:
        op.add_column("run_tally", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    for name in COLUMNS:
        op.drop_column("run_tally", name)
