"""A claimed message becomes what its run pinned, with links that only this workspace could have written."""

import json
import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine, update

from db.claims import Claimed
from db.engine import transaction
from db.settings import Secrets, Sender, Settings, WorkspaceFile
from db.tables import CampaignVersion
from flows.compose import Composer
from tests.builders import CAMPAIGN, NOON, an_outbox
from winback.delivery.outgoing import Outgoing
from winback.message.rendering import RenderFailure
from winback.message.tokens import Signer
from winback.message.tracking import destinations

SALT, PUBLIC, KEY = "a-salt-for-tests", "https://shop.example", "abcdefghijkl-mnopqrstuvwxyz27"
NEW, TABLE = "https://records.example/new", "https://records.example/table"
FOOT = "{{ links.unsubscribe }} {{ sender.postal_address }}"
FILES = {
    "hello/subject.txt": "{{ campaign.name }} for {{ customer.name }}",
    "hello/body.html": f'<body><a href="{NEW}">new</a> <a href="{TABLE}">table</a> {FOOT}</body>',
    "hello/body.txt": f"{{{{ customer.days_since_order }}}} days {NEW} {FOOT}",
    "hello/subject.zh.txt": "{{ campaign.name }}",
    "hello/body.zh.html": f"<p>您好</p> {FOOT}",
    "hello/body.zh.txt": f"{TABLE} {FOOT}",
    "hello/sms.txt": f"{{{{ customer.name }}}}: {NEW} Reply STOP to opt out",
    "hello/sms.zh.txt": "【海港唱片】您好 {{ links.unsubscribe }} 拒收请回复R",
}
SIGNER = Signer([SALT])


def a_settings() -> Settings:
    sender = Sender(name="Harbour", email="hello@shop.example", postal_address="1 Quay")
    return Settings(
        workspace=Path("/nowhere"),
        file=WorkspaceFile(salt=SALT, sender=sender),
        secrets=Secrets(),
        database_url="",
        facts=Path("/nowhere"),
        public_url=f"{PUBLIC}/",
    )


@pytest.fixture
def composer(engine: Engine) -> Composer:
    an_outbox(engine, messages=1)
    campaign = CAMPAIGN.replace("name: Spring", "name: {en: Spring, zh: 春天}")
    files = {"campaigns/spring.yaml": campaign} | {f"templates/{path}": text for path, text in FILES.items()}
    with transaction(engine) as session:
        session.execute(update(CampaignVersion).values(files=json.dumps(files)))
    return Composer(engine, a_settings())


def claimed(**changes: object) -> Claimed:
    usual = {"id": 1, "key": KEY, "owner": "me", "attempt": 1, "campaign_id": "spring", "occurrence_id": 1}
    usual |= {"version_id": 1, "template": "hello", "channel": "email", "address": "ada@example.com"}
    usual |= {"name": "Ada", "locale": "en-GB", "country": "GB", "orders": 3, "as_of": date(2026, 3, 1)}
    return Claimed(**(usual | {"last_order_on": date(2025, 12, 1)} | changes))  # type: ignore[arg-type]  # by name


def test_a_mail_is_what_its_run_pinned_in_the_customers_language(composer: Composer):
    english, chinese = composer(claimed(), NOON), composer(claimed(locale="zh-CN", name="  林  晓雨 "), NOON)

    assert isinstance(english, Outgoing)
    assert isinstance(chinese, Outgoing)
    assert (english.subject, chinese.subject) == ("Spring for Ada", "春天")
    assert english.text.startswith("90 days ")
    assert (english.to, english.to_name, english.from_address) == ("ada@example.com", "Ada", "hello@shop.example")
    assert (english.key, english.dated_at, chinese.to_name) == (KEY, NOON, "林 晓雨")


def test_its_links_are_read_back_as_this_message_and_their_numbers(composer: Composer):
    mail = composer(claimed(), NOON)

    clicks = [SIGNER.read_click(token) for token in re.findall(rf"{PUBLIC}/c/([^\"<> ]+)", mail.html + mail.text)]
    token = mail.unsubscribe_url.removeprefix(f"{PUBLIC}/u/")

    assert destinations(FILES, "hello") == (NEW, TABLE)
    assert clicks == [(KEY, 1), (KEY, 2), (KEY, 0), (KEY, 1)]
    assert SIGNER.read_unsubscribe(token) == KEY
    assert mail.unsubscribe_url in mail.html
    assert mail.unsubscribe_url in mail.text
    assert "records.example" not in mail.html + mail.text


def test_an_sms_keeps_its_address_and_has_a_way_out_only_where_it_says_so(composer: Composer):
    english = composer(claimed(channel="sms", address="+15005550009"), NOON)
    chinese = composer(claimed(channel="sms", address="+15005550009", locale="zh"), NOON)

    assert english.text == f"Ada: {NEW} Reply STOP to opt out"
    assert f"{PUBLIC}/u/{SIGNER.unsubscribe_token(KEY)}" in chinese.text
    assert (english.channel, english.units, chinese.units) == ("sms", 1, 2)


def test_a_text_to_a_chinese_number_is_signed_whatever_its_language(composer: Composer):
    """通信短信息服务管理规定: the English text has neither signature nor 退订; the Chinese one has both."""
    english = composer(claimed(channel="sms", address="+8613800138000"), NOON)
    chinese = composer(claimed(channel="sms", address="+8613800138000", locale="zh"), NOON)

    assert isinstance(english, RenderFailure)
    assert (english.file, english.problem, english.reason) == (
        "hello/sms.txt",
        "a Chinese SMS must start or end with its signature",
        "no_signature",
    )
    assert isinstance(chinese, Outgoing)


def test_who_has_a_contract_and_never_ordered_has_no_last_order(composer: Composer):
    failure = composer(claimed(orders=0), NOON)

    assert isinstance(failure, RenderFailure)
    assert (failure.file, failure.line, failure.field) == ("hello/body.txt", 1, "customer.days_since_order")


def test_whoever_cannot_be_written_to_is_told_with_the_line_and_the_field(composer: Composer):
    failure = composer(claimed(name=None), NOON)

    assert isinstance(failure, RenderFailure)
    assert (failure.file, failure.line, failure.field) == ("hello/subject.txt", 1, "customer.name")


def test_who_has_a_chinese_name_writes_chinese_letters_under_it(engine: Engine):
    files = {"campaigns/spring.yaml": CAMPAIGN}
    files |= {f"templates/{path}": text + " {{ sender.name }}" for path, text in FILES.items()}
    an_outbox(engine, messages=1)
    with transaction(engine) as session:
        session.execute(update(CampaignVersion).values(files=json.dumps(files)))
    settings = a_settings()
    sender = Sender.model_validate(
        settings.file.sender.model_dump() | {"name": {"en": "Harbour", "zh": "海港唱片"}}
    )
    composer = Composer(engine, replace(settings, file=settings.file.model_copy(update={"sender": sender})))

    english, chinese, french = (composer(claimed(locale=each), NOON) for each in ("en-GB", "zh-CN", "fr"))

    assert [each.from_name for each in (english, chinese, french)] == ["Harbour", "海港唱片", "Harbour"]
    for letter in (english, chinese, french):
        for part in (letter.subject, letter.html, letter.text.strip()):
            assert part.endswith(f" {letter.from_name}")
