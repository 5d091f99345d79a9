"""winback.toml and the environment: what is read, what is refused, and that no secret is shown."""

import re
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from db.settings import Secrets, Settings, WorkspaceFile, check_live, read_settings
from winback.campaigns.campaign import Campaign
from winback.campaigns.faults import PATTERNS
from winback.errors import FileProblem, Unusable, WinbackError, WrongUse

PASSWORD = "hunter2-of-the-mail-server"
SMTP_URL = f"smtp://shop:{PASSWORD}@mail.shop.example:587"
OWN = '\n[sender]\nname = "Tea & Co"\nemail = "hello@shop.co.uk"\n'


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def said(home: Path, text: str = "", **environ: str) -> Settings:
    (home / "winback.toml").write_text('salt = "a salt for tests"\n' + text, encoding="utf-8")
    return read_settings(environ, home)


def refused(home: Path, text: str) -> str:
    with pytest.raises(FileProblem) as problem:
        said(home, text)
    return str(problem.value)


def test_prices_are_whole_millionths_and_unknown_where_nobody_said(home: Path):
    priced = said(home, '[prices]\nemail = "0.0006"\nsms_segment = "0.0079"\n')

    assert (priced.price_micros("email"), priced.price_micros("sms")) == (600, 7_900)
    assert (said(home).price_micros("email"), said(home).price_micros("sms")) == (0, 0)
    assert said(home, "[prices]\nemail = 0.0006\n").file.prices.email == Decimal("0.0006")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[prices]\nemail = "-0.01"\n', "3: prices.email: is too small (allowed: at least 0)"),
        ('[prices]\nemail = "0.0000001"\n', "3: prices.email: has too many decimals (allowed: at most 6)"),
        ('[prices]\nemail = "a penny"\n', "3: prices.email: must be a number"),
        ('[prices]\nemail = "NaN"\n', "3: prices.email: must be a number"),
        ("[prices]\nemail = 1e400\n", "3: prices.email: must be a number"),
        ("[pace]\nemail_per_second = 0\n", "3: pace.email_per_second: is too small (allowed: more than 0)"),
        ("[pace]\nsms_segments_per_second = -1\n", "3: pace.sms_segments_per_second: is too small"),
        ("[pace]\nemail_per_second = inf\n", "3: pace.email_per_second: is too large (allowed: at most 100000)"),
        ("[topics]\nnews = 5\n", '3: topics.news: is a number: write it in quotes, "5"'),
        ('[topics]\nnews = ""\n', "3: topics.news: is empty: write one text, or one for each language, en and zh"),
        ('[topics]\nnews = {zh = "新闻"}\n', "3: topics.news.en: is missing"),
        (
            '[topics]\n"Our News" = {en = "News"}\n',
            "3: topics.Our News: must be lower-case words joined by hyphens",
        ),
        ("topics = 5\n", "2: topics: must hold fields of its own"),
        ('sender = "Tea & Co"\n', "2: sender: must hold fields of its own (allowed: name, email, reply_to,"),
        ('[providers]\nsms = "smtp"\n', "3: providers.sms: is none of the choices (allowed: folder or twilio)"),
        (
            'providers.email = "sendgird"\n',
            "2: providers.email: is none of the choices (allowed: folder, sendgrid or",
        ),
        ('live = "yes"\n', "2: live: must be true or false"),
        ('currency = "dollars"\n', "2: currency: must be three capital letters, such as EUR"),
        (
            '# ours\n\n[sender]\n# hers\nname = "Tea"\nemail = "tea"\n',
            "7: sender.email: must be an e-mail address",
        ),
        (
            '[sender]\nemail = "büro@tea.example"\n',
            "3: sender.email: must be an e-mail address in ASCII, as providers",
        ),
        ('[sender]\nreply_to = "post@büro.example"\n', "3: sender.reply_to: must be an e-mail address in ASCII"),
        ('[sender]\npostal_address = ""\n', "3: sender.postal_address: is too short"),
        ('[sender]\nname = """\nTea\n"""\n', "3: sender.name: must be one line of up to 120 characters"),
        (
            '[sender]\nname = {en = "Tea", zh = ""}\n',
            "3: sender.name.zh: must be one line of up to 120 characters",
        ),
        ('[sender]\nname = {zh = "茶"}\n', "3: sender.name.en: is missing"),
        ("[sender]\nname = 5\n", '3: sender.name: is a number: write it in quotes, "5"'),
        ('timezone = "Europe/Lodnon"\n', "did you mean 'Europe/London'?"),
        ('salt = "another salt"\n', "2: is given twice"),
        ("[sender]\n[sender]\n", "3: is given twice"),
        ("currency = USD\n", "2: not readable as TOML: invalid value: texts stand in quotes"),
        ('link_hosts = ["https://Shop.example/"]\n', "did you mean 'shop.example'?"),
    ],
)
def test_a_wrong_value_is_refused_at_its_line_in_words(home: Path, text: str, said: str):
    assert said in refused(home, text).partition("winback.toml:")[2]


