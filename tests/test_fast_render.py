"""The fast render gives what the plain one gives, whatever the template and whoever the customer."""

import time
from bisect import bisect_left
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from tests.random_templates import Writer, hostile_customers
from tests.test_render import GROWING, HOSTILE, LETTERS
from winback.errors import TemplateError
from winback.message.environment import FILTERS, MAX_CHARS, MAX_STEPS
from winback.message.flatten import PARENT, STEPS
from winback.message.formats import FORMATS
from winback.message.part import PURE
from winback.message.rendering import RenderFailure, render
from winback.message.specialise import prepare
from winback.message.template import environment, load
from winback.message.tracking import load_tracked

FOOT = "{{ links.unsubscribe }} {{ sender.postal_address }}"
CAMPAIGN = {"name": "Win <back> & more"}
SENDER = {"name": "Harbour", "postal_address": "1 Quay\nPort  X"}
CUSTOMERS = hostile_customers()
TEMPLATES = Path(__file__).parents[1] / "templates"


def a_message(**parts):
    """Files of the message ``hello``; parts by name (``html``), other files by path."""
    usual = {"hello/subject.txt": "Hello", "hello/body.html": f"<p>Hi</p> {FOOT}", "hello/body.txt": f"Hi {FOOT}"}
    names = {
        "subject": "hello/subject.txt",
        "html": "hello/body.html",
        "text": "hello/body.txt",
        "sms": "hello/sms.txt",
    }
    return usual | {names.get(name, name): text for name, text in parts.items()}


def compare(message, channel, customers, *, campaign=CAMPAIGN, sender=SENDER):
    """What was seen: ``parts`` compiled and those left ``plain``; ``rendered`` messages and ``needless`` failures.

    Fails unless each outcome is the plain one.
    """
    links = {name: f"https://shop.example/{name}?a=1&b=2" for name in message.links}
    prepared, seen, editions = prepare(message, channel, campaign=campaign, sender=sender), Counter(), []
    for customer in customers:
        locale = customer.get("locale")
        edition = prepared.edition(locale if isinstance(locale, str) else None)
        plain = render(message, channel, customer=customer, campaign=campaign, links=links, sender=sender)
        assert prepared(customer, links) == plain
        assert prepared(customer, {name: links[name] for name in edition.links}) == plain
        try:
            assert edition.quick(customer, links) == plain
        except Exception:
            seen["needless"] += not isinstance(plain, RenderFailure)
        seen["rendered"] += not isinstance(plain, RenderFailure)
        editions += [] if edition in editions else [edition]
    seen["parts"] = sum(len(edition.parts) for edition in editions)
    seen["plain"] = sum(not part.fast for edition in editions for part in edition.parts.values())
    return seen


# --- random messages ---------------------------------------------------------------------------------------------


def compare_random(examples, **how):
    """Compare ``examples`` random messages, each for seven customers on both channels; what was seen."""
    seen = Counter()

    @settings(max_examples=examples, **how)
    @given(st.integers(0, 10**9))
    def each(seed):
        writer = Writer(seed)
        note(f"Writer({seed})")
        message = load_tracked(writer.message(), "hello")
        customers = [*writer.random.sample(CUSTOMERS[:-4], 6), writer.random.choice(CUSTOMERS[-4:])]
        for channel in ("email", "sms"):
            seen.update(compare(message, channel, customers))

    each()
    return seen


# "perhaps you missed a comma?": 1[0] is written on purpose
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@pytest.mark.parametrize(
    ("examples", "how"), [(15, {"derandomize": True}), pytest.param(25, {}, marks=pytest.mark.slow)], ids=str
)
def test_random_messages_are_rendered_as_the_plain_render_does(examples, how):
    seen = compare_random(examples, **how)

    assert seen["rendered"] > examples
    assert seen["needless"] == 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_hardly_any_random_message_needs_the_plain_render():
    messages = [load_tracked(Writer(seed).message(), "hello") for seed in range(200)]

    fast = [
        part.fast
        for message in messages
        for channel in ("email", "sms")
        for part in prepare(message, channel, campaign=CAMPAIGN, sender=SENDER).edition("en").parts.values()
    ]

    assert len(fast) == 800
    assert fast.count(False) <= 0.05 * len(fast)


