"""Which links of a message are counted, and what stands in their place."""

import time
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.test_templates import DEMO
from winback.callbacks.clicks import HONEYPOT
from winback.errors import TemplateError
from winback.message.inspection import check
from winback.message.rendering import Email, RenderFailure, render
from winback.message.template import load
from winback.message.tracking import destinations, link_number, links_together, load_tracked

FOOT = "{{ links.unsubscribe }} {{ sender.postal_address }}"
NEW, TABLE = "https://shop.example/new", "https://shop.example/table?from=letter&shelf=3"
SENDER = {"name": "Harbour Records", "postal_address": "1 Quay Lane"}
TEMPLATES = Path(__file__).parents[1] / "templates"


def a_message(html="<p>Hi</p>", text="Hi", **others):
    usual = {"hello/subject.txt": "Hello", "hello/body.html": f"{html} {FOOT}", "hello/body.txt": f"{text} {FOOT}"}
    return usual | {"hello/sms.txt": f"Hi {NEW} Reply STOP to opt out"} | others


def sent(files, channel="email", **customer):
    """The message as a customer gets it; link number n leads to ``/c/n``."""
    message = load_tracked(files, "hello")
    numbers = {name: link_number(name) for name in message.links}
    links = {name: f"https://p.example/c/{number}" for name, number in numbers.items() if number is not None}
    links["unsubscribe"] = "https://p.example/u"
    customer = {"name": "Ada", "locale": "en-GB", "orders": 4} | customer
    return render(message, channel, customer=customer, campaign={"name": "Spring"}, links=links, sender=SENDER)


def html(written, **others):
    """The HTML that was written as ``written``, without its foot."""
    mail = sent(a_message(html=written, **others))
    assert isinstance(mail, Email), mail
    return mail.html.removesuffix(" https://p.example/u 1 Quay Lane")


def text(written):
    mail = sent(a_message(text=written))
    assert isinstance(mail, Email), mail
    return mail.text.removesuffix(" https://p.example/u 1 Quay Lane\n")


def test_a_link_leads_through_our_page_and_everything_else_stays():
    written = f'<p title="1 > 0">Look:\n <A class=b HREF = \'{NEW}\' style="x">new</A></p>'

    assert html(written) == written.replace(NEW, "https://p.example/c/1")


def test_a_word_of_the_text_leads_through_our_page_without_the_full_stop_after_it():
    assert text(f"See {NEW}. Or ({NEW}), {NEW}？ 看：{NEW}。") == (
        "See https://p.example/c/1. Or (https://p.example/c/1), https://p.example/c/1？ 看：https://p.example/c/1。"
    )


@pytest.mark.parametrize(
    "written",
    [
        '<a href="https://shop.example/{{ customer.orders }}">x</a>',
        '<a href="{{ links.unsubscribe }}">x</a>',
        '<a href="https://shop.example/{% if customer.name %}new{% endif %}">x</a>',
        '<a href="https://shop.example/new{% include "_shared/tail.txt" %}">x</a>',
        '<a href="mailto:counter@shop.example">x</a><a href="tel:+15005550006">x</a><a href="#top">x</a>',
        '<a href="http://shop.example/">x</a>',
        '<a name="https://shop.example/">x</a><link href="https://shop.example/a.css"><img src="https://shop.example/">',
        "<p title='<a href=\"https://shop.example/\">'>https://shop.example/ is a text here</p>",
        "<a title=\"href='https://shop.example/'\">x</a>",
        '<a href="https://shop.example/中文">x</a><a href="https://shop.example/a b">x</a>',
        "<a href=https://shop.example/>x</a>",
        '<!-- <a href="https://shop.example/">x</a> -->',
    ],
)
def test_what_is_no_written_out_link_stays_as_it_is(written):
    files = a_message(html=written, **{"_shared/tail.txt": "?x"})

    assert destinations(files, "hello") == ()
    assert load_tracked(files, "hello").links == ("unsubscribe",)


@pytest.mark.parametrize(
    "written",
    [
        "https://shop.example/{{ customer.orders }}",
        "https://shop.example/.{{ customer.orders }}",
        "{{ customer.name }}https://shop.example/",
        "xhttps://shop.example/",
        "https://shop.example/新",
        "http://shop.example/ https:// https://.",
        "https://shop.example/" + "x" * 2_000,
    ],
)
def test_what_is_no_whole_word_of_the_text_stays_as_it_is(written):
    assert destinations(a_message(text=written), "hello") == ()


