"""The providers: one line each. A provider's libraries are imported when it is opened, not before."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from typing import Protocol

from winback.channel import Channel
from winback.delivery.answer import Answer
from winback.delivery.lookup import Found, Sought
from winback.delivery.outgoing import Outgoing
from winback.errors import WrongUse, nearest


def always() -> bool:
    """Whether a message may begin, where nobody says otherwise."""
    return True


class Provider(Protocol):
    """What hands messages over and says what became of each; for one thread at a time."""

    name: str
    channels: frozenset[Channel]

    def send_all(
        self,
        messages: Iterable[Outgoing],
        *,
        until: float = math.inf,
        may_begin: Callable[[], bool] = always,
    ) -> Iterator[tuple[Outgoing, Answer]]:
        """Hand messages over, several at once where the provider can; (message, answer) as answers come.

        From ``until`` on (time.monotonic()) no first byte leaves: a process that was stopped and goes on must not
        send what is somebody else's by then. What was pulled nevertheless is answered TOO_LATE.

        ``messages`` is pulled one at a time, right before that message's first byte: whoever gives them checks
        lease and stop switch there, and may end early. Every message pulled gets an answer. Nothing is raised that
        a network, a disk or a provider can cause; what ``messages`` itself raises comes through when every message
        already begun has its answer.

        Who begins a message once more after its pull (nothing had been sent, and another connection carries it)
        asks ``may_begin`` first; where it says no, the answer is HELD_BACK.
        """
        ...

    def test_send(self, message: Outgoing) -> Answer:
        """Hand one message over through the provider's own client, where there is one."""
        ...

    def look_up(self, sought: Sought) -> Found:
        """What the provider knows of a message. Raises nothing that a network, a disk or a provider can cause."""
        ...

    def close(self) -> None:
        """Close the connections; nothing may be in flight."""
        ...


PROVIDERS: Mapping[str, str] = {
    "folder": "winback.delivery.folder:Folder",
    "sendgrid": "winback.delivery.sendgrid:SendGrid",
    "smtp": "winback.delivery.smtp:Smtp",
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
