"""choices of the preference page belong to the customer too, not only to the address of then

Revision ID: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op

import db.instants

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# who has the address now; of two addresses of his the stricter wish
FOLLOW = """
INSERT INTO customer_preference (customer_no, less_often, no_personalisation, at)
SELECT c.no, MAX(CASE WHEN p.less_often THEN 1 ELSE 0 END) = 1,
  MAX(CASE WHEN p.no_personalisation THEN 1 ELSE 0 END) = 1, MAX(p.at)
FROM preference p JOIN customer c ON c.email_hash = p.address_hash OR c.sms_hash = p.address_hash
GROUP BY c.no"""
FOLLOW_TOPICS = """
INSERT INTO suppression (customer_no, channel, reason, source, at)
SELECT c.no, s.channel, s.reason, s.source, MAX(s.at)
FROM suppression s JOIN customer c ON c.email_hash = s.address_hash OR c.sms_hash = s.address_hash
WHERE SUBSTR(s.channel, 1, 6) = 'topic:' AND s.reason = 'unsubscribed' AND s.source = 'winback'
  AND NOT EXISTS (SELECT 1 FROM suppression o WHERE o.customer_no = c.no AND o.channel = s.channel)
GROUP BY c.no, s.channel, s.reason, s.source"""


def upgrade() -> None:
    op.create_table(
        "customer_preference",
        sa.Column("less_often", sa.Boolean(), nullable=False),
        sa.Column("no_personalisation", sa.Boolean(), nullable=False),
        sa.Column("at", db.instants.UtcDateTime(), nullable=False),
        sa.Column("customer_no", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["customer_no"], ["customer.no"]),
        sa.PrimaryKeyConstraint("customer_no"),
    )
    op.execute(FOLLOW)
    op.execute(FOLLOW_TOPICS)


def downgrade() -> None:
    op.execute("DELETE FROM suppression WHERE customer_no IS NOT NULL AND SUBSTR(channel, 1, 6) = 'topic:'")
    op.drop_table("customer_preference")
