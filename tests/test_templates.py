"""What a person is told about a message's templates before anything is sent; and the two messages of the demo."""

import time
from datetime import date
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest

from winback.errors import TemplateError
from winback.message.fields import FOOTER
from winback.message.inspection import check
from winback.message.rendering import RenderFailure, render
from winback.message.template import load

FOOT = "{{ links.unsubscribe }} {{ sender.postal_address }} {{ sender.name }}"
SMS = "Hi. Reply STOP to opt out"
TEMPLATES = Path(__file__).parents[1] / "templates"
DEMO = (
    "winback-advice", "winback-invitation", "quiet-checkin", "recommended-records", "renewal-reminder",
    "service-apology",
)  # fmt: skip


def a_message(changes=None, without=()):
    """The files of a faultless message ``hello``; ``changes`` by path."""
    files = {
        "hello/subject.txt": "Hello",
        "hello/body.html": f"<p>Hi</p> {FOOT}",
        "hello/body.txt": f"Hi {FOOT}",
        "hello/sms.txt": SMS,
    } | (changes or {})
    return {path: text for path, text in files.items() if path not in without}


def problems(changes=None, without=(), channels=()):
    """(file, line, text) of every problem of the message."""
    return [(p.file, p.line, str(p)) for p in check(a_message(changes, without), "hello", channels)]


def the_problem(changes, **more):
    """The one problem there is."""
    [problem] = problems(changes, **more)
    return problem


def test_a_faultless_message_has_no_problems():
    assert problems(channels=("email", "sms")) == []


def test_a_message_nobody_wrote_is_named_with_the_nearest_one():
    [problem] = check(a_message(), "helo")

    assert problem.file == "helo/"
    assert problem.nearest == "hello"


@pytest.mark.parametrize("part", ["subject.txt", "body.html"])
def test_a_mail_needs_all_its_parts(part):
    file, _, text = the_problem(None, without=[f"hello/{part}"])

    assert file == f"hello/{part}"
    assert "is missing" in text


def test_a_campaign_that_wants_sms_needs_its_file():
    assert problems(without=["hello/sms.txt"]) == []
    assert problems(without=["hello/sms.txt"], channels=["sms"])[0][0] == "hello/sms.txt"


def test_a_language_has_all_parts_or_none():
    found = problems({"hello/subject.zh-CN.txt": "你好"})

    assert [file for file, _, _ in found] == ["hello/body.zh-CN.html"]
    assert "two languages" in found[0][2]


def test_a_language_may_take_a_part_from_its_wider_form():
    wide = {"hello/body.zh.html": f"<p>您好</p>{FOOT}", "hello/body.zh.txt": FOOT, "hello/subject.zh.txt": "您好"}

    assert problems(wide | {"hello/subject.zh-CN.txt": "您好"}) == []


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("body.htm", "body.html"),
        ("subjct.txt", "subject.txt"),
        ("sms.html", "sms.txt"),
        ("body.zh_CN.html", "'body.zh-CN.html'"),
        ("subject.zh_Hans_CN.txt", "'subject.zh-Hans-CN.txt'"),
        ("body.zh-cn.html", "zh-CN"),
        ("body.html.j2", "body.html"),
    ],
)
def test_a_file_that_is_no_part_is_not_ignored(name, hint):
    found = problems({f"hello/{name}": f"x {FOOT}"})

    assert found[0][0].startswith("hello/")
    assert any(hint in text for _, _, text in found)


def test_a_piece_of_the_messages_own_is_no_part():
    assert (
        problems({"hello/_top.html": "<b>x</b>", "hello/body.html": f"{{% include 'hello/_top.html' %}}{FOOT}"})
        == []
    )


