"""What SendGrid says: its own or not, and in our words."""

import json
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from sendgrid.helpers.eventwebhook import EventWebhook

from tests.builders import NOON
from tests.signing import batch, sendgrid_event, sendgrid_public_key, sign_sendgrid
from winback.callbacks import WHOLE, Reading, sendgrid
from winback.events import Event, EventKind, is_soft_bounce, suppression_reason

SIGNATURE, TIMESTAMP = sendgrid.SIGNATURE_HEADER, sendgrid.TIMESTAMP_HEADER
BODY = batch(sendgrid_event())


# SendGrid: is it theirs


def ours(signature: str | None, timestamp: str | None, body: bytes, key: str | None = None) -> bool:
    loaded = sendgrid.load_key(key or sendgrid_public_key())
    assert loaded is not None
    return sendgrid.verify(loaded, signature=signature, timestamp=timestamp, body=body)


def official(signature: str, timestamp: str, body: str) -> bool:
    try:
        return EventWebhook(sendgrid_public_key()).verify_signature(body, signature, timestamp)
    except ValueError:  # it raises on text that is not base64
        return False


SIGNED = sign_sendgrid(BODY)  # once: a signature of this kind is different, and of another length, each time


def changed(text: str) -> st.SearchStrategy[str]:
    """The text itself, cut, extended or with one character replaced."""
    place, letter = st.integers(0, len(text)), st.characters(min_codepoint=32, max_codepoint=126)
    return st.one_of(
        st.just(text),
        place.map(lambda at: text[:at]),
        st.builds(lambda at, c: text[:at] + c + text[at:], place, letter),
        st.builds(lambda at, c: text[:at] + c + text[at + 1 :], place, letter),
    )


@settings(deadline=None)
@given(data=st.data())
def test_we_and_the_official_helper_accept_and_refuse_the_same(data: st.DataObject):
    headers = SIGNED
    signature, body = data.draw(changed(headers[SIGNATURE])), data.draw(changed(BODY.decode()))
    timestamp = data.draw(st.sampled_from([headers[TIMESTAMP], "1700000000", "0000000000"]))

    assert ours(signature, timestamp, body.encode()) == official(signature, timestamp, body)


def test_a_signed_body_is_theirs_for_us_and_for_the_official_helper():
    headers = sign_sendgrid(BODY)

    assert ours(headers[SIGNATURE], headers[TIMESTAMP], BODY)
    assert official(headers[SIGNATURE], headers[TIMESTAMP], BODY.decode())


def test_a_body_that_is_not_utf8_can_be_verified():
    body = b'[{"email":"\xff\xfe"}]'
    headers = sign_sendgrid(body)

    assert ours(headers[SIGNATURE], headers[TIMESTAMP], body)


def test_bytes_moved_between_timestamp_and_body_are_refused_where_the_official_helper_accepts_them():
    headers = sign_sendgrid(BODY)
    signature, timestamp = headers[SIGNATURE], headers[TIMESTAMP]
    moved = [(timestamp + "[", BODY[1:].decode()), (timestamp[:-1], timestamp[-1] + BODY.decode())]

    for shifted, body in moved:
        assert official(signature, shifted, body)
        assert not ours(signature, shifted, body.encode())


@pytest.mark.parametrize("timestamp", [None, "", "1e9", "17000000001", "170000000", "١٧٠٠٠٠٠٠٠٠", "1700000000\n"])
def test_a_timestamp_that_is_not_ten_digits_is_refused_even_when_signed(timestamp: str | None):
    headers = sign_sendgrid(BODY, timestamp)

    assert not ours(headers[SIGNATURE], timestamp, BODY)


@pytest.mark.parametrize("signature", [None, "", "junk", "é", "AAAA", b64encode(b"0" * 70).decode()])
def test_a_missing_empty_or_foreign_signature_is_refused(signature: str | None):
    assert not ours(signature, sign_sendgrid(BODY)[TIMESTAMP], BODY)


