"""The state: what winback knows of people and what it decides and does, one class per table.

Times are UTC and aware on both databases; money is in integer minor units of the workspace's currency.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, Index, LargeBinary, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from db.instants import UtcDateTime
from winback.campaigns.schedule import REPLAY
from winback.customers.tie_key import tie_key

NO_REPLAY = f"SUBSTR(slot, 1, {len(REPLAY)}) <> '{REPLAY}'"  # a run that is no replay on history
UNFINISHED = f"stage IN ('opened', 'waiting', 'selected', 'assigned', 'planned') AND {NO_REPLAY}"
READY = "state = 'queued' AND not_before IS NULL"  # what the next claim looks at, and nothing else
ANSWER = "kind IN ('clicked', 'replied')"  # events by which a person answers: few among those of providers


def _where(condition: str) -> dict[str, Any]:
    """The condition of a partial index, for both databases."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


def _tie_key(context: Any) -> int:  # noqa: ANN401 - SQLAlchemy's, of one row that is inserted
    return tie_key(context.get_current_parameters()["customer_id"])


class Customer(SQLModel, table=True):
    """One customer as the source knows him; ``no`` is the opaque number facts carry.

    ``tie_key``: winback.customers.tie_key of his id, hashed once, when he is written.
    ``email_alone``, ``sms_alone``: db.customers says that nobody else has the address; else there may be others.
    """

    no: int | None = Field(default=None, primary_key=True)
    customer_id: str = Field(unique=True)
    tie_key: int | None = Field(default=None, sa_type=BigInteger, sa_column_kwargs={"default": _tie_key})
    email: str | None = None
    email_hash: str | None = Field(default=None, index=True)
    phone: str | None = None
    sms_hash: str | None = Field(default=None, index=True)
    email_alone: bool | None = None
    sms_alone: bool | None = None
    name: str | None = None
    locale: str | None = None
    country: str | None = None
    timezone: str | None = None
    salesperson_name: str | None = None
    salesperson_email: str | None = None
    email_consent: bool | None = None
    sms_consent: bool | None = None
    consent_source: str | None = None
    consent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    no_personalisation: bool | None = None
    birthday_on: date | None = None
    attributes: str | None = Field(default=None, sa_type=Text)


class Suppression(SQLModel, table=True):
    """One address (by hash) or customer nobody may write to on a channel; channel 'all' is every channel."""

    __table_args__ = (UniqueConstraint("address_hash", "channel"), UniqueConstraint("customer_no", "channel"))
    id: int | None = Field(default=None, primary_key=True)
    address_hash: str | None = None
    customer_no: int | None = Field(default=None, foreign_key="customer.no")
    channel: str
    reason: str
    source: str
    at: datetime = Field(sa_type=UtcDateTime)


class FactFile(SQLModel, table=True):
    """One immutable Parquet file of facts; readers see it once this row is committed. ``id`` is its version."""

    __tablename__ = "fact_file"
    id: int | None = Field(default=None, primary_key=True)
    kind: str = Field(index=True)
    source: str
    digest: str = Field(unique=True)
    rows: int
    first_on: date | None = None  # of the days known: a line has that of its order
    last_on: date | None = None
    imported_at: datetime = Field(sa_type=UtcDateTime)


class DataThrough(SQLModel, table=True):
    """Until which local day a kind of facts is declared complete."""

    __tablename__ = "data_through"
    kind: str = Field(primary_key=True)
    declared_on: date


class SourceCursor(SQLModel, table=True):
    """How far a database was read as a source: the last value of its cursor column, one row for each question."""

    __tablename__ = "source_cursor"
    kind: str = Field(primary_key=True)
    source: str = Field(primary_key=True)
    query: str = Field(primary_key=True)  # db.source.SourceQuery.digest
    value: str  # JSON: what type it is of, and the value
    read_at: datetime = Field(sa_type=UtcDateTime)


class ScoreChoice(SQLModel, table=True):
    """What one backtest chose for the scores, from facts through ``learned_through``, and what it measured."""

    __tablename__ = "score_choice"
    id: int | None = Field(default=None, primary_key=True)
    definition: str
    horizon_days: int
    learned_through: date
    chosen_at: datetime = Field(sa_type=UtcDateTime)
    recipe: str = Field(sa_type=Text)  # JSON
    measured: str = Field(sa_type=Text)  # JSON: the rows of the backtest


class CampaignVersion(SQLModel, table=True):
    """The content of a campaign file and its templates at one moment, by digest."""

    __tablename__ = "campaign_version"
    __table_args__ = (UniqueConstraint("campaign_id", "digest"),)
    id: int | None = Field(default=None, primary_key=True)
    campaign_id: str
    digest: str
    files: str = Field(sa_type=Text)  # JSON: path -> text
    seen_at: datetime = Field(sa_type=UtcDateTime)


