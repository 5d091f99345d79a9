"""A campaign that really leaves, with telling names, addresses and phones, by commands, flows and `serve`.

Providers refuse, fail and quote addresses in what they say. Afterwards no byte on the disk outside winback's own
database knows a customer, and report, status, SQL and the providers' own records count the same in every state.
"""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Row, func, select

from db.engine import database, reading
from db.settings import Settings
from db.tables import Customer, Message
from tests.prefect_server import prefect_server
from tests.signing import (
    ACCOUNT,
    TOKEN,
    batch,
    encoded,
    inbound_form,
    sendgrid_event,
    sendgrid_public_key,
    sign_sendgrid,
    sign_twilio,
    twilio_form,
)
from tests.sink import Reply, Request, Sink
from tests.workspaces import CAMPAIGN, a_workspace
from winback.campaigns.schedule import last_whole_day
from winback.message.tokens import Signer

pytestmark = [pytest.mark.server, pytest.mark.slow]

ROOT = Path(__file__).parents[1]
MAILS, TEXTS = 24, 12
NAME, MAIL, PHONE = "Zephyrine Quillfeather", "quillfeather{:03}@canary.example", "+1646555{:04}"
CANARIES = (b"quillfeather", b"zephyrine", b"canary.example", b"canary.person", b"1646555", b"12125550199")
PUBLIC = "https://shop.example"
PATIENCE_SECONDS = 180
QUOTED = f"nobody called {NAME} <{MAIL.format(1)}> or {PHONE.format(1)} lives here"
MAIL_REPLIES = [
    Reply(status=400, body=json.dumps({"errors": [{"message": QUOTED, "field": "personalizations.0.to"}]})),
    Reply(status=500, body=f"<html>{QUOTED}</html>", headers={"Content-Type": "text/html"}, takes=True),
    Reply(act="reset"),
    Reply(status=200, body=f"<html>{QUOTED}</html>", headers={"Content-Type": "text/html"}, takes=False),
    Reply(),
]
TEXT_REPLIES = [
    Reply(status=400, body=json.dumps({"code": 21610, "message": QUOTED, "status": 400, "more_info": QUOTED})),
    Reply(),
]


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A click's redirect leads out of this machine."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


OPENER = urllib.request.build_opener(NoRedirect)
NO_HEADERS: Mapping[str, str] = {}
Post = Callable[..., int]


