"""A claimed message -> a finished one: from what the run pinned, never from the folder."""

from datetime import date, datetime
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import Engine

from db.campaigns import pinned_sender, pinned_templates
from db.claims import Claimed
from db.engine import reading
from db.occurrences import version_files
from db.settings import Sender, Settings
from winback.campaigns.campaign import Campaign
from winback.campaigns.file import read_pinned
from winback.channel import Channel
from winback.customers.products import read_products
from winback.delivery.outgoing import Outgoing
from winback.message.cleaning import clean_line
from winback.message.rendering import PlainLinks, RenderFailure, Sms, Values, needs_nothing, unlawful
from winback.message.specialise import Edition, Prepared, prepare
from winback.message.template import Message
from winback.message.tokens import Signer
from winback.message.tracking import link_number, load_tracked


class Letter(NamedTuple):
    """What is written to the customers of one locale; ``clicks``: the names of its counted links."""

    edition: Edition
    clicks: tuple[str, ...]
    numbers: tuple[int, ...]
    unsubscribe: bool
    sender: Sender
    from_name: str


class Composer:
    """Renders claimed messages; templates are compiled once per version, and once more per language."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine, self._settings = engine, settings
        self._signer = Signer([settings.file.salt])
        self._url = settings.public_url.rstrip("/")
        self._made = PlainLinks if needs_nothing(self._url) else dict[str, str]
        self._version = lru_cache(maxsize=32)(self._read_version)
        self._message = lru_cache(maxsize=128)(self._compile)
        self._prepared = lru_cache(maxsize=512)(self._prepare)
        self._letter = lru_cache(maxsize=4096)(self._choose)

    def campaign(self, version_id: int, campaign_id: str) -> Campaign:
        """The campaign as the run pinned it."""
        return self._version(version_id, campaign_id)[0]

    def __call__(self, claimed: Claimed, dated_at: datetime) -> Outgoing | RenderFailure:
        """The finished message, or why there is none; ``dated_at`` is the time of the claim."""
        letter = self._letter(
            claimed.version_id, claimed.campaign_id, claimed.template, claimed.channel, claimed.locale
        )
        links = self._links(claimed.key, letter)
        rendered = letter.edition(customer_values(claimed), links)
        if isinstance(rendered, RenderFailure):
            return rendered
        if isinstance(rendered, Sms):
            if failure := unlawful(rendered, claimed.address, claimed.template):
                return failure
            return Outgoing(
                key=claimed.key,
                channel="sms",
                to=claimed.address,
                dated_at=dated_at,
                text=rendered.text,
                from_address=letter.sender.phone,
                units=rendered.size.segments,
            )
        sender = letter.sender
        return Outgoing(
            key=claimed.key,
            channel="email",
            to=claimed.address,
            to_name=clean_line(claimed.name or "") or None,
            from_address=sender.email,
            from_name=letter.from_name,
            reply_to=sender.reply_to,
            subject=rendered.subject,
            html=rendered.html,
            text=rendered.text,
            unsubscribe_url=links["unsubscribe"],
            dated_at=dated_at,
        )

    def _links(self, key: str, letter: Letter) -> dict[str, str]:
        """The signed links of one message, those only that its letter reads."""
        url, signer = self._url, self._signer
        tokens = signer.click_tokens(key, letter.numbers)
        links = self._made({name: f"{url}/c/{token}" for name, token in zip(letter.clicks, tokens, strict=True)})
        if letter.unsubscribe:
            links["unsubscribe"] = f"{url}/u/{signer.unsubscribe_token(key)}"
        return links

    def _choose(
        self, version_id: int, campaign_id: str, template: str, channel: Channel, locale: str | None
    ) -> Letter:
        language = self._message(version_id, campaign_id, template).language(locale).tag
        chinese, sender = language.startswith("zh"), self._version(version_id, campaign_id)[2]
        edition = self._prepared(version_id, campaign_id, template, channel, chinese).edition(locale)
        numbers = {name: number for name in edition.links if (number := link_number(name)) is not None}
        return Letter(
            edition=edition,
            clicks=tuple(numbers),
            numbers=tuple(numbers.values()),
            unsubscribe="unsubscribe" in edition.links,
            sender=sender,
            from_name=sender.name_in(language),
        )

    def _prepare(
        self, version_id: int, campaign_id: str, template: str, channel: Channel, chinese: bool
    ) -> Prepared:
        campaign, _, sender = self._version(version_id, campaign_id)
        name = campaign.name
        return prepare(
            self._message(version_id, campaign_id, template),
            channel,
            campaign={"name": (name.zh if chinese else None) or name.en},
            sender=sender.values("zh" if chinese else "en"),
        )

    def _read_version(self, version_id: int, campaign_id: str) -> tuple[Campaign, dict[str, str], Sender]:
        with reading(self._engine) as session:
            files = version_files(session, version_id)
        name = f"campaigns/{campaign_id}.yaml"
        return read_pinned(files[name], name), pinned_templates(files), pinned_sender(files, self._settings)

    def _compile(self, version_id: int, campaign_id: str, template: str) -> Message:
        return load_tracked(self._version(version_id, campaign_id)[1], template)


def customer_values(claimed: Claimed) -> Values:
    """What a template may know of the customer (winback.message.fields)."""
    return {
        "name": claimed.name,
        "locale": claimed.locale,
        "country": claimed.country,
        "recommended": read_products(claimed.recommended),
        **order_values(claimed.orders, claimed.last_order_on, claimed.as_of),
    }


def order_values(orders: int, last_on: date, as_of: date) -> Values:
    """What a template may know of the orders; of who has none, by contract, there is no last one."""
    return {
        "orders": orders,
        "last_order_on": last_on if orders else None,
        "days_since_order": (as_of - last_on).days if orders else None,
    }
