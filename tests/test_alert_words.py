"""Why a provider refuses, in words."""

import pytest

from app.at_rest import why_words
from winback.delivery.alert_words import in_words, refused, shut, stopped
from winback.delivery.refusals import RefusedShare, refused_words

TO = "http_400:personalizations.0.to"
EN, ZH = f"the provider does not accept the recipient's address ({TO})", f"服务商不接受收件人地址（{TO}）"


@pytest.mark.parametrize(
    ("code", "en", "zh"),
    [
        (f"{TO}.0.email", "the recipient's address", "收件人地址"),
        (f"{TO}.0.name", "the recipient's name", "收件人姓名"),
        ("http_400:from.email", "the sender's address or name", "发件人地址或名称"),
        ("http_400:subject", "the subject", "邮件主题"),
        ("http_422:content.1.value", "the text of the e-mail", "邮件正文"),
    ],
)
def test_the_field_that_is_refused_is_named_in_both_languages(code: str, en: str, zh: str):
    assert in_words(code) == (f"the provider does not accept {en} ({code})", f"服务商不接受{zh}（{code}）")


@pytest.mark.parametrize(
    "code", ["http_400:fromage", "http_400:attachments.0", "http_413:x", "http_400", "subject"]
)
def test_a_code_nobody_knows_is_shown_as_it_is(code: str):
    assert in_words(code) == (code, code)


def test_wherever_people_read_of_a_refusal_it_is_in_words():
    share = RefusedShare(run="spring/manual", messages=20, of=100, reason=TO, times=20)
    for en, zh in (refused(share), stopped("spring/manual", refused_words(TO)), shut(TO)):
        assert EN in en
        assert ZH in zh
    assert why_words(refused_words(TO)) == refused_words(EN)
    assert why_words("too many bounces") == "too many bounces"
