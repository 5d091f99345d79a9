"""Our requests, judged by the providers' own unaltered API documents (validator: openapi-core).

The requests are the bytes a server received: bulk, test sends, look-ups. The same validator refuses more than ten
malformed requests for each provider, so that its "yes" means something.
"""

import json
import os
from contextlib import closing
from copy import deepcopy
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from openapi_core import Config, OpenAPI
from openapi_core.testing import MockRequest

from tests.messages import an_email, an_sms
from tests.sink import Reply, Sink
from winback.delivery.lookup import Sought
from winback.delivery.sendgrid import SendGrid
from winback.delivery.twilio import Twilio

pytestmark = pytest.mark.data

SENDGRID, TWILIO = "sendgrid_mail_v3.json", "twilio_messages_2010.json"
ACTIVITY = "sendgrid_email_activity_v3.json"
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
ACCOUNT, NUMBER, SERVICE = "AC" + "0" * 32, "+15005550006", "MG" + "0" * 32


@cache
def document(name):
    folder = Path(os.environ["DATA"]).resolve().parent / "contract"
    # json.loads, because the reader of openapi-core takes it for YAML and stumbles over JSON's surrogate pairs
    own_formats = Config(extra_format_unmarshallers={"phone-number": str})  # Twilio's; nobody else knows it
    return OpenAPI.from_dict(json.loads((folder / name).read_text("utf-8")), config=own_formats)


def faults(name, path, body, headers, method="post"):
    """What the provider's document has against one request; empty when it is well-formed."""
    api = document(name)
    host = api.spec["servers"][0]["url"].rstrip("/")
    content_type = headers.get("content-type", "")
    place = urlsplit(path)
    request = MockRequest(
        host,
        method,
        place.path,
        args=dict(parse_qsl(place.query)),
        headers=headers,
        data=body.encode(),
        content_type=content_type,
    )
    return [str(error) for error in api.unmarshal_request(request).errors]


def judged(name, recorded):
    return faults(name, recorded.path, recorded.body, recorded.headers, recorded.method.lower())


def in_bulk(provider, message):
    [(_, answer)] = provider.send_all([message])
    return answer


def by_the_client(provider, message):
    return provider.test_send(message)


both_ways = pytest.mark.parametrize("send", [in_bulk, by_the_client])


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"to_name": None, "from_name": None, "reply_to": None},
        {"category": "c-17"},
        {"subject": "（AD）林晓雨，好久不见 👋", "to_name": "林晓雨", "html": "<p>您好</p>", "text": "您好"},
        {"key": "k" * 120, "text": "x" * 50_000},
    ],
)
@both_ways
def test_every_mail_we_hand_over_is_one_the_providers_document_allows(tmp_path, send, changes):
    with Sink(tmp_path) as sink, sendgrid(sink.url) as provider:
        send(provider, an_email(**changes))
        [request] = sink.requests()

    assert judged(SENDGRID, request) == []


@both_ways
@pytest.mark.parametrize("sender", [NUMBER, SERVICE, "Harbour"])
@pytest.mark.parametrize("callback", [None, "https://shop.example/hooks/twilio"])
@pytest.mark.parametrize("text", ["Reply STOP to opt out", "【海港唱片】拒收请回复R 👋", "a & b = c + d % e"])
def test_every_sms_we_hand_over_is_one_the_providers_document_allows(tmp_path, send, sender, callback, text):
    with Sink(tmp_path) as sink, twilio(sink.url, callback) as provider:
        send(provider, an_sms(text=text, from_address=sender))
        [request] = sink.requests()

    assert judged(TWILIO, request) == []


def sendgrid(url):
    return closing(SendGrid(key="SG.test", url=url))


def twilio(url, callback="https://shop.example/hooks/twilio"):
    return closing(Twilio(account_sid=ACCOUNT, auth_token="t", url=url, status_callback=callback))


@pytest.fixture
def activity(tmp_path_factory):
    """Our question to SendGrid for one message."""
    return asked_by(sendgrid, tmp_path_factory.mktemp("activity"))[0]


def asked_by(provider, folder):
    sought = Sought(key="k" * 29, to="+15005550009", sent_at=datetime.now(UTC), marker="Reply STOP")
    with Sink(folder) as sink, provider(sink.url) as opened:
        assert opened.look_up(sought).arrived is False
        return sink.look_ups()


def test_every_look_up_is_one_the_providers_document_allows(tmp_path, activity):
    (tmp_path / "twilio").mkdir()

    lists = asked_by(twilio, tmp_path / "twilio")

    assert judged(ACTIVITY, activity) == []
    assert len(lists) == 2
    for request in lists:
        assert judged(TWILIO, request) == []


def test_the_question_why_an_email_was_not_delivered_is_one_the_providers_document_allows(tmp_path):
    one = {"msg_id": "m 1/2", "to_email": "ada@example.com", "status": "not_delivered"}
    listed = Reply(status=200, body=json.dumps({"messages": [one]}))
    with Sink(tmp_path, look_ups=[listed, Reply(status=404)]) as sink, sendgrid(sink.url) as opened:
        opened.look_up(Sought(key="k" * 29, to="ada@example.com", sent_at=datetime.now(UTC)))
        [_, why] = sink.look_ups()

    assert judged(ACTIVITY, why) == []


