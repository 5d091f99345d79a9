"""whether a customer's address is nobody else's; no hash of what was sent, which nobody read

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for channel in ("email", "sms"):
        op.add_column("customer", sa.Column(f"{channel}_alone", sa.Boolean(), nullable=True))
        op.execute(f"""
UPDATE customer SET {channel}_alone = TRUE WHERE {channel}_hash IN (
  SELECT {channel}_hash FROM customer WHERE {channel}_hash IS NOT NULL
  GROUP BY {channel}_hash HAVING COUNT(*) = 1)""")
    op.drop_column("message", "body_hash")


def downgrade() -> None:
    op.add_column("message", sa.Column("body_hash", sa.String(), nullable=True))
    for channel in ("email", "sms"):
        op.drop_column("customer", f"{channel}_alone")