def shop_files():
    return {str(path.relative_to(TEMPLATES)): path.read_text("utf-8") for path in TEMPLATES.rglob("*.*")}


@pytest.mark.parametrize("load_it", [load, load_tracked])
@pytest.mark.parametrize("channel", ["email", "sms"])
@pytest.mark.parametrize("name", sorted({path.parent.name for path in TEMPLATES.glob("*/*.txt")} - {"_shared"}))
def test_every_message_of_ours_is_rendered_fast_in_every_language(name, channel, load_it):
    message = load_it(shop_files(), name)
    customers = [
        customer | {"locale": locale}
        for customer in CUSTOMERS
        for locale in ("en-GB", "en-US", "zh-CN", "zh", "de", None)
    ]

    seen = compare(message, channel, customers)

    assert seen["rendered"] > 100
    assert (seen["plain"], seen["needless"]) == (0, 0)


# --- what could differ -------------------------------------------------------------------------------------------

BASE = "_shared/base.txt"
TRICKY = {
    "a block sees nothing of the loop around it": {
        "text": '{% extends "_shared/base.txt" %}{% block b %}{{ x|default("none") }}{% endblock %}',
        BASE: "{% for x in 'ab' %}{% block b %}{% endblock %}{% endfor %}" + FOOT,
    },
    "a block sees nothing of the loop around it, that a piece there sees": {
        "text": '{% extends "_shared/base.txt" %}{% block b %}{{ x|default("none") }}{% endblock %}',
        BASE: "{% for x in 'ab' %}{% include '_shared/q.txt' %}{% block b %}{% endblock %}{% endfor %}" + FOOT,
        "_shared/q.txt": "{% block z %}{{ x|default('none') }}{% endblock %}{{ self.z() }}",
    },
    "a piece in a block sees nothing of the loop around that, which a piece there sees": {
        "text": '{% extends "_shared/base.txt" %}{% block b %}{% include "_shared/q.txt" %}{% endblock %}',
        BASE: "{% for x in 'ab' %}{% include '_shared/q.txt' %}{% block b %}{% endblock %}{% endfor %}" + FOOT,
        "_shared/q.txt": "{% block z %}{{ x|default('none') }}{% endblock %}{{ self.z() }}",
    },
    "a block sees no counter of the loop around it": {
        "text": '{% extends "_shared/base.txt" %}{% block b %}{{ loop|default("none") }}{% endblock %}',
        BASE: "{% for x in 'ab' %}{% block b %}{% endblock %}{{ loop.index }}{% endfor %}" + FOOT,
    },
    "a block in a block sees nothing of what that sets": {
        "text": "{% block a %}{% set x = 1 %}{% block b %}{{ x|default('none') }}{% endblock %}"
        "{{ x }}{% endblock %}"
        + FOOT,
    },
    "a block sees what its file set before, and later values later": {
        "text": '{% set x = 1 %}{% extends "_shared/base.txt" %}'
        "{% block b %}{{ x }}{% set x = x + 1 %}{{ x }}{% endblock %}",
        BASE: "{% block b %}{% endblock %}{{ x }}{% set x = 7 %}{% block c %}{{ x }}{% endblock %}" + FOOT,
    },
    "a name is made after a loop reads it": {
        "text": '{% set x = 1 %}{% extends "_shared/base.txt" %}'
        "{% block b %}{% for i in 'a' %}{{ x|default('none') }}{% endfor %}{% set x = 2 %}{{ x }}{% endblock %}",
        BASE: "{% block b %}{% endblock %}" + FOOT,
    },
    "a macro of the child reads what the child set, not what the layout set": {
        "text": '{% extends "_shared/base.txt" %}{% set x = 1 %}{% macro m() %}{{ x }}{% endmacro %}'
        "{% block b %}{{ m() }}{% endblock %}",
        BASE: "{% set x = 2 %}{% block b %}{% endblock %}" + FOOT,
    },
    "what a parent's block sets is its own": {
        "text": '{% extends "_shared/base.txt" %}'
        "{% block b %}{% set x = 1 %}{{ super() }}{{ x }}{{ super() }}{% endblock %}",
        BASE: "{% block b %}{{ x|default('none') }}{% set x = 5 %}{% endblock %}" + FOOT,
    },
    "a parent's block is said twice, over two layouts": {
        "text": '{% extends "_shared/mid.txt" %}{% block b %}C{{ super() }}{{- super() }}{% endblock %}',
        "_shared/mid.txt": '{% extends "_shared/base.txt" %}{% block b %}M {{ super() }} M{% endblock %}',
        BASE: "{% block b %}<{{ customer.orders }}>{% endblock %}" + FOOT,
    },
    "a file prints before it extends": {
        "text": 'Before {{ customer.orders }}{% extends "_shared/base.txt" %}After',
        BASE: "Base " + FOOT,
    },
    "a piece is printed by a file that extends": {
        "text": '{% extends "_shared/base.txt" %}{% include "_shared/p.txt" %}',
        BASE: "Base " + FOOT,
        "_shared/p.txt": "Piece",
    },
    "a piece sees the loop around it, but not its counter": {
        "text": '{% for x in [1, 2] %}{% include "_shared/p.txt" %}{% endfor %}' + FOOT,
        "_shared/p.txt": "{{ x }}{{ loop|default('none') }}",
    },
    "a piece keeps to itself what it sets": {
        "text": '{% set x = 1 %}{% include "_shared/p.txt" %}{{ x }}{{ y|default("none") }}' + FOOT,
        "_shared/p.txt": "{{ x }}{% set x = 2 %}{% set y = 3 %}{{ x }}{{ y }}",
    },
    "a piece comes before its caller gives the customer another meaning": {
        "text": '{% include "_shared/p.txt" %}{% set customer = {"name": "x"} %}{{ customer.name }}' + FOOT,
        "_shared/p.txt": "{% set x = 1 %}{{ customer.orders|default('none') }}{{ x }}",
    },
    "a piece reads what only a piece that stays can see": {
        "text": '{% set x = 4 %}{% include "_shared/p.txt" %}' + FOOT,
        "_shared/p.txt": '{% set y = 5 %}{% for i in "a" %}{% include "_shared/q.txt" %}{% endfor %}',
        "_shared/q.txt": "{% block z %}{{ x }}{{ y }}{{ i }}{{ loop|default('none') }}{% endblock %}"
        "{{ self.z() }}",
    },
    "a piece reads a name that the block makes only later": {
        "text": '{% set x = 1 %}{% extends "_shared/base.txt" %}'
        "{% block b %}{% include '_shared/p.txt' %}{% set x = 2 %}{% include '_shared/p.txt' %}{% endblock %}",
        BASE: "{% block b %}{% endblock %}" + FOOT,
        "_shared/p.txt": "{{ x|default('none') }}",
    },
    "a piece reads a name that the loop around it makes only later": {
        "text": "{% set y = 1 %}{% include '_shared/p.txt' %}" + FOOT,
        "_shared/p.txt": "{% for i in 'ab' %}{% include '_shared/q.txt' %}{% set y = i %}{% endfor %}",
        "_shared/q.txt": "{{ y|default('none') }}",
    },
    "a piece makes a name only after a piece and a loop of its own have read it": {
        "text": "{% set x = 1 %}{% include '_shared/p.txt' %}" + FOOT,
        "_shared/p.txt": "{% include '_shared/q.txt' %}{% for i in 'a' %}{{ x|default('none') }}{% endfor %}"
        "{% set x = 2 %}",
        "_shared/q.txt": "{{ x|default('none') }}",
    },
    "a block makes a name only after a piece and a loop of its own have read it": {
        "text": "{% set x = 1 %}{% block b %}{% include '_shared/q.txt' %}"
        "{% for i in 'a' %}{{ x|default('none') }}{% endfor %}{% set x = 2 %}{% endblock %}" + FOOT,
        "_shared/q.txt": "{{ x|default('none') }}",
    },
    "a loop makes a name only after a loop in it has read it, and another loop reads it first": {
        "text": '{% set x = 1 %}{% extends "_shared/base.txt" %}{% block b %}'
        "{% for i in 'a' %}{{ x|default('none') }}{% set x = 5 %}{% endfor %}"
        "{% for i in 'a' %}{% for j in 'b' %}{{ x|default('none') }}{% endfor %}{% set x = 6 %}{% endfor %}"
        "{% endblock %}",
        BASE: "{% block b %}{% endblock %}" + FOOT,
    },
    "a piece in a macro mentions its caller": {
        "text": '{% macro m() %}{% include "_shared/p.txt" %}{% endmacro %}{% call m() %}x{% endcall %}' + FOOT,
        "_shared/p.txt": "{% macro n() %}{{ caller() }}{% endmacro %}{% call n() %}inner{% endcall %}",
    },
    "an imported macro sees its own file": {
        "text": '{% set helper = 1 %}{% from "_shared/m.txt" import m as n %}{{ n("<a>") }}{{ helper }}' + FOOT,
        "_shared/m.txt": "{% macro helper(x) %}[{{ x }}]{% endmacro %}"
        "{% macro m(x) %}{{ helper(x=x) }}{% endmacro %}",
    },
    "an imported macro reads a name of its file": {
        "text": '{% set x = 1 %}{% from "_shared/m.txt" import m %}{{ m() }}' + FOOT,
        "_shared/m.txt": "{% set x = 2 %}{% macro m() %}{{ x }}{% endmacro %}",
    },
    "an imported macro reads a name of who imports it, as it was then": {
        "text": '{% set x = 1 %}{% from "_shared/m.txt" import m %}{% set x = 2 %}{{ m() }}' + FOOT,
        "_shared/m.txt": "{% macro m() %}{{ x }}{% endmacro %}",
    },
    "an imported macro reads a group that gets another meaning after it": {
        "text": '{% from "_shared/m.txt" import m %}{% set customer = {"orders": 9} %}{{ m() }}' + FOOT,
        "_shared/m.txt": "{% macro m() %}{{ customer.orders|default('none') }}{% endmacro %}",
    },
    "a macro's argument is named by the call": {
        "text": '{% include "_shared/p.txt" %}' + FOOT,
        "_shared/p.txt": "{% macro m(x, y='<') %}{{ x }}{{ y }}{% endmacro %}{{ m(y='>', x=customer.orders) }}",
    },
    "a macro's argument is called like the loop around it, and named by the call": {
        "text": "{% block b %}{% for x in 'ab' %}{% macro m(x) %}{{ x }}{% endmacro %}"
        "{{ m(x='c') }}{{ x }}{% endfor %}{% endblock %}" + FOOT,
    },
    "a macro's argument is called like a macro, and named by the call": {
        "text": '{% from "_shared/m.txt" import m %}{{ m(n="x") }}' + FOOT,
        "_shared/m.txt": "{% macro n() %}n{% endmacro %}{% macro m(n) %}{{ n }}{% endmacro %}",
    },
    "a layout gives a group another meaning after a block": {
        "text": '{% extends "_shared/base.txt" %}'
        "{% block b %}{{ customer.orders if customer is defined else 'none' }}{% endblock %}",
        BASE: "{% block b %}{% endblock %}{% set customer = {'orders': 9} %}"
        "{% block c %}{{ customer.orders }}{% endblock %}" + FOOT,
    },
    "names of the groups have another meaning in a loop, a with, a macro and a block": {
        "text": "{% for customer in ['a'] %}{{ customer }}{% endfor %}"
        "{% with sender = 's' %}{{ sender }}{% endwith %}"
        "{% macro m(campaign) %}{{ campaign }}{% endmacro %}{{ m('c') }}{{ customer.orders }}{{ campaign.name }}"
        "{% block b %}{% set links = {'unsubscribe': 1} %}{{ links.unsubscribe }}{% endblock %}"
        + FOOT,
    },
    "the language is another one from here on": {
        "text": "{{ customer.last_order_on|date }}{% set message = {'language': 'de'} %}"
        "{{ customer.last_order_on|date }}{{ 1234.5|number(1) }}" + FOOT,
    },
    "yes, no and nothing are printed": {
        "html": "{{ campaign.name == 'x' }}" + FOOT,
    },
    "a control character is written as an escape": {
        "subject": "{{ ['a\\u2028b', 'c'][0] }}",
        "text": "{{ '\\u202e' ~ 'a' }}{{ ('x\\u2028y', 1)[0] }}" + FOOT,
        "html": "{{ {'a': 'x\\u2028y'}.a }}" + FOOT,
    },
    "a part comes out empty for some": {
        "subject": "{{ customer.name|default('') }}",
    },
    "a subject's names are no other part's": {
        "subject": "{% set x = 1 %}{{ x }}",
        "text": "{{ x|default('none') }}" + FOOT,
    },
    "loops over what is written there": {
        "text": "{% for x in [1, 2.5, '<', none] %}{{ loop.index0 }}{{ loop.revindex }}"
        "{% if x is none %}-{% endif %}{% if not loop.last %},{% endif %}"
        "{% for y, z in [('a', 1), ('b', 2)] %}{{ y }}{{ z }}{{ loop.first ~ '' }}{% endfor %}"
        "{% set w = x %}{{ w if w is number else '!' }}{% else %}none{% endfor %}"
        "{% for x in [] %}{% else %}nothing{% endfor %}"
        "{% for x in [1, 2, 3] if x > 1 %}{{ loop.index }}{% endfor %}"
        "{% for x in [{'a': '<b>', 'n': 2}, {'a': none}] %}{{ x.a if x.a else '-' }}{% endfor %}"
        "{% for x in [{'n': 2}, {}] %}{{ x['n']|default(0) }}{% endfor %}"
        "{{ x|default('gone') }}" + FOOT,
        "html": "{% for x in ['<', campaign.name] %}{{ x }}{{ x ~ '>' }}{{ customer.name|default(x) }}{% endfor %}"
        + FOOT,
    },
    "a decision that is known, one that is not, and one after it": {
        "text": "{% if campaign.name %}A{% else %}{{ nothing }}{% endif %}{% if sender.name == 'x' %}{{ nothing }}"
        "{% elif customer.orders > 1 %}B{% else %}C{% endif %}"
        "{% if customer.name %}D{% elif campaign.name %}E{% endif %}" + FOOT,
    },
    "a macro that calls itself": {
        "text": "{% macro m(n) %}{{ n }}{% if n > 0 %}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(3) }}" + FOOT,
    },
    "a block stands in a block of the same name, by way of the layout": {
        "text": '{% extends "_shared/base.txt" %}'
        "{% block b %}{% block a %}x{{ super() }}{% endblock %}{% endblock %}",
        BASE: "{% block a %}A{% block b %}B{% endblock %}{% endblock %}" + FOOT,
    },
    "a block must be there, and is not": {
        "text": '{% extends "_shared/base.txt" %}',
        BASE: "{% block a required %}{% endblock %}" + FOOT,
    },
    "a block that sees the scopes around it": {
        "text": "{% for x in 'ab' %}{% block a scoped %}{{ x }}{{ loop.index }}{% endblock %}{% endfor %}" + FOOT,
    },
    "a block is said again": {
        "text": "{% block a %}{{ customer.orders }}{% endblock %}{{ self.a() }}" + FOOT,
    },
    "what a block imports from a file that is no list of macros": {
        "text": "{% block a %}{% from '_shared/m.txt' import m, m as n %}{% import '_shared/m.txt' as p %}"
        "{{ m('a') ~ n('b') ~ p.m('c') }}{{ 'yes' if m is defined and p is defined else 'no' }}{% endblock %}"
        + FOOT,
        "_shared/m.txt": "{% set x = 1 %}{% macro m(y) %}{{ x }}{{ y }}{% endmacro %}",
    },
    "names as new ones are made": {
        "text": "{% set x__1 = 1 %}{% include '_shared/p.txt' %}{{ x__1 }}" + FOOT,
        "_shared/p.txt": "{% set x = 2 %}{{ x }}{{ x__1 }}",
    },
}  # fmt: skip


