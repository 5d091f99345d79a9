"""What `winback check` finds in templates beside what does not compile, and the process it looks at them in."""

import json
import re
import subprocess
import sys
import time

import pytest

from app.cli import main
from db.campaigns import check_files, pinned_campaign
from db.confined import MEMORY_BYTES, asked, look
from db.settings import Settings
from tests.test_cli import ask
from tests.test_templates import DEMO, FOOT, SMS, a_message, demo_files
from tests.workspaces import CAMPAIGN, write_campaign
from winback.campaigns.file import read_campaign
from winback.message.fields import samples
from winback.message.inspection import check, examine, text_sizes
from winback.message.rendering import Email, render
from winback.message.sms import lacks_in_chinese, outside_gsm
from winback.message.template import load
from winback.message.tracking import with_parameters
from winback.message.written_addresses import is_known_host

HOSTS = ("shop.example",)


def problems(html=None, hosts=(), **files):
    changes = {f"hello/{name.replace('_', '.')}": text for name, text in files.items()}
    changes |= {"hello/body.html": f"<p>Hi</p>\n{html}\n{FOOT}"} if html is not None else {}
    return [(p.line, str(p)) for p in check(a_message(changes), "hello", ["email", "sms"], hosts)]


@pytest.mark.parametrize(
    "hidden",
    [
        '<!-- <a href="{{ links.unsubscribe }}">Stop</a> -->{{ sender.name }} {{ sender.postal_address }}',
        '<p style="display:none">{{ links.unsubscribe }}</p>{{ sender.name }} {{ sender.postal_address }}',
        '<a href="{{ links.unsubscribe }}"></a>{{ sender.name }} {{ sender.postal_address }}',
        '<a href="{{ links.unsubscribe }}">Stop</a><p hidden>{{ sender.name }} {{ sender.postal_address }}</p>',
        '<a href="{{ links.unsubscribe }}">Stop</a><!-- {{ sender.name }} {{ sender.postal_address }} -->',
    ],
)
def test_a_way_out_and_an_address_that_nobody_sees_are_none(hidden):
    [(_, found)] = [
        (p.line, str(p)) for p in check(a_message({"hello/body.html": f"<p>Hi</p>{hidden}"}), "hello", ["email"])
    ]

    assert "where a reader sees it" in found


# --- where links lead --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "https://shop.example/new",
        "https://www.shop.example/new?a=https://evil.example",
        "https://SHOP.example:443/",
        "mailto:hello@evil.example",
        "tel:+15005550006",
        "#top",
        "{{ links.unsubscribe }}",
    ],
)
def test_a_link_to_a_host_of_the_list_or_below_it_is_fine(address):
    assert problems(f'<a href="{address}">x</a>', HOSTS) == []


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/",
        "https://notshop.example/",
        "https://shop.example.evil.example/",
        "https://shop.example@evil.example/",
        "https:\\\\shop.example",
        "https://shop.example\\@evil.example/",
        "//shop.example/",
        "http://shop.example/",
        "ftp://shop.example/",
    ],
)
def test_a_link_off_the_list_is_named_with_its_line(address):
    [(line, text)] = problems(f'<a href="{address}">x</a>', HOSTS)

    assert line == 2
    assert "https://shop.example/" in text


@pytest.mark.parametrize("address", ["https://shop.example@evil.example/", "https:\\\\evil", "//evil.example"])
def test_a_link_in_disguise_is_refused_without_a_list_too(address):
    assert problems(f'<a href="{address}">x</a>')


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("", "href leads nowhere (allowed: https://shop.example/new)"),
        (" # ", "href leads nowhere (allowed: https://shop.example/new)"),
        ("https://127.0.0.1/", "href leads to the reader's own machine (allowed: https://)"),
        ("https://LOCALHOST:8000/a", "href leads to the reader's own machine (allowed: https://)"),
    ],
)
def test_a_link_that_leads_no_reader_anywhere_is_named_with_its_line(address, said):
    [(line, text)] = problems(f'<a href="{address}">x</a>')

    assert line == 2
    assert text.endswith(said)


def test_hosts_that_only_look_like_the_readers_own_machine_are_fine():
    hosts = ("localhost.example", "127.example", "127.0.0.10.example")

    links = "".join(f'<a href="https://{host}/">x</a>' for host in hosts)

    assert problems(links) == []


