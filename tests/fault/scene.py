"""A shop whose campaign really leaves, towards a recording sink, and what must hold afterwards."""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path

from sqlalchemy import delete, select, update
from sqlmodel import col

from db.engine import database, reading, transaction
from db.settings import Secrets, Settings, WorkspaceFile
from db.tables import Assignment, DayTally, Gate, Message, Occurrence
from flows.campaign_run import carry_out, manual
from flows.reconciling import Patience, reconcile
from tests.sink import RECORD, recorded
from tests.workspaces import AS_OF, CAMPAIGN, NOW, a_workspace, load
from winback.channel import Channel
from winback.delivery.settling import SETTLE

ROOT = Path(__file__).parents[2]
LATER = timedelta(minutes=10)  # every lease of the dead is over by then
FINAL = {"accepted", "uncertain", "abandoned", "rejected", "skipped"}
EVERYBODY = CAMPAIGN.replace("holdout: 50%", "holdout: 0%")
RESEND = "on_uncertain: resend_after_reconcile\n"
FOOT = "{{ sender.name }} {{ sender.postal_address }} {{ links.unsubscribe }}"
TEMPLATES = {  # small: hundreds of processes compile them
    "subject.txt": "Hello {{ customer.name }}",
    "body.html": f"<p>Hello</p><p>{FOOT}</p>",
    "body.txt": f"Hello\n{FOOT}\n",
    "sms.txt": "{{ sender.name }}: hello {{ links.unsubscribe }} Reply STOP to opt out",
}


def a_live_shop(
    folder: Path, database_url: str, people: int, channel: Channel = "email", more: str = ""
) -> Settings:
    """``people`` quiet customers reachable on ``channel`` alone; ``more`` of the campaign file."""
    shop = a_workspace(folder, database_url, EVERYBODY + more)
    for name, text in TEMPLATES.items():
        (shop.templates / "hello" / name).write_text(text)
    if channel == "email":
        rows = [f"{n:05},c{n}@example.com,,Customer {n},yes," for n in range(1, people + 1)]
    else:
        rows = [f"{n:05},,+4477{n:08},Customer {n},,yes" for n in range(1, people + 1)]
    load(shop, "customers", "customer_id,email,phone,name,email_consent,sms_consent\n" + "\n".join(rows) + "\n")
    orders = [f"{n:05},o{n},{AS_OF - timedelta(days=100 + n % 90)},9.00" for n in range(1, people + 1)]
    load(shop, "orders", "customer_id,order_id,ordered_at,amount\n" + "\n".join(orders) + "\n")
    return shop


def live(shop: Settings, url: str) -> Settings:
    """The shop with SendGrid and Twilio at ``url``."""
    said = shop.file.model_dump() | {"live": True, "providers": {"email": "sendgrid", "sms": "twilio"}}
    secrets = Secrets(sendgrid_key="SG.test", twilio_sid="AC" + "0" * 32, twilio_token="token")
    return replace(
        shop,
        file=WorkspaceFile.model_validate(said),
        secrets=secrets,
        sendgrid_url=url,
        twilio_url=url,
        public_url="https://shop.example",
    )


def released(shop: Settings) -> Settings:
    """The shop with its messages queued."""
    carry_out(manual("spring", AS_OF), live(shop, "https://127.0.0.1:1"), NOW)
    return shop


def again(shop: Settings) -> None:
    """Put the outbox back to the moment of its release, for another death."""
    with database(shop.database_url) as engine, transaction(engine) as session:
        fresh = {"state": "queued", "attempt": 0, "owner": None, "lease_until": None, "sent_at": None}
        emptied = dict.fromkeys(("reason", "not_before", "provider", "provider_id"))
        session.execute(update(Message).values(**fresh, **emptied))
        session.execute(delete(Gate))
    (shop.state / "last-claim").unlink(missing_ok=True)  # else this state counts as put back from a backup


def forget(shop: Settings) -> None:
    """Put the shop back to the moment before its first run."""
    with database(shop.database_url) as engine, transaction(engine) as session:
        for table in (Message, Assignment, Occurrence, Gate, DayTally):
            session.execute(delete(table))
    (shop.state / "last-claim").unlink(missing_ok=True)


def states(shop: Settings) -> dict[str, str]:
    """Message key -> state."""
    with database(shop.database_url) as engine, reading(engine) as session:
        return dict(session.execute(select(col(Message.key), col(Message.state))).tuples().all())


def arrivals(sink: Path) -> int:
    """How many requests a sink has recorded so far, without reading what they say."""
    file = sink / RECORD
    return file.read_bytes().count(b"\n") if file.exists() else 0


def keys(sink: Path) -> list[str]:
    """The keys of the messages a sink has taken so far, in order, repeats included."""
    return [request.key for request in recorded(sink) if request.accepted]


@contextmanager
def a_sink(folder: Path, *replies: Mapping[str, object]) -> Iterator[str]:
    """A recording sink in a process of its own; its address."""
    command = [sys.executable, "-m", "tests.sink", str(folder), "--replies", json.dumps(replies or [{}])]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def kill_at(process: BaseProcess, sink: Path, more: int) -> None:
    """SIGKILL once ``more`` requests have come than there were, or when it has ended by itself."""
    wanted = arrivals(sink) + more
    until(lambda: arrivals(sink) >= wanted or process.exitcode is not None)
    process.kill()
    process.join()


def until(what: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for ``what`` to become true."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, f"it did not come within {seconds} seconds"
        time.sleep(0.002)  # polling, not a measure


def settle(shop: Settings, now: datetime) -> Counter[str]:
    """Ask the provider about every message nobody knows of, once it must know; new state -> messages."""
    return ask(shop, now + SETTLE["sendgrid"] + timedelta(minutes=1))


def ask(shop: Settings, at: datetime) -> Counter[str]:
    """The same at once, at the provider's own pace on a clock that begins ``at``."""
    passed = [0.0]
    patience = Patience(
        clock=lambda: at + timedelta(seconds=passed[0]),
        sleep=lambda seconds: passed.append(passed.pop() + seconds),
    )
    return reconcile(shop, patience).states


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The history of a sink beside the states of the outbox. Every number but ``uncertain`` must be 0 at the end.

    ``twice``: copies too many. ``silent``: neither arrived nor known as unsent or unknown. ``strange``: arrived,
    but nobody's. ``denied``: arrived, although the outbox says it was not sent. ``open``: not in a final state.
    """

    messages: int
    arrived: int
    twice: int
    silent: int
    strange: int
    denied: int
    open: int
    uncertain: int

    @property
    def wrong(self) -> dict[str, int]:
        """What must not be."""
        names = ("twice", "silent", "strange", "denied", "open")
        return {name: getattr(self, name) for name in names if getattr(self, name)}


def judge(sink: Path, ended: Mapping[str, str]) -> Verdict:
    """Compare what a sink has recorded with what the outbox says."""
    copies = Counter(keys(sink))
    told = {"accepted", "delivered", "bounced", "complained"}
    return Verdict(
        messages=len(ended),
        arrived=len(copies),
        twice=sum(count - 1 for count in copies.values()),
        silent=sum(state in told and key not in copies for key, state in ended.items()),
        strange=len(set(copies) - set(ended)),
        denied=sum(ended.get(key) in ("queued", "skipped", "rejected", "planned") for key in copies),
        open=sum(state not in FINAL | told for state in ended.values()),
        uncertain=sum(state == "uncertain" for state in ended.values()),
    )