@pytest.mark.parametrize(
    ("text", "field", "nearest"),
    [
        ('[prices]\nemial = "0.1"\n', "3: prices.emial", "email"),
        ("[pace]\nsms_segments_per_secnd = 1\n", "3: pace.sms_segments_per_secnd", "sms_segments_per_second"),
        ('[topics]\nnews = {en = "News", zhh = "新闻"}\n', "3: topics.news.zhh", "zh"),
        ("[topcs]\n", "2: topcs", "topics"),
    ],
)
def test_an_unknown_setting_is_refused_at_its_line_with_the_nearest(
    home: Path, text: str, field: str, nearest: str
):
    said = refused(home, text)

    assert f"winback.toml:{field}: is not a field here (allowed: " in said
    assert f"did you mean '{nearest}'" in said


def test_a_sender_is_named_once_or_in_each_language(home: Path):
    one = said(home, '[sender]\nname = "Tea"\n').file.sender
    two = said(home, '[sender]\nname = {en = "Tea", zh = "茶铺"}\n').file.sender

    assert [one.name_in(language) for language in ("en", "zh", "zh-CN", "fr")] == ["Tea", "Tea", "Tea", "Tea"]
    assert [two.name_in(language) for language in ("en", "zh", "zh-CN", "fr")] == ["Tea", "茶铺", "茶铺", "Tea"]


def test_a_topic_is_named_as_a_campaign_is_in_one_language_or_in_both(home: Path):
    topics = said(home, '[topics]\nnews = "News"\noffers = {en = "Offers", zh = "优惠"}\n').file.topics

    assert (topics["news"].en, topics["news"].zh) == ("News", None)
    assert (topics["offers"].en, topics["offers"].zh) == ("Offers", "优惠")


def test_every_pattern_of_a_setting_or_a_campaign_is_told_in_words():
    """No regular expression is shown to the person who is to mend a file."""
    schemas = str([model.__pydantic_core_schema__ for model in (WorkspaceFile, Campaign)])
    used = set(
        re.findall(r"'type': 'str', (?:'\w+': \w+, )*'pattern': '((?:[^'\\]|\\.)+)'", schemas)
    )  # as checked

    assert {pattern.replace("\\\\", "\\") for pattern in used} == set(PATTERNS)


def test_pace_and_topics_are_read_as_they_stand(home: Path):
    file = said(home, '[pace]\nsms_segments_per_second = 1\n[topics]\nnews = {en = "News", zh = "新闻"}\n').file

    assert file.pace.email_per_second is None
    assert file.pace.sms_segments_per_second == 1.0
    assert (file.topics["news"].en, file.topics["news"].zh) == ("News", "新闻")
    assert WorkspaceFile.model_validate(file.model_dump()) == file


def smtp(home: Path, text: str = OWN, public: str = "https://shop.co.uk", **environ: str) -> Settings:
    return said(home, f'live = true\n[providers]\nemail = "smtp"\n{text}', WINBACK_PUBLIC_URL=public, **environ)


def test_smtp_is_live_sending_with_its_own_address_and_keys(home: Path):
    check_live(smtp(home, WINBACK_SMTP_URL=SMTP_URL))

    assert not smtp(home).placebo
    with pytest.raises(WrongUse, match=r"needs WINBACK_SMTP_URL in the environment \(or WINBACK_SMTP_URL_FILE\)"):
        check_live(smtp(home))
    with pytest.raises(WrongUse, match="live = true"):
        check_live(said(home, '[providers]\nemail = "smtp"\n', WINBACK_SMTP_URL=SMTP_URL))


@pytest.mark.parametrize("url", [SMTP_URL, "smtps://mail.shop.example", "smtp://127.0.0.1:2525"])
def test_smtp_never_leaves_with_links_nobody_can_open_or_in_the_name_of_the_example(home: Path, url: str):
    with pytest.raises(WrongUse, match="WINBACK_PUBLIC_URL"):
        check_live(smtp(home, public="http://127.0.0.1:8025", WINBACK_SMTP_URL=url))
    with pytest.raises(WrongUse, match=r"\[sender\]"):
        check_live(smtp(home, text="", WINBACK_SMTP_URL=url))


@pytest.mark.parametrize(
    "public",
    ["mail.shop.example", "https:", "https://", "ftp://shop.example", f"https://me:{PASSWORD}@shop.example",
     "https://shop.example/?x=1", "https://shop.example/#x", "https://shop.example ", "https://shop.example:0",
     "https://shop.example:99999", "https://[shop", "https://shöp.example", "https://shop.example/a b"],
)  # fmt: skip
def test_a_public_address_no_link_can_begin_with_is_refused_before_any_run(home: Path, public: str):
    with pytest.raises(WrongUse, match="WINBACK_PUBLIC_URL must be") as refusal:
        said(home, WINBACK_PUBLIC_URL=public)

    assert PASSWORD not in str(refusal.value)


@pytest.mark.parametrize(
    "public", ["https://shop.example/", "https://shop.example:8443/mail", "https://[2606:4700::1]"]
)
def test_every_link_begins_with_the_public_address_without_its_last_slash(home: Path, public: str):
    assert said(home, WINBACK_PUBLIC_URL=public).public_url == public.removesuffix("/")


