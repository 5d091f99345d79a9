"""The web application under test, and what it left in the database."""

import warnings
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select
from sqlmodel import SQLModel, col
from starlette.applications import Starlette

from app.web import make_app
from db.engine import reading
from db.settings import Secrets, Sender, Settings, WorkspaceFile
from db.tables import Event, Message, Quarantine, Suppression, WebhookBody
from tests.builders import NOON
from tests.signing import ACCOUNT, TOKEN, sendgrid_public_key
from winback.message.tokens import Signer

with warnings.catch_warnings():
    # it only wants a renamed httpx; the tests need nothing of the new one
    warnings.filterwarnings("ignore", message="Using `httpx` with")
    from starlette.testclient import TestClient as TestClient

SALT = "a-salt-for-tests"
PUBLIC = "https://shop.example"
SECRETS = Secrets(sendgrid_webhook_key=sendgrid_public_key(), twilio_sid=ACCOUNT, twilio_token=TOKEN)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def the_settings(*, secrets: Secrets = SECRETS, topics: Mapping[str, object] | None = None) -> Settings:
    sender = Sender(name="Tea & <Co>", email="hello@shop.example", postal_address="1 Leaf Lane, London")
    return Settings(
        workspace=Path("/nowhere"),
        file=WorkspaceFile(salt=SALT, sender=sender, topics=topics or {}),
        secrets=secrets,
        database_url="",
        facts=Path("/nowhere"),
        public_url=PUBLIC,
    )


def an_app(engine: Engine, *, now: datetime | Clock = NOON, **settings: Any) -> Starlette:
    return make_app(engine, the_settings(**settings), now if isinstance(now, Clock) else Clock(now))


def link(key: str) -> str:
    return f"/u/{Signer([SALT]).unsubscribe_token(key)}"


def count(engine: Engine, table: type[SQLModel]) -> int:
    with reading(engine) as session:
        return session.execute(select(func.count()).select_from(table)).scalar_one()


def counts(engine: Engine) -> dict[str, int]:
    tables = (Event, WebhookBody, Quarantine, Suppression)
    return {table.__tablename__: found for table in tables if (found := count(engine, table))}


def states(engine: Engine) -> list[str]:
    with reading(engine) as session:
        return list(session.execute(select(col(Message.state)).order_by(col(Message.id))).scalars())


def quarantined(engine: Engine) -> list[tuple[int, str]]:
    with reading(engine) as session:
        rows = session.execute(select(Quarantine).order_by(col(Quarantine.position))).scalars()
        return [(row.position, row.reason) for row in rows]


def everything_stored(engine: Engine) -> str:
    """Every value of every table, as text."""
    with reading(engine) as session:
        rows = [session.execute(table.select()).all() for table in SQLModel.metadata.sorted_tables]
    return repr(rows)
