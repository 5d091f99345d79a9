"""What each answer of a provider means: every row of the state machine's table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.messages import an_email, an_sms
from winback.delivery.answer import Answer, AnswerKind, ErrorKind, from_error, from_http, retry_after_seconds
from winback.delivery.outgoing import _refusal, refused

ACCEPTED, REJECTED, RETRY, UNCERTAIN, STOP = (
    AnswerKind.ACCEPTED,
    AnswerKind.REJECTED,
    AnswerKind.RETRY_LATER,
    AnswerKind.UNCERTAIN,
    AnswerKind.CHANNEL_STOP,
)
AFTER = {"Retry-After": "30"}
TABLE = [
    (200, {}, True, ACCEPTED),
    (201, {}, True, ACCEPTED),
    (202, {}, True, ACCEPTED),
    (200, {"Content-Type": "text/html"}, False, UNCERTAIN),  # a captive portal, a proxy's page
    (202, {}, False, UNCERTAIN),
    (204, {}, False, UNCERTAIN),
    (101, {}, True, UNCERTAIN),
    (301, {}, True, UNCERTAIN),
    (302, {"Location": "https://elsewhere.example"}, True, UNCERTAIN),
    (304, {}, True, UNCERTAIN),
    (400, {}, True, REJECTED),
    (406, {}, True, REJECTED),
    (409, {}, True, REJECTED),
    (410, {}, True, REJECTED),
    (413, {}, True, REJECTED),
    (415, {}, True, REJECTED),
    (422, {}, True, REJECTED),
    (451, {}, True, REJECTED),
    (401, {}, True, STOP),
    (402, {}, True, STOP),
    (403, {}, True, STOP),
    (404, {}, True, STOP),  # neither provider's send knows a 404 of one customer: the address or account is wrong
    (405, {}, True, STOP),
    (407, {}, True, STOP),
    (408, {}, True, UNCERTAIN),
    (429, {}, True, RETRY),
    (429, AFTER, True, RETRY),
    (503, AFTER, True, RETRY),
    (503, {}, True, UNCERTAIN),
    (503, {"Retry-After": "soon"}, True, UNCERTAIN),
    (500, {}, True, UNCERTAIN),
    (500, AFTER, True, UNCERTAIN),
    (501, {}, True, UNCERTAIN),
    (502, {}, True, UNCERTAIN),
    (504, AFTER, True, UNCERTAIN),
    (599, {}, True, UNCERTAIN),
    (0, {}, True, UNCERTAIN),
    (999, {}, True, UNCERTAIN),
]


@pytest.mark.parametrize(("status", "headers", "expected_body", "kind"), TABLE)
def test_a_status_means_what_it_proves(status, headers, expected_body, kind):
    answer = from_http(status, headers, expected_body)

    assert answer.kind is kind
    assert answer.status == status
    assert (answer.retry_after_seconds == 30) == (kind is RETRY and bool(headers))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ErrorKind.NOT_CONNECTED, RETRY),
        (ErrorKind.TIMED_OUT, UNCERTAIN),
        (ErrorKind.BROKEN_OFF, UNCERTAIN),
    ],
)
def test_only_a_connection_never_made_proves_that_nothing_was_sent(error, kind):
    assert from_error(error) == Answer(kind=kind, reason=error.value)


@given(status=st.integers(-5, 1_000), expected=st.booleans(), wait=st.one_of(st.none(), st.text(max_size=20)))
def test_a_message_is_sent_again_only_when_the_answer_proves_it_was_not_sent(status, expected, wait):
    headers = {} if wait is None else {"retry-after": wait}

    answer = from_http(status, headers, expected)

    if answer.kind is RETRY:
        assert status == 429 or (status == 503 and wait is not None)
    if answer.kind is ACCEPTED:
        assert 200 <= status < 300
        assert expected
    if status >= 500 and status != 503:
        assert answer.kind is UNCERTAIN


def test_the_providers_own_id_is_kept_only_with_an_accepted_message():
    accepted = from_http(202, {}, True, provider_id="abc")
    refused = from_http(400, {}, True, provider_id="abc", reason="http_400:from.email")

    assert accepted.provider_id == "abc"
    assert refused.provider_id is None
    assert refused.reason == "http_400:from.email"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"RETRY-AFTER": "7"}, 7),
        ({"Retry-After": " 7 "}, 7),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "1.5"}, None),
        ({"Retry-After": "٧"}, None),
        ({"Retry-After": "999999999"}, 86_400),
        ({"Retry-After": "9" * 5_000}, None),
        # RFC 9110's example date, two minutes after the response's own Date
        ({"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT", "Date": "Fri, 31 Dec 1999 23:57:59 GMT"}, 120),
        ({"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT", "Date": "Sat, 01 Jan 2000 00:00:00 GMT"}, 0),
        ({"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}, None),
        ({"Retry-After": "Fri, 31 Dec 1999 23:59:59", "Date": "Fri, 31 Dec 1999 23:57:59 GMT"}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date_measured_by_the_providers_own_clock(headers, seconds):
    assert retry_after_seconds(headers) == seconds


NOON = "Mon, 02 Mar 2026 12:00:00 GMT"  # 1772452800 seconds after 1970


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"X-RateLimit-Reset": "1772452842", "Date": NOON}, 42),
        ({"x-ratelimit-reset": "1772452800", "date": NOON}, 0),
        ({"X-RateLimit-Reset": "1772452842", "Retry-After": "7", "Date": NOON}, 42),
        ({"X-RateLimit-Reset": "1772452842", "Retry-After": "70", "Date": NOON}, 70),
        ({"X-RateLimit-Reset": "1772452842"}, None),
        ({"X-RateLimit-Reset": "42", "Date": NOON}, None),
        ({"X-RateLimit-Reset": "soon", "Date": NOON}, None),
        ({"X-RateLimit-Reset": "9999999999", "Date": NOON}, 86_400),
        ({"X-RateLimit-Reset": "1772452842", "Date": "today"}, None),
        ({"X-RateLimit-Reset": "1772452842", "Date": "Mon, 02 Mar 2026 12:00:00"}, None),
    ],
)
def test_the_end_of_a_rate_limit_counts_beside_retry_after_and_the_later_wins(headers, seconds):
    assert from_http(429, headers, True).retry_after_seconds == seconds


@pytest.mark.parametrize("status", [202, 400, 500, 503])
def test_the_end_of_a_rate_limit_means_nothing_in_any_other_answer(status):
    """SendGrid sends it with every answer of some addresses."""
    limit = {"X-RateLimit-Reset": "1772452842", "Date": NOON}

    assert from_http(status, limit, True) == from_http(status, {}, True)


OURS = ["from_address", "from_name", "reply_to", "unsubscribe_url", "category"]


def refusal(field, reason):
    """A fault in a customer's own values is that message's; one in ours would be everybody's."""
    return Answer(kind=STOP if field in OURS else REJECTED, reason=reason)


