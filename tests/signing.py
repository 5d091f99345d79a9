"""Callbacks as the providers send them, signed by keys made for the test."""

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from urllib.parse import urlencode

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.builders import NOON

ACCOUNT, TOKEN = "AC" + "a" * 32, "twilio-token"
SID = "SM" + "0" * 32
CANARY_MAIL, CANARY_PHONE = "canary.person@example.org", "+12125550199"


@cache
def sendgrid_private_key() -> ec.EllipticCurvePrivateKey:
    """The key the provider keeps."""
    return ec.generate_private_key(ec.SECP256R1())


def sendgrid_public_key() -> str:
    """The key as SendGrid's settings page shows it."""
    public = sendgrid_private_key().public_key()
    return b64encode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def sign_sendgrid(body: bytes, timestamp: str | None = None) -> dict[str, str]:
    """The headers of a SendGrid callback; signed at NOON unless said otherwise."""
    timestamp = timestamp or str(int(NOON.timestamp()))
    signature = sendgrid_private_key().sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    return {
        "X-Twilio-Email-Event-Webhook-Signature": b64encode(signature).decode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
    }


def sendgrid_event(event: str = "delivered", *, n: int = 1, key: str | None = "k-1", **fields: object) -> dict:
    """One element as SendGrid writes it, addresses and all."""
    default: dict[str, object] = {
        "email": CANARY_MAIL,
        "ip": "203.0.113.77",
        "timestamp": int(NOON.timestamp()),
        "smtp-id": f"<{n}@geopod-ismtpd>",
        "sg_event_id": f"event-{n}-{event}",
        "sg_message_id": f"{n}.recvd-5f54b5d587-pczjm-1-67BADEEA-6.0",
        "event": event,
    }
    return default | ({"winback_key": key} if key is not None else {}) | fields


def batch(*events: dict) -> bytes:
    """A body of events."""
    return json.dumps(events).encode()


def twilio_form(**fields: str) -> dict[str, str]:
    """A status callback's fields as Twilio sends them."""
    default = {
        "AccountSid": ACCOUNT,
        "ApiVersion": "2010-04-01",
        "From": "+15005550006",
        "MessageSid": SID,
        "MessageStatus": "delivered",
        "SmsSid": SID,
        "SmsStatus": "delivered",
        "To": CANARY_PHONE,
    }
    return default | fields


def inbound_form(body: str, **fields: str) -> dict[str, str]:
    """A message from a person as Twilio sends it."""
    form = twilio_form(Body=body, From=CANARY_PHONE, To="+15005550006", SmsStatus="received", NumMedia="0")
    del form["MessageStatus"]
    return form | fields


def sign_twilio(url: str, form: Mapping[str, str], token: str = TOKEN) -> dict[str, str]:
    """The headers of a Twilio callback, by Twilio's description: HMAC-SHA1 of address and sorted fields."""
    text = url + "".join(name + form[name] for name in sorted(form))
    signature = b64encode(hmac.digest(token.encode(), text.encode(), hashlib.sha1)).decode()
    return {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}


def encoded(form: Mapping[str, str]) -> bytes:
    """The body of a form."""
    return urlencode(form).encode()
