"""One customer's message: what is printed, what is never printed, and what a hostile template or name can do."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup, escape

from winback.errors import TemplateError
from winback.message.cleaning import clean_line, clean_text, is_safe_line
from winback.message.fields import CUSTOMER_FIELDS, NAMES
from winback.message.languages import candidates, choose
from winback.message.rendering import Email, RenderFailure, Sms, render
from winback.message.sms import Encoding, sms_size
from winback.message.template import load

FOOT = "{{ links.unsubscribe }} {{ sender.postal_address }}"
LINK = "https://shop.example/u/token"
ADDRESS = "1 Quay Lane, Port Example"


def a_message(**parts):
    """Files of the message ``hello``; parts by name (``body_html``), other files by path."""
    usual = {"hello/subject.txt": "Hello", "hello/body.html": f"<p>Hi</p> {FOOT}", "hello/body.txt": f"Hi {FOOT}"}
    usual |= {"hello/sms.txt": "Hi. Reply STOP to opt out"}
    names = {
        "subject": "hello/subject.txt",
        "html": "hello/body.html",
        "text": "hello/body.txt",
        "sms": "hello/sms.txt",
    }
    return usual | {names.get(name, name): text for name, text in parts.items()}


def a_customer(**changes):
    usual = {"name": "Ada Quill", "locale": "en-GB", "country": "GB", "orders": 4}
    return usual | {"last_order_on": date(2025, 3, 14), "days_since_order": 98} | changes


def rendered(files, channel="email", **customer):
    return render(
        load(files, "hello"),
        channel,
        customer=a_customer(**customer),
        campaign={"name": "Spring"},
        links={"unsubscribe": LINK},
        sender={"name": "Harbour Records", "postal_address": ADDRESS},
    )


def subject(template, **customer):
    """The subject, or the failure, of a message with this subject template."""
    result = rendered(a_message(subject=template), **customer)
    return result.subject if isinstance(result, Email) else result


def test_a_customers_values_are_printed():
    assert subject("{{ customer.name }} has {{ customer.orders }} orders") == "Ada Quill has 4 orders"


def test_the_three_parts_of_a_mail_and_an_sms_come_from_their_files():
    files = a_message(subject="S", html=f"<b>H</b>{FOOT}", text=f"T {FOOT}", sms="Hi {{ customer.name }}")

    mail, sms = rendered(files), rendered(files, "sms")

    assert mail == Email(
        language="en-GB", subject="S", html=f"<b>H</b>{LINK} {ADDRESS}", text=f"T {LINK} {ADDRESS}\n"
    )
    assert isinstance(sms, Sms)
    assert sms.text == "Hi Ada Quill"
    assert sms.size == sms_size("Hi Ada Quill")


def test_html_is_escaped_and_text_is_not_whatever_a_file_is_called():
    name = '<script>alert(1)</script> O\'Neil "Bob" & Co'
    files = a_message(
        html=f"{{% include '_shared/piece.html.j2' %}} {FOOT}", text=f"{{{{ customer.name }}}} {FOOT}"
    )

    mail = rendered(files | {"_shared/piece.html.j2": "<i>{{ customer.name }}</i>"}, name=name)

    assert f"<i>{escape(name)}</i>" in mail.html
    assert "<script" not in mail.html
    assert name in mail.text


@pytest.mark.parametrize(
    "name", ["{{7*7}}", "{% raw %}", "{# note #}", "{{ customer.orders }}", "null", "NaN", "None"]
)
def test_a_name_that_looks_like_template_code_is_printed_as_it_is(name):
    assert subject("{{ customer.name }}", name=name) == name


def test_markup_given_as_a_value_is_escaped_like_any_text():
    mail = rendered(a_message(html=f"{{{{ customer.name }}}} {FOOT}"), name=Markup("<b>x</b>"))

    assert mail.html.startswith("&lt;b&gt;x&lt;/b&gt;")


@pytest.mark.parametrize(
    ("given_name", "printed"),
    [
        ("a\r\nBcc: evil@x.example", "a Bcc: evil@x.example"),
        ("ada\u202egnp.exe", "adagnp.exe"),
        ("a\u2066b\u2069", "ab"),
        ("a\0b", "ab"),
        ("a\ud800b", "ab"),
        ("a\u2028b\u0085c", "a b c"),
        ("  Ada   Quill\t", "Ada Quill"),
        ("👩‍👩‍👧", "👩‍👩‍👧"),
        ("İpek", "İpek"),
    ],
)
def test_a_name_is_one_clean_line_in_every_part(given_name, printed):
    bodies = {"subject": "{{ customer.name }}", "sms": "{{ customer.name }}"}
    files = a_message(**bodies, html=f"{{{{ customer.name }}}}|{FOOT}", text=f"{{{{ customer.name }}}}|{FOOT}")

    mail, sms = rendered(files, name=given_name), rendered(files, "sms", name=given_name)

    assert mail.subject == printed
    assert mail.html.split("|")[0] == printed
    assert mail.text.split("|")[0] == printed
    assert sms.text == printed
    (mail.subject + mail.html + mail.text + sms.text).encode()


def test_a_subject_is_one_line_even_when_the_template_has_several():
    assert subject("Hello\n  {{ customer.name }}\n") == "Hello Ada Quill"


def test_control_characters_a_template_writes_itself_are_removed():
    files = a_message(subject='a{{ "\\r\\nBcc: x" }}', text='a{{ "\\u202e\\x00" }}b ' + FOOT)

    mail = rendered(files)

    assert mail.subject == "a Bcc: x"
    assert mail.text.startswith("ab ")


@given(st.text(min_size=1, max_size=50))
def test_any_name_at_all_is_printed_cleaned_or_counted_as_missing(name):
    files = a_message(subject="({{ customer.name }})", html=f"{{{{ customer.name }}}}|{FOOT}")

    mail = rendered(files, name=name)

    if not clean_line(name):
        assert mail.field == "customer.name"
    else:
        assert mail.subject == f"({clean_line(name)})"
        assert mail.html.startswith(f"{escape(clean_line(name))}|")


@given(st.text())
def test_cleaning_leaves_nothing_unsafe_and_changes_nothing_twice(text):
    line, several = clean_line(text), clean_text(text)

    assert is_safe_line(line)
    assert "\r" not in several
    assert all(is_safe_line(part) for part in several.replace("\t", "").split("\n"))
    assert (clean_line(line), clean_text(several)) == (line, several)
    line.encode()


# --- what is missing ---------------------------------------------------------------------------------------------

PRINTING = [
    "{{ customer.name }}",
    "{{ customer['name'] }}",
    "{{ customer.name|upper }}",
    "{{ customer.name|title|trim }}",
    "{{ customer.name|e }}",
    "{{ customer.name|truncate(5) }}",
    "{{ 'Dear ' ~ customer.name }}",
    "{{ 'Dear ' + customer.name }}",
    "{% set who = customer.name %}Dear {{ who }}",
    "{% for letter in customer.name %}{{ letter }}{% endfor %}",
    "{{ customer.name|length }}",
    "{% if customer.name > 'A' %}x{% endif %}y",
    "{% if 'A' in customer.name %}x{% endif %}y",
    "{{ customer.name[0] }}",
    "{% macro hi(who) %}{{ who }}{% endmacro %}{{ hi(customer.name) }}",
]


@pytest.mark.parametrize("template", PRINTING)
@pytest.mark.parametrize("missing", [None, "", " \t "])
def test_a_missing_value_skips_the_message_and_names_the_field(template, missing):
    failure = subject(f"Hello\n{template}", name=missing)

    assert isinstance(failure, RenderFailure)
    assert failure.reason == "render_error"
    assert (failure.file, failure.line, failure.field) == ("hello/subject.txt", 2, "customer.name")


@pytest.mark.parametrize(
    ("template", "printed"),
    [
        ("{% if customer.name %}Dear {{ customer.name }}{% else %}Hello{% endif %}", "Hello"),
        ("{{ customer.name|default('friend') }}", "friend"),
        ("{{ 'friend' if not customer.name else customer.name }}", "friend"),
        ("{{ 'friend' if customer.name is none else customer.name }}", "friend"),
        ("{{ 'friend' if customer.name == none else customer.name }}", "friend"),
        ("{{ customer.name if customer.name is defined else 'friend' }}", "friend"),
        ("{{ 'friend' if customer.name != 'Ada' else 'Ada' }}", "friend"),
    ],
)
def test_a_template_can_say_what_to_do_without_a_name(template, printed):
    assert subject(template, name=None) == printed


def test_a_field_the_caller_left_out_is_missing_like_one_without_a_value():
    message = load(a_message(subject="{{ customer.last_order_on|date }}"), "hello")

    failure = render(message, "email", customer={}, campaign={}, links={"unsubscribe": LINK}, sender={})

    assert failure.field == "customer.last_order_on"


def test_only_the_allowed_names_reach_a_template():
    failure = subject("{{ customer.password }}", password="secret")

    assert failure.field == "password"
    assert "secret" not in repr(failure)


@pytest.mark.parametrize(
    "template", ["{{ none }}", "{{ customer }}", "{{ true }}", "{{ [1] }}", "{{ customer.orders > 1 }}"]
)
def test_what_is_no_text_number_or_date_is_not_printed(template):
    assert isinstance(subject(template), RenderFailure)
    assert isinstance(rendered(a_message(html=template + FOOT)), RenderFailure)


@pytest.mark.parametrize("value", [datetime(2025, 1, 1), True, ["x"], object()])
def test_a_value_of_another_type_skips_the_message(value):
    assert subject("{{ customer.name }}", name=value).field == "customer.name"


def test_a_name_of_a_megabyte_skips_the_message_quickly():
    started = time.perf_counter()

    failure = subject("{{ customer.name }}", name="x" * 1_000_000)

    assert failure.field == "customer.name"
    assert time.perf_counter() - started < 1


def test_a_failure_tells_nothing_about_the_customer():
    failure = subject("{{ customer.name * customer.name }}{{ customer.name|date }}", name="Ada Secret")

    assert isinstance(failure, RenderFailure)
    assert "Secret" not in repr(failure)


def test_a_failure_in_a_shared_file_names_that_file_and_line():
    files = a_message(html="{% extends '_shared/base.html' %}", text=f"Hi {FOOT}")

    failure = rendered(files | {"_shared/base.html": f"{FOOT}\n\n<p>{{{{ customer.name }}}}</p>"}, name=None)

    assert (failure.file, failure.line) == ("_shared/base.html", 3)


def test_a_part_that_comes_out_empty_skips_the_message():
    failure = subject("{% if customer.name %}{{ customer.name }}{% endif %}", name=None)

    assert (failure.file, failure.field, failure.problem) == ("hello/subject.txt", None, "is empty")


@pytest.mark.parametrize("part", ["html", "text"])
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("{{ links.unsubscribe }}", "sender.postal_address"),
        ("{{ sender.postal_address }}", "links.unsubscribe"),
        (f"{{% if customer.orders > 100 %}}{FOOT}{{% endif %}}x", "links.unsubscribe"),
    ],
)
def test_a_mail_without_its_way_out_or_its_senders_address_is_not_sent(part, body, field):
    failure = rendered(a_message(**{part: body}))

    assert (failure.field, failure.file) == (field, f"hello/body.{'html' if part == 'html' else 'txt'}")


def test_an_sms_of_more_than_ten_segments_is_not_sent():
    """3GPP TS 23.038: 153 septets in each of several parts, so ten hold 1,530."""
    whole = rendered(a_message(sms="a" * 1_530), "sms")
    longer = rendered(a_message(sms="a" * 1_531), "sms")

    assert whole.size.segments == 10
    assert longer.problem == "more than 10 segments"


def test_a_message_without_sms_says_so():
    files = a_message()
    del files["hello/sms.txt"]

    assert "no sms" in rendered(files, "sms").problem


# --- languages ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("locale", "suffixes", "suffix", "tag"),
    [
        ("zh-CN", {"zh-CN", "zh"}, "zh-CN", "zh-CN"),
        ("zh_CN", {"zh-CN"}, "zh-CN", "zh-CN"),
        ("ZH-cn", {"zh-CN"}, "zh-CN", "zh-CN"),
        ("zh-CN", {"zh"}, "zh", "zh-CN"),
        ("zh", {"zh-CN"}, "zh-CN", "zh"),
        ("zh-Hans-CN", {"zh-CN"}, "zh-CN", "zh-Hans-CN"),
        ("zh-TW", {"zh-CN"}, "", "en"),
        ("en-GB", {"zh-CN"}, "", "en-GB"),
        ("de-DE", {"zh-CN"}, "", "en"),
        ("", {"zh-CN"}, "", "en"),
        (None, {"zh-CN"}, "", "en"),
        ("../../etc", {"zh-CN"}, "", "en"),
        ("null", {"zh-CN"}, "", "en"),
    ],
)
def test_a_customer_is_written_to_in_the_nearest_language_there_is(locale, suffixes, suffix, tag):
    chosen = choose(locale, frozenset({"", *suffixes}))

    assert (chosen.suffix, chosen.tag) == (suffix, tag)


@given(st.text() | st.text("-_abCN012", max_size=40))
def test_any_text_at_all_has_a_language(locale):
    assert choose(locale, frozenset({"", "zh-CN"})).suffix in {"", "zh-CN"}


def test_a_locale_of_a_megabyte_is_not_remembered():
    message = load(a_message(), "hello")
    choose.cache_clear()

    assert message.language("zh-CN" + "x" * 1_000_000).tag == "en"
    assert message.language(None).tag == "en"
    assert choose.cache_info().currsize == 1


def test_a_file_is_looked_for_by_region_then_language():
    assert candidates("zh-Hant-TW") == ("zh-Hant-TW", "zh-TW", "zh")
    assert candidates("not a locale") == ()


def test_every_part_and_every_shared_file_follows_the_language():
    chinese = {
        "hello/subject.zh-CN.txt": "你好",
        "hello/body.zh-CN.html": f"{{% include '_shared/foot.html' %}} {FOOT}",
        "hello/body.zh-CN.txt": f"{{{{ message.language }}}} {FOOT}",
        "_shared/foot.html": "foot",
        "_shared/foot.zh-CN.html": "页脚",
    }

    mail = rendered(a_message(**chinese), locale="zh-CN")

    assert (mail.language, mail.subject, mail.html[:2], mail.text[:5]) == ("zh-CN", "你好", "页脚", "zh-CN")


@pytest.mark.parametrize(
    ("locale", "expected"),
    [  # CLDR
        ("en-GB", "14 March 2025|14/03/2025|1,234|1,234.50|£1,234.50"),
        ("en-US", "March 14, 2025|3/14/25|1,234|1,234.50|£1,234.50"),
        ("fr-FR", "March 14, 2025|3/14/25|1,234|1,234.50|£1,234.50"),  # an English text keeps English numbers
    ],
)
def test_dates_and_numbers_are_written_as_the_customers_region_writes_them(locale, expected):
    template = (
        "{{ customer.last_order_on|date }}|{{ customer.last_order_on|date('short') }}|{{ 1234|number }}|"
        "{{ 1234.5|number(2) }}|{{ 1234.5|money('GBP') }}"
    )

    assert subject(template, locale=locale) == expected


def test_chinese_dates_and_money():
    files = a_message(**{"hello/sms.zh-CN.txt": "{{ customer.last_order_on|date }} {{ 12.5|money('CNY') }}"})

    assert rendered(files, "sms", locale="zh-CN").text == "2025年3月14日 ¥12.50"


@pytest.mark.parametrize(
    "template",
    [
        "{{ customer.name|date }}",
        "{{ customer.last_order_on|date('%Y') }}",
        "{{ customer.orders|number(7) }}",
        "{{ customer.name|number }}",
        "{{ customer.orders|money('pounds') }}",
        "{{ customer.orders|money('\u0661') }}",
    ],
)
def test_a_format_that_does_not_fit_skips_the_message(template):
    assert isinstance(subject(template), RenderFailure)


# --- hostile templates (numbers as in the list of hostile inputs) ------------------------------------------------

HOSTILE = {
    "24 class of a string": "{{ ''.__class__ }}",
    "24 mro": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "24 by item": "{{ ''['__class__'] }}",
    "24 of the customer": "{{ customer.__class__ }}",
    "25 globals of a helper": "{{ cycler.__init__.__globals__.os.popen('id') }}",
    "25 self": "{{ self.__init__.__globals__ }}",
    "25 of a macro": "{% macro m() %}{% endmacro %}{{ m.__class__ }}",
    "26 attr": "{{ ''|attr('__class__') }}",
    "27 indirect format": "{{ ('{0.__class__}'|attr('format'))(1) }}",
    "28 format_map": "{{ '{a.__class__}'.format_map(customer) }}",
    "29 kept format": "{% set f = '{0.__class__}'.format %}{{ f(1) }}",
    "30 a method of the customer": "{{ customer.clear() }}",
    "30 keys": "{{ customer.keys() }}",
    "30 a method of text": "{{ customer.name.upper() }}",
    "31 a long range": "{{ range(10**9) }}",
    "33 center": "{{ 'a'|center(10**9) }}",
    "33 ljust": "{{ 'a'.ljust(10**9) }}",
    "34 format": "{{ '%1000000000d'|format(1) }}",
    "34 percent": "{{ '%1000000000d' % 1 }}",
    "35 batch": "{{ [1]|batch(10**8, 'x')|list }}",
    "36 slice": "{{ [1]|slice(10**8)|list }}",
    "37 indent": "{{ ('a\n'*1000)|indent(10**6) }}",
    "38 wordwrap": "{{ ('a '*9000000)|wordwrap(1) }}",
    "39 power": "{{ 9**(9**9) }}",
    "39 power of power": "{{ 9**9**9 }}",
    "39 big number": "{{ 10**15 * 10**15 }}",
    "39 repeated text": "{{ 'a' * 10**9 }}",
    "39 repeated list": "{{ [1] * 10**9 }}",
    "40 a recursive macro": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "40 a macro that calls itself twice": "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
    "41 parentheses": "{{ " + "(" * 2_000 + "1" + ")" * 2_000 + " }}",
    "41 a long chain": "{{ " + "+".join(["1"] * 5_000) + " }}",
    "42 an absolute file": "{% include '/etc/passwd' %}",
    "42 a file above": "{% include '../../.env' %}",
    "42 a file above, from here": "{% include 'hello/../../.env' %}",
    "42 another message": "{% include 'other/subject.txt' %}",
    "42 a computed name": "{% include customer.name %}",
    "42 itself": "{% include 'hello/subject.txt' %}",
    "42 itself twice": "{% include 'hello/subject.txt' %}{% include 'hello/subject.txt' %}",
    "43 a typing error": "{{ nmae }}",
    "43 in an if": "{% if customer.nmae %}x{% endif %}y",
    "a number of 5,000 digits": "{{ " + "9" * 5_000 + " }}",
    "escaping off": "{% autoescape false %}{{ customer.name }}{% endautoescape %}",
    "safe": "{{ customer.name|safe }}",
    "an extension": "{% do customer.clear() %}",
    "a division by zero": "{{ 1 / 0 }}",
}


@pytest.mark.parametrize("template", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_template_ends_at_once_with_a_reason(template):
    started = time.perf_counter()

    try:
        result = rendered(a_message(subject=template) | {"other/subject.txt": "x"})
    except TemplateError as refused:  # not even loaded
        result = RenderFailure(file=refused.file, line=refused.line, field=None, problem=str(refused))

    assert isinstance(result, RenderFailure)
    assert result.file == "hello/subject.txt"
    assert time.perf_counter() - started < 3


LETTERS = "'" + "a" * 100 + "'"
GROWING = {
    "32 nested loops": "{% for a in L %}{% for b in L %}{% for c in L %}{% for d in L %}{% endfor %}{% endfor %}"
    "{% endfor %}{% endfor %}x",
    "loops that call macros": "{% macro m() %}{% for b in L %}{% endfor %}{% endmacro %}"
    "{% for a in L %}{% for c in L %}{{ m() }}{% endfor %}{% endfor %}x",
    "text doubled by ~": "{% set t0 = L %}"
    + "".join(f"{{% set t{n + 1} = t{n} ~ t{n} %}}" for n in range(40))
    + "x",
    "text doubled by +": "{% set t0 = L %}"
    + "".join(f"{{% set t{n + 1} = t{n} + t{n} %}}" for n in range(40))
    + "x",
    "text doubled by a set block": "{% set t0 = L %}"
    + "".join(f"{{% set t{n + 1} %}}{{{{ t{n} }}}}{{{{ t{n} }}}}{{% endset %}}" for n in range(40))
    + "x",
    "text doubled by macros": "{% macro m0() %}{{ L }}{% endmacro %}"
    + "".join(f"{{% macro m{n + 1}() %}}{{{{ m{n}() }}}}{{{{ m{n}() }}}}{{% endmacro %}}" for n in range(40))
    + "{{ m40() }}",
    "empty macros that double": "{% macro m0() %}{% endmacro %}"
    + "".join(f"{{% macro m{n + 1}() %}}{{{{ m{n}() }}}}{{{{ m{n}() }}}}{{% endmacro %}}" for n in range(40))
    + "{{ m40() }}",
    "lists doubled": "{% set t0 = [1] %}"
    + "".join(f"{{% set t{n + 1} = t{n} + t{n} %}}" for n in range(40))
    + "x",
}


@pytest.mark.parametrize("template", GROWING.values(), ids=GROWING.keys())
def test_a_template_that_grows_without_end_runs_out_of_its_budget(template):
    started = time.perf_counter()

    failure = subject(template.replace("L", LETTERS))

    assert isinstance(failure, RenderFailure)
    assert time.perf_counter() - started < 3


@pytest.mark.parametrize("called", ["loop.cycle('a', 'b')", "loop.changed(1)", "loop('b')"])
def test_nothing_but_a_macro_can_be_called(called):
    failure = subject("{% for x in 'a' recursive %}{{ " + called + " }}{% endfor %}")

    assert failure.problem == "only macros can be called in a message"


def test_included_files_that_double_run_out_of_the_budget():
    pieces = {f"_shared/p{n}.txt": f"{{% include '_shared/p{n + 1}.txt' %}}" * 2 for n in range(30)}

    failure = rendered(a_message(subject="{% include '_shared/p0.txt' %}") | pieces | {"_shared/p30.txt": "x"})

    assert "included files" in failure.problem


def test_an_ordinary_loop_macro_import_and_set_work():
    files = a_message(
        subject="{% from '_shared/m.txt' import twice %}{% set n = customer.orders * 2 %}"
        "{% for word in ['a', 'b'] %}{{ loop.index }}{{ twice(word) }}"
        "{% if not loop.last %}-{% endif %}{% endfor %} {{ n }}"
    )

    mail = rendered(
        files | {"_shared/m.txt": "{% macro twice(x) %}{{ x ~ x }}{{ customer.orders }}{% endmacro %}"}
    )

    assert mail.subject == "1aa4-2bb4 8"


def test_blocks_can_use_their_parents_text():
    files = a_message(text="{% extends '_shared/b.txt' %}{% block a %}{{ super() }}B{% endblock %}")

    mail = rendered(files | {"_shared/b.txt": f"{{% block a %}}A{{% endblock %}} {{{{ self.a() }}}} {FOOT}"})

    assert mail.text.startswith("AB AB ")


def test_messages_rendered_by_many_threads_do_not_mix():
    message = load(a_message(subject="{% for x in 'abc' %}{{ customer.name }}{% endfor %}"), "hello")
    fixed = {"campaign": {}, "links": {"unsubscribe": LINK}, "sender": {"postal_address": ADDRESS}}

    with ThreadPoolExecutor(8) as pool:
        jobs = [
            pool.submit(render, message, "email", customer=a_customer(name=f"n{n}"), **fixed) for n in range(200)
        ]

    assert [job.result().subject for job in jobs] == [f"n{n}" * 3 for n in range(200)]


def test_no_field_is_called_like_a_method_of_a_dict():
    """Plain Jinja would give the method; here it is refused, so a template keeps its meaning in both."""
    assert not [name for fields in NAMES.values() for name in fields if hasattr(dict, name)]


def test_every_field_is_documented_in_both_languages():
    for field in CUSTOMER_FIELDS.values():
        assert field.en
        assert field.zh
        assert type(field.sample) is field.kind


# --- SMS ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "encoding", "units", "segments"),
    [  # 3GPP TS 23.038: 160 septets or 70 units alone, 153 or 67 in each of several
        ("a" * 160, Encoding.GSM_7, 160, 1),
        ("a" * 161, Encoding.GSM_7, 161, 2),
        ("a" * 306, Encoding.GSM_7, 306, 2),
        ("a" * 307, Encoding.GSM_7, 307, 3),
        ("a" * 1_600, Encoding.GSM_7, 1_600, 11),
        ("€" * 80, Encoding.GSM_7, 160, 1),
        ("a" + "€" * 80, Encoding.GSM_7, 161, 2),
        ("a" * 152 + "€" + "a" * 8, Encoding.GSM_7, 162, 2),
        ("a" * 152 + "€" + "a" * 151, Encoding.GSM_7, 305, 2),
        (
            "a" * 152 + "€" + "a" * 152,
            Encoding.GSM_7,
            306,
            3,
        ),  # the escape may not be cut: 152, then 2 + 151, then 1
        ("海" * 70, Encoding.UCS_2, 70, 1),
        ("海" * 71, Encoding.UCS_2, 71, 2),
        ("海" * 134, Encoding.UCS_2, 134, 2),
        ("海" * 135, Encoding.UCS_2, 135, 3),
        ("a" * 160 + "😀", Encoding.UCS_2, 162, 3),  # one emoji: 1 segment becomes 3
        ("😀" * 35, Encoding.UCS_2, 70, 1),
        ("😀" * 66, Encoding.UCS_2, 132, 2),  # a pair may not be cut: 33 emoji in each part
        ("😀" * 67, Encoding.UCS_2, 134, 3),
        ("`", Encoding.UCS_2, 1, 1),
        ("@£$¥èéùìòÇ\nØø\rÅå[]{}~|^\\", Encoding.GSM_7, 32, 1),
        ("", Encoding.GSM_7, 0, 1),
    ],
)
def test_an_sms_costs_what_the_standard_says(text, encoding, units, segments):
    size = sms_size(text)

    assert (size.encoding, size.units, size.segments) == (encoding, units, segments)
