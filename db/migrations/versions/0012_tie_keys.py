"""the hash of each customer's id, which breaks ties, is kept: a million of them cost half a second each time

Revision ID: 0012
Revises: 0011
"""

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

CHUNK = 10_000


def upgrade() -> None:
    op.add_column("customer", sa.Column("tie_key", sa.BigInteger(), nullable=True))
    known = op.get_bind().execute(sa.text("SELECT no, customer_id FROM customer")).all()
    keep = sa.text("UPDATE customer SET tie_key = :key WHERE no = :no")
    for start in range(0, len(known), CHUNK):
        rows = [{"no": no, "key": _key(customer_id)} for no, customer_id in known[start : start + CHUNK]]
        op.get_bind().execute(keep, rows)


def _key(customer_id: str) -> int:
    return int.from_bytes(hashlib.sha256(customer_id.encode()).digest()[:8], "big") - (1 << 63)


def downgrade() -> None:
    op.drop_column("customer", "tie_key")