@pytest.mark.parametrize("part", ["body_txt", "sms_txt"])
@pytest.mark.parametrize(
    "address", ["http://shop.example/", "https://evil.example/a", "https://shop.example@evil.example"]
)
def test_addresses_in_texts_are_held_to_the_list_too(part, address):
    [(line, text)] = problems(hosts=HOSTS, **{part: f"Look:\n{address} {SMS} {FOOT}"})

    assert line == 2
    assert "leads where no link may" in text


@pytest.mark.parametrize("part", ["html", "body_txt", "sms_txt"])
@pytest.mark.parametrize(
    ("written", "named"),
    [
        ("www.evil.example/x", "www.evil.example/x"),
        ("See WWW.Evil-Shop.co.uk.", "WWW.Evil-Shop.co.uk"),
        ("evil.example/sale", "evil.example/sale"),
        ("bit.ly/3xYz", "bit.ly/3xYz"),
        ("(t.cn/A6x)", "t.cn/A6x"),
        ("evil.com", "evil.com"),
        ("evil.io:8443/a?b=c", "evil.io:8443/a?b=c"),
        ("新到唱片请看evil.com.cn/new，谢谢", "evil.com.cn/new"),
        ("shop.example.evil.com/a", "shop.example.evil.com/a"),
        ("{{ customer.name }},evil.com/{{ customer.orders }}", "evil.com/{{ ... }}"),
        ("{{ customer.country }}.evil.com", "{{ ... }}.evil.com"),
        ("{{ customer.country }}.com", "{{ ... }}.com"),
        ("www.{{ customer.country }}", "www.{{ ... }}"),
        ("shop.example{{ customer.country }}", "shop.example"),
        ("https://{{ customer.country }}.evil.com", "https://{{ ... }}.evil.com"),
        ("https://shop.example{{ customer.country }}", "https://shop.example{{ ... }}"),
        ("https://shop.exampleа.com/", "https://shop.exampleа.com/"),  # the letter before .com is Cyrillic
        ("ev{% if customer.name %}il.com{% endif %}", "evil.com"),
        ("evil.com欢迎光临", "evil.com"),
    ],
)
def test_a_written_address_is_held_to_the_list_as_a_link_is(part, written, named):
    if part == "html":
        [(line, text)] = problems(f"\n<p>Look:\n{written}</p>", HOSTS)
    else:
        [(line, text)] = problems(hosts=HOSTS, **{part: f"\n\n\nLook:\n{written} {SMS} {FOOT}"})

    assert line == (4 if part == "html" else 5)
    assert text.partition(": ")[2].startswith(f"{named} leads where no link may")


@pytest.mark.parametrize("part", ["html", "body_txt", "sms_txt"])
@pytest.mark.parametrize(
    "text",
    [
        "records, e.g./and books", "i.e./that is", "a.m./p.m.", "and/or", "3.50/kg", "from 9.95/month",
        "12.03.25/13.03.25", "2026.11.22", "report.pdf", "notes.md/drafts", "Node.js/Deno", "U.S./UK",
        "v1.2/3", "St.Mary/Ann", "the end.Come in", "24/7", "10.000,00 EUR", "Dr.Who", "P.S.",
        "hello@evil.com", "ann.me@evil.com/x", "www.", "etc.", "7:30/8:15", "shop.example/sale",
        "www.shop.example", "shop.example", "https://shop.example/go?to=evil.com/x",
        "{{ sender.name }} {{ customer.country|default('evil.com/x') }}", "{# evil.com/x #}", 
        "¥9.9/3.5", "No.1", "Node.js", "3.5", "e.g.", "v2.0", "{{ customer.orders }}.50", "Hi {{ sender.name }}.", 
        "新到。请看shop.example，谢谢", "请看https://shop.example，谢谢！", "(https://shop.example), or call.",
        "https://shop.example。", "{% if customer.name %}shop.example{% endif %}",
        "https://{{ customer.country }}.shop.example/", "vol.2/no.3", "Fr.–So. 10.00–18.30", "¡Hola!¿Qué tal?", 
    ],
)  # fmt: skip
def test_ordinary_words_and_the_shops_own_addresses_are_no_links_elsewhere(part, text):
    part, text = ("body_html", f"<p>{text}</p>") if part == "html" else (part, text)

    found = problems(hosts=HOSTS, **{part: f"{text} {SMS} {FOOT} 退订【海港唱片】"})

    assert found == []


