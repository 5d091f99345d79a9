"""Signed events of a provider, taken in by the whole web application, against only inserting the same rows.

100 events a request with real ECDSA signatures, through the ASGI application in this process, committed with
synchronous=FULL before each answer; every message's state rises. Inserting alone: the same event rows into the
same table with the same indexes, 100 a transaction, synchronous=FULL, with sqlite3's own executemany and
nothing else. Both begin with the same database file, in which earlier events are. Wall time, because the disk
is part of both; CPU beside it. Read the ratios.
"""

import asyncio
import json
import random
import shutil
import sqlite3
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.types import ASGIApp

from app.web import make_app
from db.engine import PRAGMAS, open_engine
from db.settings import Secrets, Settings, WorkspaceFile

MESSAGES, EARLIER, REQUESTS, EVENTS, ROUNDS = 100_000, 300_000, 400, 100, 5
AT_ONCE = (1, 4)  # requests under way: a provider sends several beside each other
NEAR = 500  # a provider tells of messages in about the order in which they were sent
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
COLUMNS = "provider, provider_event_id, message_key, kind, reason, link, flag, at, received_at"
Request = tuple[list[tuple[bytes, bytes]], bytes]


def make_state(path: Path, chance: random.Random) -> list[str]:
    """A database with one run whose messages were all accepted; returns their keys in the order of sending."""
    open_engine(f"sqlite:///{path}").dispose()
    run = "".join(chance.choices(LETTERS, k=12))
    keys = [f"{run}-{''.join(chance.choices(LETTERS, k=16))}" for _ in range(MESSAGES)]
    numbers = range(1, MESSAGES + 1)
    with sqlite3.connect(path) as state:
        state.execute("INSERT INTO campaign_version VALUES (1, 'spring', 'v', '{}', ?)", (str(NOW),))
        state.execute(
            "INSERT INTO occurrence (id, campaign_id, slot, stage, placebo, as_of, version_id, facts, "
            "opened_at, priority, code_version) "
            "VALUES (1, 'spring', 'manual', 'released', 0, '2026-03-01', 1, '[]', ?, 50, '1')",
            (str(NOW),),
        )
        state.executemany(
            "INSERT INTO customer (no, customer_id, email, email_hash) VALUES (?, ?, ?, ?)",
            ((n, f"{n:07}", f"c{n}@example.com", f"{chance.getrandbits(256):064x}") for n in numbers),
        )
        state.execute(
            "INSERT INTO assignment (id, occurrence_id, campaign_id, person, customer_no, arm, channel, "
            "address_hash, risk, orders, last_order_on, entered_on, code) "
            "SELECT no, 1, 'spring', customer_id, no, 'message', 'email', "
            "email_hash, 0.5, 3, '2025-12-01', '2026-03-01', '' FROM customer"
        )
        state.executemany(
            "INSERT INTO message (key, occurrence_id, campaign_id, assignment_id, customer_no, person, step, "
            "channel, template, address_hash, state, attempt, owner, provider, provider_id, "
            "cost_micros, sent_at, state_at) "
            "SELECT ?1, 1, 'spring', no, no, customer_id, 'hello', 'email', 'hello', email_hash, 'accepted', "
            "1, 'host-12345-abcdef', 'sendgrid', ?3, 0, '2026-03-02 11:59:00.000000', "
            "'2026-03-02 11:59:01.000000' FROM customer WHERE no = ?2",
            ((key, n, "".join(chance.choices(LETTERS, k=22))) for n, key in zip(numbers, keys, strict=True)),
        )
        state.executemany(
            f"INSERT INTO event ({COLUMNS}) VALUES ('sendgrid', ?, ?, 'accepted', NULL, NULL, NULL, ?, ?)",
            (
                (
                    b64encode(chance.randbytes(30)).decode(),
                    "".join(chance.choices(LETTERS, k=29)),
                    str(NOW),
                    str(NOW),
                )
                for _ in range(EARLIER)
            ),
        )
    state.close()
    return keys


def make_events(keys: Sequence[str], chance: random.Random) -> list[dict[str, object]]:
    """One event each for the first messages: 95 % delivered, the others as they come."""
    wanted = REQUESTS * EVENTS
    order = sorted(range(wanted), key=lambda place: place + chance.randrange(NEAR))
    names = chance.choices(["delivered", "bounce", "deferred", "dropped", "click"], [95, 1.5, 2, 0.5, 1], k=wanted)
    return [_event(keys[place], name, place, chance) for place, name in zip(order, names, strict=True)]


def _event(key: str, name: str, n: int, chance: random.Random) -> dict[str, object]:
    message = "".join(chance.choices(LETTERS, k=22))
    told: dict[str, object] = {
        "email": f"c{n}@example.com",
        "timestamp": int(NOW.timestamp()) - chance.randrange(120),
        "smtp-id": f"<{message}@geopod-ismtpd-{n % 40}>",
        "event": name,
        "category": ["spring"],
        "sg_event_id": b64encode(f"{name}-0-4711-{message}-0".encode()).decode(),
        "sg_message_id": f"{message}.recvd-5f54b5d587-pczjm-1-67BADEEA-6.0",
        "winback_key": key,
    }
    match name:
        case "delivered":
            return told | {
                "response": "250 2.0.0 OK 1772452800 a1-20020a056a00 gsmtp",
                "ip": "203.0.113.7",
                "tls": 1,
            }
        case "bounce":
            return told | {
                "type": "blocked",
                "status": "4.3.0",
                "reason": "450 4.3.0 try later",
                "ip": "203.0.113.7",
            }
        case "dropped":
            return told | {"reason": "Bounced Address"}
        case "click":
            return told | {
                "useragent": "Mozilla/5.0 (iPhone)",
                "url": "https://shop.example/",
                "ip": "203.0.113.7",
            }
    return told | {"response": "450 try again", "attempt": "2"}


