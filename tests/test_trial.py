"""winback test-send: marked messages to one address, by the official clients, without a trace in the ledger."""

import json
import os
from dataclasses import replace
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.cli import main
from db.engine import database, reading, transaction
from db.people import suppress
from db.settings import Settings
from db.tables import Assignment, Event, Message, Occurrence
from flows.trial import Trial, try_out
from tests.fault.scene import live
from tests.sink import Reply, Sink
from tests.workspaces import CAMPAIGN, NOW, a_workspace, write_campaign
from winback.customers.contact import address_hash
from winback.delivery.answer import AnswerKind
from winback.errors import WrongUse

TWO = CAMPAIGN + "variants: [{name: plain}, {name: warm, template: winback-invitation}]\n"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in list(os.environ):
        if name.startswith("WINBACK_"):
            monkeypatch.delenv(name)
    return a_workspace(tmp_path, campaign=TWO)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "sink"
    made.mkdir()
    return made


def rows(shop: Settings) -> list[int]:
    with database(shop.database_url) as engine, reading(engine) as session:
        tables = (Message, Assignment, Occurrence, Event)
        return [session.execute(select(func.count()).select_from(table)).scalar_one() for table in tables]


def trial(to: str = "ann@shop.example", **changes: object) -> Trial:
    return Trial(campaign_id="spring", to=to, **changes)


def test_through_the_folder_it_is_a_file_apart_from_what_was_really_sent(shop: Settings):
    [tried] = try_out(shop, trial(), NOW)

    assert (tried.variant, tried.provider, tried.answer.kind) == ("plain", "folder", AnswerKind.ACCEPTED)
    message = message_from_bytes(Path(tried.file or "").read_bytes(), policy=default)
    assert message["To"] == "ann@shop.example"
    assert message["Subject"].startswith("[TEST] ")
    assert not shop.outbox_folder.exists()
    assert rows(shop) == [0, 0, 0, 0]


def test_every_variant_in_every_language_asked_for_is_one_message(shop: Settings):
    tried = try_out(shop, trial(variants=["plain", "warm"], locales=["en", "zh-CN"]), NOW)

    assert [(each.variant, each.language) for each in tried] == [
        ("plain", "en"), ("plain", "zh-CN"), ("warm", "en"), ("warm", "zh-CN"),
    ]  # fmt: skip
    assert len({each.file for each in tried}) == 4
    assert len({each.subject for each in tried}) == 4


def test_the_made_up_customer_has_a_name_of_the_language_he_is_written_to_in(shop: Settings):
    english, chinese = try_out(shop, trial(locales=["en", "zh-CN"]), NOW)

    assert english.subject == "[TEST] Hello Ada Quill"
    assert chinese.subject == "[TEST] （AD）林晓雨，您好"


@pytest.mark.parametrize("locale", ["xx", "fr-FR", "zh-TW", "English", "", "e" * 200])
def test_a_language_without_an_edition_is_refused_and_nothing_is_sent(shop: Settings, locale: str):
    with pytest.raises(WrongUse) as refusal:
        try_out(shop, trial(locales=["en", locale]), NOW)

    assert f"hello has no edition for '{locale}' (there are: en, zh-CN" in str(refusal.value)
    assert not (shop.state / "trials").exists()


@pytest.mark.parametrize(("locale", "language"), [("en-GB", "en"), ("zh", "zh"), ("zh_Hans_CN", "zh")])
def test_a_locale_of_a_language_that_has_an_edition_gets_it(shop: Settings, locale: str, language: str):
    [tried] = try_out(shop, trial(locales=[locale]), NOW)

    assert tried.language.partition("-")[0] == language


