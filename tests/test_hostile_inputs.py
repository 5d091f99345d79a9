"""Hostile names, addresses, templates and links, by their number in a list of them: each has one stated result.

What arrives over the wire stands in test_hostile_callbacks.py, campaign files and data files in
test_hostile_files.py, and where a link leads whatever a request says (75) in test_clicks.py.
"""

import time
import unicodedata

import pytest

from db.campaigns import check_file
from db.confined import asked, look
from db.settings import Settings
from flows.previewing import preview
from tests.test_templates import FOOT, a_message
from tests.workspaces import AS_OF, load
from winback.customers.contact import address_hash, normalise_email, normalise_phone
from winback.message.fields import samples
from winback.message.rendering import Email, RenderFailure, Sms, render
from winback.message.sms import sms_size
from winback.message.template import load as load_message
from winback.message.tokens import Signer

LETTER = {
    "hello/subject.txt": "For {{ customer.name|default('you') }}",
    "hello/body.html": f"<p title=\"{{{{ customer.name|default('you') }}}}\">Hi</p>{FOOT}",
    "hello/body.txt": f"Hi {{{{ customer.name|default('you') }}}}\n{FOOT}",
    "hello/sms.txt": "{{ customer.name|default('you') }}: Reply STOP to opt out",
}


def written(name, channel="email"):
    values = samples()
    groups = {group: values[group] for group in ("campaign", "links", "sender")}
    return render(load_message(LETTER, "hello"), channel, customer=values["customer"] | {"name": name}, **groups)


# --- 1-9, 21-23: names -------------------------------------------------------------------------------------------

NAMES = {
    1: ("{{7*7}}", "{{7*7}}"),
    2: ("{% raw %}", "{% raw %}"),
    3: ("<script>alert(1)</script>", "<script>alert(1)</script>"),
    4: ('O\'Neil "Bob" & Co', 'O\'Neil "Bob" & Co'),
    5: ("a\r\nBcc: evil@x", "a Bcc: evil@x"),
    6: ("Ann\u202eevil", "Annevil"),
    7: ("Ann\ud800", "Ann"),
    8: ("An\x00n", "Ann"),
    9: ("👩‍👩‍👧" * 40, "👩‍👩‍👧" * 40),
    22: (" \t ", "you"),
    23: ("null", "null"),
}


@pytest.mark.parametrize("number", NAMES)
def test_a_name_is_printed_as_text_and_nothing_else(number):
    name, shown = NAMES[number]

    mail, text = written(name), written(name, "sms")

    assert isinstance(mail, Email)
    assert isinstance(text, Sms)
    assert mail.subject == f"For {shown}"
    assert mail.text.startswith(f"Hi {shown}\n")
    assert "<script" not in mail.html
    assert mail.html.count('"') == 2
    for part in (mail.subject, mail.html, mail.text, text.text):
        part.encode()
        assert not [each for each in part if unicodedata.category(each) in {"Cc", "Cs"} and each != "\n"]


def test_a_name_of_a_megabyte_skips_its_message_with_the_reason():  # 21
    failed = written("x" * 2**20)

    assert isinstance(failed, RenderFailure)
    assert failed.field == "customer.name"
    assert len(failed.problem) < 200


@pytest.mark.parametrize("name", ["NaN", "None", "undefined"])  # 23
def test_a_word_that_means_nothing_to_a_program_is_a_name(name):
    mail = written(name)

    assert isinstance(mail, Email)
    assert mail.subject == f"For {name}"


# --- 10-20: addresses --------------------------------------------------------------------------------------------

EMAILS = {
    10: ("İAN@x.com", None),
    11: ("b@x.cn,c@x.cn", None),
    12: ("not-an-email", None),
    13: ("用户@例子.公司", None),
    14: ('"a b"@x.cn', None),
    15: ("A@X.cn", "a@x.cn"),
    16: ("a+tag@x.cn", "a+tag@x.cn"),
}
PHONES = {
    17: (("+86 138-0013 8000", "１３８00138000"), "+8613800138000"),
    18: (("+1 900 555 0100", "+1 (900) 555-0100"), None),
    19: (("10690", "12345"), None),
}


@pytest.mark.parametrize("number", EMAILS)
def test_an_address_is_one_that_can_be_written_to_or_none(number):
    text, address = EMAILS[number]

    assert normalise_email(text) == address


@pytest.mark.parametrize("number", PHONES)
def test_a_number_is_one_that_can_be_written_to_or_none(number):
    texts, found = PHONES[number]

    assert {normalise_phone(text, "CN") for text in texts} == {found}