@pytest.mark.parametrize(
    "public", ["http://shop.co.uk", "https://10.0.0.7", "https://192.168.1.2:8443", "https://localhost"]
)
def test_nothing_really_leaves_with_links_of_the_own_network_or_without_encryption(home: Path, public: str):
    with pytest.raises(WrongUse, match="live sending needs .*WINBACK_PUBLIC_URL"):
        check_live(smtp(home, public=public, WINBACK_SMTP_URL=SMTP_URL))


@pytest.mark.parametrize(
    "url", ["mail.shop.example", f"https://shop:{PASSWORD}@mail.shop.example", f"smtp://:{PASSWORD}@", "smtp://h:99999999"]
)  # fmt: skip
def test_an_address_that_is_no_mail_server_is_refused_without_being_shown(home: Path, url: str):
    with pytest.raises(WrongUse, match="WINBACK_SMTP_URL must be") as refusal:
        check_live(smtp(home, WINBACK_SMTP_URL=url))

    assert PASSWORD not in str(refusal.value)


def test_a_secret_may_stand_in_a_file_that_only_its_owner_can_read(home: Path):
    file = home / "smtp"
    file.write_text(SMTP_URL + "\n", encoding="utf-8")
    file.chmod(0o600)

    assert said(home, WINBACK_SMTP_URL_FILE=str(file)).secrets.smtp_url == SMTP_URL
    file.chmod(0o640)
    with pytest.raises(WrongUse, match="chmod 600"):
        said(home, WINBACK_SMTP_URL_FILE=str(file))
    with pytest.raises(Unusable, match="WINBACK_ALERT_SECRET_FILE"):
        said(home, WINBACK_ALERT_SECRET_FILE=str(home / "none"))


def test_no_secret_is_ever_shown(home: Path):
    settings = said(home, WINBACK_SMTP_URL=SMTP_URL, WINBACK_ALERT_SECRET="SEC0123456789")

    assert settings.secrets == Secrets(smtp_url=SMTP_URL, alert_secret="SEC0123456789")
    assert PASSWORD not in repr(settings)
    assert "SEC0123456789" not in repr(replace(settings, alert_kind="dingtalk"))


@pytest.mark.parametrize("kind", ["plain", "slack", "wecom", "dingtalk"])
def test_staff_may_listen_in_four_places(home: Path, kind: str):
    assert said(home, WINBACK_ALERT_KIND=kind).alert_kind == kind


def test_the_kind_of_place_is_plain_unless_said_and_a_wrong_one_is_refused(home: Path):
    assert said(home).alert_kind == said(home, WINBACK_ALERT_KIND="").alert_kind == "plain"

    with pytest.raises(WinbackError, match="did you mean 'slack'"):
        said(home, WINBACK_ALERT_KIND="Slack")


EVERYTHING_LIVE = {
    "WINBACK_SENDGRID_KEY": "SG.k",
    "WINBACK_TWILIO_SID": "AC1",
    "WINBACK_TWILIO_TOKEN": "t",
}
REAL, TEST = "https://api.eu.sendgrid.com", "http://127.0.0.1:9911"


@pytest.mark.parametrize(
    ("sendgrid", "twilio"),
    [(REAL, TEST), (TEST, ""), ("http://127.evil.example", TEST), ("http://203.0.113.9", TEST)],
)
def test_one_test_server_on_this_machine_lets_no_other_provider_send_for_real(
    home: Path, sendgrid: str, twilio: str
):
    text = 'live = true\n[providers]\nemail = "sendgrid"\nsms = "twilio"\n'
    urls = {"WINBACK_SENDGRID_URL": sendgrid, "WINBACK_TWILIO_URL": twilio}

    with pytest.raises(WrongUse, match="WINBACK_PUBLIC_URL"):
        check_live(said(home, text, **EVERYTHING_LIVE, **urls))


@pytest.mark.parametrize("here", [TEST, "http://localhost:1", "http://[::1]:9911"])
def test_test_servers_on_this_machine_ask_for_no_public_address(home: Path, here: str):
    text = 'live = true\n[providers]\nemail = "sendgrid"\n'

    settings = said(home, text, **EVERYTHING_LIVE, WINBACK_SENDGRID_URL=here)
    check_live(settings)

    with pytest.raises(WrongUse, match="WINBACK_PUBLIC_URL"):
        check_live(replace(settings, sendgrid_url=REAL))


def test_a_misspelt_setting_is_named_and_not_the_one_that_is_then_missing(home: Path):
    (home / "winback.toml").write_text('# a shop\nslat = "a salt for tests"\n')

    with pytest.raises(FileProblem, match=r"winback\.toml:2: slat: is not a field here .*did you mean 'salt'"):
        read_settings({}, home)


def test_every_command_reads_the_settings_so_they_import_no_tables_of_languages_and_zones():
    heavy = "babel polars phonenumbers prefect numpy"
    code = f"import sys, db.settings; print(*set('{heavy}'.split()) & sys.modules.keys())"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == []
