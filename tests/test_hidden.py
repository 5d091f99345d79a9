"""What nobody sees of a letter: known in one place, for the lint of the footer and for the text made of the HTML.

What is seen and what is not is that of CSS 2.1 and CSS Color; Chromium is asked in the last test.
"""

from pathlib import Path

import pytest

from tests.browser import Tab, a_tab
from tests.test_made_templates import a_letter, written
from tests.test_templates import FOOT
from winback.message.hidden import PAGE
from winback.message.inspection import check

MISSING = "must show {{ links.unsubscribe }} where a reader sees it"
STOP = '<a href="{{ links.unsubscribe }}">Stop</a>'
SHOWS = "<p>Letter</p><p>{{ sender.name }}, {{ sender.postal_address }}</p>"
HIDDEN = [
    f'<p style="font-size:0">{STOP}</p>',
    f'<p style="font-size: 1px">{STOP}</p>',
    f'<p style="font:0/0 Arial">{STOP}</p>',
    f'<p style="font-size:0"><b style="font-size:120%">{STOP}</b></p>',
    f'<p style="opacity:0">{STOP}</p>',
    f'<p style="opacity: 0.0 !important; opacity:1">{STOP}</p>',
    f'<div style="width:0;height:0;overflow:hidden">{STOP}</div>',
    f'<div style="max-height:0px;overflow:hidden"><p style="max-height:40px">{STOP}</p></div>',
    f'<p style="visibility:hidden">{STOP}</p>',
    f'<p style="VISIBILITY: Hidden"><b>{STOP}</b></p>',
    f'<p style="display:/* no */none">{STOP}</p>',
    f'<div style="display:none"><p style="display:block;font-size:16px">{STOP}</p></div>',
    f'<p style="position:absolute;left:-9999px">{STOP}</p>',
    f'<p style="text-indent:-9999px">{STOP}</p>',
    f'<p style="transform:scale(0)">{STOP}</p>',
    f"<template>{STOP}</template>",
    '<a href="{{ links.unsubscribe }}" style="color:#fff">Stop</a>',
    '<a href="{{ links.unsubscribe }}" style="color:#FEFEFE">Stop</a>',
    '<a href="{{ links.unsubscribe }}" style="color:transparent">Stop</a>',
    '<a href="{{ links.unsubscribe }}" style="text-decoration:none"><font color="white">Stop</font></a>',
    '<div style="background:rgb(0, 0, 0)"><a href="{{ links.unsubscribe }}" style="color:#000">Stop</a></div>',
    '<table width="90"><tr><td bgcolor="#000000"><a href="{{ links.unsubscribe }}" style="color:#000">Stop</a>',
    '<style>.no { color: #fff }</style><a class="no" href="{{ links.unsubscribe }}">Stop</a>',
    '<a href="{{ links.unsubscribe }}"><span style="font-size:0">Stop</span></a>',
    '<a href="{{ links.unsubscribe }}"><img src="https://a.example/x.png" width="0" height="0" alt="Stop"></a>',
]
SEEN = [
    f'<p style="font-size:0"><span style="font-size:13px">{STOP}</span></p>',
    f'<table style="font-size:0px"><tr><td><div style="font:bold 13px/1.5 Arial">{STOP}</div></td></tr></table>',
    f'<p style="visibility:hidden"><span style="visibility:visible">{STOP}</span></p>',
    f'<p style="opacity:.8; line-height:0.5; font-size:0.8em">{STOP}</p>',
    f'<div style="max-width:600px;overflow:hidden;margin-left:-10px">{STOP}</div>',
    f'<p style="font-size:0">x<p>{STOP}',
    '<div style="background:#fff"><div style="background:#0f4a50"><a href="{{ links.unsubscribe }}" '
    'style="color:#fff">Stop</a></div></div>',
    '<p style="background:linear-gradient(red,#11f)">'
    '<a href="{{ links.unsubscribe }}" style="color:#fff">Stop</a>',
    '<table background="https://a.example/x.png"><tr><td style="color:#fff"><a href="{{ links.unsubscribe }}" '
    'style="color:inherit">Stop</a></td></tr></table>',
    '<div style="background:#000;color:#000"><a href="{{ links.unsubscribe }}" style="color:#ccc">Stop</a></div>',
    '<div style="background:#ddd"><a href="{{ links.unsubscribe }}" style="color:#777">Stop</a></div>',
]  # fmt: skip


def problems(html):
    files = a_letter(SHOWS + html, **{"hello/body.txt": FOOT})
    return [problem.problem for problem in check(files, "hello", ["email"])]


@pytest.mark.parametrize("html", HIDDEN)
def test_a_way_out_that_nobody_can_see_is_none_and_is_not_in_the_text(html):
    mail = written(a_letter(f"<body>{SHOWS}<i>{{{{ links.unsubscribe }}}}</i>{html}</body>"))

    assert problems(html) == [MISSING]
    assert "Stop" not in mail.text


@pytest.mark.parametrize("html", SEEN)
def test_a_way_out_that_is_seen_after_all_is_one_and_is_in_the_text(html):
    mail = written(a_letter(SHOWS + html))

    assert problems(html) == []
    assert "Stop: https://shop.example/u/sample-token" in mail.text


def test_what_a_layout_makes_small_a_block_or_a_macro_may_show_again():
    layout = (
        "{% macro big(t) %}<b style='font-size:14px'>{{ t }}</b>{% endmacro %}"
        "<div style='font-size:0'>{{ customer.country }}{{ big('Big') }}{% block b %}{% endblock %}</div>"
        f"{SHOWS}{STOP}"
    )
    html = "{% extends '_shared/l.html' %}{% block b %}<p style='font-size:14px'>Hello</p>{% endblock %}"

    mail = written(a_letter(html, **{"_shared/l.html": layout}))

    assert mail.text.startswith("Big\n\nHello\n\nLetter")


def test_a_layout_of_no_size_still_breaks_its_lines():
    html = '<div style="font-size:0"><p style="font-size:13px">one</p><p style="font-size:13px">two</p></div>'

    assert written(a_letter(f"{html}{SHOWS}{STOP}")).text.startswith("one\n\ntwo\n\nLetter")


def test_a_colour_that_cannot_be_told_hides_nothing():
    known = PAGE.within("p", {"style": "color:#fff"})

    assert known.unseen
    assert not known.within("p", {"style": "background:var(--dark)"}).unseen
    assert not known.within("p", {"style": "color:rgba(255,255,255,0.5)"}).unseen


@pytest.mark.slow
@pytest.mark.server
def test_a_browser_hides_and_shows_the_same(tmp_path: Path):
    """A word that is seen makes another picture than its like; nobody reads what is 1 px tall or almost white."""
    nearly = ("1px", "#FEFEFE")
    hidden = [html for html in HIDDEN if not any(word in html for word in nearly)]
    seen = [html for html in SEEN if "background=" not in html]  # its picture is not loaded

    with a_tab(tmp_path / "profile") as tab:
        told = {html: _differs(tab, tmp_path / "page.html", html) for html in (*hidden, *seen)}

    assert [html for html in hidden if told[html]] == []
    assert [html for html in seen if not told[html]] == []


def _differs(tab: Tab, page: Path, html: str) -> bool:
    pictures = []
    for word in ("Stop", "Quit"):
        page.write_text(html.replace("https://a.example/x.png", "").replace("Stop", word), encoding="utf-8")
        tab.open(page, width=600)
        pictures.append(tab.picture())
    return pictures[0] != pictures[1]