@pytest.mark.slow
def test_two_customers_with_one_address_or_one_number_are_one_person(shop: Settings):  # 15, 20
    rows = [
        "1,A@X.example,,yes,",
        "2,a@x.example,,yes,",
        "3,,+8613800138000,,yes",
        "4,,138 0013 8000,,yes",
        "5,other@x.example,,yes,",
    ]
    load(shop, "customers", "customer_id,email,phone,email_consent,sms_consent,country\n" + "".join(
        f"{row},CN\n" for row in rows
    ))  # fmt: skip
    load(shop, "orders", "customer_id,order_id,ordered_at,amount\n" + "".join(
        f"{n},o{n},2025-10-0{n},5.00\n" for n in range(1, 6)
    ))  # fmt: skip

    found = preview(shop, "spring", AS_OF)

    assert found.reasons == {"same_contact": 2}
    assert found.worth.customers == 3
    assert address_hash("a@x.example") != address_hash("a+tag@x.example")


# --- 24-51: templates --------------------------------------------------------------------------------------------

TEMPLATES = {
    24: "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    25: "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    26: "{{ ''|attr('__class__') }}",
    27: "{{ ('{0.__class__}'|attr('format'))(1) }}",
    28: "{{ '{a.__class__}'.format_map({'a': 1}) }}",
    29: "{% set f = '{0.__class__}'.format %}{{ f(1) }}",
    30: "{{ customer.delete() }}",
    31: "{% for a in range(10**9) %}{% endfor %}",
    32: "{% set x = '" + "x" * 999 + "' %}{% for a in x %}{% for b in x %}.{% endfor %}{% endfor %}",
    33: "{{ 'a'|center(10**9) }}",
    34: "{{ '%1000000000d'|format(1) }}",
    35: "{{ [1]|batch(10**8, 'x')|list }}",
    36: "{{ [1]|slice(10**8)|list }}",
    37: "{{ ('a\\n' * 1000)|indent(10**6) }}",
    38: "{{ ('a ' * 9000000)|wordwrap(1) }}",
    39: "{{ 9**(9**9) }}",
    40: "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
    41: "{{ " + "(" * 2_000 + "1" + ")" * 2_000 + " }}",
    42: "{% include '/etc/passwd' %}{% include '../../.env' %}",
    43: "{{ nmae }}{{ nmae|default('x') }}",
    44: "<a href={{ links.unsubscribe }}>x</a>",
    45: "<a href=\"{{ customer.name }}\">x</a><a href=\"javascript:alert(1)\">y</a>",
    46: "{{ customer.name|safe }}",
}  # fmt: skip


@pytest.mark.parametrize("number", TEMPLATES)
def test_a_template_that_does_harm_is_refused_within_five_seconds(number):
    started = time.perf_counter()

    [found] = look((asked(a_message({"hello/body.html": TEMPLATES[number] + FOOT}), "hello", ["email"], ()),))

    assert found.problems
    assert {problem["file"] for problem in found.problems} == {"hello/body.html"}
    assert "root:" not in str(found.problems)
    assert time.perf_counter() - started < 5


def test_a_part_with_another_ending_is_no_unescaped_template():  # 47
    [found] = look((asked(a_message({"hello/body.html.j2": FOOT}), "hello", ["email"], ()),))

    assert [problem["nearest"] for problem in found.problems] == ["body.html"]


def test_a_subject_has_no_line_break_whatever_a_variable_holds():  # 48
    mail = written("Ann\r\n\u2028Bcc: evil@x.example")

    assert isinstance(mail, Email)
    assert mail.subject == "For Ann Bcc: evil@x.example"


@pytest.mark.parametrize(  # 49: 160 fit, then 153 a part; one emoji and it is 70, then 67
    ("text", "encoding", "segments"),
    [("a" * 1_600, "GSM-7", 11), ("a" * 160, "GSM-7", 1), ("a" * 159 + "🎷", "UCS-2", 3)],
)
def test_a_text_tells_its_segments(text, encoding, segments):
    size = sms_size(text)

    assert (size.encoding, size.segments) == (encoding, segments)


@pytest.mark.parametrize(
    "part",
    [
        {"hello/body.html": "<p>{{ links.unsubscribe }} {{ sender.name }}</p>"},
        {"hello/body.txt": "{{ sender.name }} {{ sender.postal_address }}"},
        {"hello/sms.txt": "【海港唱片】您好"},
        {"hello/sms.txt": "Hi"},
    ],
)
def test_what_the_law_asks_for_is_missed(part):  # 50
    [found] = look((asked(a_message(part), "hello", ["email", "sms"], ()),))

    assert len(found.problems) == 1


