"""What is made of a message's files before anybody is written to: MJML to HTML, CSS inlined, text from HTML."""

import re

import pytest

from tests.test_templates import FOOT
from winback.errors import TemplateError
from winback.message.fields import samples
from winback.message.inlining import rules_of
from winback.message.inspection import check
from winback.message.plain_text import tidy
from winback.message.rendering import Email, render
from winback.message.specialise import prepare
from winback.message.template import load
from winback.message.tracking import destinations, load_tracked


def a_letter(html, **more):
    """The files of a message without a text of its own."""
    return {"hello/subject.txt": "Hello", "hello/body.html": html} | more


def written(files, message=None, **customer) -> Email:
    values = samples()
    groups = {name: values[name] for name in ("campaign", "sender")}
    links = values["links"] | {name: f"https://c.example/{name}" for name in ("click0", "click1")}
    message = message or load(files, "hello")
    person = values["customer"] | customer
    mail = render(message, "email", customer=person, links=links, **groups)
    assert isinstance(mail, Email), mail
    assert prepare(message, "email", **groups)(person, links) == mail  # the fast render makes the same
    return mail


# --- text from HTML ----------------------------------------------------------------------------------------------


def test_a_message_without_a_text_has_one_made_of_its_html():
    html = f"""<html><head><title>No</title><style>p {{ color: red }}</style></head><body>
<div style="display:none">The inbox shows this</div>
<h1>Come &amp; listen</h1>
<p class="{{{{ message.language }}}}">Dear   {{{{ customer.name }}}},<br>it&nbsp;is
 <b>Thursday</b>.</p>
<ul>{{% for day in ["Mon", "Tue"] %}}<li>{{{{ day }}}}</li>{{% endfor %}}</ul>
<!-- nothing --><img src="https://a.example/x.png" alt="A chair"><p>{FOOT}</p></body></html>"""

    mail = written(a_letter(html), name="A <b> & C")

    assert mail.text == (
        "Come & listen\n\nDear A <b> & C,\nit\u00a0is Thursday.\n\n- Mon\n- Tue\n\nA chair\n\n"
        "https://shop.example/u/sample-token 1 Quay Lane, Port Example PX1 4QL Harbour Records\n"
    )
    assert check(a_letter(html), "hello", ["email"]) == []


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ('<a href="https://a.example/">Look</a>!', "Look: https://a.example/!"),
        ('<a href="https://a.example/?a=1&amp;b=2">Look</a>', "Look: https://a.example/?a=1&b=2"),
        ('<a href="https://a.example/?n={{ customer.orders }}">Look</a>', "Look: https://a.example/?n=4"),
        ('<a href="{{ links.unsubscribe }}"><b>Stop</b></a>', "Stop: https://shop.example/u/sample-token"),
        ('<a href="https://a.example/">https://a.example/</a>', "https://a.example/"),
        ('<a href="#top">Up</a>', "Up"),
        ('<a href="https://a.example/"><img src="https://a.example/x.png" alt="Shop"></a>', "Shop: https://a.example/"),
        ('{% if customer.name %}<a href="https://a.example/">{{ customer.name }}</a>{% endif %}',
         "Ada Quill: https://a.example/"),
        ("{% macro m(a) %}<p>{{ a }}</p>{% endmacro %}{{ m('one') }}{{ m('two') }}", "one\n\ntwo"),
        ("<style>p{}</style><script>no()</script>x", "x"),
        ("<div style='display: none'><div>no {{ customer.name }}</div> no</div>x", "x"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ("a<br/>b<br />c<br>d", "a\nb\nc\nd"),
        ('<a href="{{ links.unsubscribe }}">Stop</a><br/>{{ customer.name }}',
         "Stop: https://shop.example/u/sample-token\nAda Quill"),
        ("<p hidden>no</p><span style='visibility:hidden'>no</span>x", "x"),
    ],
)  # fmt: skip
def test_links_keep_their_addresses_and_what_is_hidden_goes(html, text):
    files = a_letter(f"{html}<p>{FOOT}</p>")

    assert written(files).text.startswith(f"{text}\n\n")


def test_a_preheader_that_a_layout_hides_is_not_in_the_text():
    hidden = '<div style="display:none">{% block preheader %}{% endblock %}</div>'
    layout = f"{hidden}{{% block b %}}{{% endblock %}}{FOOT}"
    html = "{% extends '_shared/l.html' %}{% block preheader %}PRE{% endblock %}{% block b %}Hi {% endblock %}"

    mail = written(a_letter(html, **{"_shared/l.html": layout}))

    assert "PRE" in mail.html
    assert mail.text.startswith("Hi https://")


def test_each_language_has_its_own_text_or_one_made_of_its_own_html():
    chinese = {"hello/subject.zh-CN.txt": "您好", "hello/body.zh-CN.html": f"<p>您好</p>{FOOT}"}
    files = a_letter(f"<p>Hi</p>{FOOT}", **{"hello/body.txt": f"By hand {FOOT}"}, **chinese)

    assert check(files, "hello") == []
    assert written(files, locale="en-GB").text.startswith("By hand")
    assert written(files, locale="zh-CN").text.startswith("您好\n\nhttps://")


def test_links_of_a_made_text_are_counted_with_the_same_number():
    files = a_letter(f'<body><a href="https://a.example/new">New</a> {FOOT}</body>')

    mail = written(files, load_tracked(files, "hello"))

    assert destinations(files, "hello") == ("https://a.example/new",)
    assert 'href="https://c.example/click1"' in mail.html
    assert mail.text.startswith("New: https://c.example/click1 ")


