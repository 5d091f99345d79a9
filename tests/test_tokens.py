"""Unsubscribe tokens: ours are read, anything else is nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from winback.tokens import make_token, read_token, unsubscribe_url

SALT = "salt-of-the-shop"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def test_a_token_is_the_one_openssl_makes():
    """K=$(printf 'winback unsubscribe 1' | openssl dgst -sha256 -hmac 'salt-of-the-shop' -hex), then
    printf 'ab12-7' | openssl dgst -sha256 -mac HMAC -macopt hexkey:$K -binary | head -c 16 | base64.
    Pinned because links that were sent must keep working.
    """
    assert make_token(SALT, "ab12-7") == "YWIxMi03.l-6RwLk98QxRfIxZ4aTP0Q"


@settings(deadline=None)
@given(key=st.text(min_size=1, max_size=60, alphabet=st.characters(codec="utf-8")), salt=st.text(min_size=8))
def test_a_token_gives_its_key_back_and_fits_an_address(key: str, salt: str):
    salt = salt.encode("utf-8", "replace").decode()

    token = make_token(salt, key)

    assert read_token(salt, token) == key
    assert set(token) <= set(LETTERS + ".")


def test_every_single_changed_character_spoils_a_token():
    token = make_token(SALT, "ab12-7")

    changed = [token[:at] + letter + token[at + 1 :] for at in range(len(token)) for letter in LETTERS + ".=/+ "]

    assert {read_token(SALT, text) for text in changed if text != token} == {None}


@pytest.mark.parametrize("cut", range(len(make_token(SALT, "ab12-7"))))
def test_a_cut_off_token_is_nothing(cut: int):
    assert read_token(SALT, make_token(SALT, "ab12-7")[:cut]) is None


@pytest.mark.parametrize("tail", ["=", "==", ".", "\n", "\0", "a", "%00", " "])
def test_a_token_with_something_after_it_is_nothing(tail: str):
    assert read_token(SALT, make_token(SALT, "ab12-7") + tail) is None


def test_the_signature_of_another_message_does_not_fit():
    own, other = make_token(SALT, "ab12-7"), make_token(SALT, "ab12-8")

    assert read_token(SALT, own.split(".")[0] + "." + other.split(".")[1]) is None


def test_a_token_of_another_workspace_is_nothing():
    assert read_token("another-salt", make_token(SALT, "ab12-7")) is None


@pytest.mark.parametrize(
    "text", ["", ".", "退订", "\ud800", "YWIx", "a.b.c", "_w.", "x" * 10_000, "../../etc/passwd"]
)
def test_anything_else_is_nothing(text: str):
    assert read_token(SALT, text) is None


def test_a_link_is_short_enough_for_a_text_message():
    url = unsubscribe_url("https://shop.example/", SALT, "9f86d081-1234567")

    assert url.startswith("https://shop.example/u/")
    assert len(url) <= 70
