"""Asking a provider about one message, and how much its answer proves.

"There" is believed. "Not there" is believed only where it can be: the settle window is over
(winback.delivery.settling), the provider still remembers, and a message that is known to have arrived is found by
the very same question. A filter that is ignored, another account, a text altered on its way would else make
"not there" of everything.
"""

from collections.abc import Mapping
from datetime import datetime
from difflib import SequenceMatcher

from sqlalchemy import Engine

from db.claims import Claimed
from db.engine import reading
from db.reconciling import Uncertain, as_claimed, known_beside, that_arrived
from db.settings import Settings
from flows.compose import Composer
from flows.sending import open_providers
from winback.channel import Channel
from winback.delivery.lookup import REMEMBERED, Found, Sought
from winback.delivery.registry import Provider
from winback.delivery.settling import SETTLE
from winback.message.rendering import RenderFailure

SHORTEST_MARKER = 20  # characters; a shorter piece of text could stand in any message
SURE = frozenset({"folder"})  # its files are looked at directly


class LookUps:
    """The providers a workspace names, asked through their own clients; use it as a context manager."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine, self._settings = engine, settings
        self._compose = Composer(engine, settings)
        self._open: Mapping[Channel, Provider] | None = None
        self._proved: dict[tuple[str, str], bool] = {}

    def __enter__(self) -> "LookUps":
        return self

    def __exit__(self, *_: object) -> None:
        for provider in (self._open or {}).values():
            provider.close()

    def provider_of(self, message: Uncertain) -> str:
        """The name of the provider that had the message, or would have had it."""
        return message.provider or self._settings.provider_of(message.channel)

    def ask(self, message: Uncertain, now: datetime) -> Found:
        """What its provider says of the message; ``arrived`` False only where that can be believed."""
        name = self.provider_of(message)
        provider = self._provider(message.channel)
        if provider.name != name:
            return Found(arrived=None, evidence=f"{name} is not the provider any more")
        sought = self._sought(message)
        if sought is None:
            return Found(
                arrived=None, evidence=f"{name}: nothing to look for, the address or the text has changed"
            )
        found = provider.look_up(sought)
        if found.arrived is not False or name in SURE:
            return found
        if message.earliest_at < now - REMEMBERED[name]:
            return Found(arrived=None, evidence=f"{name}: too long ago")
        if not self._is_proved(message, provider, now):
            return Found(arrived=None, evidence=f"{name}: a message that arrived is not found either")
        return found

    def _is_proved(self, message: Uncertain, provider: Provider, now: datetime) -> bool:
        """Whether a message of the same run that is known to have arrived is found in the same way."""
        kind = (provider.name, message.run)
        if kind not in self._proved:
            since, before = now - REMEMBERED[provider.name], now - SETTLE[provider.name]
            with reading(self._engine) as session:
                known = that_arrived(session, message, provider.name, since, before)
            sought = self._sought(known) if known else None
            self._proved[kind] = bool(sought and provider.look_up(sought).arrived)
        return self._proved[kind]

    def _provider(self, channel: Channel) -> Provider:
        if self._open is None:
            self._open = open_providers(self._settings)
        return self._open[channel]

    def _sought(self, message: Uncertain) -> Sought | None:
        if message.channel == "email" or self.provider_of(message) in SURE:
            return Sought(key=message.key, to=message.address or "", sent_at=message.earliest_at)
        marker = self._marker(message) if message.address else None
        if not marker or not message.address:
            return None
        with reading(self._engine) as session:
            others = known_beside(session, message)
        return Sought(
            key=message.key, to=message.address, sent_at=message.earliest_at, marker=marker, others=others
        )

    def _marker(self, message: Uncertain) -> str | None:
        """Text that stands in this SMS and in no other to the same number: its key, else what everybody's shares.

        The customer's own words are left out: they may have been imported anew since it was sent.
        """
        with reading(self._engine) as session:
            claimed = as_claimed(session, message)
        text, other = self._text(claimed, message.sent_at), self._text(_somebody_else(claimed), message.sent_at)
        if text is None or other is None:
            return None
        if message.key in text:
            return message.key
        match = SequenceMatcher(None, text, other, autojunk=False).find_longest_match()
        shared = text[match.a : match.a + match.size].strip()
        return shared if len(shared) >= SHORTEST_MARKER else None

    def _text(self, claimed: Claimed, at: datetime) -> str | None:
        outgoing = self._compose(claimed, at)
        return None if isinstance(outgoing, RenderFailure) else outgoing.text


def _somebody_else(claimed: Claimed) -> Claimed:
    """Another customer who reads the same language."""
    return claimed._replace(
        key="0" * len(claimed.key),
        name="Quill" if claimed.name != "Quill" else "Zoe",
        country=None,
        orders=claimed.orders + 1,
        last_order_on=claimed.last_order_on.replace(day=1 if claimed.last_order_on.day > 1 else 2),
    )