@pytest.mark.parametrize(
    "html",
    [
        "<p>evil&#46;com</p>",
        '<p><a href="https://shop.example/">evil.com</a></p>',  # a text made of it names evil.com
        "<p title='x'>Look: <b>https://evil.com/a</b></p>",
        "<p>http://shop.example/</p>",
        "<!--[if mso]><p>www.evil.com</p><![endif]-->",
    ],
)
def test_what_is_seen_in_html_is_held_to_the_list_however_it_is_written(html):
    [(line, text)] = problems(html, HOSTS)

    assert line == 2
    assert "leads where no link may (allowed: https://shop.example/)" in text


@pytest.mark.parametrize("part", ["html", "subject_txt", "body_txt", "sms_txt"])
@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Dear ｛｛ customer.name ｝｝,", "｛｛ customer.name ｝｝"),
        ("Dear {customer.name},", "customer.name"),
        ("Dear [[customer.name]],", "customer.name"),
        ("Dear *|FNAME|*,", "*|FNAME|*"),
        ("{％ if customer.name ％}Dear", "{％ if customer.name ％}"),
        ("Dear { { nmae } },", "{ { nmae } }"),
        ("Dear {first_name},", "{first_name}"),
        ("Dear %%name%%,", "%%name%%"),
        ("Dear [First Name],", "[First Name]"),
        ("[客户姓名]，您好", "[客户姓名]"),
    ],
)
def test_what_was_meant_as_code_and_is_none_does_not_reach_a_reader(part, text, written):
    if part == "html":
        [(line, said)] = problems(f"\n<p>Hi\n{text}</p>")
    else:
        [(line, said)] = problems(**{part: f"\n\n\nHi\n{text} {SMS} {FOOT}"})

    assert line == (4 if part == "html" else 5)
    assert f"{written} is no code: readers would see it as it stands" in said


@pytest.mark.parametrize("part", ["subject_txt", "body_txt", "sms_txt"])
@pytest.mark.parametrize("written", ["<br/>", "</b>", '<a href="#top">', "&amp;", "&#38;"])
def test_html_in_a_text_does_not_reach_a_reader(part, written):
    [(line, said)] = problems(**{part: f"Hi\n{written} {SMS} {FOOT}"})

    assert line == 2
    assert f"{written} is HTML: a text shows it as it stands" in said


def test_brackets_and_signs_of_plain_words_are_left_alone():
    text = "a < b & c > d; 50%% off [new] <3 {1} AT&T; {{ sender.name }} [names]"

    assert problems(subject_txt=text, sms_txt=f"{text} {SMS}") == []


@pytest.mark.parametrize(
    "text", ["{ braces }", "a customer's name", "100 % {of} them", "｛全角｝", "A|B", "campaign name."]
)
def test_braces_and_words_of_a_letter_are_not_taken_for_code(text):
    html = f"<style>@media (max-width: 400px) {{ p {{ margin: 0 }} }}</style><p id='customer.name'>{text}</p>"

    assert problems(html, body_txt=f"{text} {FOOT}") == []


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        ("Hi\n{% if customer.name %}Ann", "{% if %} is not closed: {% endif %} is missing"),
        ("Hi\n{% if 1 %}{% endfor %}", "{% if %} is not closed: {% endif %} is missing before {% endfor %}"),
        ("Hi\n{% iff 1 %}", "{% iff %} is no tag: did you mean {% if %}?"),
        ("Hi\n{{ customer.orders }", "unexpected '}': an expression ends with }}"),
        ('Hi\n{% include "_shared/fooster.txt" %}', "did you mean '_shared/footer.txt'?)"),
    ],
)
def test_what_jinja_says_is_said_in_fewer_words_with_the_line(subject, said):
    files = {"hello/subject.txt": subject, "_shared/footer.txt": "x"}

    [problem] = [each for each in check(a_message(files), "hello", ["email"]) if "subject" in each.file]

    assert problem.line == 2
    assert said in str(problem)