def test_a_signature_by_another_key_is_refused():
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    shown = b64encode(other.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
    headers = sign_sendgrid(BODY)

    assert not ours(headers[SIGNATURE], headers[TIMESTAMP], BODY, shown)


def test_a_valid_body_written_anew_is_refused():
    headers = sign_sendgrid(BODY)

    assert not ours(headers[SIGNATURE], headers[TIMESTAMP], json.dumps(json.loads(BODY), indent=1).encode())


def test_a_key_is_read_with_line_breaks_and_anything_else_is_no_key():
    shown = sendgrid_public_key()
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    foreign = b64encode(rsa_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()

    assert sendgrid.load_key(f" {shown[:40]}\n{shown[40:]}\n") is not None
    for text in ("", "not a key", shown[:-8], b64encode(b64decode(shown)[:20]).decode(), foreign, "é"):
        assert sendgrid.load_key(text) is None


def test_the_age_of_a_callback_is_told_from_what_was_signed():
    assert sendgrid.age(str(int((NOON - timedelta(hours=72)).timestamp())), NOON) == sendgrid.FRESH_FOR
    assert sendgrid.age(str(int((NOON + timedelta(minutes=5)).timestamp())), NOON) == -sendgrid.AHEAD


# SendGrid: what does it say


def read(*events: dict) -> Event:
    reading = sendgrid.parse(batch(*events), received_at=NOON)
    assert reading.refused == ()
    return reading.events[0]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("processed", "accepted"),
        ("deferred", "deferred"),
        ("delivered", "delivered"),
        ("bounce", "bounced"),
        ("dropped", "bounced"),
        ("spamreport", "complained"),
        ("unsubscribe", "unsubscribed"),
        ("group_unsubscribe", "unsubscribed"),
        ("open", "opened"),
        ("click", "clicked"),
        ("group_resubscribe", "unknown"),
        ("an event of next year", "unknown"),
    ],
)
def test_every_event_of_sendgrid_has_its_word(name: str, kind: str):
    event = read(sendgrid_event(name.replace(" ", "_")))

    assert event.kind == kind
    assert (event.provider, event.message_key, event.at) == ("sendgrid", "k-1", NOON)


@pytest.mark.parametrize(
    ("fields", "reason", "suppresses"),
    [
        ({"type": "bounce", "status": "5.1.1"}, "bounce 5.1.1", "bounced"),
        ({"type": "blocked", "status": "4.3.0"}, "blocked 4.3.0", None),
        ({"type": "blocked"}, "blocked", None),
        ({"type": "expired"}, "expired", None),
        ({}, "bounce", "bounced"),
        ({"type": "x@example.org", "status": "550 x@example.org"}, "bounce", "bounced"),
    ],
)
def test_a_blocked_mail_may_be_tried_again_and_a_hard_bounce_not(
    fields: dict, reason: str, suppresses: str | None
):
    event = read(sendgrid_event("bounce", reason="550 x@example.org is unknown", **fields))

    assert event.reason == reason
    assert suppression_reason(event) == suppresses


@pytest.mark.parametrize(
    ("reason", "suppresses"),
    [
        ("Bounced Address", "bounced"),
        ("Invalid", "bounced"),
        ("Unsubscribed Address", "unsubscribed"),
        ("Spam Reporting Address", "complained"),
        ("Recipient List over Package Quota", None),
        ("Invalid SMTPAPI header", None),
        ("Spam Content (if Spam Checker app is enabled)", None),
    ],
)
def test_a_dropped_mail_suppresses_the_address_unless_it_was_our_fault(reason: str, suppresses: str | None):
    event = read(sendgrid_event("dropped", reason=reason))

    assert event.kind is EventKind.BOUNCED
    assert suppression_reason(event) == suppresses


@pytest.mark.parametrize(
    ("fields", "counts"),
    [
        ({"event": "bounce", "type": "blocked"}, True),
        ({"event": "bounce", "type": "expired"}, True),
        ({"event": "bounce", "type": "bounce"}, False),
        ({"event": "dropped", "reason": "Bounced Address"}, False),
        ({"event": "dropped", "reason": "Invalid SMTPAPI header"}, False),
        ({"event": "deferred"}, False),
    ],
)
def test_what_counts_towards_the_soft_bounces_of_an_address(fields: dict, counts: bool):
    assert is_soft_bounce(read(sendgrid_event(**fields))) == counts


@pytest.mark.parametrize(
    ("agent", "flag"), [("Mozilla/5.0 (iPhone)", None), ("Barracuda Sentinel (EE)", "scanner"), ("", "scanner")]
)
def test_a_click_is_kept_with_the_judgement_on_its_user_agent_only(agent: str, flag: str | None):
    event = read(sendgrid_event("click", useragent=agent, url="https://shop.example/?who=ada@example.org"))

    assert (event.flag, event.link, event.reason) == (flag, None, None)


def test_an_event_without_our_key_is_kept_without_one():
    assert read(sendgrid_event(key=None)).message_key is None


