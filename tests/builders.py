"""Builders with defaults: name only what a test is about."""

from datetime import UTC, date, datetime

import polars as pl
from sqlalchemy import Engine

from db.engine import transaction
from db.tables import Assignment, CampaignVersion, Customer, Message, Occurrence
from winback.audience.selection import CONTACTS, SCORED

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
CAMPAIGN = """\
id: spring
name: Spring
owner: ann@example.com
churn: {within: 90d}
audience: {inactive: 60d}
journey: [{send: hello}]
success: {window: 90d}
"""


def scored(**columns: list[object]) -> pl.DataFrame:
    """SCORED rows; columns not named get quiet defaults, ids count up from 00001."""
    rows = len(next(iter(columns.values())))
    default: dict[str, list[object]] = {
        "customer_no": list(range(1, rows + 1)),
        "customer_id": [f"{n:05}" for n in range(1, rows + 1)],
        "risk": [0.8] * rows,
        "expected_value": [10.0] * rows,
        "value_rank": list(range(1, rows + 1)),
        "past_value": [100.0] * rows,
        "past_rank": list(range(1, rows + 1)),
        "orders": [3] * rows,
        "last_order_on": [date(2025, 1, 1)] * rows,
    }
    return pl.DataFrame(default | columns, schema=SCORED)


def contacts(**columns: list[object]) -> pl.DataFrame:
    """CONTACTS rows; by default everyone has an e-mail of his own and agreed to it, and no phone."""
    rows = len(next(iter(columns.values())))
    default: dict[str, list[object]] = {
        "customer_no": list(range(1, rows + 1)),
        "customer_id": [f"{n:05}" for n in range(1, rows + 1)],
        "email_hash": [f"mail-{n}" for n in range(1, rows + 1)],
        "email_consent": [True] * rows,
        "email_suppressed": [False] * rows,
        "sms_hash": [None] * rows,
        "sms_consent": [None] * rows,
        "sms_suppressed": [False] * rows,
    }
    return pl.DataFrame(default | columns, schema=CONTACTS)


def an_outbox(engine: Engine, *, messages: int = 3, state: str = "queued", channel: str = "email") -> int:
    """A released occurrence with ``messages`` messages to customers who agreed; returns its id."""
    with transaction(engine) as session:
        version = CampaignVersion(campaign_id="spring", digest="v", files="{}", seen_at=NOON)
        session.add(version)
        session.flush()
        occurrence = Occurrence(
            campaign_id="spring",
            slot="manual-2026-03-01",
            stage="released",
            placebo=True,
            as_of=date(2026, 3, 1),
            version_id=version.id,
            opened_at=NOON,
            code_version="test",
        )
        session.add(occurrence)
        session.flush()
        for n in range(1, messages + 1):
            session.add(a_customer(n))
            session.flush()
            entry = an_assignment(occurrence, n, channel=channel)
            session.add(entry)
            session.flush()
            session.add(a_message(entry, n, state=state))
        return int(occurrence.id)


def a_customer(n: int, **fields: object) -> Customer:
    """Customer number ``n``, reachable by e-mail and SMS and agreeing to both."""
    default: dict[str, object] = {
        "no": n,
        "customer_id": f"{n:05}",
        "email": f"c{n}@example.com",
        "email_hash": f"mail-{n}",
        "phone": f"+1212555{n:04}",
        "sms_hash": f"phone-{n}",
        "name": f"Customer {n}",
        "locale": "en",
        "country": "US",
        "email_consent": True,
        "sms_consent": True,
    }
    return Customer(**(default | fields))


def an_assignment(occurrence: Occurrence, n: int, **fields: object) -> Assignment:
    """Customer ``n`` as a member of the only variant."""
    channel = fields.get("channel", "email")
    default: dict[str, object] = {
        "occurrence_id": occurrence.id,
        "campaign_id": occurrence.campaign_id,
        "person": f"{n:05}",
        "customer_no": n,
        "arm": "message",
        "channel": channel,
        "address_hash": f"mail-{n}" if channel == "email" else f"phone-{n}",
        "risk": 0.8,
        "orders": 3,
        "last_order_on": date(2025, 12, 1),
        "entered_on": occurrence.as_of,
        "code": f"{n}",
    }
    return Assignment(**(default | fields))


def a_message(entry: Assignment, n: int, **fields: object) -> Message:
    """The message of one member."""
    default: dict[str, object] = {
        "key": f"k-{n}",
        "occurrence_id": entry.occurrence_id,
        "campaign_id": entry.campaign_id,
        "assignment_id": entry.id,
        "customer_no": n,
        "person": entry.person,
        "step": "hello",
        "channel": entry.channel,
        "template": "hello",
        "address_hash": entry.address_hash,
        "state": "queued",
        "state_at": NOON,
    }
    return Message(**(default | fields))
