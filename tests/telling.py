"""Events told to a database, and what came of it."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, func, insert, select, update
from sqlmodel import SQLModel, col

from db.engine import reading, transaction
from db.events import store
from db.tables import Event as StoredEvent
from db.tables import Message, Occurrence, Suppression
from tests.builders import NOON, a_customer, a_message, an_assignment, an_outbox
from winback.delivery.tariff import Tariff
from winback.events import Event, EventKind

LATER = NOON + timedelta(hours=1)
FREE = Tariff(ZoneInfo("UTC"), {})  # no price is known


def an_event(kind: str = "delivered", *, key: str | None = "k-1", **fields: object) -> Event:
    default: dict[str, object] = {
        "provider": "sendgrid",
        "id": f"{key}-{kind}",
        "message_key": key,
        "kind": EventKind(kind),
        "at": NOON,
    }
    return Event(**(default | fields))


def tell(engine: Engine, *events: Event, at=LATER, tariff: Tariff = FREE) -> int:
    with transaction(engine) as session:
        return store(session.connection(), events, at, tariff)


def a_large_outbox(engine: Engine, messages: int, *, state: str, channel: str = "email") -> None:
    """``an_outbox`` in a moment."""
    occurrence_id = an_outbox(engine, messages=0)
    run = Occurrence(id=occurrence_id, campaign_id="spring", as_of=NOON.date())
    numbers = range(1, messages + 1)
    entries = [an_assignment(run, n, channel=channel, id=n) for n in numbers]
    rows = [
        [a_customer(n) for n in numbers],
        entries,
        [a_message(entry, n, state=state) for n, entry in zip(numbers, entries, strict=True)],
    ]
    with transaction(engine) as session:
        for objects in rows:
            values = [each.model_dump(exclude={"id"} if objects is not entries else set()) for each in objects]
            session.connection().execute(insert(type(objects[0])), values)


def the_message(engine: Engine, key: str = "k-1") -> Message:
    with reading(engine) as session:
        message = session.execute(select(Message).where(col(Message.key) == key)).scalar_one()
        session.expunge(message)
        return message


def set_state(engine: Engine, state: str, reason: str | None = None) -> None:
    with transaction(engine) as session:
        session.execute(update(Message).values(state=state, reason=reason))


def count(engine: Engine, table: type[SQLModel]) -> int:
    with reading(engine) as session:
        return session.execute(select(func.count()).select_from(table)).scalar_one()


def suppressions(engine: Engine) -> list[tuple[str, str, str, str]]:
    """(address, channel, reason, source) of every one of an address."""
    columns = (Suppression.address_hash, Suppression.channel, Suppression.reason, Suppression.source)
    with reading(engine) as session:
        of_addresses = select(*map(col, columns)).where(col(Suppression.address_hash).is_not(None))
        rows = session.execute(of_addresses.order_by(*map(col, columns)))
        return [tuple(row) for row in rows]


def clicks(engine: Engine) -> list[tuple[str, int | None, str | None]]:
    """(message, link, flag) of every click, oldest first."""
    columns = (StoredEvent.message_key, StoredEvent.link, StoredEvent.flag)
    clicked = select(*map(col, columns)).where(col(StoredEvent.kind) == "clicked").order_by(col(StoredEvent.id))
    with reading(engine) as session:
        return [tuple(row) for row in session.execute(clicked)]