@pytest.mark.parametrize(
    ("template", "line", "field", "nearest"),
    [
        ("Hi\n{{ nmae }}", 2, "nmae", None),
        ("Hi\n\n{{ customer.nmae }}", 3, "customer.nmae", "customer.name"),
        ("{{ customer['nmae'] }}", 1, "customer.nmae", "customer.name"),
        ("Hi\n{{ customer.nmae|default('x') }}", 2, "customer.nmae", "customer.name"),
        ("{% if custmer.name %}x{% endif %}y", 1, "custmer", "customer"),
        ("{{ links.unsubscrbe }}", 1, "links.unsubscrbe", "links.unsubscribe"),
        ("{{ customer.email }}", 1, "customer.email", "customer.name"),
        ("{{ range(3) }}", 1, "range", None),
    ],
)
def test_an_unknown_name_is_found_wherever_it_hides(template, line, field, nearest):
    [problem] = check(a_message({"hello/subject.txt": template}), "hello")

    assert (problem.file, problem.line, problem.field) == ("hello/subject.txt", line, field)
    assert problem.nearest == nearest
    assert problem.allowed


def test_names_a_template_makes_itself_are_known():
    assert (
        problems(
            {"hello/subject.txt": "{% set a = 1 %}{% for b in 'x' %}{{ a }}{{ b }}{{ loop.index }}{% endfor %}"}
        )
        == []
    )


def test_a_name_made_in_the_child_may_be_used_by_its_layout():
    files = {
        "hello/body.html": "{% set tone = 'x' %}{% extends '_shared/l.html' %}",
        "_shared/l.html": f"{{{{ tone }}}}{FOOT}",
    }

    assert problems(files) == []


@pytest.mark.parametrize(
    ("template", "line", "words"),
    [
        ("a\n{% if x %}", 2, "{% if %} is not closed: {% endif %} is missing"),
        ("a\n\n{{ }}", 3, "Expected"),
        ("{% blok %}", 1, "{% blok %} is no tag: did you mean {% block %}?"),
        ("a\n{{ customer.name|uper }}", 2, "did you mean 'upper'"),
        ("{{ customer.name|safe }}", 1, "become HTML"),
        ("{{ customer.name is nun }}", 1, "unknown test"),
        ("{% autoescape false %}{% endautoescape %}", 1, "autoescape"),
        ("{% include customer.name %}", 1, "written out"),
        ("{% include '/etc/passwd' %}", None, "not among"),
        ("{% include '../../.env' %}", None, "not among"),
        ("{% extends 'other/subject.txt' %}", None, "not among"),
        ("{{ " + "(" * 2_000 + "1" + ")" * 2_000 + " }}", None, "too deeply"),
        ("x" * 120_001, None, "longer than"),
        ("{{ 9**9**9 }}", 1, "numbers above"),
        ("{{ 'a'.__class__ }}", 1, ""),
        ("{{ customer.name.upper() }}", 1, "no attribute"),
        ("{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}", None, ""),
        ("{% for a in 'x' * 10**9 %}{% endfor %}", 1, "numbers only"),
    ],
)
def test_a_wrong_template_is_told_with_file_and_line(template, line, words):
    started = time.perf_counter()

    found = problems({"hello/subject.txt": template, "other/subject.txt": "x"})

    assert found
    assert {file for file, _, _ in found} == {"hello/subject.txt"}
    assert line in {number for _, number, _ in found} or line is None
    assert any(words in text for _, _, text in found)
    assert time.perf_counter() - started < 5


def test_what_check_finds_load_refuses():
    with pytest.raises(TemplateError, match=r"hello/subject\.txt:2"):
        load(a_message({"hello/subject.txt": "a\n{% if x %}"}), "hello")
    with pytest.raises(TemplateError, match="no templates"):
        load({}, "hello")


@pytest.mark.parametrize("part", ["html", "txt"])
@pytest.mark.parametrize("needed", FOOTER)
def test_a_mail_shows_who_writes_and_how_to_stop_it(part, needed):
    others = " ".join(f"{{{{ {each} }}}}" for each in FOOTER if each != needed)
    [problem] = check(a_message({f"hello/body.{part}": f"Hi {others}"}), "hello")

    assert (problem.file, problem.field) == (f"hello/body.{part}", needed)


def test_who_writes_may_stand_in_a_shared_footer():
    assert problems({"hello/body.txt": "{% include '_shared/foot.txt' %}", "_shared/foot.txt": FOOT}) == []


def test_a_footer_that_never_shows_is_found_by_the_sample():
    _, _, text = the_problem({"hello/body.html": f"{{% if customer.orders > 100 %}}{FOOT}{{% endif %}}x"})

    assert "does not show links.unsubscribe" in text