# --- the validator can say no ------------------------------------------------------------------------------------

PERSON = ("personalizations", 0)
MALFORMED_MAILS = {
    "no sender": (("from",), None),
    "sender as text": (("from",), "letters@shop.example"),
    "sender that is no address": (("from", "email"), "not-an-email"),
    "nobody to send to": (("personalizations",), None),
    "a personalization without to": ((*PERSON, "to"), None),
    "a recipient without an address": ((*PERSON, "to"), [{"name": "Ada"}]),
    "recipients as text": ((*PERSON, "to"), "ada@example.com"),
    "1,001 personalizations": (("personalizations",), [{"to": [{"email": "a@example.com"}]}] * 1_001),
    "a number as subject": (("subject",), 7),
    "an empty subject": (("subject",), ""),
    "content without a value": (("content", 0, "value"), None),
    "empty content": (("content", 0, "value"), ""),
    "custom arguments outside the personalization": (("custom_args",), {"winback_key": "k"}),
    "headers as a list": (("headers",), []),
    "eleven categories": (("categories",), [str(n) for n in range(11)]),
    "tracking as a word": (("tracking_settings", "open_tracking", "enable"), "no"),
}


def changed(body, place, value):
    """A copy of ``body`` with another value at ``place``, or without it when the value is None."""
    copy = deepcopy(body)
    inner = copy
    for step in place[:-1]:
        inner = inner[step]
    if value is None:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return copy


@pytest.fixture
def mail(tmp_path_factory):
    """A request of ours that the document allows."""
    with Sink(tmp_path_factory.mktemp("mail")) as sink, sendgrid(sink.url) as provider:
        in_bulk(provider, an_email())
        [request] = sink.requests()
    return request


@pytest.fixture
def sms(tmp_path_factory):
    """A request of ours that the document allows."""
    with Sink(tmp_path_factory.mktemp("sms")) as sink, twilio(sink.url) as provider:
        in_bulk(provider, an_sms())
        [request] = sink.requests()
    return request


@pytest.mark.parametrize(("place", "value"), MALFORMED_MAILS.values(), ids=MALFORMED_MAILS.keys())
def test_a_malformed_mail_is_refused(mail, place, value):
    wrong = json.dumps(changed(json.loads(mail.body), place, value))

    assert judged(SENDGRID, mail) == []
    assert faults(SENDGRID, mail.path, wrong, mail.headers)


MALFORMED_FORMS = {
    "nobody to send to": {"To": None},
    "a service that is no sid": {"MessagingServiceSid": "MG12"},
    "a content that is no sid": {"ContentSid": "x"},
    "an application that is no sid": {"ApplicationSid": "AP1"},
    "a price in words": {"MaxPrice": "cheap"},
    "a fraction of a second": {"ValidityPeriod": "1.5"},
    "an attempt in words": {"Attempt": "first"},
    "feedback in words": {"ProvideFeedback": "perhaps"},
    "a time in words": {"SendAt": "tomorrow"},
    "an unknown schedule": {"ScheduleType": "someday"},
    "an unknown retention": {"ContentRetention": "all"},
    "an unknown risk check": {"RiskCheck": "maybe"},
}


@pytest.mark.parametrize("changes", MALFORMED_FORMS.values(), ids=MALFORMED_FORMS.keys())
def test_a_malformed_sms_is_refused(sms, changes):
    wrong = urlencode({name: value for name, value in (sms.form | changes).items() if value is not None})

    assert judged(TWILIO, sms) == []
    assert faults(TWILIO, sms.path, wrong, sms.headers)


@pytest.mark.parametrize("authorization", [None, "Token abc"])
def test_a_request_without_its_key_is_refused(mail, sms, authorization):
    for name, request in ((SENDGRID, mail), (TWILIO, sms)):
        headers = {key: value for key, value in request.headers.items() if key != "authorization"}
        headers |= {"authorization": authorization} if authorization else {}
        assert faults(name, request.path, request.body, headers)


def test_a_request_to_another_place_or_of_another_kind_is_refused(mail, sms):
    for name, request, path, kind in (
        (SENDGRID, mail, "/v3/mail/sends", FORM),
        (TWILIO, sms, "/2010-04-01/Accounts/AC1/Messages.json", JSON),
    ):
        assert faults(name, path, request.body, request.headers)
        assert faults(name, request.path, request.body, request.headers, method="put")
        assert faults(name, request.path, request.body, request.headers | {"content-type": kind})


@pytest.mark.parametrize("query", ["", "limit=5", "query=x&limit=0", "query=x&limit=1001", "query=x&limit=few"])
def test_a_malformed_question_for_activity_is_refused(activity, query):
    path = f"/v3/messages?{query}"

    assert faults(ACTIVITY, path, "", activity.headers, method="get")


@pytest.mark.parametrize("query", ["DateSent%3E=yesterday", "PageSize=0", "PageSize=1001", "PageSize=few"])
def test_a_malformed_question_for_the_list_is_refused(sms, query):
    assert faults(TWILIO, f"{sms.path}?{query}", "", sms.headers, method="get")
