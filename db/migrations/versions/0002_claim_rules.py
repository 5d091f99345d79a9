"""claim rules, gates, preferences

Revision ID: 0002
Revises: 0001
"""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op

import db.instants

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

UNSENT = "('planned', 'queued', 'skipped', 'rejected')"


def upgrade() -> None:
    op.create_table(
        "day_tally",
        sa.Column("campaign_id", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("placebo", sa.Boolean(), nullable=False),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.Column("cost_micros", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("campaign_id", "day", "placebo"),
    )
    op.create_table(
        "gate",
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("recent", sa.Integer(), nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.Column("waits", sa.Integer(), nullable=False),
        sa.Column("shut_until", db.instants.UtcDateTime(), nullable=True),
        sa.Column("paced_until", db.instants.UtcDateTime(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("provider"),
    )
    op.create_table(
        "preference",
        sa.Column("address_hash", sa.String(), nullable=False),
        sa.Column("less_often", sa.Boolean(), nullable=False),
        sa.Column("no_personalisation", sa.Boolean(), nullable=False),
        sa.Column("at", db.instants.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("address_hash"),
    )
    op.create_table(
        "run_tally",
        sa.Column("occurrence_id", sa.Integer(), nullable=False),
        sa.Column("delivered", sa.Integer(), nullable=False),
        sa.Column("bounced", sa.Integer(), nullable=False),
        sa.Column("complained", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["occurrence_id"], ["occurrence.id"]),
        sa.PrimaryKeyConstraint("occurrence_id"),
    )
    op.create_table(
        "restore",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("backup_at", db.instants.UtcDateTime(), nullable=True),
        sa.Column("found_at", db.instants.UtcDateTime(), nullable=False),
        sa.Column("released_at", db.instants.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    for table, column in _ADDED:
        op.add_column(table, column())
    op.execute("UPDATE assignment SET code = 'id' || CAST(id AS VARCHAR)")
    op.execute(f"UPDATE message SET sent_at = state_at WHERE state NOT IN {UNSENT}")
    for index in ("ix_message_provider_id", "ix_message_queue", "ix_message_person"):
        op.drop_index(index, "message")
    op.create_index("ix_message_person", "message", ["person", "campaign_id"])
    for index, columns, condition in _PARTIAL:
        where = sa.text(condition)
        op.create_index(index, "message", columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    for index, _, _ in _PARTIAL:
        op.drop_index(index, "message")
    op.drop_index("ix_message_person", "message")
    op.create_index("ix_message_person", "message", ["campaign_id", "person"])
    op.create_index("ix_message_queue", "message", ["state", "id"])
    op.create_index("ix_message_provider_id", "message", ["provider_id"])
    for table, column in _ADDED:
        op.drop_column(table, column().name)
    for table in ("run_tally", "restore", "preference", "gate", "day_tally"):
        op.drop_table(table)


_ADDED: list[tuple[str, Callable[[], sa.Column[Any]]]] = [
    ("alert", lambda: sa.Column("taken_until", db.instants.UtcDateTime(), nullable=True)),
    ("assignment", lambda: sa.Column("code", sa.String(), nullable=False, server_default="")),
    ("event", lambda: sa.Column("link", sa.Integer(), nullable=True)),
    ("event", lambda: sa.Column("flag", sa.String(), nullable=True)),
    ("occurrence", lambda: sa.Column("priority", sa.Integer(), nullable=False, server_default="50")),
    ("message", lambda: sa.Column("sent_at", db.instants.UtcDateTime(), nullable=True)),
    ("message", lambda: sa.Column("cost_micros", sa.BigInteger(), nullable=False, server_default="0")),
    ("occurrence", lambda: sa.Column("topic", sa.String(), nullable=True)),
    ("stop", lambda: sa.Column("reason", sa.String(), nullable=True)),
]
_PARTIAL = [
    ("ix_message_ready", ["occurrence_id", "channel", "id"], "state = 'queued' AND not_before IS NULL"),
    ("ix_message_waiting", ["not_before"], "not_before IS NOT NULL"),
    ("ix_message_lease", ["lease_until"], "state = 'sending'"),
    ("ix_message_uncertain", ["id"], "state = 'uncertain'"),
]