@pytest.mark.parametrize("parts", TRICKY.values(), ids=TRICKY.keys())
def test_the_fast_render_is_not_led_astray(parts):
    seen = compare(load(a_message(**parts), "hello"), "email", CUSTOMERS)

    assert seen["needless"] == 0  # and each outcome is the plain one


ADDRESSES = [
    {"postal_address": address}
    for address in ("1 Quay", " 1 Quay", "1 Quay\n", "a", "<", "", None, 5, "x" * 2_001)
]


@pytest.mark.parametrize("sender", ADDRESSES, ids=str)
@pytest.mark.parametrize(
    "end", [FOOT, "{{ sender.postal_address }}", "{{ links.unsubscribe }}", "", "1 Quay &lt;"]
)
@pytest.mark.parametrize("part", ["html", "text"])
def test_nobody_is_written_to_without_the_senders_address_and_the_way_out(part, end, sender):
    seen = Counter()
    for shown in (end, f"{{% if customer.name %}}{end}{{% endif %}}", f"{{% for x in [1] %}}{end}{{% endfor %}}"):
        message = load(a_message(**{part: f"Hi {shown}"}), "hello")
        seen.update(compare(message, "email", [*CUSTOMERS[:3], {"name": None}], sender=sender))

    assert seen["needless"] == 0  # and each outcome is the plain one


