"""A workspace with any number of customers and a full outbox; a fifth of them are written to.

Customers and their places in the run are inserted in bulk; planning and queueing are the product's own. With
``whole_run`` everything is: import, scores, audience, enrolment.
"""

import csv
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, insert
from sqlmodel import SQLModel

from app.commands.workspace import make_workspace
from bench import letter
from db.campaigns import read_files
from db.engine import database, transaction
from db.occurrences import Opening, Stage, advance, open_run
from db.settings import Settings, read_settings
from db.tables import Assignment, Customer, Suppression
from flows.campaign_run import carry_out, manual
from flows.importing import Arrival, import_file
from flows.planning import plan_messages, release_messages
from winback.audience.code import person_code
from winback.campaigns.schedule import last_whole_day
from winback.customers.contact import address_hash
from winback.intake.fields import Kind

WRITTEN_TO, SUPPRESSED = 5, 100  # every fifth customer is written to; every hundredth has asked for silence
CHUNK = 10_000
SALT = "a salt for benches"
ZONES = ("Europe/London", "America/New_York", "Asia/Shanghai")
CAMPAIGN = """\
id: letter
name: A letter
owner: ann@example.com
churn: {within: 60d}
audience: {inactive: 60d}
holdout: 0%
journey: [{send: letter, channels: [email]}]
success: {window: 60d}
"""
LIMITS = """\
topic: news
limits:
  per_person: 2 in 30d
  per_day: 100000000
  budget: {amount: 1000000, currency: USD}
  quiet_hours: QUIET
"""
TOML = """
[prices]
email = 0.001
[topics]
news = {en = "News"}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which crowd: how many customers, through which provider, with every rule of a claim or with none.

    ``everybody``: each of them is written to, not every fifth.
    """

    customers: int
    provider: str = "sendgrid"
    rules: bool = False
    whole_run: bool = False
    everybody: bool = False

    @property
    def written_to(self) -> range:
        """Their numbers."""
        step = 1 if self.everybody else WRITTEN_TO
        return range(step, self.customers + 1, step)

    @property
    def messages(self) -> int:
        """How many will really leave."""
        return len(self.written_to) - (sum(n % SUPPRESSED == 0 for n in self.written_to) if self.rules else 0)


def make_shop(folder: Path, wanted: Wanted, database_url: str | None = None) -> Settings:
    """A workspace in ``folder`` whose messages wait to be sent."""
    now = datetime.now(UTC)
    if wanted.whole_run:
        settings = make_files(folder, wanted, database_url, now)
        run_whole(settings, wanted.customers, now)
        return settings
    settings, run_id = make_members(folder, wanted, now, database_url)
    plan_messages(run_id, settings)
    release_messages(run_id, settings, now)
    return settings


def make_files(folder: Path, wanted: Wanted, database_url: str | None, now: datetime) -> Settings:
    """A workspace with the letter and one campaign."""
    make_workspace(folder, salt=SALT, sender="Harbour Records", address="12 Quay Lane, Port Harbour")
    shutil.rmtree(folder / "templates")
    shutil.copytree(letter.FOLDER, folder / "templates")
    for file in (folder / "campaigns").glob("*.yaml"):
        file.unlink()
    limits = LIMITS.replace("QUIET", hour_far_from(now)) if wanted.rules else ""
    (folder / "campaigns" / "letter.yaml").write_text(CAMPAIGN + limits)
    toml = folder / "winback.toml"
    text = toml.read_text().replace("live = false", "live = true")
    text = text.replace("hello@example.com", "letters@harbour-records.shop")
    toml.write_text(text.replace('email = "folder"', f'email = "{wanted.provider}"') + TOML)
    return read_settings({"WINBACK_DATABASE_URL": database_url or ""}, folder)


def hour_far_from(now: datetime) -> str:
    """Quiet hours that nobody has now or soon: they are checked, and hold nobody back."""
    hours = {(now.astimezone(ZoneInfo(zone)).hour + soon) % 24 for zone in ZONES for soon in range(-1, 4)}
    free = min(set(range(23)) - hours - {hour - 1 for hour in hours})
    return f'"{free:02}:00-{free + 1:02}:00"'


