"""The page of a preview: every message as made-up customers would get it, and what is planned."""

import re
import time
from html import unescape
from importlib.resources import files
from pathlib import Path

import pytest

from app.cli import main
from db.settings import Settings, read_settings
from flows.previewing import page, preview
from tests.browser import a_tab
from tests.test_templates import DEMO, FOOT, a_message, demo_files
from tests.workspaces import AS_OF, CAMPAIGN, a_quiet_crowd, a_workspace
from winback.campaigns.campaign import HOLDOUT
from winback.gallery.letter_height import letter_height
from winback.gallery.letters import CASES, USUAL, dear_characters, preheader, sheets
from winback.gallery.page import shown_of
from winback.gallery.words import MEASURES, TEXTS
from winback.message.rendering import Email, RenderFailure, Sms
from winback.message.template import load
from winback.report.pictures import require_fonts
from winback.words import LANGUAGES

SENDER = {
    "en": {"name": "Harbour Records", "postal_address": "1 Quay Lane"},
    "zh": {"name": "海港唱片", "postal_address": "1 Quay Lane"},
}
NAMES = {"en": {"name": "Spring"}, "zh": {"name": "春天"}}
AXE = (files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8")
JUDGE = """axe.run(document, {iframes: false}).then(found => found.violations.map(
    each => `${each.id} (${each.impact}): ${each.nodes.map(node => node.html).join(' | ')}`))"""


def shown(changes=None, channels=("email", "sms")):
    return list(sheets({"a": load(a_message(changes), "hello")}, channels, campaign=NAMES, sender=SENDER))


def test_the_page_says_which_text_goes_to_no_chinese_number(tmp_path: Path):
    shop = a_workspace(tmp_path)
    toml = shop.workspace / "winback.toml"
    toml.write_text(toml.read_text().replace('"Example Shop"', '"Harbour Records"'))
    (shop.templates / "hello/sms.zh-CN.txt").write_text("【{{ sender.name }}】您好。拒收请回复R", encoding="utf-8")
    a_quiet_crowd(shop, 1)

    _, text = page(read_settings({}, shop.workspace), "spring", AS_OF, "en")

    assert "not sent to +86 numbers: the signature in 【】 needs 2 to 12 characters" in text


def test_every_variant_and_language_is_shown_with_every_name():
    messages = {name: load(demo_files(), name) for name in DEMO}

    found = list(sheets(messages, ("email", "sms"), campaign=NAMES, sender=SENDER))

    assert [(sheet.variant, sheet.language) for sheet in found] == [
        (name, language) for name in DEMO for language in ("en", "zh-CN")
    ]
    assert {tuple(each.case for each in sheet.written) for sheet in found} == {CASES}
    assert {sheet.usual.case for sheet in found} == {USUAL}
    for each in (each for sheet in found for each in sheet.written):
        assert isinstance(each.email, Email)
        assert isinstance(each.sms, Sms)
        assert "Bob" not in each.email.html or "<Co>" not in each.email.html


def test_the_made_up_customer_is_british_and_so_are_his_dates():
    [english, chinese] = sheets(
        {"winback-advice": load(demo_files(), "winback-advice")}, ("email",), campaign=NAMES, sender=SENDER
    )

    assert english.usual.email
    assert "on 14 March 2025, one of 4 so far" in english.usual.email.text
    assert chinese.usual.email
    assert "2025年3月14日" in chinese.usual.email.text


def test_a_name_that_a_template_cannot_do_without_is_seen_in_the_preview():
    [sheet] = shown({"hello/subject.txt": "{{ customer.name }}"})

    failed = {each.case for each in sheet.written if isinstance(each.email, RenderFailure)}

    assert failed == {"missing"}


def test_each_language_shows_the_name_its_letters_are_signed_with():
    chinese = {f"hello/{part}": "{{ sender.name }} " + text for part, text in {
        "subject.zh.txt": "您好", "body.zh.html": FOOT, "body.zh.txt": FOOT, "sms.zh.txt": "【海港】拒收请回复R",
    }.items()}  # fmt: skip

    found = shown({"hello/subject.txt": "{{ sender.name }}"} | chinese, channels=("email",))

    assert [(sheet.language, sheet.usual.email.subject) for sheet in found] == [
        ("en", "Harbour Records"),
        ("zh", "海港唱片 您好"),
    ]


def test_only_the_campaigns_channels_are_shown():
    [sheet] = shown(channels=("sms",))

    assert sheet.usual.email is None
    assert sheet.usual.sms


@pytest.mark.parametrize(
    ("html", "shown_after_the_subject"),
    [
        ("<html><head><title>T</title><style>p{}</style></head><body><p>One</p><p>two</p>", "One two"),
        ('<div style="display:none">Hidden</div><h1>Big</h1>', "Hidden Big"),
        ("<p>Short</p>" + "&nbsp;&zwnj;" * 120 + "<p>Long</p>", "Short"),
        ("<p>Short</p>" + "&#847; &shy;" * 60 + "<p>Long</p>", "Short"),
        ("<p>👩‍👧 first</p> &nbsp; <p>then</p>", "👩‍👧 first then"),
        ("", ""),
    ],
)
def test_the_preheader_is_the_first_text_of_the_body(html, shown_after_the_subject):
    assert preheader(html) == shown_after_the_subject


@pytest.mark.parametrize("message", DEMO)
def test_an_inbox_shows_no_more_of_the_shipped_letters_than_their_preheader(message):
    for sheet in sheets({"a": load(demo_files(), message)}, ("email",), campaign=NAMES, sender=SENDER):
        written = demo_files()[f"{message}/body{'' if sheet.language == 'en' else '.' + sheet.language}.html"]

        assert preheader(sheet.usual.email.html) in written


@pytest.mark.parametrize(
    ("subject", "shown"), [("We miss you", 35), ("好久不见，想您了", 17), ("Ada，好久不见", 21), ("", 35)]
)
def test_a_phone_shows_half_as_many_characters_of_a_chinese_subject(subject: str, shown: int):
    assert shown_of(subject) == shown


def test_a_few_odd_characters_are_named_and_another_script_is_not():
    [sheet] = shown({"hello/sms.txt": "Don’t. Reply STOP"})
    [chinese] = shown({"hello/sms.txt": "【海港唱片】您好，拒收请回复R"})

    assert dear_characters(sheet.usual.sms) == ["’"]
    assert dear_characters(chinese.usual.sms) == []


def test_every_word_is_there_in_both_languages():
    for each in (*TEXTS.values(), *MEASURES.values()):
        assert set(re.findall(r"{\w+}", each.en)) >= set(re.findall(r"{\w+}", each.zh))
        words = re.sub(r"{\w+}", "", each.en)
        assert re.search("[\u4e00-\u9fff]", each.zh) or not re.search("[a-z]", words)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A workspace with 60 customers, two variants, prices, and a letter with a link nobody may load."""
    two = "variants: [{name: advice, template: winback-advice}, {name: visit, template: winback-invitation}]"
    campaign = CAMPAIGN.replace("journey:", f"{two}\njourney:")
    made = a_workspace(tmp_path_factory.mktemp("gallery"), campaign=campaign)
    toml = made.workspace / "winback.toml"
    toml.write_text(toml.read_text() + '\n[prices]\nemail = "0.001"\nsms_segment = "0.0079"\n')
    made = read_settings({}, made.workspace)
    a_quiet_crowd(made, 60)
    return made


@pytest.fixture(scope="module")
def pages(shop: Settings) -> dict[str, str]:
    return {language: page(shop, "spring", AS_OF, language)[1] for language in LANGUAGES}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("language", "titles", "group"),
    [
        ("en", ["English", "Chinese (Simplified, China)"], "Written to"),
        ("zh", ["英语", "中文 (简体, 中国)"], "实验组"),
    ],
)
def test_what_has_no_name_in_the_campaign_has_none_on_the_page(tmp_path: Path, language, titles, group):
    shop = a_workspace(tmp_path)
    a_quiet_crowd(shop, 12)

    html = page(shop, "spring", AS_OF, language)[1]

    assert re.findall(r"<h3>([^<]*)</h3>", html) == titles
    assert f'<tr><th scope="row">{group}</th>' in html
    assert ">message<" not in html


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_has_the_numbers_of_the_preview(shop: Settings, pages, language):
    found, html = preview(shop, "spring", AS_OF), pages[language]
    rows = re.findall(r'<tr><th scope="row">(?:<span[^>]*></span>)?([^<]*)</th><td class="num">([^<]*)</td>', html)
    numbers = dict(rows)

    in_words = {"en": ("Hold-out (nothing is sent)", "In the audience"), "zh": ("对照组（不发送）", "进入名单")}[
        language
    ]
    arms = {arm.name: arm.customers for arm in found.arms}
    assert numbers[in_words[0]] == str(arms[HOLDOUT])
    assert numbers["advice"] == str(arms["advice"])
    assert numbers[in_words[1]] == str(found.worth.customers) == "54"
    assert found.digest[:12] in html


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_has_every_message_in_frames_without_script(pages, language):
    html = pages[language]
    frames = re.findall(
        r'<iframe class="(\w+)" height="(\d+)" sandbox title="([^"]+)" srcdoc="([^"]*)"></iframe>', html
    )

    assert html.count("<iframe") == len(frames) == 4 * (2 + len(CASES) - 1)
    assert len({title for _, _, title, _ in frames}) == len(frames)
    for kind, height, _, body in frames:
        assert unescape(body).startswith("<!doctype html>")
        assert int(height) == letter_height(unescape(body), {"desktop": 640, "phone": 375}[kind]) + 2
    assert "<script" not in unescape(html)
    assert "GSM-7" in html
    assert "UCS-2" in html
    assert "0.0079 USD" in html
    assert "c1@example.com" not in html
    assert "Customer 1" not in html


@pytest.mark.slow
def test_the_command_writes_the_page_and_says_where(shop: Settings, tmp_path: Path, capsys):
    file = tmp_path / "new" / "spring.html"
    asked = ["--workspace", str(shop.workspace), "preview", "spring", "--as-of", str(AS_OF), "--out", str(file)]

    assert main([*asked, "--lang", "zh"]) == 0

    assert capsys.readouterr().out == f"{file}\n"
    assert '<html lang="zh-CN">' in file.read_text(encoding="utf-8")
    assert main([*asked, "--json"]) == 2


@pytest.mark.slow
def test_a_page_costs_no_more_the_larger_the_audience(shop: Settings):
    """It writes to made-up customers only: what it takes beyond the selection does not grow with the audience."""
    preview(shop, "spring", AS_OF)
    started = time.perf_counter()
    preview(shop, "spring", AS_OF)
    selection = time.perf_counter() - started
    started = time.perf_counter()
    page(shop, "spring", AS_OF, "en")
    whole = time.perf_counter() - started

    assert whole - selection < 5


@pytest.mark.slow
@pytest.mark.server
def test_a_frame_is_as_tall_as_its_letter(tmp_path: Path):
    """Nothing is cut off, and less than a twentieth and a line stays empty, as Chromium lays it out."""
    require_fonts("流失")
    variants = {name: load(demo_files(), name) for name in DEMO}
    file = tmp_path / "letter.html"
    with a_tab(tmp_path / "profile") as tab:
        for sheet in sheets(variants, ("email",), campaign=NAMES, sender=SENDER):
            for width in (640, 375):
                file.write_text(sheet.usual.email.html, encoding="utf-8")
                tab.open(file, width=width)
                tall = tab.value("document.documentElement.getBoundingClientRect().height")

                assert tall <= letter_height(sheet.usual.email.html, width) <= 1.05 * tall + 32


@pytest.mark.slow
@pytest.mark.server
@pytest.mark.parametrize("language", LANGUAGES)
def test_everybody_can_read_the_page_and_it_asks_for_nothing(pages, language, tmp_path: Path):
    """axe-core finds nothing, light and dark, closed and open; no request, no complaint, no sideways scrolling."""
    require_fonts("流失")
    file = tmp_path / "page.html"
    file.write_text(pages[language], encoding="utf-8")
    with a_tab(tmp_path / "profile") as tab:
        for width, dark in ((1180, False), (390, True)):
            tab.open(file, width=width, dark=dark)
            tab.value("document.querySelectorAll('details').forEach(each => each.open = true)")
            tab.value(f"{AXE}; 0")

            assert tab.value(JUDGE) == []
            assert tab.value("document.documentElement.scrollWidth") <= width
            assert [address for address in tab.requests() if not address.startswith(("file:", "about:"))] == []
            assert tab.complaints() == []


def test_a_letter_in_mjml_is_shown_too():
    column = f"<mj-column><mj-text>Hi {FOOT}</mj-text></mj-column>"
    mjml = f"<mjml><mj-body><mj-section>{column}</mj-section></mj-body></mjml>"
    changes = a_message({"hello/body.mjml": mjml}, without=["hello/body.html", "hello/body.txt"])

    [sheet] = sheets({"a": load(changes, "hello")}, ("email",), campaign=NAMES, sender=SENDER)

    assert isinstance(sheet.usual.email, Email)
    assert sheet.usual.email.text.startswith("Hi https://")