@pytest.mark.parametrize(
    "campaign", [{}, {"name": None}, {"name": "  "}, {"name": "x" * 2_001}, {"name": object()}]
)
def test_a_campaign_without_a_name_is_rendered_as_far_as_it_can_be(campaign):
    seen = Counter()
    for subject in ("Hello", "{{ campaign.name }}", "{{ campaign.name|default('x') }}"):
        message = load(a_message(subject=subject), "hello")
        seen.update(compare(message, "email", CUSTOMERS[:3], campaign=campaign))

    assert seen["needless"] == 0  # and each outcome is the plain one


# --- the budget --------------------------------------------------------------------------------------------------

PIECES = {
    "_shared/p.txt": "{{ customer.name }}{% for x in 'ab' %}{% endfor %}",
    "_shared/m.txt": "{% macro m(a='') %}{{ a }}{{ caller() if caller is defined else '' }}{% endmacro %}",
    BASE: "{% block a %}{% for x in 'ab' %}{{ customer.name }}{% endfor %}{% endblock %}" + FOOT,
}
SPENDING = {
    "nothing": "",
    "loops": "{% for x in [1, 2] %}{% for y in customer.name %}{{ y }}{% endfor %}{% endfor %}",
    "unrolled loops": "{% for x in [1, 2] %}{% for y in ['a', 'b'] %}{{ x }}{{ y ~ y }}{% endfor %}{% endfor %}",
    "pieces": "{% include '_shared/p.txt' %}{% for x in 'abc' %}{% include '_shared/p.txt' %}{% endfor %}",
    "macros": "{% from '_shared/m.txt' import m %}"
    "{% for x in 'ab' %}{{ m('c') }}{% call m() %}x{% endcall %}{% endfor %}",
    "a parent's block": "{% extends '_shared/base.txt' %}{% block a %}{{ super() }}{{ super() }}{% endblock %}",
    "texts joined": "{{ (customer.name ~ 'a')|length }}{{ campaign.name ~ sender.name }}{{ 'a' ~ 'b' }}",
    "texts added": "{{ (customer.name + 'a')|length }}{{ campaign.name + sender.name }}{{ 'a' + 'b' }}",
    "texts kept": "{% set x %}{{ customer.name }}{% endset %}{{ x|length }}{{ campaign.name }}",
    "texts filtered": "{% filter trim %}   {{ customer.name }}   {% endfilter %}",
}