@pytest.mark.parametrize(
    ("old", "new", "line", "name"),
    [
        ("</mj-button>", "", 4, "mj-button"),
        ("</mj-column>", "", 2, "mj-column"),
        ("</mjml>", "", 1, "mjml"),
    ],
)
def test_an_element_of_mjml_that_is_not_closed_is_named_with_its_line(old, new, line, name):
    body = (
        f"<mjml><mj-body>\n<mj-section><mj-column>\n<mj-text>{FOOT}</mj-text>\n"
        '<mj-button href="https://shop.example/">Go</mj-button>\n</mj-column></mj-section></mj-body></mjml>'
    )
    files = a_message({"hello/body.mjml": body.replace(old, new)})
    files.pop("hello/body.html")

    problem = next(each for each in check(files, "hello", ["email"]) if each.file.endswith("mjml"))

    assert (problem.line, problem.field) == (line, name)
    assert problem.problem == f"is not closed: </{name}> is missing, or stands elsewhere"


def test_what_nobody_sees_in_html_is_no_address():
    assert problems("<style>.evil.com { color: red }</style><!-- evil.com --><p id='evil.com'>Hi</p>", HOSTS) == []


def test_without_a_list_an_address_may_do_without_its_scheme():
    assert problems("<p>evil.com</p>", body_txt=f"www.evil.example/x evil.com {FOOT}") == []


@pytest.mark.parametrize("message", DEMO)
def test_the_shipped_messages_lead_to_their_own_shop_alone(message):
    assert check(demo_files(), message, ("email", "sms"), ("harbour-records.example",)) == []


EVIL = "https://evil.example/a"


@pytest.mark.parametrize(
    "html",
    [
        f'<video src="{EVIL}"></video>',
        '<video poster="//evil.example/a"></video>',
        f'<audio><source src="{EVIL}"></audio>',
        f'<img srcset="https://shop.example/a 1x, {EVIL} 2x" alt="">',
        f'<img srcset="https://shop.example/a 1x,{EVIL} 2x" alt="">',
        f'<img srcset="https://shop.example/a,{EVIL}, {EVIL}" alt="">',
        f'<img src="https://shop.example/a" lowsrc="{EVIL}" alt="">',
        f'<svg><image xlink:href="{EVIL}"/></svg>',
        f'<a href="https://shop.example/" ping="{EVIL}">x</a>',
        f'<!--[if mso]><v:fill src="{EVIL}"/><![endif]-->',
        f'<!--[if !mso]><!--><a href="{EVIL}">x</a><!--<![endif]-->',
    ],
)
def test_whatever_a_mail_loads_is_held_to_the_list(html):
    [(line, text)] = problems(html, HOSTS)

    assert (line, "must lead to a known place" in text) == (2, True)


@pytest.mark.parametrize("sizes", ["{0} 1x, {0}?b=1,2 2x", "{0} 320w,\n {0} 640w", "{0}", ""])
def test_pictures_of_several_sizes_may_come_from_the_list(sizes):
    assert problems(f'<img srcset="{sizes.format("https://shop.example/a")}" alt="">', HOSTS) == []


@pytest.mark.parametrize("sizes", ["," * 50_000, "a, " * 30_000, "https://shop.example/" + "," * 50_000])
def test_sizes_without_end_are_read_in_bounded_time(sizes):
    started = time.perf_counter()

    problems(f'<img srcset="{sizes}" alt="">', HOSTS)

    assert time.perf_counter() - started < 5


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ("body_html", '<a href="https://shop.example/{{ customer.name }}">x</a>'),
        ("body_html", '<a href="https://shop.example/?q={{ customer["name"]|lower }}">x</a>'),
        ("body_html", "<a href='{{ links.unsubscribe }}?n={{ customer.name }}'>x</a>"),
        (
            "body_html",
            '{% set a = customer.name|lower %}{% set b = a %}<a href="https://a.b/{{ b }}">x</a>',
        ),
        ("body_html", '{% set you %}{{ customer.name }}{% endset %}<img src="https://a.b/{{ you }}" alt="">'),
        ("body_txt", "https://shop.example/{% if customer.name %}{{ customer.name }}{% endif %}"),
        ("sms_txt", f"https://shop.example/#{{{{ customer.name }}}} {SMS}"),
    ],
)
def test_an_address_does_not_say_who_reads_it(part, text):
    found = problems(**{part: f"{text} {FOOT if 'body' in part else ''}"})

    assert [(line, "customer.name: an address must not say who reads it" in each) for line, each in found] == [
        (1, True)
    ]