@dataclass(frozen=True, kw_only=True)
class World:
    """One disk: everything any process of the campaign may write to is below ``disk``."""

    disk: Path
    settings: Settings
    environ: dict[str, str]
    mails: Sink
    texts: Sink
    said: list[Path] = field(default_factory=list)

    @property
    def shop(self) -> Path:
        """The workspace."""
        return self.settings.workspace

    def run(self, *words: str, codes: Sequence[int] = (0,)) -> str:
        """Run Python with ``words``; what it says on either stream stays on the disk."""
        out, err = (self.disk / f"{len(self.said):02}.{name}" for name in ("out", "err"))
        self.said.extend((out, err))
        with out.open("wb") as printed, err.open("wb") as said:
            command = [sys.executable, *words]
            code = subprocess.run(
                command, cwd=self.disk, env=self.environ, stdout=printed, stderr=said, timeout=PATIENCE_SECONDS
            ).returncode
        assert code in codes, err.read_text()
        return out.read_text()

    def winback(self, *words: str, codes: Sequence[int] = (0,)) -> str:
        """Run a command."""
        return self.run("-m", "app.cli", "--workspace", str(self.shop), *words, codes=codes)

    def flow(self, name: str) -> None:
        """Run one of the deployed flows, as a worker would."""
        self.run("-c", f"from flows.{name} import {name}; {name}()")

    def taken(self) -> dict[str, Request]:
        """Message key -> what the provider has of it."""
        return {request.key: request for request in self.mails.requests() + self.texts.requests()}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The campaign, from the first import to the report."""
    disk, elsewhere = tmp_path_factory.mktemp("disk"), tmp_path_factory.mktemp("elsewhere")
    campaign = CAMPAIGN.replace("holdout: 50%", "holdout: 20%").replace("hello", "winback-advice")  # it has links
    settings = a_workspace(disk, campaign=campaign)
    toml = settings.workspace / "winback.toml"
    text = (
        toml.read_text().replace("live = false", "live = true").replace('email = "folder"', 'email = "sendgrid"')
    )
    toml.write_text(text.replace('sms = "folder"', 'sms = "twilio"'))
    for name in ("home", "tmp", "prefect"):
        (disk / name).mkdir()
    for name in ("mails", "texts"):
        (elsewhere / name).mkdir()
    with (
        Sink(elsewhere / "mails", MAIL_REPLIES) as mails,
        Sink(elsewhere / "texts", TEXT_REPLIES) as texts,
        prefect_server(disk / "prefect") as server,
    ):
        environ = {
            **server.environ,
            "PYTHONPATH": str(ROOT),
            "HOME": str(disk / "home"),
            "TMPDIR": str(disk / "tmp"),
            "PREFECT_LOGGING_LEVEL": "DEBUG",
            "WINBACK_WORKSPACE": str(settings.workspace),
            "WINBACK_SENDGRID_URL": mails.url,
            "WINBACK_SENDGRID_KEY": "SG.test",
            "WINBACK_SENDGRID_WEBHOOK_KEY": sendgrid_public_key(),
            "WINBACK_TWILIO_URL": texts.url,
            "WINBACK_TWILIO_SID": ACCOUNT,
            "WINBACK_TWILIO_TOKEN": TOKEN,
            "WINBACK_PUBLIC_URL": PUBLIC,
        }
        world = World(disk=disk, settings=settings, environ=environ, mails=mails, texts=texts)
        import_and_run(world, elsewhere)
        silence_the_last(world)
        world.flow("send_outbox")
        with serving(world) as post:
            answer_back(world, post)
        settle(world)
        report(world)
        yield world


def import_and_run(world: World, elsewhere: Path) -> None:
    """Customers, orders and a run."""
    day = last_whole_day(datetime.now(UTC), world.settings.zone)
    zone = where_it_is_day(datetime.now(UTC))
    people = [f"{n:03},{MAIL.format(n)},,{NAME} {n},yes,,{zone}" for n in range(1, MAILS + 1)]
    people += [f"{n:03},,{PHONE.format(n)},{NAME} {n},,yes,{zone}" for n in range(MAILS + 1, MAILS + TEXTS + 1)]
    people += [f"999,{MAIL.format(999)},,{NAME},perhaps,,{zone}"]  # a bad row
    customers, orders = elsewhere / "customers.csv", elsewhere / "orders.csv"
    customers.write_text(
        "customer_id,email,phone,name,email_consent,sms_consent,timezone\n" + "\n".join(people) + "\n"
    )
    rows = [f"{n:03},o{n},{day - timedelta(days=100 + n)},9.00" for n in range(1, MAILS + TEXTS + 1)]
    orders.write_text("customer_id,order_id,ordered_at,amount\n" + "\n".join(rows) + "\n")
    world.winback("import", "customers", str(customers))
    world.winback("import", "orders", str(orders), "--flow")
    world.winback("run", "spring", "--as-of", day.isoformat(), "--flow")


def where_it_is_day(now: datetime) -> str:
    """A zone in which nobody has quiet hours now, or for the next hours."""
    zones = ("Europe/London", "America/Chicago", "Pacific/Honolulu", "Asia/Tokyo", "Asia/Karachi")
    return next(zone for zone in zones if 10 <= now.astimezone(ZoneInfo(zone)).hour < 16)


def messages(world: World, channel: str) -> list[Row]:
    """The run's messages on a channel: key, state, customer_no."""
    with database(world.settings.database_url) as engine, reading(engine) as session:
        chosen = select(Message.key, Message.state, Message.customer_no).where(Message.channel == channel)
        return list(session.execute(chosen.order_by(Message.id)))


def run_name(world: World) -> str:
    """The run."""
    return json.loads(world.winback("status", "--json"))["run"]


def silence_the_last(world: World) -> None:
    """One who is about to be written to does not want to be."""
    last = messages(world, "email")[-1]
    with database(world.settings.database_url) as engine, reading(engine) as session:
        address = session.get_one(Customer, last.customer_no).email
    world.winback("suppress", str(address))


