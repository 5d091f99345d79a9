"""The providers: one line each. A provider's libraries are imported when it is opened, not before."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from typing import Protocol

from winback.channel import Channel
from winback.delivery.answer import Answer
from winback.delivery.lookup import Found, Sought
from winback.delivery.outgoing import Outgoing
from winback.delivery.source import always
from winback.errors import WrongUse, nearest


class Provider(Protocol):
    """What hands messages over and says what became of each; for one thread at a time."""

    name: str
    channels: frozenset[Channel]

    def send_all(
        self, messages: Iterable[Outgoing], *, may_begin: Callable[[], bool] = always
    ) -> Iterator[tuple[Outgoing, Answer]]:
        """Hand messages over, several at once where the provider can; (message, answer) as answers come.

        ``messages`` is pulled one at a time, when that message can leave. Right before its first byte, each time
        it begins (where nothing was sent, another connection may carry it), ``may_begin`` is asked: whoever gives
        it looks at lease and stop switch. Where it says no, nothing leaves, and the answer is HELD_BACK.

        Every message pulled gets an answer. Nothing is raised that a network, a disk or a provider can cause; what
        ``messages`` itself raises comes through when every message already begun has its answer.
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