def with_steps(taken):
    """HTML that takes so many steps, 200 or more."""
    hundreds, ones = divmod(taken - 100, 100)
    fill = f"{{% for a in '{'a' * 100}' %}}{{% for b in '{'b' * hundreds}' %}}{{% endfor %}}{{% endfor %}}"
    return fill + f"{{% for c in '{'c' * ones}' %}}{{% endfor %}}" + FOOT


def with_characters(taken):
    """HTML that joins so many characters beside what it prints."""
    thousands, ones = divmod(taken, 50_000)
    names = f"{{% set t = '{'x' * 50_000}' %}}{{% set u = '{'x' * ones}' %}}"
    return names + "{% if t ~ '' %}{% endif %}" * thousands + "{% if u ~ '' %}{% endif %}" + FOOT


@pytest.mark.parametrize(("fill", "limit"), [(with_steps, MAX_STEPS), (with_characters, MAX_CHARS)])
@pytest.mark.parametrize("template", SPENDING.values(), ids=SPENDING.keys())
def test_the_fast_render_spends_the_same_to_the_last(template, fill, limit):
    """HTML fills what the text leaves of the budget to the last step or character, and one more."""

    def message(more):
        return load(a_message(html=fill(more), text=template + FOOT, **PIECES), "hello")

    def fits(more):
        return compare(message(more), "email", CUSTOMERS[:1])["rendered"]

    most = bisect_left(range(limit + 2), 1, lo=limit - 1_000, key=lambda more: 1 - fits(more)) - 1

    assert [fits(most - 1), fits(most), fits(most + 1)] == [1, 1, 0]