def run_whole(settings: Settings, customers: int, now: datetime) -> None:
    """The same crowd through import and run: four fifths ordered yesterday, so nobody writes to them."""
    through = last_whole_day(now, settings.zone)
    kinds: dict[Kind, Iterator[Sequence[object]]] = {
        Kind.CUSTOMERS: (
            [row["customer_id"], row["email"], row["name"], row["locale"], "yes"] for row in people(customers)
        ),
        Kind.ORDERS: (
            [f"{n:07}", f"o{n}", through - timedelta(days=1 if n % WRITTEN_TO else 100 + n % 90), "9.00"]
            for n in range(1, customers + 1)
        ),
    }
    heads = {
        Kind.CUSTOMERS: ["customer_id", "email", "name", "locale", "email_consent"],
        Kind.ORDERS: ["customer_id", "order_id", "ordered_at", "amount"],
    }
    for kind, rows in kinds.items():
        path = settings.workspace / f"{kind.value}.csv"
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([heads[kind], *rows])
        import_file(
            Arrival(kind=kind, file=path, source="bench", mapping={}, complete_through=None), settings, now
        )
    carry_out(manual("letter", through), settings, now)


def make_members(
    folder: Path, wanted: Wanted, now: datetime, database_url: str | None = None
) -> tuple[Settings, int]:
    """A workspace whose run has its members and no message yet, and the run's id."""
    settings = make_files(folder, wanted, database_url, now)
    opening = Opening(
        campaign_id="letter",
        slot="bench",
        as_of=last_whole_day(now, settings.zone),
        placebo=False,
        files=read_files(settings, "letter"),
        facts=[],
        others=[],
        late_after=now + timedelta(days=3),
        code_version="bench",
    )
    with database(settings.database_url) as engine:
        insert_people(engine, wanted)
        with transaction(engine) as session:
            run_id = int(open_run(session, opening, now).id or 0)
            insert_all(session.connection(), Assignment, members(run_id, opening, wanted.written_to))
            advance(session, run_id, come_from=Stage.OPENED, to=Stage.ASSIGNED)
    return settings, run_id


def insert_people(engine: Engine, wanted: Wanted) -> None:
    """Customers and suppressions."""
    with transaction(engine) as session:
        insert_all(session.connection(), Customer, people(wanted.customers))
        if wanted.rules:
            insert_all(session.connection(), Suppression, silent(wanted.customers))


def insert_all(connection: Connection, table: type[SQLModel], rows: Iterator[dict[str, object]]) -> None:
    """Insert in chunks."""
    while chunk := list(islice(rows, CHUNK)):
        connection.execute(insert(table), chunk)


def people(customers: int) -> Iterator[dict[str, object]]:
    """Made-up customers in four locales and three zones, reachable by e-mail."""
    for n in range(1, customers + 1):
        email = f"ada.quill.{n}@example.com"
        yield {
            "no": n,
            "customer_id": f"{n:07}",
            "email": email,
            "email_hash": address_hash(email),
            "email_alone": True,  # as the import would say
            "name": f"Ada Quill {n}",
            "locale": letter.LOCALES[n % len(letter.LOCALES)],
            "country": "GB",
            "timezone": ZONES[n % len(ZONES)],
            "email_consent": True,
        }


def silent(customers: int) -> Iterator[dict[str, object]]:
    """Those who have asked for silence."""
    for n in range(SUPPRESSED, customers + 1, SUPPRESSED):
        hashed = address_hash(f"ada.quill.{n}@example.com")
        yield {"address_hash": hashed, "channel": "email", "reason": "unsubscribed", "source": "bench",
               "at": datetime(2026, 1, 1, tzinfo=UTC)}  # fmt: skip


def members(run_id: int, opening: Opening, written_to: range) -> Iterator[dict[str, object]]:
    """Each one's place in the run."""
    for n in written_to:
        person = f"{n:07}"
        yield {
            "occurrence_id": run_id,
            "campaign_id": opening.campaign_id,
            "person": person,
            "customer_no": n,
            "arm": "message",
            "channel": "email",
            "address_hash": address_hash(f"ada.quill.{n}@example.com"),
            "risk": 0.8,
            "orders": n % 9 + 1,
            "last_order_on": opening.as_of - timedelta(days=60 + n % 365),
            "entered_on": opening.as_of,
            "code": person_code(SALT, opening.campaign_id, person),
        }