def test_sendgrids_official_client_gets_what_a_customer_would_with_a_mark(shop: Settings, folder: Path):
    with Sink(folder) as sink:
        [tried] = try_out(live(shop, sink.url), trial(), NOW)

    [request] = sink.requests()
    body = json.loads(request.body)
    assert "sendgrid" in request.headers["user-agent"].lower()
    assert body["subject"].startswith("[TEST] ")
    assert body["personalizations"][0]["to"] == [{"email": "ann@shop.example"}]
    assert body["personalizations"][0]["custom_args"]["winback_key"].startswith("trial-")
    assert body["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert (tried.provider, tried.answer.provider_id) == ("sendgrid", "sink-1")
    assert rows(shop) == [0, 0, 0, 0]


def test_twilios_official_client_gets_a_text_message_marked_at_its_end(shop: Settings, folder: Path):
    with Sink(folder) as sink:
        [tried] = try_out(live(shop, sink.url), trial(to="+44 7700 900123", locales=["zh"]), NOW)

    [request] = sink.requests()
    assert "twilio" in request.headers["user-agent"].lower()
    assert request.form["To"] == "+447700900123"
    assert request.form["Body"].startswith("【")
    assert request.form["Body"].endswith(" [TEST]")
    assert tried.language.startswith("zh")


@pytest.mark.parametrize(
    ("reply", "code", "said"),
    [
        (Reply(status=400), 1, "rejected"),
        (Reply(status=401), 3, "channel_stop"),
        (Reply(status=500), 3, "uncertain"),
        (Reply(), 0, "accepted"),
    ],
)
def test_the_exit_code_says_what_the_provider_did(
    shop: Settings, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    reply: Reply, code: int, said: str,
):  # fmt: skip
    toml = (shop.workspace / "winback.toml").read_text()
    live_toml = toml.replace("live = false", "live = true").replace('email = "folder"', 'email = "sendgrid"')
    (shop.workspace / "winback.toml").write_text(live_toml)
    with Sink(folder, [reply]) as sink:
        monkeypatch.setenv("WINBACK_SENDGRID_KEY", "SG.test")
        monkeypatch.setenv("WINBACK_SENDGRID_URL", sink.url)
        found = main(["--workspace", str(shop.workspace), "test-send", "spring", "--to", "ann@shop.example"])

    assert found == code
    assert said in capsys.readouterr().out
    assert len(sink.requests()) == 1


def test_it_is_asked_for_with_the_same_switch_as_everything_that_really_leaves(shop: Settings):
    said = shop.file.model_copy(update={"providers": shop.file.providers.model_copy(update={"email": "sendgrid"})})

    with pytest.raises(WrongUse, match="live = true"):
        try_out(replace(shop, file=said), trial(), NOW)


@pytest.mark.parametrize("channel", ["email", "all"])
def test_an_address_that_opted_out_is_not_written_to_even_for_a_test(shop: Settings, channel: str):
    with database(shop.database_url) as engine, transaction(engine) as session:
        suppress(
            session, address_hash=address_hash("ann@shop.example"), customer_no=None, channel=channel,
            reason="unsubscribed", source="page", at=NOW,
        )  # fmt: skip

    with pytest.raises(WrongUse, match="closed on this channel"):
        try_out(shop, trial(to="Ann@Shop.example"), NOW)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"to": "ann at shop"}, "neither an e-mail address nor a phone number"),
        ({"to": "ann@shop.example", "variants": ["wram"]}, "did you mean 'warm'"),
        ({"to": "josé@shop.example"}, "a character beyond ASCII before the @"),
        ({"to": "a@shop.example,b@shop.example"}, "neither an e-mail address nor a phone number"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_leaves(
    shop: Settings, wanted: dict[str, object], said: str
):
    with pytest.raises(WrongUse, match=said):
        try_out(shop, trial(**wanted), NOW)

    assert not (shop.state / "trials").exists()


def test_a_channel_the_campaign_does_not_use_is_refused(shop: Settings):
    write_campaign(shop, CAMPAIGN.replace("{send: hello}", "{send: hello, channels: [email]}"))

    with pytest.raises(WrongUse, match="not sent by sms, only by email"):
        try_out(shop, trial(to="+447700900123"), NOW)


def test_a_text_to_china_needs_its_signature_and_its_way_out_as_when_it_is_sent(shop: Settings):
    with pytest.raises(WrongUse, match=r"hello/sms\.txt in en-GB may not go to \+86 numbers"):
        try_out(shop, trial("+8613800138000"), NOW)

    [tried] = try_out(shop, trial("+8613800138000", locales=["zh-CN"]), NOW)

    assert tried.answer.kind == AnswerKind.ACCEPTED
    assert "拒收请回复R" in Path(tried.file or "").read_text(encoding="utf-8")