def signed(events: Sequence[dict[str, object]], key: ec.EllipticCurvePrivateKey) -> list[Request]:
    """The requests the provider makes: (headers, body)."""
    requests, timestamp = [], str(int(NOW.timestamp())).encode()
    for start in range(0, len(events), EVENTS):
        body = json.dumps(events[start : start + EVENTS], separators=(",", ":")).encode()
        signature = b64encode(key.sign(timestamp + body, ec.ECDSA(hashes.SHA256())))
        headers = [
            (b"content-type", b"application/json"),
            (b"x-twilio-email-event-webhook-signature", signature),
            (b"x-twilio-email-event-webhook-timestamp", timestamp),
        ]
        requests.append((headers, body))
    return requests


def take_in(path: Path, key: ec.EllipticCurvePrivateKey, requests: Sequence[Request], at_once: int) -> None:
    """All requests through the application, ``at_once`` under way; each must be answered with 200."""
    shown = b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
    settings = Settings(
        workspace=path.parent,
        file=WorkspaceFile(salt="a-salt-for-speed"),
        secrets=Secrets(sendgrid_webhook_key=shown),
        database_url=f"sqlite:///{path}",
        facts=path.parent,
    )
    engine = open_engine(settings.database_url, wait_seconds=5)
    application = make_app(engine, settings, lambda: NOW)
    left = list(reversed(requests))

    async def sender() -> None:
        while left:
            assert await post(application, *left.pop()) == 200

    async def all_senders() -> None:
        await asyncio.gather(*(sender() for _ in range(at_once)))

    asyncio.run(all_senders())
    engine.dispose()


async def post(application: ASGIApp, headers: list[tuple[bytes, bytes]], body: bytes) -> int:
    """The status of one request."""
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/hooks/sendgrid", "raw_path": b"/hooks/sendgrid", "query_string": b"", "root_path": "",
        "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2), "state": {},
    }  # fmt: skip
    answered: list[int] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(event: dict[str, object]) -> None:
        if event["type"] == "http.response.start":
            answered.append(int(str(event["status"])))

    await application(scope, receive, send)  # type: ignore[arg-type]  # a dict is what servers give
    return answered[0]


def insert_alone(path: Path, rows: Sequence[tuple[object, ...]]) -> None:
    """The rows, and nothing else."""
    state = sqlite3.connect(path, isolation_level=None)
    for pragma in PRAGMAS:
        state.execute(f"PRAGMA {pragma}")
    insert = f"INSERT INTO event ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
    for start in range(0, len(rows), EVENTS):
        state.execute("BEGIN IMMEDIATE")
        state.executemany(insert, rows[start : start + EVENTS])
        state.execute("COMMIT")
    state.close()


def measured(work: Callable[[Path], None], template: Path, path: Path) -> tuple[float, float]:
    """(wall, CPU) microseconds an event, on a fresh copy of the database."""
    for old in path.parent.glob(f"{path.name}*"):
        old.unlink()
    shutil.copy(template, path)
    wall, cpu = time.perf_counter(), time.process_time()
    work(path)
    events = REQUESTS * EVENTS
    return (time.perf_counter() - wall) / events * 1e6, (time.process_time() - cpu) / events * 1e6


def rows_of(path: Path) -> list[tuple[object, ...]]:
    """The event rows in the order in which they were kept."""
    with sqlite3.connect(path) as state:
        rows = state.execute(f"SELECT {COLUMNS} FROM event WHERE id > {EARLIER} ORDER BY id").fetchall()
        lifted = state.execute("SELECT COUNT(*) FROM message WHERE state <> 'accepted'").fetchone()[0]
    state.close()
    assert len(rows) == lifted == REQUESTS * EVENTS, (len(rows), lifted)
    return rows


def main() -> None:
    """Print both speeds and their ratio."""
    chance, key = random.Random(1), ec.generate_private_key(ec.SECP256R1())
    with tempfile.TemporaryDirectory() as folder:
        template, path = Path(folder) / "template.db", Path(folder) / "work.db"
        requests = signed(make_events(make_state(template, chance), chance), key)
        measured(lambda p: take_in(p, key, requests, 1), template, path)
        rows = rows_of(path)
        names = ["inserting alone", *(f"whole application, {count} at once" for count in AT_ONCE)]
        works: list[Callable[[Path], None]] = [lambda p: insert_alone(p, rows)]
        works += [lambda p, count=count: take_in(p, key, requests, count) for count in AT_ONCE]  # type: ignore[misc]
        best: dict[str, tuple[float, float]] = {}
        for _ in range(ROUNDS):
            for name, work in zip(names, works, strict=True):
                best[name] = min(best.get(name, (9e9, 9e9)), measured(work, template, path))
    wall, cpu = best[names[0]]
    for name, (its_wall, its_cpu) in best.items():
        print(
            f"{name:32} {1e6 / its_wall:8.0f} events/s  {its_cpu:6.1f} us CPU an event   "
            f"speed {wall / its_wall:4.2f}, CPU {cpu / its_cpu:4.2f} of inserting alone"
        )


if __name__ == "__main__":
    main()
