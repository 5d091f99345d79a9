"""Both real providers' clients against a recording sink, from the outbox to the recorded state."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlmodel import col

from db.engine import database, reading
from db.settings import Secrets, Settings, WorkspaceFile
from db.tables import Message
from flows.campaign_run import carry_out, manual
from flows.sending import send_due
from tests.sink import Reply, Request, Sink, recorded
from tests.workspaces import AS_OF, CAMPAIGN, NOW, a_workspace, load

pytestmark = pytest.mark.slow

MAILS, TEXTS = 4, 3


@pytest.fixture
def shop(tmp_path: Path, database_url: str) -> Settings:
    """Four customers with e-mail and three with a phone only, all outside the hold-out, ready to be sent."""
    shop = a_workspace(tmp_path, database_url, CAMPAIGN.replace("holdout: 50%", "holdout: 0%"))
    rows = [f"{n},c{n}@example.com,,Customer {n},yes," for n in range(1, MAILS + 1)]
    rows += [f"{n},,+44770090010{n},Customer {n},,yes" for n in range(MAILS + 1, MAILS + TEXTS + 1)]
    load(shop, "customers", "customer_id,email,phone,name,email_consent,sms_consent\n" + "\n".join(rows) + "\n")
    orders = [f"{n},o{n},{AS_OF - timedelta(days=100)},9.00" for n in range(1, MAILS + TEXTS + 1)]
    load(shop, "orders", "customer_id,order_id,ordered_at,amount\n" + "\n".join(orders) + "\n")
    carry_out(manual("spring", AS_OF), live(shop, "https://127.0.0.1:1"), NOW)
    return shop


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    made = tmp_path / "sink"
    made.mkdir()
    return made


def live(shop: Settings, url: str) -> Settings:
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


def states(shop: Settings, channel: str) -> Counter[tuple[str, str | None]]:
    with database(shop.database_url) as engine, reading(engine) as session:
        chosen = select(col(Message.state), col(Message.reason)).where(col(Message.channel) == channel)
        return Counter((state, reason) for state, reason in session.execute(chosen))


def of(requests: list[Request], path: str) -> list[Request]:
    return [request for request in requests if path in request.path]


def test_every_customer_is_written_to_once_by_the_right_provider(shop: Settings, folder: Path):
    with Sink(folder) as sink:
        send_due(live(shop, sink.url), lambda: NOW, until_empty=True)
        send_due(live(shop, sink.url), lambda: NOW, until_empty=True)

    requests = recorded(folder)
    assert len(of(requests, "/v3/mail/send")) == MAILS
    assert len(of(requests, "/Messages.json")) == TEXTS
    assert len({request.key for request in requests}) == MAILS + TEXTS
    assert states(shop, "email") == {("accepted", None): MAILS}
    assert states(shop, "sms") == {("accepted", None): TEXTS}
    with database(shop.database_url) as engine, reading(engine) as session:
        assert None not in set(session.execute(select(col(Message.provider_id))).scalars())


@pytest.mark.parametrize(
    ("reply", "state", "asked"),
    [
        (Reply(status=500), "uncertain", 1),
        (Reply(act="reset"), "uncertain", 1),
        (Reply(status=400), "queued", 1),  # every one of them for the same: the run stops (tests/test_refusals.py)
        (Reply(status=200, body="<html>portal</html>", headers={"Content-Type": "text/html"}), "uncertain", 1),
    ],
)
def test_a_bad_answer_is_recorded_as_what_it_proves_and_never_repeated(
    shop: Settings, folder: Path, reply: Reply, state: str, asked: int
):
    with Sink(folder, [reply]) as sink:
        for _ in range(2):
            send_due(live(shop, sink.url), lambda: NOW, until_empty=True)

    assert {key for key, _ in states(shop, "email")} == {state}
    assert {key for key, _ in states(shop, "sms")} == {state}
    assert set(Counter(request.key for request in recorded(folder)).values()) == {asked}


def test_one_message_refused_among_others_is_rejected_for_good(shop: Settings, folder: Path):
    with Sink(folder, [Reply(status=400), Reply()]) as sink:
        for _ in range(2):
            send_due(live(shop, sink.url), lambda: NOW, until_empty=True)

    found = states(shop, "email") + states(shop, "sms")
    assert [state for state, _ in found.elements()].count("rejected") == 1
    assert {state for state, _ in found} == {"accepted", "rejected"}
    assert set(Counter(request.key for request in recorded(folder)).values()) == {1}


def test_asked_to_wait_it_waits_and_sends_once(shop: Settings, folder: Path):
    with Sink(folder, [Reply(status=429, headers={"Retry-After": "60"})] * (MAILS + TEXTS) + [Reply()]) as sink:
        settings = live(shop, sink.url)
        send_due(settings, lambda: NOW)
        assert set(states(shop, "email")) == {("queued", "http_429")}
        send_due(settings, lambda: NOW + timedelta(seconds=59))
        assert len(recorded(folder)) == MAILS + TEXTS
        send_due(settings, lambda: NOW + timedelta(seconds=61))

    assert states(shop, "email") == {("accepted", None): MAILS}
    assert states(shop, "sms") == {("accepted", None): TEXTS}


def test_a_refused_key_closes_the_channel_and_burns_nothing(shop: Settings, folder: Path):
    with Sink(folder, [Reply(status=401)]) as sink:
        tally = send_due(live(shop, sink.url), lambda: NOW, until_empty=True)

    assert set(tally.closed) == {"email", "sms"}
    assert len(recorded(folder)) == 2
    assert {state for state, _ in states(shop, "email") + states(shop, "sms")} == {"queued"}


def test_a_provider_that_is_not_there_proves_that_nothing_was_sent(shop: Settings, folder: Path):
    with Sink(folder) as sink:
        settings = live(shop, sink.url)
    send_due(settings, lambda: NOW)

    assert {state for state, _ in states(shop, "email") + states(shop, "sms")} == {"queued"}
    assert recorded(folder) == []


def test_providers_are_told_nothing_but_the_opaque_key(shop: Settings, folder: Path):
    with Sink(folder) as sink:
        send_due(live(shop, sink.url), lambda: NOW, until_empty=True)

    for request in of(recorded(folder), "/v3/mail/send"):
        metadata = request.body.partition('"custom_args"')[2].partition("}")[0]
        assert "spring" not in metadata
        assert "@" not in metadata