@pytest.mark.parametrize(
    "html",
    [
        '{% set place = customer.country %}<a href="https://shop.example/{{ place }}">{{ customer.name }}</a>',
        '<a href="https://shop.example/" title="{{ customer.name }}">x</a>',
        "https://shop.example/ {{ customer.name }}",
    ],
)
def test_a_name_beside_an_address_is_fine(html):
    assert problems(html) == []


def test_a_host_is_known_by_its_name_and_what_is_below():
    assert is_known_host("a.shop.example", HOSTS)
    assert not is_known_host("", ())


# --- what a mail loads, shows and weighs -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "html",
    [
        '<link rel="stylesheet" href="https://shop.example/a.css">',
        '<meta http-equiv="refresh" content="0;url=https://evil.example">',
        '<base href="https://shop.example/">',
        "<style>@import 'https://shop.example/a.css';</style>",
        "<style>@font-face { font-family: A }</style>",
        "<style>p { background: URL (https://shop.example/a.png) }</style>",
        '<p style="background: url(https://shop.example/a.png)">x</p>',
    ],
)
def test_style_sheets_fonts_and_pictures_of_styles_are_not_loaded(html):
    [(line, _)] = problems(html)

    assert line == 2


def test_a_picture_needs_words_for_whom_does_not_see_it():
    [(line, text)] = problems('<img src="https://shop.example/a.png">')

    assert (line, "needs alt" in text) == (2, True)
    assert problems('<img src="https://shop.example/a.png" alt="">') == []


@pytest.mark.parametrize(
    "html",
    [
        '<!--[if mso]><img src="https://shop.example/a.png"><![endif]-->',
        '<!--[if gte mso 9]>\n<img src="https://shop.example/a.png">\n<![endif]-->',
        '<!--[if !mso]><!--><img src="https://shop.example/a.png"><!--<![endif]-->',
    ],
)
def test_what_only_outlook_reads_is_read_here_too(html):
    [(line, text)] = problems(html)

    assert (line, "needs alt" in text) == (2 + html.startswith("<!--[if gte"), True)


def test_what_outlook_needs_for_its_layout_is_fine():
    table = "<!--[if mso | IE]><table><tr><td><![endif]-->x<!--[if mso | IE]></td></tr></table><![endif]-->"
    settings = "<!--[if gte mso 9]><xml><o:PixelsPerInch>96</o:PixelsPerInch></xml><![endif]-->"

    assert problems(settings + table + '<!-- <img src="x"> -->') == []


@pytest.mark.parametrize("money", ['money("XXQ")', 'money(currency="XXQ")'])
def test_a_currency_that_there_is_not_is_refused_wherever_it_stands(money):
    [(line, text)] = problems(f"{{% if customer.orders > 100 %}}{{{{ 3|{money} }}}}{{% endif %}}")

    assert (line, "|money knows no currency 'XXQ' (allowed: the codes of ISO 4217" in text) == (2, True)
    assert "did you mean 'GBP'?" in problems('{{ 3|money("gbp") }}')[0][1]
    assert problems('{{ 3|money("GBP") }}') == []


def test_html_that_gmail_would_cut_off_is_told_with_its_size():
    [(_, text)] = problems("x" * 100_000)

    assert "Gmail cuts it off at 100,000" in text
    assert problems("x" * 99_000) == []


# --- who would be skipped ----------------------------------------------------------------------------------------


def needed(**files):
    changes = {f"hello/{name.replace('_', '.')}": text for name, text in files.items()}
    found = examine(a_message(changes), "hello", ("email", "sms"), ())
    assert found.problems == []
    return [(need.file, need.line, need.field) for need in found.needs]


