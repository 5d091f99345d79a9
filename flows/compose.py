"""A claimed message -> a finished one: from what the run pinned, never from the folder."""

from datetime import datetime
from functools import lru_cache

from sqlalchemy import Engine

from db.campaigns import pinned_templates
from db.engine import reading
from db.occurrences import version_files
from db.claims import Claimed
from db.settings import Settings
from winback.campaign import Campaign
from winback.campaign_file import read_campaign
from winback.delivery.outgoing import Outgoing
from winback.message.cleaning import clean_line
from winback.message.rendering import Email, RenderFailure, Sms, Values, render
from winback.message.template import Message, load
from winback.tokens import unsubscribe_url


class Composer:
    """Renders claimed messages; templates are compiled once per version."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine, self._settings = engine, settings
        self._version = lru_cache(maxsize=32)(self._read_version)
        self._template = lru_cache(maxsize=128)(self._compile)

    def campaign(self, version_id: int, campaign_id: str) -> Campaign:
        """The campaign as the run pinned it."""
        return self._version(version_id, campaign_id)[0]

    def __call__(self, claimed: Claimed, dated_at: datetime) -> Outgoing | RenderFailure:
        """The finished message, or why there is none; ``dated_at`` is the time of the claim."""
        campaign, _ = self._version(claimed.version_id, claimed.campaign_id)
        message = self._template(claimed.version_id, claimed.campaign_id, claimed.template)
        language = message.language(claimed.locale).tag
        link = unsubscribe_url(self._settings.public_url, self._settings.file.salt, claimed.key)
        sender = self._settings.file.sender
        rendered = render(
            message,
            claimed.channel,
            customer=customer_values(claimed),
            campaign={"name": (campaign.name.zh if language.startswith("zh") else None) or campaign.name.en},
            links={"unsubscribe": link},
            sender={"name": sender.name, "postal_address": sender.postal_address},
        )
        return (
            rendered if isinstance(rendered, RenderFailure) else self._addressed(claimed, rendered, link, dated_at)
        )

    def _addressed(self, claimed: Claimed, rendered: Email | Sms, link: str, dated_at: datetime) -> Outgoing:
        if isinstance(rendered, Sms):
            return Outgoing(
                key=claimed.key, channel="sms", to=claimed.address, dated_at=dated_at, text=rendered.text
            )
        sender = self._settings.file.sender
        return Outgoing(
            key=claimed.key,
            channel="email",
            to=claimed.address,
            to_name=clean_line(claimed.name or "") or None,
            from_address=sender.email,
            from_name=sender.name,
            reply_to=sender.reply_to,
            subject=rendered.subject,
            html=rendered.html,
            text=rendered.text,
            unsubscribe_url=link,
            dated_at=dated_at,
        )

    def _read_version(self, version_id: int, campaign_id: str) -> tuple[Campaign, dict[str, str]]:
        with reading(self._engine) as session:
            files = version_files(session, version_id)
        name = f"campaigns/{campaign_id}.yaml"
        return read_campaign(files[name], name), pinned_templates(files)

    def _compile(self, version_id: int, campaign_id: str, template: str) -> Message:
        return load(self._version(version_id, campaign_id)[1], template)


def customer_values(claimed: Claimed) -> Values:
    """What a template may know of the customer (winback.message.fields)."""
    return {
        "name": claimed.name,
        "locale": claimed.locale,
        "country": claimed.country,
        "orders": claimed.orders,
        "last_order_on": claimed.last_order_on,
        "days_since_order": (claimed.as_of - claimed.last_order_on).days,
    }
