"""The providers: one line each. A provider's libraries are imported when it is opened, not before."""

from collections.abc import Mapping
from importlib import import_module
from typing import Protocol

from winback.campaign import Channel
from winback.delivery.answer import Answer
from winback.delivery.outgoing import Outgoing
from winback.errors import WrongUse, nearest


class Provider(Protocol):
    """What hands one message over and says what became of it."""

    name: str
    channels: frozenset[Channel]

    def send(self, message: Outgoing) -> Answer:
        """Hand ``message`` over. Raises nothing that a network, a disk or a provider can cause."""
        ...


PROVIDERS: Mapping[str, str] = {
    "folder": "winback.delivery.folder:Folder",
    "sendgrid": "winback.delivery.sendgrid:SendGrid",
    "twilio": "winback.delivery.twilio:Twilio",
}


def open_provider(name: str, **settings: object) -> Provider:
    """The provider called ``name``; ``settings`` are those of its own constructor."""
    if name not in PROVIDERS:
        hint = nearest(name, list(PROVIDERS))
        raise WrongUse(
            f"no provider '{name}' (allowed: {', '.join(PROVIDERS)})"
            + (f"; did you mean '{hint}'?" if hint else "")
        )
    module, _, constructor = PROVIDERS[name].partition(":")
    provider: Provider = getattr(import_module(module), constructor)(**settings)
    return provider