def test_links_have_the_numbers_of_their_sorted_addresses_in_every_part_and_language():
    chinese = {"hello/subject.zh.txt": "你好", "hello/body.zh.txt": f"{TABLE} {FOOT}"}
    chinese |= {"hello/body.zh.html": f'<a href="https://a.example/">x</a>{FOOT}'}
    files = (
        a_message(f'<a href="{TABLE.replace("&", "&amp;")}">t</a><a href="{NEW}">n</a>', f"{NEW} {TABLE}")
        | chinese
    )

    english, other = sent(files), sent(files, locale="zh")

    assert destinations(files, "hello") == ("https://a.example/", NEW, TABLE)
    assert destinations(dict(reversed(files.items())), "hello") == destinations(files, "hello")
    assert english.html.startswith('<a href="https://p.example/c/3">t</a><a href="https://p.example/c/2">n</a>')
    assert english.text.startswith("https://p.example/c/2 https://p.example/c/3 ")
    assert other.text.startswith("https://p.example/c/3 ")
    assert other.html.startswith('<a href="https://p.example/c/1">')
    assert links_together(files, "hello") == {frozenset({2, 3})}


def test_links_in_layouts_pieces_and_macros_count_too():
    shared = {
        "_shared/base.html": f'<a href="{NEW}">n</a>{{% block b %}}{{% endblock %}}',
        "_shared/m.html": f'{{% macro m() %}}<a href="{TABLE}">t</a>{{% endmacro %}}',
    }
    written = '{% extends "_shared/base.html" %}{% from "_shared/m.html" import m %}{% block b %}{{ m() }}'

    mail = sent(a_message(f"{written}{FOOT}{{% endblock %}}", **shared))

    assert mail.html.startswith('<a href="https://p.example/c/1">n</a><a href="https://p.example/c/2">t</a>')


def test_an_sms_keeps_its_links():
    sms = sent(a_message(text=NEW), "sms")

    assert sms.text == f"Hi {NEW} Reply STOP to opt out"


def test_a_message_of_sms_alone_has_no_counted_links():
    assert destinations({"hello/sms.txt": f"Hi {NEW}"}, "hello") == ()
    assert load_tracked({"hello/sms.txt": f"Hi {NEW}"}, "hello").channels == {"sms"}


# --- the link that nobody sees -----------------------------------------------------------------------------------


class _Anchors(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found += [dict(attrs)] if tag == "a" else []


def test_html_with_counted_links_has_one_that_no_reader_sees_at_its_end():
    page = html(f'<html><body><a href="{NEW}">n</a>{FOOT}</body></html>')
    shown, hidden = _Anchors(page).found

    assert shown == {"href": "https://p.example/c/1"}
    assert hidden == {
        "href": f"https://p.example/c/{HONEYPOT}",
        "style": "display:none",
        "aria-hidden": "true",
        "tabindex": "-1",
    }
    assert page.endswith("></a></body></html>")


@pytest.mark.parametrize(
    "written", ["<html><body>x</body></html>", f'<a href="{NEW}">x</a>', "<p>x</p><!-- </body> -->"]
)
def test_html_without_counted_links_or_without_an_end_has_none(written):
    mail = sent(a_message(html=written, text=NEW))

    assert f"/c/{HONEYPOT}" not in mail.html + mail.text


# --- check and errors --------------------------------------------------------------------------------------------


def test_a_marketer_reads_of_his_own_lines_and_names_only():
    broken = a_message(
        f'<a href="{NEW}">n</a>\n<a href="{NEW}">n</a>{{{{ links.click1 }}}}\n{{{{ customer.name|date }}}}'
    )

    [unknown] = [problem for problem in check(broken, "hello") if problem.line]
    failure = sent(broken)

    assert (unknown.line, unknown.field, unknown.allowed) == (2, "links.click1", "links.unsubscribe")
    assert isinstance(failure, RenderFailure)
    assert (failure.file, failure.line) == ("hello/body.html", 3)


def test_check_has_nothing_against_counted_links():
    named = "{{ sender.name }}"

    assert check(a_message(f'<a href="{NEW}">n</a> {named}', f"{NEW} {named}"), "hello") == []


def test_a_template_that_load_refuses_is_refused_here_too():
    for broken in ("{% if x %}", '{% include "_shared/none.html" %}'):
        with pytest.raises(TemplateError, match=r"hello/body\.html"):
            load_tracked(a_message(html=broken), "hello")


@pytest.mark.parametrize(
    "piece", ["<a ", "<!--", '<a href="', "<a href='https://x.example/'>", "https://(", "(" * 9]
)
def test_a_page_that_never_ends_is_read_in_bounded_time(piece):
    started = time.perf_counter()

    written = NEW + (piece * 100_000)[:100_000]
    load_tracked(a_message(html=written, text=written), "hello")

    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("message", DEMO)
def test_the_demos_links_are_counted(message):
    files = {str(path.relative_to(TEMPLATES)): path.read_text("utf-8") for path in TEMPLATES.rglob("*.*")}

    assert len(destinations(files, message)) == 1
    assert load(files, message).links == ("unsubscribe",)
    assert load_tracked(files, message).links == ("unsubscribe", "click0", "click1")
