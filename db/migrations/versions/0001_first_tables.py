"""first tables

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

import db.instants

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alert",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("at", db.instants.UtcDateTime(), nullable=False),
        sa.Column("delivered_at", db.instants.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kind", "run"),
    )
    op.create_table(
        "campaign_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("files", sa.Text(), nullable=False),
        sa.Column("seen_at", db.instants.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("campaign_id", "digest"),
    )
    op.create_table(
        "customer",
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("email_hash", sa.String(), nullable=True),
        sa.Column("phone", sa.String(), nullable=True),
        sa.Column("sms_hash", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("locale", sa.String(), nullable=True),
        sa.Column("country", sa.String(), nullable=True),
        sa.Column("timezone", sa.String(), nullable=True),
        sa.Column("salesperson_name", sa.String(), nullable=True),
        sa.Column("salesperson_email", sa.String(), nullable=True),
        sa.Column("email_consent", sa.Boolean(), nullable=True),
        sa.Column("sms_consent", sa.Boolean(), nullable=True),
        sa.Column("consent_source", sa.String(), nullable=True),
        sa.Column("consent_at", db.instants.UtcDateTime(), nullable=True),
        sa.Column("no_personalisation", sa.Boolean(), nullable=True),
        sa.Column("birthday_on", sa.Date(), nullable=True),
        sa.Column("attributes", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("no"),
        sa.UniqueConstraint("customer_id"),
    )
    with op.batch_alter_table("customer", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_customer_email_hash"), ["email_hash"], unique=False)
        batch_op.create_index(batch_op.f("ix_customer_sms_hash"), ["sms_hash"], unique=False)

    op.create_table(
        "data_through",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("declared_on", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("kind"),
    )
    op.create_table(
        "event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("provider_event_id", sa.String(), nullable=False),
        sa.Column("message_key", sa.String(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("at", db.instants.UtcDateTime(), nullable=False),
        sa.Column("received_at", db.instants.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("provider", "provider_event_id"),
    )
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_event_message_key"), ["message_key"], unique=False)

    op.create_table(
        "fact_file",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("first_on", sa.Date(), nullable=False),
        sa.Column("last_on", sa.Date(), nullable=False),
        sa.Column("imported_at", db.instants.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
    )
    with op.batch_alter_table("fact_file", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_fact_file_kind"), ["kind"], unique=False)

    op.create_table(
        "quarantine",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", db.instants.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest", "position"),
    )
    op.create_table(
        "stop",
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("at", db.instants.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("scope"),
    )
    op.create_table(
        "webhook_body",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", db.instants.UtcDateTime(), nullable=False),
        sa.Column("processed_at", db.instants.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
    )
    op.create_table(
        "occurrence",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.String(), nullable=False),
        sa.Column("slot", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("placebo", sa.Boolean(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=True),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("opened_at", db.instants.UtcDateTime(), nullable=False),
        sa.Column("late_after", db.instants.UtcDateTime(), nullable=True),
        sa.Column("score", sa.Text(), nullable=True),
        sa.Column("audience_digest", sa.String(), nullable=True),
        sa.Column("audience_file", sa.String(), nullable=True),
        sa.Column("waterfall", sa.Text(), nullable=True),
        sa.Column("shares", sa.Text(), nullable=True),
        sa.Column("released_at", db.instants.UtcDateTime(), nullable=True),
        sa.Column("t0", db.instants.UtcDateTime(), nullable=True),
        sa.Column("code_version", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["campaign_version.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("campaign_id", "slot"),
    )
    with op.batch_alter_table("occurrence", schema=None) as batch_op:
        batch_op.create_index(
            "ix_occurrence_unfinished",
            ["campaign_id"],
            unique=True,
            sqlite_where=sa.text("stage IN ('opened', 'selected', 'assigned', 'planned')"),
            postgresql_where=sa.text("stage IN ('opened', 'selected', 'assigned', 'planned')"),
        )

    op.create_table(
        "suppression",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("address_hash", sa.String(), nullable=True),
        sa.Column("customer_no", sa.Integer(), nullable=True),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("at", db.instants.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_no"],
            ["customer.no"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("address_hash", "channel"),
        sa.UniqueConstraint("customer_no", "channel"),
    )
    op.create_table(
        "assignment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("occurrence_id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("customer_no", sa.Integer(), nullable=False),
        sa.Column("arm", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("address_hash", sa.String(), nullable=False),
        sa.Column("risk", sa.Float(), nullable=False),
        sa.Column("orders", sa.Integer(), nullable=False),
        sa.Column("last_order_on", sa.Date(), nullable=False),
        sa.Column("entered_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_no"],
            ["customer.no"],
        ),
        sa.ForeignKeyConstraint(
            ["occurrence_id"],
            ["occurrence.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("occurrence_id", "customer_no"),
        sa.UniqueConstraint("occurrence_id", "person"),
    )
    with op.batch_alter_table("assignment", schema=None) as batch_op:
        batch_op.create_index("ix_assignment_customer", ["campaign_id", "customer_no"], unique=False)
        batch_op.create_index("ix_assignment_entry", ["campaign_id", "person"], unique=False)

    op.create_table(
        "outcome",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("occurrence_id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("final", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("measured_at", db.instants.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["occurrence_id"],
            ["occurrence.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("occurrence_id", "revision"),
    )
    op.create_table(
        "message",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("occurrence_id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.String(), nullable=False),
        sa.Column("assignment_id", sa.Integer(), nullable=False),
        sa.Column("customer_no", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("template", sa.String(), nullable=False),
        sa.Column("address_hash", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("lease_until", db.instants.UtcDateTime(), nullable=True),
        sa.Column("not_before", db.instants.UtcDateTime(), nullable=True),
        sa.Column("late_after", db.instants.UtcDateTime(), nullable=True),
        sa.Column("provider", sa.String(), nullable=True),
        sa.Column("provider_id", sa.String(), nullable=True),
        sa.Column("body_hash", sa.String(), nullable=True),
        sa.Column("unsubscribed_at", db.instants.UtcDateTime(), nullable=True),
        sa.Column("state_at", db.instants.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["assignment_id"],
            ["assignment.id"],
        ),
        sa.ForeignKeyConstraint(
            ["customer_no"],
            ["customer.no"],
        ),
        sa.ForeignKeyConstraint(
            ["occurrence_id"],
            ["occurrence.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
        sa.UniqueConstraint("occurrence_id", "person", "step"),
        sa.UniqueConstraint("occurrence_id", "step", "address_hash"),
    )
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.create_index("ix_message_address", ["address_hash"], unique=False)
        batch_op.create_index("ix_message_person", ["campaign_id", "person"], unique=False)
        batch_op.create_index(batch_op.f("ix_message_provider_id"), ["provider_id"], unique=False)
        batch_op.create_index("ix_message_queue", ["state", "id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.drop_index("ix_message_queue")
        batch_op.drop_index(batch_op.f("ix_message_provider_id"))
        batch_op.drop_index("ix_message_person")
        batch_op.drop_index("ix_message_address")

    op.drop_table("message")
    op.drop_table("outcome")
    with op.batch_alter_table("assignment", schema=None) as batch_op:
        batch_op.drop_index("ix_assignment_entry")
        batch_op.drop_index("ix_assignment_customer")

    op.drop_table("assignment")
    op.drop_table("suppression")
    with op.batch_alter_table("occurrence", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_occurrence_unfinished",
            sqlite_where=sa.text("stage IN ('opened', 'selected', 'assigned', 'planned')"),
            postgresql_where=sa.text("stage IN ('opened', 'selected', 'assigned', 'planned')"),
        )

    op.drop_table("occurrence")
    op.drop_table("webhook_body")
    op.drop_table("stop")
    op.drop_table("quarantine")
    with op.batch_alter_table("fact_file", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_fact_file_kind"))

    op.drop_table("fact_file")
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_event_message_key"))

    op.drop_table("event")
    op.drop_table("data_through")
    with op.batch_alter_table("customer", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_customer_sms_hash"))
        batch_op.drop_index(batch_op.f("ix_customer_email_hash"))

    op.drop_table("customer")
    op.drop_table("campaign_version")
    op.drop_table("alert")