@pytest.mark.parametrize(
    ("html", "words"),
    [
        ("<a href={{ links.unsubscribe }}>x</a>", "quotes"),
        ("<p {{ customer.name }}>x</p>", "quotes"),
        ("<p title='a' lang={{ message.language }}>x</p>", "quotes"),
        ('<a href="{{ customer.name }}">x</a>', "known place"),
        ('<a href="{{ links.unsubscribe|upper }}">x</a>', "known place"),
        ('<a href="javascript:alert(1)">x</a>', "known place"),
        ('<a href="  JavaScript:alert(1)">x</a>', "known place"),
        ('<a href="&#106;avascript:alert(1)">x</a>', "known place"),
        ('<a href="data:text/html,x">x</a>', "known place"),
        ('<a href="http://plain.example/">x</a>', "known place"),
        ('<a href="//evil.example/">x</a>', "known place"),
        ('<a href="https://{{ customer.name }}.evil.example/">x</a>', "known place"),
        ('<img src="{{ customer.name }}" alt="">', "known place"),
        ('<p onclick="x()">x</p>', "no script"),
        ("<script>x()</script>", "not allowed"),
        ('<p style="color:{{ customer.name }}">x</p>', "style"),
        ("<style>p { color: {{ customer.name }} }</style>", "style"),
        ("<iframe></iframe>", "not allowed"),
        ("<![x", "not readable"),
    ],
)
def test_html_that_escaping_cannot_save_is_refused(html, words):
    found = problems({"hello/body.html": f"<p>Hi</p>\n{html}\n{FOOT}"})

    assert any(file == "hello/body.html" and line == 2 and words in text for file, line, text in found)


@pytest.mark.parametrize(
    "html",
    [
        '<a href="{{ links.unsubscribe }}">x</a>',
        "<a href='{{ links.unsubscribe }}' title=\"a = {{ customer.name }}\">x</a>",
        '<a href="https://shop.example/new?from={{ customer.country }}">x</a>',
        '<a href="mailto:counter@shop.example">x</a><a href="tel:+15005550006">y</a><a href="#top">z</a>',
        "<p {% if customer.name %}class='a'{% else %}class='b'{% endif %}>1 < 2 {{ customer.name }}</p>",
        "<!-- {{ customer.name }} -->",
        "{# <a href={{ x }}> #}",
    ],
)
def test_html_that_is_safe_is_left_alone(html):
    assert problems({"hello/body.html": f"{html} {FOOT}"}) == []


@pytest.mark.parametrize("piece", ["<a ", "<!--", "<a b='x' ", "<style", "</"])
def test_html_that_never_closes_is_read_or_refused_in_bounded_time(piece):
    started = time.perf_counter()

    problems({"hello/body.html": (piece * 40_000)[:100_000] + FOOT})

    assert time.perf_counter() - started < 5


def test_shared_files_are_read_too_and_each_fault_is_told_once():
    shared = {"_shared/l.html": f"{FOOT}\n<p onclick='x'>"}
    chinese = {f"hello/{part.replace('.', '.zh-CN.')}": text for part, text in (
        ("subject.txt", "您好"), ("body.html", "{% extends '_shared/l.html' %}"), ("body.txt", FOOT)
    )}  # fmt: skip
    files = shared | chinese | {"hello/body.html": "{% extends '_shared/l.html' %}"}

    assert [(file, line) for file, line, _ in problems(files)] == [("_shared/l.html", 2)]


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("Hi. Reply STOP to opt out", True),  # an English text is judged as one, whatever its file is called
        ("【海港唱片】您好。拒收请回复R", True),
        ("您好，退订回T【海港唱片】", True),
        ("您好。拒收请回复R", False),
        ("【海港唱片】您好。", False),
        ("【一】您好。拒收请回复R", False),
        ("您好【海港唱片】您好。拒收请回复R", False),
    ],
)
def test_a_chinese_sms_is_signed_and_says_how_to_refuse_it(text, fine):
    files = a_message(
        {"hello/sms.zh-CN.txt": text}, without=["hello/subject.txt", "hello/body.html", "hello/body.txt"]
    )

    assert (check(files, "hello") == []) is fine