# --- the rest ----------------------------------------------------------------------------------------------------


def test_every_filter_is_declared_to_be_pure():
    """A filter that is not would be worked out once for all customers."""
    known = set(environment({}, "hello", "", "body.html").filters)

    assert known == {*FILTERS, *FORMATS, "_joined", "_counted"}
    assert known | {STEPS, PARENT} == PURE


def test_a_language_is_compiled_once():
    prepared = prepare(load(a_message(), "hello"), "email", campaign=CAMPAIGN, sender=SENDER)

    assert prepared.edition("en-GB") is prepared.edition("en-GB")
    assert prepared.edition("de-DE") is prepared.edition(None)
    assert prepared.edition("en-US") is not prepared.edition("en-GB")


def test_only_the_links_that_a_letter_reads_are_asked_for():
    files = a_message(html=f'<a href="https://a.example/">a</a>{FOOT}', **{"hello/body.zh.txt": FOOT})
    files |= {"hello/body.zh.html": f'<a href="https://b.example/">b</a>{FOOT}', "hello/subject.zh.txt": "b"}
    prepared = prepare(load_tracked(files, "hello"), "email", campaign=CAMPAIGN, sender=SENDER)

    assert prepared.edition("en").links == ("unsubscribe", "click1")
    assert prepared.edition("zh").links == ("unsubscribe", "click2")