DEEP = b"[" * 200_000
SURROGATE = batch(sendgrid_event(sg_event_id="\ud800"))
NUL = batch(sendgrid_event(key="k-1\0"))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not_json"),
        (b"{}", "not_a_list"),
        (b"null", "not_a_list"),
        (b"NaN", "not_a_list"),
        (b'"text"', "not_a_list"),
        (b"[{}", "not_json"),
        (b"[]]", "not_json"),
        (b"\xff\xfe[]", "not_json"),
        (b"\xef\xbb\xbf[]", "not_json"),
        (b"\x1f\x8b\x08\x00not really gzip", "not_json"),
        (DEEP, "nested_too_deep"),
        (b'{"a":' * 200_000, "nested_too_deep"),
        (DEEP + b"]" * 200_000, "nested_too_deep"),
    ],
)
def test_a_body_that_is_no_list_is_refused_as_a_whole(body: bytes, reason: str):
    reading = sendgrid.parse(body, received_at=NOON)

    assert reading.unreadable
    assert [(one.position, one.reason) for one in reading.refused] == [(WHOLE, reason)]


def with_timestamp(text: str) -> bytes:
    return batch(sendgrid_event(timestamp=0)).replace(b'"timestamp": 0', f'"timestamp": {text}'.encode())


@pytest.mark.parametrize(
    ("element", "reason"),
    [
        (with_timestamp("NaN"), "not_a_number"),
        (with_timestamp("-Infinity"), "not_a_number"),
        (with_timestamp("1e999"), "number_too_large"),
        (with_timestamp("9" * 5000), "number_too_large"),
        (with_timestamp("true"), "no_timestamp"),
        (with_timestamp("1772452800.5"), "no_timestamp"),
        (with_timestamp('"1772452800"'), "no_timestamp"),
        (batch({"a": {"b": 1}}).replace(b'"b": 1', b'"b": 1, "b": 2'), "duplicate_key"),
        (BODY.replace(b'"winback_key"', b'"event": "bounce", "winback_key"'), "duplicate_key"),
        (SURROGATE, "no_event_id"),
        (NUL, "bad_message_key"),
        (batch(sendgrid_event(key="k 1")), "bad_message_key"),
        (batch(sendgrid_event(key="k" * 201)), "bad_message_key"),
        (batch(sendgrid_event(winback_key=["k-1"])), "bad_message_key"),
        (batch(sendgrid_event(sg_event_id=None)), "no_event_id"),
        (batch(sendgrid_event() | {"event": {"a": 1}}), "no_event_name"),
        (b"[3]", "not_an_object"),
        (b"[[]]", "not_an_object"),
        (b"[null]", "not_an_object"),
        (b"[" + b"9" * 5000 + b"]", "number_too_large"),
    ],
)
def test_one_bad_element_goes_to_quarantine_and_its_neighbours_are_read(element: bytes, reason: str):
    before, after = (json.dumps(sendgrid_event(n=n)).encode() for n in (1, 2))
    body = b"[" + before + b"," + element[1:-1] + b"," + after + b"]"

    reading = sendgrid.parse(body, received_at=NOON)

    assert not reading.unreadable
    assert [(one.position, one.reason) for one in reading.refused] == [(1, reason)]
    assert [event.id for event in reading.events] == ["event-1-delivered", "event-2-delivered"]


@settings(deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_body_makes_the_reader_fail(body: bytes):
    assert isinstance(sendgrid.parse(body, received_at=NOON), Reading)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(sendgrid_event(), JSON)), max_size=4))
def test_every_element_is_read_or_refused_and_never_lost(elements: list):
    reading = sendgrid.parse(json.dumps(elements).encode(), received_at=NOON)

    assert len(reading.events) + len(reading.refused) == len(elements)


def test_an_event_time_is_aware():
    assert read(sendgrid_event(timestamp=1772452800)).at == datetime(2026, 3, 2, 12, tzinfo=UTC)


NEVER = [int(NOON.timestamp()) + 1, 17724528000, 1772452800_000, 2**63, 10**9 - 1, 0, -1]


@pytest.mark.parametrize("timestamp", NEVER)
def test_what_is_told_of_another_time_than_the_past_happened_when_it_was_received(timestamp: int):
    """An opt-out counts whatever the provider's clock or ours says: seconds too many, the year 2531, 1969."""
    event = read(sendgrid_event("unsubscribe", timestamp=timestamp))

    assert (event.kind, event.at) == (EventKind.UNSUBSCRIBED, NOON)


def test_a_moment_of_the_past_stays_as_it_is_told():
    earlier = NOON - timedelta(days=2)

    assert read(sendgrid_event(timestamp=int(earlier.timestamp()))).at == earlier