def test_a_field_printed_without_asking_whether_there_is_one_is_found_in_every_part():
    found = needed(
        subject_txt="{{ customer.name }}",
        body_txt=f"Hi\n{{{{ customer.name }}}}, {{{{ customer.last_order_on|date }}}} {FOOT}",
        sms_txt="{% for item in customer.recommended %}{{ item.name }}{% endfor %} " + SMS,
    )

    assert sorted(found) == [
        ("hello/body.txt", 2, "customer.last_order_on"),
        ("hello/body.txt", 2, "customer.name"),
        ("hello/sms.txt", 1, "customer.recommended"),
        ("hello/subject.txt", 1, "customer.name"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "{% if customer.name %}{{ customer.name }}{% endif %}",
        '{{ customer.name|default("friend") }}',
        '{{ customer.name or "friend" }}',
        "{{ customer.name if customer.name else 'friend' }}",
        "{% if customer.recommended %}{{ customer.recommended[0].name }}{% endif %}",
        "{{ customer.orders }}",
    ],
)
def test_a_field_with_something_in_its_place_is_not_needed(text):
    assert needed(subject_txt=f"Hi {text}", body_html=f"{text} {FOOT}") == []


@pytest.mark.parametrize("message", DEMO)
def test_the_shipped_messages_need_an_order_at_most(message):
    fields = {each.field for each in examine(demo_files(), message, ("email", "sms"), ()).needs}

    assert fields <= {"customer.last_order_on"}


def test_check_says_who_would_get_no_message(shop: Settings, capsys):
    body = shop.templates / "hello" / "subject.txt"
    body.write_text("Hello\n{{ customer.name }}, {{ customer.days_since_order }} days", encoding="utf-8")
    place = "hello/subject.txt:2: customer."

    code, _, said = ask(capsys, "check")
    write_campaign(shop, CAMPAIGN.replace("churn: {within", "churn: {definition: contract, within"))
    _, _, of_contracts = ask(capsys, "check")

    assert code == 0
    assert f"{place}name: who has none gets no message: write it inside {{% if customer.name %}}" in said
    assert 'or as customer.name|default("...")' in said
    assert f"{place}days_since_order" not in said
    assert f"{place}days_since_order" in of_contracts


# --- text messages -----------------------------------------------------------------------------------------------


def test_a_text_is_measured_and_the_character_that_makes_it_dear_is_named():
    """158 letters of GSM-7 fit one segment; with one curly quote 159 units of UCS-2 need three of 67."""
    dear = SMS + "x" * (158 - len(SMS)) + "’"

    [found] = text_sizes(load(a_message({"hello/sms.txt": dear}), "hello"))

    assert (found.size.encoding, found.size.units, found.size.segments) == ("UCS-2", 159, 3)
    assert found.outside == ("’",)
    assert outside_gsm("é€") == []


def test_check_says_what_dear_texts_cost_and_why(shop: Settings, capsys):
    toml = shop.workspace / "winback.toml"
    toml.write_text(toml.read_text() + '\n[prices]\nsms_segment = "0.01"\n')
    template = "hello"
    (shop.templates / template / "sms.txt").write_text("Don’t go. Reply STOP to opt out")

    assert main(["check"]) == 0

    said = capsys.readouterr().err
    assert "’ (right single quotation mark): 70 characters a segment, not 160; about 0.01 " in said


def test_a_name_that_is_no_chinese_signature_is_told_of_before_a_run_is_refused(shop: Settings, capsys):
    """Harbour Records has 15 characters."""
    toml, text = shop.workspace / "winback.toml", "【{{ sender.name }}】您好。拒收请回复R"
    (shop.templates / "hello" / "sms.zh-CN.txt").write_text(text, encoding="utf-8")
    short = toml.read_text()
    long = short.replace('"Example Shop"', '"Harbour Records"')
    chinese = short.replace('"Example Shop"', '{en = "Harbour Records", zh = "海港唱片"}')

    said = {}
    for name in (short, long, chinese):
        toml.write_text(name, encoding="utf-8")
        code, _, said[name] = ask(capsys, "check")
        assert code == 0

    assert (said[short], said[chinese]) == ("", "")
    assert (
        "hello/sms.zh-CN.txt: the signature 【Harbour Records】 has 15 characters, allowed are 2 to 12"
        in said[long]
    )
    assert 'sender.name = {en = "Harbour Records", zh = "..."} in winback.toml' in said[long]


def test_a_signature_of_the_templates_own_is_not_held_against_the_senders_name(shop: Settings, capsys):
    toml = shop.workspace / "winback.toml"
    toml.write_text(toml.read_text().replace('"Example Shop"', '"Harbour Records"'))

    assert ask(capsys, "check") == (0, "1 campaign: no faults\n", "")