def test_a_channel_without_parts_says_so():
    result = prepare(load(a_message(), "hello"), "sms", campaign=CAMPAIGN, sender=SENDER)(CUSTOMERS[0], {})

    assert "no sms parts" in result.problem


def test_many_threads_do_not_mix_what_they_render():
    text = "{% for x in 'abc' %}{{ customer.name }}{% set y = customer.name %}{{ y }}{% endfor %}" + FOOT
    prepared = prepare(load(a_message(text=text), "hello"), "email", campaign=CAMPAIGN, sender=SENDER)
    links = {"unsubscribe": "https://shop.example/u"}

    with ThreadPoolExecutor(8) as pool:
        mails = list(pool.map(lambda n: prepared(CUSTOMERS[0] | {"name": f"n{n}"}, links), range(200)))

    assert [mail.text.split(" ")[0] for mail in mails] == [f"n{n}" * 6 + links["unsubscribe"] for n in range(200)]


@pytest.mark.parametrize("template", [*HOSTILE.values(), *GROWING.values()], ids=[*HOSTILE, *GROWING])
def test_a_hostile_template_is_refused_as_by_the_plain_render(template):
    try:
        message = load(
            a_message(text=template.replace("L", LETTERS) + FOOT, **{"other/subject.txt": "x"}), "hello"
        )
    except TemplateError:
        return  # not even loaded
    started = time.perf_counter()

    compare(message, "email", CUSTOMERS[:1])

    assert time.perf_counter() - started < 5


GREAT = "{% for a in [1, 2, 3, 4, 5, 6, 7, 8, 9] %}" * 5 + "x" * 1_000 + "{% endfor %}" * 5
HUGE = {
    "pieces that double": {
        "text": "{% include '_shared/p0.txt' %}" + FOOT,
        **{f"_shared/p{n}.txt": f"{{% include '_shared/p{n + 1}.txt' %}}" * 2 for n in range(30)},
        "_shared/p30.txt": "x",
    },
    "a large piece again and again": {
        "text": "{% include '_shared/p.txt' %}" * 2_000 + FOOT,
        "_shared/p.txt": "{% if customer.name %}{{ customer.name }}{% endif %}" * 2_000,
    },
    "loops that multiply": {"text": GREAT + FOOT},
}


@pytest.mark.parametrize("parts", HUGE.values(), ids=HUGE.keys())
def test_what_would_grow_without_end_when_put_together_is_left_as_it_is(parts):
    prepared = prepare(load(a_message(**parts), "hello"), "email", campaign=CAMPAIGN, sender=SENDER)
    started = time.process_time()

    prepared.edition("en-GB")

    assert time.process_time() - started < 20