def test_a_template_that_is_not_utf_8_is_named(shop: Settings):  # 51
    (shop.templates / "hello" / "body.txt").write_bytes("您好".encode("gbk"))

    _, [problem] = check_file(shop, shop.campaigns / "spring.yaml")

    assert "body.txt:1: is not UTF-8 (byte 1)" in str(problem)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (b"Hello\nyou\n\0", "body.txt:3: holds the invisible character U+0000: take it out"),
        ("Hello\n您好".encode("gbk"), "body.txt:2: is not UTF-8 (byte 7)"),
    ],
)
def test_a_template_with_what_no_text_holds_is_named_with_its_line(shop: Settings, written: bytes, said: str):
    (shop.templates / "hello" / "body.txt").write_bytes(written)

    _, [problem] = check_file(shop, shop.campaigns / "spring.yaml")

    assert said in str(problem)


# --- 74, 76: links -----------------------------------------------------------------------------------------------


def test_a_spoiled_token_leads_nowhere():  # 74
    signer = Signer(["a salt for tests"])
    token = signer.click_tokens("k-1", [1])[0]
    other = signer.click_tokens("k-2", [1])[0]

    spoiled = [token[:-1], token[1:], token.replace("k-1", "k-2"), f"k-1{other[3:]}", token.swapcase(), ""]

    assert signer.read_click(token) == ("k-1", 1)
    assert [signer.read_click(each) for each in spoiled] == [None] * len(spoiled)


@pytest.mark.parametrize("address", ["//evil", "https:\\\\evil", "https://shop.example@evil"])  # 76
@pytest.mark.parametrize("hosts", [(), ("shop.example",)])
def test_an_address_in_disguise_is_refused(address, hosts):
    files = a_message({"hello/body.html": f'<a href="{address}">x</a>{FOOT}'})

    [found] = look((asked(files, "hello", ["email"], hosts),))

    assert ["known place" in problem["problem"] for problem in found.problems] == [True]


# --- injections --------------------------------------------------------------------------------------------------

OBJECTS = ["''", "[]", "{}", "1", "customer", "links", "self", "loop", "caller"]
STEPS = [".__class__", ".__init__.__globals__", "['__class__']", "|attr('__class__')", ".__class__.__mro__[1]"]
INJECTIONS = [f"{{{{ {thing}{step} }}}}" for thing in OBJECTS for step in STEPS] + [
    "{{ lipsum.__globals__['os'].system('touch /tmp/owned') }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ joiner.__init__.__builtins__.__import__('os').popen('id').read() }}",
    "{{ get_flashed_messages.__globals__ }}",
    "{{ config.items() }}",
    "{{ request.application.__globals__ }}",
    "{{ url_for.__globals__ }}",
    "{{ {'a': 1}|xmlattr }}",
    "{{ [customer]|map(attribute='__class__')|list }}",
    "{{ [1]|groupby('__class__') }}",
    "{{ customer.update({'name': 'x'}) }}",
    "{{ customer.pop('name') }}",
    "{{ customer.items() }}",
    "{{ ''.join }}",
    "{{ '%s'.__mod__(1) }}",
    "{{ ''['__cla' ~ 'ss__'] }}",
    "{% set customer.name = 'x' %}{{ customer.name }}",
    "{% import 'os' as os %}{{ os.system('id') }}",
    "{% from 'os' import system %}{{ system('id') }}",
    "{% extends '/etc/passwd' %}",
    "{% include ['/etc/passwd', '../.env'] %}",
    "{% debug %}",
    "{% do 1 %}",
    "{{ self._TemplateReference__context }}",
    "{{ self.__init__.__globals__ }}",
    "{{ (1).__class__.__base__.__subclasses__()[59]('/etc/passwd').read() }}",
    "{% for a in ().__class__.__base__.__subclasses__() %}{{ a }}{% endfor %}",
    "{{ '\\x5f\\x5fclass\\x5f\\x5f' }}{{ ''['\\x5f\\x5fclass\\x5f\\x5f'] }}",
    "{{ customer|tojson|safe }}",
    "{{ links.unsubscribe.__class__ }}",
]


def test_no_injection_does_anything():
    """As a template each is refused, as a customer's name it is printed; nothing is run, read or shown."""
    wanted = tuple(asked(a_message({"hello/subject.txt": each}), "hello", ["email"], ()) for each in INJECTIONS)

    found = look(wanted)

    assert len(INJECTIONS) >= 50
    assert [text for text, each in zip(INJECTIONS, found, strict=True) if not each.problems] == []
    told = str([each.problems for each in found])
    assert not [word for word in ("<class", "root:", "uid=", "<function", "<module") if word in told]


def test_as_a_name_an_injection_is_only_printed():
    for payload in INJECTIONS:
        mail = written(payload)
        assert isinstance(mail, Email)
        assert mail.subject == f"For {' '.join(payload.split())}"


def test_the_letter_of_these_tests_is_a_good_one():
    [found] = look((asked(LETTER, "hello", ["email", "sms"], ()),))

    assert found.problems == ()
