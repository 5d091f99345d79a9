"""What Twilio says: its own or not, and in our words."""

from base64 import b64encode

import pytest
from twilio.request_validator import RequestValidator

from tests.builders import NOON
from tests.signing import ACCOUNT, CANARY_PHONE, SID, TOKEN, encoded, inbound_form, sign_twilio, twilio_form
from winback.callbacks import Reading, twilio
from winback.customers.contact import address_hash
from winback.events import EventKind, is_soft_bounce, suppression_reason

URL = "https://shop.example/hooks/twilio?key=k-1"


# is it theirs


def theirs(form: dict[str, str], *, url: str = URL, signature: str | None = None, account: str = ACCOUNT) -> bool:
    signature = sign_twilio(URL, twilio_form())[twilio.SIGNATURE_HEADER] if signature is None else signature
    return twilio.verify(token=TOKEN, account=account, url=url, body=encoded(form), signature=signature)


def test_a_signed_status_is_theirs_also_by_the_official_validator():
    signature = sign_twilio(URL, twilio_form())[twilio.SIGNATURE_HEADER]

    assert theirs(twilio_form())
    assert RequestValidator(TOKEN).validate(URL, twilio_form(), signature)


def test_a_signed_message_in_chinese_is_theirs():
    form = inbound_form("退订 ✓ & more=+")

    assert theirs(form, signature=sign_twilio(URL, form)[twilio.SIGNATURE_HEADER])


@pytest.mark.parametrize("signature", ["", "junk", "é", b64encode(b"0" * 20).decode()])
def test_a_wrong_signature_of_twilio_is_refused(signature: str):
    assert not theirs(twilio_form(), signature=signature)
    assert not twilio.verify(token=TOKEN, account=ACCOUNT, url=URL, body=encoded(twilio_form()), signature=None)


@pytest.mark.parametrize("url", [URL.replace("https", "http"), URL + "2", URL.replace("k-1", "k-2"), URL[:-3]])
def test_another_address_than_the_signed_one_is_refused(url: str):
    assert not theirs(twilio_form(), url=url)


def test_an_added_a_changed_and_a_missing_field_are_refused():
    assert not theirs(twilio_form(Extra="1"))
    assert not theirs(twilio_form(MessageStatus="failed"))
    assert not theirs({name: value for name, value in twilio_form().items() if name != "To"})


def test_another_account_is_refused_though_the_signature_fits():
    assert not theirs(twilio_form(), account="AC" + "b" * 32)


def test_the_key_cannot_be_changed_by_moving_characters_between_address_and_fields():
    """``...key=k-12`` + ``AccountSid`` and ``...key=k-1`` + ``2AccountSid`` are signed alike."""
    url, form = URL + "2", twilio_form()
    signature = sign_twilio(url, form)[twilio.SIGNATURE_HEADER]
    rest = {name: value for name, value in form.items() if name != "AccountSid"}
    shorter = URL, {"2AccountSid": form["AccountSid"], **rest}
    beside = URL, {"2": "", **form}
    longer = url + "AccountSid" + form["AccountSid"], rest

    assert theirs(form, url=url, signature=signature)
    for forged_url, forged in (shorter, beside, longer):
        assert RequestValidator(TOKEN).validate(forged_url, forged, signature)
        assert not theirs(forged, url=forged_url, signature=signature)


def test_a_status_cannot_be_made_from_another_field_of_the_same_letters():
    """``MessageStatus=undelivered`` and ``MessageStatusun=delivered`` are signed alike."""
    form = twilio_form(MessageStatus="undelivered")
    twin = {("MessageStatusun" if n == "MessageStatus" else n): v for n, v in form.items()}
    twin["MessageStatusun"] = "delivered"

    assert theirs(twin, signature=sign_twilio(URL, form)[twilio.SIGNATURE_HEADER])
    assert parsed(twin).unreadable


@pytest.mark.parametrize("body", [b"\xff", b"a=%ff", "a=é".encode(), b"&".join(b"a=1" for _ in range(300))])
def test_a_body_that_is_no_form_is_refused(body: bytes):
    assert not twilio.verify(token=TOKEN, account=ACCOUNT, url=URL, body=body, signature="x")


# what does it say


def parsed(form: dict[str, str], query: str = "key=k-1") -> Reading:
    return twilio.parse(encoded(form), query=query, received_at=NOON)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("queued", "accepted"),
        ("accepted", "accepted"),
        ("sending", "accepted"),
        ("sent", "accepted"),
        ("delivered", "delivered"),
        ("undelivered", "bounced"),
        ("failed", "bounced"),
        ("canceled", "bounced"),
        ("read", "unknown"),
        ("partially_delivered", "unknown"),
    ],
)
def test_every_status_of_twilio_has_its_word(status: str, kind: str):
    [event] = parsed(twilio_form(MessageStatus=status)).events

    assert event.kind == kind
    assert (event.provider, event.id, event.message_key, event.at) == ("twilio", f"{SID}:{status}", "k-1", NOON)


