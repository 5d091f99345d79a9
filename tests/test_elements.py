"""The fast reader of JSON and the careful one read the same, or the fast one leaves it to the careful one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.signing import batch, sendgrid_event
from winback.callbacks import elements
from winback.callbacks.elements import Broken, read_elements

KEYS = st.sampled_from(["a", "b", '"', ":", '":', "\\", " ", "\u00e9", ""])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | KEYS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
BLANK = st.text(alphabet=" \t\n\r", max_size=2)


@st.composite
def written(draw: st.DrawFn) -> bytes:
    """A list of objects as somebody may write it: any blanks, letters escaped or not, keys twice."""

    def value(it: object) -> str:
        if isinstance(it, dict):
            return f"{{{draw(BLANK)}" + ",".join(pair(*item) for item in it.items()) + "}"
        if isinstance(it, list):
            return "[" + f"{draw(BLANK)},".join(map(value, it)) + (draw(BLANK) if it else "") + "]"
        return json.dumps(it, ensure_ascii=draw(st.booleans()))

    def pair(key: str, it: object) -> str:
        name = json.dumps(key)
        one = f"{name}{draw(BLANK)}:{draw(BLANK)}{value(it)}"
        again = draw(st.sampled_from([name, '"\\u0061"'])) if draw(st.integers(0, 5)) == 0 else None
        return f"{one},{again}:1" if again else one

    return value(draw(st.lists(st.dictionaries(KEYS, VALUES, max_size=3), max_size=3))).encode()


@given(written())
def test_whatever_the_fast_reader_reads_the_careful_one_reads_alike(body: bytes):
    quick = elements._read_fast(body)

    assert quick is None or quick == elements._read_with_care(body)


@given(st.binary(max_size=80))
def test_no_bytes_make_the_fast_reader_fail_or_differ(body: bytes):
    quick = elements._read_fast(body)

    assert quick is None or quick == elements._read_with_care(body)


@pytest.mark.parametrize(
    "body",
    [
        batch(sendgrid_event(), sendgrid_event(n=2)),
        json.dumps([sendgrid_event(pool={"name": "a", "id": 1}, category=["a", "b"])]).encode(),
        b'[ {"a" : 1 , "b"\n:\t"x : y"} ]',
        b"[]",
    ],
)
def test_what_a_provider_sends_is_read_fast(body: bytes):
    assert elements._read_fast(body) == json.loads(body)


TWICE = [
    b'[{"a":1,"a":2}]',
    b'[{"a":1,"\\u0061":2}]',
    b'[{"a":{"b":1,"b":2}}]',
    b'[{"a":[{"b":1,"b":2}]}]',
    b'[{"a" :1,"a":2}]',
    b'[{"a"\n:1,"a":2,"b":":"}]',
    b'[{"a":1,"a":2},{"b":"\\":"}]',
    b'[{"a" :1,"a":"\\":"}]',
]


@pytest.mark.parametrize("body", TWICE)
def test_a_key_given_twice_is_seen_however_it_is_written(body: bytes):
    """A blank before the colon would hide one key from the count, a text with quote and colon would add one."""
    assert Broken("duplicate_key") in read_elements(body)


@pytest.mark.parametrize(
    ("number", "value"),
    [
        ("9" * 18, 10**18 - 1),
        (str(2**64 - 1), 2**64 - 1),
        (str(2**64), 2.0**64),
        ("9" * 30, 1e30),
        ("9" * 400, Broken("number_too_large")),
        ("1e999", Broken("number_too_large")),
        ("-1e999", Broken("number_too_large")),
        ("NaN", Broken("not_a_number")),
        ("1e-999", 0.0),
    ],
)
def test_a_number_no_event_may_contain_spoils_its_object_only(number: str, value: object):
    body = f'[{{"a":1}},{{"b":{number}}}]'.encode()

    assert read_elements(body) == [{"a": 1}, value if isinstance(value, Broken) else {"b": value}]