def test_a_made_text_must_show_who_writes_too():
    files = a_letter("<p title='{{ sender.postal_address }}'>Hi {{ links.unsubscribe }} {{ sender.name }}</p>")

    assert [p.problem for p in check(files, "hello")] == ["must show {{ sender.postal_address }}"]


def test_tidy_keeps_one_empty_line_at_most():
    assert tidy("  a \n \n\n  b  c\n") == "a\n\nb c\n"


# --- CSS ---------------------------------------------------------------------------------------------------------


def test_css_that_a_tag_answers_is_written_into_it_by_weight():
    css = """<style>
/* p { color: no } */ p { color: red; margin: 0 } .lead, #top { color: blue } p.lead { padding: 1px }
td p { color: no } p:hover { color: no } @media (max-width: 9px) { p { color: no } }
p { border: 0 !important }
</style>"""
    tags = '<p>a</p><p class="lead x" style="margin:2px">b</p><i id="top">c</i>'
    html = f'{css}{tags}<p class="{{{{ message.language }}}}">d</p>{FOOT}'

    found = written(a_letter(html)).html

    assert '<p style="color: red; margin: 0">a' in found
    assert '<p class="lead x" style="color: red; margin: 0; color: blue; padding: 1px; margin:2px">b' in found
    assert '<i style="color: blue" id="top">c' in found
    assert '<p style="color: red; margin: 0" class="en-GB">d' in found
    assert css in found


def test_a_layouts_css_reaches_the_pieces_and_the_letter():
    files = a_letter(
        "{% extends '_shared/l.html' %}{% block b %}{% include '_shared/p.html' %}{% endblock %}",
        **{
            "_shared/l.html": f"<style>b {{ color: red }}</style>{{% block b %}}{{% endblock %}}{FOOT}",
            "_shared/p.html": "<b>x</b>",
        },
    )

    assert '<b style="color: red">x</b>' in written(files).html


def test_css_with_an_unclosed_brace_or_quotes_is_left_where_it_is():
    assert rules_of(['<style>p { font: "A" } q { color: red</style>']) == []


# --- MJML --------------------------------------------------------------------------------------------------------

MJML = f"""<mjml lang="{{{{ message.language }}}}">
<mj-head><mj-preview>The inbox shows this</mj-preview></mj-head>
<mj-body><mj-section><mj-column>
<mj-text>Dear {{{{ customer.name }}}}, 1 &lt; 2 {{{{ "<" }}}} 您好</mj-text>
<mj-raw>{{% if customer.orders > 1 %}}</mj-raw>
<mj-button href="https://a.example/new">New</mj-button>
<mj-raw>{{% endif %}}</mj-raw>
<mj-include path="_shared/top.mjml"/>
<mj-text>{FOOT}</mj-text>
</mj-column></mj-section></mj-body></mjml>
"""
TOP = "<mj-text>From all of us</mj-text>"


def an_mjml_letter(mjml=MJML, **more):
    return {"hello/subject.txt": "Hello", "hello/body.mjml": mjml, "_shared/top.mjml": TOP} | more


def test_mjml_becomes_html_with_a_text_and_counted_links():
    files = an_mjml_letter()

    mail = written(files, load_tracked(files, "hello"), name="<b>")

    assert check(files, "hello", ["email"]) == []
    assert "Dear &lt;b&gt;, 1 &lt; 2 &lt; 您好" in mail.html
    assert mail.html.count('lang="en-GB"') >= 1
    assert 'href="https://c.example/click1"' in mail.html
    assert "fonts.googleapis" not in mail.html
    assert mail.text.startswith("Dear <b>, 1 < 2 < 您好\n")
    assert "New: https://c.example/click1" in mail.text
    assert "inbox" not in mail.text
    assert "New" not in written(files, orders=1).html


@pytest.mark.parametrize(
    ("mjml", "line", "words"),
    [
        (MJML.replace("customer.name", "customer.nmae"), 4, "did you mean 'customer.name'"),
        (MJML.replace("<mj-raw>{% endif %}</mj-raw>", ""), 9, "{% if %} is not closed"),
        (MJML.replace("</mj-column>", ""), 3, "</mj-column> is missing"),
        (MJML.replace("mj-button", "mj-buton"), 6, "no element"),
        (MJML.replace("_shared/top.mjml", "../../x.mjml"), 8, "not among"),
        (MJML.replace("_shared/top.mjml", "/etc/passwd"), 8, "not among"),
        (MJML.replace("https://a.example/new", "javascript:alert(1)"), None, "known place"),
        (MJML.replace("<mj-head>", '<mj-head><mj-font name="A" href="https://f.example/a.css"/>'), 2, "font"),
        (MJML.replace("{{ customer.name }}", "{{ customer.name"), 4, ""),
        ("<p>no</p>", None, "is no MJML"),
        ("", None, ""),
    ],
)  # fmt: skip
def test_wrong_mjml_is_told_with_its_own_line(mjml, line, words):
    problems = check(an_mjml_letter(mjml), "hello", ["email"])

    assert problems
    assert {problem.file for problem in problems} == {"hello/body.mjml"}
    assert any(problem.line == line and words in str(problem) for problem in problems), list(map(str, problems))


def test_a_piece_of_mjml_that_includes_itself_is_refused():
    with pytest.raises(TemplateError, match=re.escape("'_shared/top.mjml' is not among")):
        load(an_mjml_letter(**{"_shared/top.mjml": '<mj-include path="_shared/top.mjml"/>'}), "hello")


def test_a_body_in_both_forms_is_refused():
    assert "which is meant" in str(check(an_mjml_letter(**{"hello/body.html": FOOT}), "hello")[0])