def test_an_english_sms_says_stop():
    assert the_problem({"hello/sms.txt": "Hi. Stopping by?"})[0] == "hello/sms.txt"


# --- the demo's own messages -------------------------------------------------------------------------------------


def demo_files():
    return {
        str(path.relative_to(TEMPLATES)): path.read_text("utf-8")
        for path in TEMPLATES.rglob("*.*")
        if path.is_file()
    }


@cache
def compiled(message):
    return load(demo_files(), message)


def demo(message, channel, **customer):
    person = {"name": "Grace Moss", "locale": "en-GB", "country": "GB", "orders": 4, "days_since_order": 119}
    return render(
        compiled(message),
        channel,
        customer=person | {"last_order_on": date(1997, 9, 3)} | customer,
        campaign={"name": "High-value win-back"},
        links={"unsubscribe": "https://shop.example/u/token"},
        sender={"name": "Harbour Records", "postal_address": "12 Quay Lane, Port Example"},
    )


@pytest.mark.parametrize("message", DEMO)
def test_the_demos_templates_have_no_problems(message):
    assert check(demo_files(), message, ["email", "sms"]) == []


@pytest.mark.parametrize("message", DEMO)
@pytest.mark.parametrize("locale", ["en-GB", "en-US", "zh-CN", "zh", "de-DE", None])
@pytest.mark.parametrize("name", ["Grace Moss", "林晓雨", None, "<b>&"])
def test_the_demo_writes_to_everybody_with_or_without_a_name(message, locale, name):
    for orders in (1, 2, 1_234):
        mail, sms = (
            demo(message, channel, name=name, locale=locale, orders=orders) for channel in ("email", "sms")
        )
        assert not isinstance(mail, RenderFailure), mail
        assert not isinstance(sms, RenderFailure), sms
        assert ("<b>&" in mail.html) is False


def test_every_message_that_is_shipped_is_tried_here():
    assert sorted(DEMO) == sorted({path.split("/")[0] for path in demo_files()} - {"_shared", "report"})


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_recommended_records_are_named_where_there_are_some(locale):
    link = {"name": "Harbour Lights (LP)", "link": "https://shop.example/p/1502"}
    products = [link, {"name": "A & B", "link": None}]

    some, none = (
        demo("recommended-records", "email", locale=locale, recommended=each) for each in (products, None)
    )

    assert ">Harbour Lights (LP)</a>" in some.html
    assert "A &amp; B" in some.html
    assert "Harbour Lights (LP)" in some.text
    assert "https://shop.example/p/1502" in some.text
    assert "- A & B\n" in some.text
    assert "<li>" not in none.html
    assert "\n\n\n\n" not in none.text


@pytest.mark.parametrize("message", DEMO)
@pytest.mark.parametrize(("locale", "name"), [("en-GB", "Bartholomew Quill-Marsh"), ("zh-CN", "欧阳林晓雨")])
def test_the_demos_sms_fits_one_segment_even_with_a_long_name(message, locale, name):
    assert demo(message, "sms", locale=locale, name=name).size.segments == 1


class _Tags(HTMLParser):
    """The elements of a page, and whether each is closed where it should be."""

    VOID = frozenset({"br", "img", "meta", "link", "hr", "!doctype"})

    def __init__(self, html):
        super().__init__()
        self.open, self.seen = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        self.open += [] if tag in self.VOID else [tag]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("message", DEMO)
@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_the_demos_html_is_whole_small_and_loads_nothing(message, locale):
    mail = demo(message, "email", locale=locale)
    page = _Tags(mail.html)

    assert page.open == []
    assert ("html", {"lang": locale}) in page.seen
    assert not [attrs for _, attrs in page.seen if {"src", "srcset", "background"} & set(attrs)]
    assert not [tag for tag, _ in page.seen if tag in {"link", "img", "script"}]
    assert "url(" not in mail.html
    assert "@import" not in mail.html
    assert len(mail.html.encode()) < 20_000  # large mail services cut a mail at 102 kB