@pytest.mark.parametrize(
    ("text", "lacks"),
    [
        ("Hi. Reply STOP to opt out", ["no_signature", "no_opt_out"]),
        ("【海港唱片是一家很好很好的店】您好，拒收请回复R", ["no_signature"]),
        ("【海】您好，拒收请回复R", ["no_signature"]),
        ("【Harbour】Hi. Reply STOP", ["no_opt_out"]),
        ("【海港唱片】您好，退订回T", []),
        ("您好，拒收请回复R【海港唱片】", []),
    ],
)
def test_a_text_to_a_chinese_number_is_signed_and_says_how_to_refuse_it(text, lacks):
    assert [lack.reason for lack in lacks_in_chinese(text)] == lacks


# --- names -------------------------------------------------------------------------------------------------------


def mutations():
    """(file, text with one letter of one variable's name doubled) for every variable of every shipped template."""
    for path, text in demo_files().items():
        if path.startswith("report/"):
            continue
        for found in re.finditer(r"\b(customer|campaign|links|sender|message)\.(\w+)", text):
            for group in (1, 2):
                at = found.start(group)
                yield path, f"{text[: at + 1]}{text[at]}{text[at + 1 :]}"


def test_every_misspelt_name_in_every_shipped_template_is_caught():
    every = list(mutations())

    unseen = []
    for path, text in every:
        files = demo_files() | {path: text}
        messages = DEMO if path.startswith("_shared/") else (path.split("/")[0],)
        if not any("did you mean" in str(problem) for message in messages for problem in check(files, message)):
            unseen.append((path, text))

    assert len(every) > 100
    assert unseen == []


# --- plurals, parameters, attachments ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("locale", "orders", "word"),
    [("en", 1, "order"), ("en", 0, "orders"), ("en", 2, "orders"), ("pl", 2, "few"), ("pl", 5, "many"),
     ("ar", 0, "zero"), ("zh", 1, "orders")],
)  # fmt: skip
def test_a_plural_is_that_of_the_language(locale, orders, word):
    """CLDR: Polish has few for 2 and many for 5, Arabic zero for 0, Chinese one form only."""
    template = '{{ customer.orders|plural(one="order", zero="zero", few="few", many="many", other="orders") }}'
    files = a_message({"hello/subject.txt": template, f"hello/subject.{locale}.txt": template})
    files |= {f"hello/body.{locale}.html": FOOT, f"hello/body.{locale}.txt": FOOT}
    values = samples()
    groups = {name: values[name] for name in ("campaign", "links", "sender")}

    mail = render(
        load(files, "hello"),
        "email",
        customer=values["customer"] | {"locale": locale, "orders": orders},
        **groups,
    )

    assert isinstance(mail, Email)
    assert mail.subject == word


@pytest.mark.parametrize("form", ["plural", 'plural(one="x")', 'plural(some="x", other="y")', "plural(other=1)"])
def test_a_plural_without_its_forms_is_refused(form):
    assert any("|plural needs" in text for _, text in problems(subject_txt=f"{{{{ customer.orders|{form} }}}}"))


def test_parameters_are_added_and_never_replaced():
    utm = {"utm_source": "shop", "utm_medium": "email"}

    assert with_parameters("https://a.example", utm) == "https://a.example?utm_source=shop&utm_medium=email"
    assert with_parameters("https://a.example/?b=&utm_source=x#c", utm) == (
        "https://a.example/?b=&utm_source=x&utm_medium=email#c"
    )
    assert with_parameters("https://a.example/%20?a=%C3%A9", {}) == "https://a.example/%20?a=%C3%A9"


def test_a_campaign_says_its_own_parameters(shop: Settings):
    [path] = shop.campaigns.glob("*.yaml")
    text = path.read_text()

    campaign = read_campaign(f"{text}\nutm: {{source: letters}}\n", str(path))

    assert campaign.utm_parameters == {
        "utm_source": "letters",
        "utm_medium": "email",
        "utm_campaign": campaign.id,
    }
    assert pinned_campaign({f"campaigns/{campaign.id}.yaml": text}).utm_parameters == {}