@pytest.mark.parametrize("field", ["to", "to_name", "subject", *OURS])
@pytest.mark.parametrize("bad", ["a\r\nBcc: evil@x", "a\nb", "a\rb", "a\0b", "a\u202eb", "a\u2066b", "a\u2028b"])
def test_a_header_with_a_line_break_or_a_hidden_character_is_refused(field, bad):
    assert refused(an_email(**{field: bad})) == refusal(field, f"unsafe_{field}")


@pytest.mark.parametrize("field", ["to", "from_address", "reply_to"])
@pytest.mark.parametrize(
    "bad",
    [
        "",
        "b@x.example,c@x.example",
        "not-an-email",
        '"a b"@x.example',
        "<a@x.example>",
        "a@",
        "@x",
        "用户@例子.公司",
    ],
)
def test_an_address_that_is_not_exactly_one_plain_mailbox_is_refused(field, bad):
    assert refused(an_email(**{field: bad})) == refusal(field, f"bad_{field}")


@pytest.mark.parametrize(
    "bad", ["", "15005550009", "+0123456789", "+1 500 555 0009", "+１５００５５５０００９", "12345"]
)
def test_a_number_that_is_not_e164_is_refused(bad):
    assert refused(an_sms(to=bad)) == refusal("to", "bad_to")


@pytest.mark.parametrize(
    "bad", ["", "javascript:alert(1)", "https://x.example/a b", "https://x.example/>,<mailto:e@x"]
)
def test_an_unsubscribe_link_that_would_break_its_header_is_refused(bad):
    assert refused(an_email(unsubscribe_url=bad)) == refusal("unsubscribe_url", "bad_unsubscribe_url")


def test_an_ordinary_message_is_not_refused():
    assert refused(an_email(to_name='O\'Neil "Bob" & 林晓雨 👩‍👩‍👧', reply_to=None)) is None
    assert refused(an_sms()) is None


a_line = st.sampled_from(["", "Ada", "a\r\nb", "a\u202eb", "👩\u200d👧", "\ud83d", " ", "x" * 99]) | st.text(
    max_size=5
)
an_address = st.sampled_from(["", "a@x.example", "b@x.example,c@x.example", "用户@例子.公司", "a@x\n"])


@given(
    to=an_address | st.sampled_from(["+15005550009", "+0", "15005550009"]),
    to_name=st.none() | a_line,
    subject=a_line,
    from_address=an_address,
    from_name=st.none() | a_line,
    reply_to=st.none() | an_address,
    category=st.none() | a_line,
    unsubscribe_url=st.sampled_from(
        ["", "https://shop.example/u/t", "https://x.example/a b", "javascript:alert(1)"]
    ),
    text=st.sampled_from(["", "text"]),
    html=st.sampled_from(["", "<p>"]),
    message=st.sampled_from([an_email, an_sms]),
)
def test_the_quick_look_at_a_message_says_what_the_whole_one_says(message, **changes):
    asked = message(**changes)

    assert refused(asked) == _refusal(asked)


@pytest.mark.parametrize("part", ["subject", "html", "text"])
def test_a_message_with_an_empty_part_is_refused(part):
    assert refused(an_email(**{part: ""})) == refusal(part, "empty_part")
    assert refused(an_sms(text="")) == refusal("text", "empty_part")


@pytest.mark.parametrize("key", ["", "../x", "a/b", "a b", "a\n", ".hidden", "ä", "k" * 121])
def test_a_key_that_could_leave_the_folder_cannot_exist(key):
    with pytest.raises(ValueError, match="key"):
        an_email(key=key)


def test_a_date_without_a_zone_cannot_exist():
    with pytest.raises(ValueError, match="zone"):
        an_email(dated_at=an_email().dated_at.replace(tzinfo=None))
