"""entries are looked up by customer: his caps count what went to him as another person

Revision ID: 0014
Revises: 0013
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

NAME = "ix_assignment_customer"


def upgrade() -> None:
    op.drop_index(NAME, "assignment")
    op.create_index(NAME, "assignment", ["customer_no"])


def downgrade() -> None:
    op.drop_index(NAME, "assignment")
    op.create_index(NAME, "assignment", ["campaign_id", "customer_no"])