def test_a_file_that_would_have_to_be_attached_is_refused(shop: Settings):
    [path] = shop.campaigns.glob("*.yaml")
    template = "hello"
    (shop.templates / template / "prices.pdf").write_bytes(b"%PDF-")

    [checked] = check_files(shop, [path])

    assert [(p.file, "not attached" in p.problem) for p in checked.problems] == [(f"{template}/prices.pdf", True)]


# --- the limited process -----------------------------------------------------------------------------------------

EXHAUSTING = [
    "{% for a in range(10**9) %}{% endfor %}",
    "{% set x = '" + "x" * 999 + "' %}" + "{% for a in x %}" * 3 + "." + "{% endfor %}" * 3,
    "{{ 'a'|center(10**9) }}",
    "{{ '%1000000000d'|format(1) }}",
    "{{ [1]|batch(10**8, 'x')|list }}",
    "{{ [1]|slice(10**8)|list }}",
    "{{ ('a\\n' * 1000)|indent(10**6) }}",
    "{{ ('a ' * 9000000)|wordwrap(1) }}",
    "{{ 9**(9**9) }}",
    "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
    "{{ " + "(" * 2_000 + "1" + ")" * 2_000 + " }}",
]


@pytest.mark.parametrize("template", EXHAUSTING)
def test_an_exhausting_template_ends_within_five_seconds_and_harms_nothing_else(template):
    started = time.perf_counter()
    bad = asked(a_message({"hello/subject.txt": template}), "hello", ["email"], ())
    good = asked(a_message(), "hello", ["email"], ())

    found, fine = look((bad, good))

    assert time.perf_counter() - started < 5
    assert found.problems
    assert fine.problems == ()


@pytest.mark.parametrize(
    "template",
    [
        "{{ ["
        + "'"
        + "a" * 90_000
        + "'"
        + "]|length }}{% set a = 'x' %}"
        + "{% set a = a ~ a %}" * 60
        + "{{ a }}",
        "{{ " + "9**15 * " * 2_000 + "1 }}",
        "{{ '" + "x" * 1_000 + "'|truncate(10**15) }}" * 50,
    ],
)
def test_what_is_heavy_while_compiling_ends_too(template):
    started = time.perf_counter()

    look((asked(a_message({"hello/subject.txt": template[:119_000]}), "hello", ["email"], ()),))

    assert time.perf_counter() - started < 5


@pytest.mark.parametrize(
    "harm",
    [
        "c.MEMORY_BYTES = 2**20; c.answer = lambda request: {'x': 'x' * 2**24}",
        "c.MEMORY_BYTES = 2**28; c.answer = lambda request: {'x': 'x' * 2**30}",
        "c.SECONDS = 0.3; c.answer = lambda request: time.sleep(60)",
        "c.CPU_SECONDS = 1; c.SECONDS = 60; c.answer = lambda request: all(iter(int, 1)) or any(iter(int, 1))",
        "c.answer = lambda request: os.abort()",
        "import tempfile; c.answer = lambda request: {'x': tempfile.TemporaryFile(buffering=0).write(b'x')}",
    ],
)
def test_a_process_that_takes_too_much_is_ended_and_the_next_one_is_as_ever(harm):
    """Memory, the clock, the processor, a crash, and a file that may not grow."""
    request = {"files": a_message(), "message": "hello", "channels": ["email"], "hosts": []}
    request["files"].pop("hello/sms.txt")
    script = (
        "import json, os, sys, time, db.confinement as c; request = json.load(sys.stdin); good = vars(c).copy(); "
        f"{harm}; bad = c.confined(request); vars(c).update(good); print(json.dumps([bad, c.confined(request)]))"
    )

    found = subprocess.run(
        [sys.executable, "-c", script],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert json.loads(found.stdout) == [None, {"problems": [], "texts": [], "needs": []}], found.stderr
    assert MEMORY_BYTES == 400 * 2**20


def test_the_process_has_no_secret(monkeypatch):
    monkeypatch.setenv("WINBACK_SENDGRID_KEY", "SG.secret")
    given = {}
    real = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: given.update(k) or real(*a, **k))
    look((asked(a_message({"hello/subject.txt": "once"}), "hello", ["email"], ()),))

    assert given["env"] == {"TZ": "UTC"}