class Occurrence(SQLModel, table=True):
    """One run of a campaign: a slot, frozen inputs, and how far it has come."""

    __table_args__ = (
        UniqueConstraint("campaign_id", "slot"),
        # one unfinished run per campaign: two at once would both enrol the same people
        Index("ix_occurrence_unfinished", "campaign_id", unique=True, **_where(UNFINISHED)),
    )
    id: int | None = Field(default=None, primary_key=True)
    campaign_id: str
    slot: str
    stage: str  # db.occurrences.Stage
    placebo: bool  # nobody really gets the messages: the folder provider
    as_of: date
    version_id: int | None = Field(default=None, foreign_key="campaign_version.id")
    facts: str = Field(default="[]", sa_type=Text)  # JSON: digests of the pinned fact files of orders
    other_facts: str | None = Field(default=None, sa_type=Text)  # JSON: of all other kinds; null: not pinned
    opened_at: datetime = Field(sa_type=UtcDateTime)
    late_after: datetime | None = Field(default=None, sa_type=UtcDateTime)
    score: str | None = Field(default=None, sa_type=Text)  # JSON: what scoring said of itself
    audience_digest: str | None = None
    audience_file: str | None = None
    waterfall: str | None = Field(default=None, sa_type=Text)  # JSON: reason -> customers
    shares: str | None = Field(default=None, sa_type=Text)  # JSON: arm -> planned share
    released_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    t0: datetime | None = Field(default=None, sa_type=UtcDateTime)
    priority: int = 50  # of its campaign: the higher is claimed first
    topic: str | None = None  # what the campaign is about, as the preference page names it
    tallied: bool = False  # what is sent of it is counted in day_tally
    code_version: str


class Approval(SQLModel, table=True):
    """Somebody's yes to a run, and to what exactly (winback.campaigns.approval.approved_digest); never changed."""

    id: int | None = Field(default=None, primary_key=True)
    occurrence_id: int = Field(foreign_key="occurrence.id", index=True)
    digest: str
    approved_by: str  # as typed: nobody has logged in
    at: datetime = Field(sa_type=UtcDateTime)


class Assignment(SQLModel, table=True):
    """One member of a run's audience: arm, channel and the frozen facts his message may use."""

    __table_args__ = (
        UniqueConstraint("occurrence_id", "person"),
        UniqueConstraint("occurrence_id", "customer_no"),
        Index("ix_assignment_entry", "campaign_id", "person"),
        Index("ix_assignment_customer", "customer_no"),
    )
    id: int | None = Field(default=None, primary_key=True)
    occurrence_id: int = Field(foreign_key="occurrence.id")
    campaign_id: str
    person: str
    customer_no: int = Field(foreign_key="customer.no")
    arm: str
    channel: str
    address_hash: str
    risk: float
    orders: int
    last_order_on: date
    entered_on: date
    code: str = ""  # winback.audience.assignment.person_code: the person's part of message keys
    recommended: str | None = Field(default=None, sa_type=Text)  # JSON: winback.customers.recommending.Product


class Message(SQLModel, table=True):
    """One message to one person; ``state`` is winback.events.State. Rows are never deleted by a run."""

    __table_args__ = (
        UniqueConstraint("occurrence_id", "person", "step"),
        UniqueConstraint("occurrence_id", "step", "address_hash"),
        Index("ix_message_ready", "occurrence_id", "channel", "id", **_where(READY)),
        Index("ix_message_waiting", "occurrence_id", "channel", "not_before", **_where("not_before IS NOT NULL")),
        Index("ix_message_lease", "lease_until", **_where("state = 'sending'")),
        Index("ix_message_uncertain", "id", **_where("state = 'uncertain'")),
        Index("ix_message_rejected", "occurrence_id", "reason", **_where("state = 'rejected'")),
        Index("ix_message_person", "person", "campaign_id"),
        Index("ix_message_address", "address_hash"),
    )
    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True)  # opaque; the only thing providers are told
    occurrence_id: int = Field(foreign_key="occurrence.id")
    campaign_id: str
    assignment_id: int = Field(foreign_key="assignment.id")
    customer_no: int = Field(foreign_key="customer.no")
    person: str
    step: str
    channel: str
    template: str
    address_hash: str
    state: str
    reason: str | None = None
    attempt: int = 0
    resends: int = 0  # how often it was queued again after its first byte may have left
    owner: str | None = None
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    not_before: datetime | None = Field(default=None, sa_type=UtcDateTime)
    late_after: datetime | None = Field(default=None, sa_type=UtcDateTime)
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # of the last claim: what caps count
    cost_micros: int = Field(default=0, sa_type=BigInteger)  # millionths of a major unit
    provider: str | None = None
    provider_id: str | None = None
    unsubscribed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    state_at: datetime = Field(sa_type=UtcDateTime)


class WebhookBody(SQLModel, table=True):
    """One verified callback, raw, stored before it is acknowledged and forgotten once processed."""

    __tablename__ = "webhook_body"
    id: int | None = Field(default=None, primary_key=True)
    provider: str
    digest: str = Field(unique=True)
    body: bytes = Field(sa_type=LargeBinary)
    received_at: datetime = Field(sa_type=UtcDateTime)
    processed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Quarantine(SQLModel, table=True):
    """One element of a callback that could not be understood, and why."""

    __table_args__ = (UniqueConstraint("digest", "position"),)
    id: int | None = Field(default=None, primary_key=True)
    digest: str
    position: int
    reason: str
    at: datetime = Field(sa_type=UtcDateTime)


