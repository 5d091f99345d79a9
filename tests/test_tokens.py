"""Signed links: ours are read, anything else is nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winback.message.tokens import Signer

SALT = "salt-of-the-shop"
KEY = "abcdefghijkl-mnopqrstuvwxyz27"  # as keys of messages are: 12 and 16 of a-z and 2-7
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
SIGNER = Signer([SALT])
UNSUBSCRIBE, CLICK = SIGNER.unsubscribe_token(KEY), SIGNER.click_tokens(KEY, [3])[0]


def test_an_unsubscribe_token_is_the_one_openssl_makes():
    """K=$(printf 'winback unsubscribe 1' | openssl dgst -sha256 -hmac 'salt-of-the-shop' -hex), then
    printf 'ab12-7' | openssl mac -macopt hexkey:$K -macopt size:16 -binary BLAKE2BMAC | base64 | tr +/ -_
    Pinned because links that were sent must keep working.
    """
    assert SIGNER.unsubscribe_token("ab12-7") == "ab12-7.2RKK4GjmIAvRYZ4PS2ZiUQ"


def test_a_click_token_is_the_one_openssl_makes():
    """K as above with 'winback click 1', then for the links 0 to 4, and with 'ab12-7.1' for 5 to 9,
    printf 'ab12-7.0' | openssl mac -macopt hexkey:$K -macopt size:60 -binary BLAKE2BMAC | base64 -w16 | tr +/ -_
    """
    tokens = SIGNER.click_tokens("ab12-7", [3, 0, 7])

    assert tokens == ["ab12-7.3.hYYCuhWu2jtTBIo5", "ab12-7.0.IGe2CK6XsdzBlhGs", "ab12-7.7.yhkqBJG3yKj0XQo3"]


@given(
    key=st.text(LETTERS, min_size=1, max_size=60), number=st.integers(0, 9_999), salt=st.text("ab*é退", min_size=8)
)
def test_a_token_gives_back_what_was_signed_and_fits_an_address(key: str, number: int, salt: str):
    signer = Signer([salt])

    unsubscribe, click = signer.unsubscribe_token(key), signer.click_tokens(key, [number])[0]

    assert signer.read_unsubscribe(unsubscribe) == key
    assert signer.read_click(click) == (key, number)
    assert set(unsubscribe + click) <= set(LETTERS + ".")


@pytest.mark.parametrize("token", [UNSUBSCRIBE, CLICK])
def test_every_single_changed_character_spoils_a_token(token: str):
    changed = {token[:at] + letter + token[at + 1 :] for at in range(len(token)) for letter in LETTERS + ".=/+ "}

    assert {SIGNER.read_unsubscribe(text) for text in changed - {token}} == {None}
    assert {SIGNER.read_click(text) for text in changed - {token}} == {None}


@pytest.mark.parametrize("token", [UNSUBSCRIBE, CLICK])
def test_a_cut_off_token_is_nothing(token: str):
    cut = [token[:at] for at in range(len(token))]

    assert {SIGNER.read_unsubscribe(text) for text in cut} | {SIGNER.read_click(text) for text in cut} == {None}


@pytest.mark.parametrize("tail", ["=", "==", ".", "\n", "\0", "a", "%00", " ", ".3"])
def test_a_token_with_something_after_it_is_nothing(tail: str):
    assert SIGNER.read_unsubscribe(UNSUBSCRIBE + tail) is None
    assert SIGNER.read_click(CLICK + tail) is None


def test_a_signature_fits_its_own_message_link_and_purpose_only():
    mac = {name: token.rpartition(".")[2] for name, token in (("click", CLICK), ("unsubscribe", UNSUBSCRIBE))}

    assert SIGNER.read_unsubscribe(f"{KEY[:-1]}a.{mac['unsubscribe']}") is None
    assert SIGNER.read_click(f"{KEY}.4.{mac['click']}") is None
    assert SIGNER.read_click(f"{KEY}.03.{mac['click']}") is None
    assert SIGNER.read_unsubscribe(CLICK) is None
    assert SIGNER.read_click(UNSUBSCRIBE) is None
    assert SIGNER.read_unsubscribe(f"{KEY}.{mac['click']}") is None


def test_a_token_of_another_workspace_is_nothing():
    other = Signer(["another-salt"])

    assert other.read_unsubscribe(UNSUBSCRIBE) is None
    assert other.read_click(CLICK) is None


def test_after_a_change_of_the_salt_the_new_one_signs_and_both_are_read():
    changed = Signer(["the-new-salt", SALT])

    assert changed.unsubscribe_token(KEY) == Signer(["the-new-salt"]).unsubscribe_token(KEY)
    assert changed.read_unsubscribe(UNSUBSCRIBE) == KEY
    assert changed.read_click(changed.click_tokens(KEY, [1])[0]) == (KEY, 1)
    assert changed.read_click(CLICK) == (KEY, 3)
    assert SIGNER.read_click(changed.click_tokens(KEY, [1])[0]) is None


@pytest.mark.parametrize(
    "text", ["", ".", "..", "退订", "\ud800", "YWIx", "a.b.c", "_w.", "x" * 10_000, "../../etc/passwd"]
)
def test_anything_else_is_nothing(text: str):
    assert SIGNER.read_unsubscribe(text) is None
    assert SIGNER.read_click(text) is None


def test_links_are_short():
    """29 characters of the key, a dot, and 22 of the signature or 16 and a click's number."""
    assert (len(UNSUBSCRIBE), len(CLICK)) == (52, 48)
