"""Alembic's entry: migrations run on the connection that db.migrate hands over."""

import sqlalchemy as sa
from alembic import context
from sqlmodel import SQLModel

import db.tables

LOCK = 8_025_001  # any number of our own: makes concurrent upgrades wait for each other


def run() -> None:
    """Run the asked migrations in the caller's transaction."""
    connection = context.config.attributes["connection"]
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    context.configure(connection=connection, target_metadata=SQLModel.metadata, render_as_batch=True)
    context.run_migrations()


assert db.tables  # imported for its tables
run()
