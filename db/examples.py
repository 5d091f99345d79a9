"""One sent message of each kind, to look at."""

from sqlalchemy import ColumnElement, select
from sqlmodel import Session, col

from db.tables import Customer, Message
from winback.events import State


def example_keys(session: Session) -> dict[str, str]:
    """Title -> key of one accepted message: an English and a Chinese e-mail of different templates, and an SMS."""
    chinese, mail = col(Customer.locale).startswith("zh"), col(Message.channel) == "email"
    wanted: dict[str, list[ColumnElement[bool]]] = {
        "an e-mail in English": [mail, ~chinese, col(Message.template).contains("advice")],
        "an e-mail in Chinese": [mail, chinese, col(Message.template).contains("invitation")],
        "an SMS": [~mail],
    }
    found = {title: _first(session, tests) for title, tests in wanted.items()}
    return {title: key for title, key in found.items() if key}


def _first(session: Session, tests: list[ColumnElement[bool]]) -> str | None:
    chosen = select(col(Message.key)).join(Customer, col(Customer.no) == col(Message.customer_no))
    sent = col(Message.state) == State.ACCEPTED
    key: str | None = session.execute(chosen.where(sent, *tests).order_by(col(Message.id)).limit(1)).scalar()
    return key