def listens(port: int) -> bool:
    """Whether anybody listens there."""
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def serving(world: World) -> Iterator[Post]:
    """``winback serve`` in a process of its own; posts to it, and gives the answer's status."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "app.cli", "--workspace", str(world.shop), "serve", "--port", str(port)]
    with (world.disk / "serve.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=world.disk, env=world.environ, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not listens(port):
            assert time.monotonic() < deadline, (world.disk / "serve.log").read_text()
            time.sleep(0.1)

        def post(path: str, body: bytes | None, headers: Mapping[str, str] = NO_HEADERS) -> int:
            asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=body, headers=dict(headers))
            try:
                with OPENER.open(asked, timeout=30) as answer:
                    return int(answer.status)
            except urllib.error.HTTPError as error:
                return error.code

        yield post
    finally:
        process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 0


def answer_back(world: World, post: Post) -> None:
    """What providers and customers do next: events, complaints, forgeries, an opt-out, a STOP."""
    now, stamp = int(time.time()), str(int(time.time()))
    mails = [message.key for message in messages(world, "email") if message.state == "accepted"]
    texts = [message.key for message in messages(world, "sms") if message.state == "accepted"]
    events = [
        sendgrid_event("delivered", n=1, key=mails[0], timestamp=now, email=MAIL.format(1)),
        sendgrid_event("bounce", n=2, key=mails[1], timestamp=now, reason=QUOTED, type="bounce", status="5.1.1"),
        sendgrid_event("delivered", n=3, key=mails[2], timestamp=now),
        sendgrid_event("spamreport", n=4, key=mails[2], timestamp=now, useragent=QUOTED),
        sendgrid_event("deferred", n=5, key=mails[3], timestamp=now, response=QUOTED),
        sendgrid_event("dropped", n=6, key=mails[4], timestamp=now, reason=QUOTED),
        {"email": MAIL.format(2), "event": QUOTED},  # nothing one could read
    ]
    body = batch(*events)
    assert post("/hooks/sendgrid", body, sign_sendgrid(body, stamp)) == 200
    assert post("/hooks/sendgrid", body + b" ", sign_sendgrid(body, stamp)) == 403
    for key, said in zip(texts, ("delivered", "undelivered"), strict=False):
        form = twilio_form(
            MessageSid=f"SM{now:032d}", MessageStatus=said, To=PHONE.format(30), ErrorMessage=QUOTED
        )
        path = f"/hooks/twilio?key={key}"
        assert post(path, encoded(form), sign_twilio(PUBLIC + path, form)) < 300
    stop = inbound_form("STOP " + NAME)
    assert post("/hooks/twilio", encoded(stop), sign_twilio(PUBLIC + "/hooks/twilio", stop)) < 300
    signer = Signer([world.settings.file.salt])
    assert post(f"/u/{signer.unsubscribe_token(mails[5])}", b"List-Unsubscribe=One-Click") == 200
    assert post(f"/u/{signer.unsubscribe_token(mails[6])}", None) == 200
    assert post(f"/c/{signer.click_tokens(mails[7], [1])[0]}", None) in (302, 303, 307)


def settle(world: World) -> None:
    """Of the unknown, a person finds one at the provider, gives one up, and leaves the one that never arrived."""
    taken = world.taken()
    unknown = [message.key for message in messages(world, "email") if message.state == "uncertain"]
    # which message got which answer is the sockets' choice
    unknown.sort(key=lambda key: taken[key].accepted, reverse=True)
    assert [taken[key].accepted for key in unknown] == [True, True, False]
    world.winback("reconcile")
    world.winback("reconcile", "--key", unknown[0], "--sent", "--evidence", "seen in the provider's console")
    world.winback("reconcile", "--key", unknown[1], "--abandon", "--evidence", "nobody can know")
    world.flow("collect_responses")


def report(world: World) -> None:
    """The result so far, as flow, command and files."""
    name = run_name(world)
    world.winback("measure", name, "--flow", codes=(0, 1))
    for form in ("json", "html"):
        world.winback("report", name, "--out", str(world.disk / f"report.{form}"), "--format", form)
    world.winback("campaigns")
    world.winback("status")


def test_no_byte_on_the_disk_outside_the_database_knows_a_customer(world: World):
    """Only the database, with its journal, may; the messages themselves have left."""
    own = {world.shop / ".winback" / f"winback.db{suffix}" for suffix in ("", "-wal", "-shm")}
    files = [path for path in sorted(world.disk.rglob("*")) if path.is_file() and path not in own]
    found = {
        str(path.relative_to(world.disk)): [
            each.decode() for each in CANARIES if each in path.read_bytes().lower()
        ]
        for path in files
    }

    assert any("prefect" in name for name in found)
    assert "serve.log" in found
    assert CANARIES[0] in (world.shop / ".winback" / "winback.db").read_bytes().lower()
    assert {name: known for name, known in found.items() if known} == {}


def test_report_status_sql_and_the_providers_count_the_same_in_every_state(world: World):
    with database(world.settings.database_url) as engine, reading(engine) as session:
        in_sql = dict(session.execute(select(Message.state, func.count()).group_by(Message.state)).tuples().all())
    in_status = json.loads(world.winback("status", "--json"))["runs"][0]["messages"]
    arms = json.loads((world.disk / "report.json").read_text())["arms"]
    in_report = sum((Counter(arm["messages"]) for arm in arms), Counter())
    states = {message.key: message.state for message in messages(world, "email") + messages(world, "sms")}
    arrived = {key for key, request in world.taken().items() if request.accepted}
    refused = set(world.taken()) - arrived

    assert set(in_sql) == {
        "abandoned", "accepted", "bounced", "complained", "deferred", "delivered", "rejected", "skipped",
        "uncertain",
    }  # fmt: skip
    assert in_status == in_sql
    assert dict(in_report) == in_sql
    assert len(world.taken()) == len(world.mails.requests()) + len(world.texts.requests())
    assert {key for key, state in states.items() if state == "skipped"} == set(states) - set(world.taken())
    assert {states[key] for key in refused} == {"rejected", "uncertain"}
    assert not {states[key] for key in arrived} & {"rejected", "skipped"}