@pytest.mark.parametrize(
    ("code", "suppresses"),
    [
        ("30003", None),
        ("30004", None),
        ("30005", "bounced"),
        ("30006", "bounced"),
        ("30007", None),
        ("30008", None),
        ("21211", "bounced"),
        ("21614", "bounced"),
        ("21635", "bounced"),
        ("21610", "unsubscribed"),
        ("", None),
        ("x@example.org", None),
    ],
)
def test_only_an_error_of_the_number_itself_suppresses_it(code: str, suppresses: str | None):
    [event] = parsed(twilio_form(MessageStatus="undelivered", ErrorCode=code)).events

    assert event.kind is EventKind.BOUNCED
    assert suppression_reason(event) == suppresses
    assert is_soft_bounce(event) == (code in {"30003", "30004", "30008", ""})
    assert "@" not in (event.reason or "")


@pytest.mark.parametrize("query", ["", "key=", "key=a&key=b", "key=%00", "key=%ff", "other=1", "key=" + "k" * 300])
def test_a_status_without_one_good_key_is_kept_without_one(query: str):
    [event] = parsed(twilio_form(), query).events

    assert event.message_key is None


@pytest.mark.parametrize(
    "form",
    [
        {},
        twilio_form(MessageSid=""),
        twilio_form(MessageSid="SM1"),
        twilio_form(MessageSid=SID + "\n"),
        twilio_form(MessageStatus="<b>"),
        twilio_form(MessageStatus="\0"),
        {"MessageSid": SID},
        inbound_form("STOP", From="whatsapp:nobody"),
    ],
)
def test_a_callback_of_twilio_that_makes_no_sense_is_refused(form: dict[str, str]):
    assert parsed(form).unreadable


def test_a_field_given_twice_is_not_believed():
    body = encoded(twilio_form()) + b"&MessageSid=" + SID.encode()

    assert twilio.parse(body, query="key=k-1", received_at=NOON).unreadable


STOPS = [
    "STOP", "stop", " Stop. ", "ＳＴＯＰ", "s t o p", "STOPALL", "Stop all", "UNSUBSCRIBE", "CANCEL", "END",
    "QUIT", "OPT-OUT", "OPTOUT", "opt out", "REVOKE", "ARRET", "Arrêt", "T", "TD", "td", "ｔｄ", "R", "r",
    "退订", "退 订", "退订。", "“退订”", "「退订」", "【退订】", "《退订》", "退訂",
    "\u200bSTOP\u200b", "\ufeffSTOP", "\u200eSTOP\u200f", "STOP\u2060", "st\u00adop", "\x00stop", "(stop)",
    "STOP;", "STOP?", "¡STOP!", "‘stop’", "«stop»", "STOP ❗\ufe0f", "opt–out", "opt—out", "opt\u2011out",
    "opt－out", "opt\u2212out", "\u2014 退订 \u2014",
]  # fmt: skip


@pytest.mark.parametrize("text", STOPS)
def test_a_stop_word_opts_the_senders_number_out(text: str):
    [event] = parsed(inbound_form(text)).events

    assert (event.kind, event.channel) == (EventKind.UNSUBSCRIBED, "sms")
    assert event.address_hash == address_hash(CANARY_PHONE)
    assert (event.id, event.message_key) == (f"{SID}:received", None)


REPLIES = [
    "", "Please do not stop", "the end", "THANKS", "TT", "START now", "YES", "你好", "s" * 20_000,
    "(please stop)", "stop it?", "don't stop", "1 stop", "stop-gap", "「请勿退订」", "\u200b", "?!", "🙂",
]  # fmt: skip


@pytest.mark.parametrize("text", REPLIES)
def test_any_other_message_is_a_reply_whose_text_is_not_kept(text: str):
    [event] = parsed(inbound_form(text)).events

    assert (event.kind, event.reason, event.message_key) == (EventKind.REPLIED, None, None)
    assert (event.address_hash, event.channel) == (address_hash(CANARY_PHONE), "sms")


def test_a_reply_from_what_is_no_number_is_kept_without_one():
    [event] = parsed(inbound_form("hello", From="12345")).events

    assert (event.kind, event.address_hash) == (EventKind.REPLIED, None)


@pytest.mark.parametrize("text", ["START", "start", " Start. ", "ＳＴＡＲＴ", "s t a r t", "UNSTOP", "unstop!"])
def test_a_start_word_opts_the_senders_number_in(text: str):
    [event] = parsed(inbound_form(text)).events

    assert (event.kind, event.channel) == (EventKind.RESUBSCRIBED, "sms")
    assert event.address_hash == address_hash(CANARY_PHONE)


@pytest.mark.parametrize(
    ("text", "judged", "kind"),
    [
        ("nunca más", "STOP", EventKind.UNSUBSCRIBED),
        ("nunca más", "stop", EventKind.UNSUBSCRIBED),
        ("YES", "START", EventKind.RESUBSCRIBED),
        ("YES", "", EventKind.REPLIED),
        ("HELP", "HELP", EventKind.REPLIED),
        ("退订", "HELP", EventKind.UNSUBSCRIBED),
        ("stop", "START", EventKind.UNSUBSCRIBED),
    ],
)
def test_the_providers_own_judgement_counts_and_a_stop_word_always(text: str, judged: str, kind: EventKind):
    [event] = parsed(inbound_form(text, OptOutType=judged)).events

    assert event.kind is kind


def test_a_stop_written_from_another_country_is_that_number():
    [event] = parsed(inbound_form("TD", From="+8613800138000")).events

    assert event.address_hash == address_hash("+8613800138000")