class Event(SQLModel, table=True):
    """One thing a provider or a customer told us; repeats are dropped by (provider, provider_event_id)."""

    __table_args__ = (
        UniqueConstraint("provider", "provider_event_id"),
        Index("ix_event_answer", "message_key", **_where(ANSWER)),
    )
    id: int | None = Field(default=None, primary_key=True)
    provider: str
    provider_event_id: str
    message_key: str | None = Field(default=None, index=True)
    kind: str  # winback.events.EventKind
    reason: str | None = None
    link: int | None = None  # which of the message's links was clicked
    flag: str | None = None  # why a click is taken for a machine's
    at: datetime = Field(sa_type=UtcDateTime)
    received_at: datetime = Field(sa_type=UtcDateTime)


class Outcome(SQLModel, table=True):
    """One reading of a run's result; a final reading is frozen by its digest."""

    __table_args__ = (UniqueConstraint("occurrence_id", "revision"),)
    id: int | None = Field(default=None, primary_key=True)
    occurrence_id: int = Field(foreign_key="occurrence.id")
    revision: int
    final: bool
    digest: str
    document: str = Field(sa_type=Text)  # JSON: winback.outcomes.outcomes.Outcome
    measured_at: datetime = Field(sa_type=UtcDateTime)


class Alert(SQLModel, table=True):
    """One thing staff was told about a run; told once."""

    __table_args__ = (UniqueConstraint("kind", "run"),)
    id: int | None = Field(default=None, primary_key=True)
    kind: str
    run: str
    text: str
    messages: int | None = None  # of how many it tells
    at: datetime = Field(sa_type=UtcDateTime)
    taken_until: datetime | None = Field(default=None, sa_type=UtcDateTime)  # somebody is telling it now
    delivered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class SignalState(SQLModel, table=True):
    """What the thresholds of one early-warning signal said last; a day is judged once."""

    __tablename__ = "signal_state"
    signal: str = Field(primary_key=True)
    checked_on: date  # as of
    share: float  # of the active, 0-1
    raised_on: date | None = None  # the alarm is on since that day


class Stop(SQLModel, table=True):
    """The stop switch: a row read at every claim; scope is a run, a campaign id or '*' for all."""

    scope: str = Field(primary_key=True)
    reason: str | None = None
    at: datetime = Field(sa_type=UtcDateTime)


class Gate(SQLModel, table=True):
    """What is known of a provider's health and pace, shared by all senders; winback.delivery.breaker decides."""

    provider: str = Field(primary_key=True)
    failures: int = 0  # in a row
    recent: int = 0  # the last 20 outcomes, one bit each, 1 = failed
    seen: int = 0  # how many of them there are
    waits: int = 0  # how often it was shut in a row
    shut_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    paced_until: datetime | None = Field(default=None, sa_type=UtcDateTime)  # when the next may go at its pace
    reason: str | None = None


class Sender(SQLModel, table=True):
    """How many claims a sender has made: what a memory outside the database is compared with (db.memory)."""

    name: str = Field(primary_key=True)
    claims: int


class DayTally(SQLModel, table=True):
    """What a campaign sent on one local day, and what it cost: kept beside the claims of ``tallied`` runs."""

    __tablename__ = "day_tally"
    campaign_id: str = Field(primary_key=True)
    day: date = Field(primary_key=True)
    placebo: bool = Field(primary_key=True)
    sent: int = 0
    cost_micros: int = Field(default=0, sa_type=BigInteger)  # of a message in ``sending``: the most it may cost


class RunTally(SQLModel, table=True):
    """What providers told of a run's messages: counted when it is told, since counting anew takes too long."""

    __tablename__ = "run_tally"
    occurrence_id: int = Field(primary_key=True, foreign_key="occurrence.id")
    delivered: int = 0  # arrived, whatever came of them later
    bounced: int = 0  # for good
    complained: int = 0
    seen_delivered: int = 0  # when a person last resumed it, stopped for complaints
    seen_complained: int = 0
    seen_tried: int = 0  # the same for bounces
    seen_bounced: int = 0


class Asked(SQLModel):
    """What a person asked for beyond a plain no; topics and channels are suppressions."""

    less_often: bool = False
    no_personalisation: bool = False
    at: datetime = Field(sa_type=UtcDateTime)


class Preference(Asked, table=True):
    """What the person behind an address asked for."""

    address_hash: str = Field(primary_key=True)


class CustomerPreference(Asked, table=True):
    """The same of a customer who had that address then: it stays his wherever he moves."""

    __tablename__ = "customer_preference"
    customer_no: int = Field(primary_key=True, foreign_key="customer.no")


class Restore(SQLModel, table=True):
    """The state came from a backup: what it says of later than ``backup_at`` is not known."""

    id: int | None = Field(default=None, primary_key=True)
    backup_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    found_at: datetime = Field(sa_type=UtcDateTime)
    released_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
