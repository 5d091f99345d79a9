"""A message to one address of our own, to see it as a customer would: outside the ledger, counted nowhere.

The customer is made up, the text and the provider are real. It leaves through the provider's official client, is
marked, and its unsubscribe link belongs to nobody.
"""

import secrets
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from db.campaigns import pinned_templates, read_files
from db.engine import database, reading
from db.people import is_closed
from db.settings import Settings, check_live
from flows.sending import open_providers
from winback.campaigns.campaign import Campaign
from winback.campaigns.file import read_campaign
from winback.channel import Channel
from winback.customers.contact import address_hash, normalise_email, normalise_phone, why_no_contact
from winback.delivery.answer import Answer
from winback.delivery.outgoing import Outgoing
from winback.delivery.registry import Provider, open_provider
from winback.errors import TemplateError, WrongUse, nearest
from winback.message.fields import MADE_UP_LOCALE, samples
from winback.message.languages import PLAIN
from winback.message.rendering import Email, RenderFailure, Sms, render, unlawful
from winback.message.sms import sms_size
from winback.message.template import Message, load
from winback.message.tokens import Signer

MARK = "[TEST]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is wanted: ``variants`` and ``locales`` empty = the first variant, in English."""

    campaign_id: str
    to: str
    variants: Sequence[str] = ()
    locales: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One message of a trial; ``file``: where the folder put it."""

    variant: str
    language: str
    subject: str
    provider: str
    answer: Answer
    file: str | None


def try_out(settings: Settings, trial: Trial, now: datetime) -> list[Tried]:
    """Send every variant in every language asked for to one address, once each.

    Raises WrongUse for an address that is none or has opted out and for an unknown variant or language, and what
    ``check`` reports of the campaign; then nothing was sent.
    """
    check_live(settings)
    channel, address = _address(trial.to)
    files = read_files(settings, trial.campaign_id)
    campaign = read_campaign(files[f"campaigns/{trial.campaign_id}.yaml"], trial.campaign_id)
    wanted = _variants(campaign, trial.variants)
    if channel not in campaign.step.channels:
        raise WrongUse(f"{campaign.id} is not sent by {channel}, only by {', '.join(campaign.step.channels)}")
    _refuse_closed(settings, channel, address)
    sheet = _Sheet(settings, campaign, pinned_templates(files), channel, address, now)
    written = [
        (variant, *sheet.written(template, locale))
        for variant, template in wanted.items()
        for locale in trial.locales or [MADE_UP_LOCALE]
    ]
    with closing(_provider(settings, channel)) as provider:
        return [_send(provider, settings, *each) for each in written]


def _address(text: str) -> tuple[Channel, str]:
    if email := normalise_email(text):
        return "email", email
    if phone := normalise_phone(text, None):
        return "sms", phone
    raise WrongUse(why_no_contact(text))


def _variants(campaign: Campaign, names: Sequence[str]) -> dict[str, str]:
    known = campaign.templates()
    for name in names:
        if name not in known:
            near = nearest(name, list(known))
            hint = f"did you mean '{near}'?" if near else f"there are: {', '.join(known)}"
            raise WrongUse(f"{campaign.id} has no variant '{name}' ({hint})")
    return {name: known[name] for name in (names or list(known)[:1])}


def _refuse_closed(settings: Settings, channel: Channel, address: str) -> None:
    """Nobody who said no is written to, not even for a trial."""
    with database(settings.database_url) as engine, reading(engine) as session:
        if is_closed(session, address_hash(address), channel):
            raise WrongUse("that address is closed on this channel: it opted out, bounced or complained")


def _provider(settings: Settings, channel: Channel) -> Provider:
    if settings.provider_of(channel) == "folder":
        return open_provider("folder", path=settings.state / "trials")  # what was really sent stands by itself
    return open_providers(settings)[channel]


class _Sheet:
    """Writes the messages of one trial."""

    def __init__(
        self,
        settings: Settings,
        campaign: Campaign,
        files: dict[str, str],
        channel: Channel,
        to: str,
        now: datetime,
    ) -> None:
        self._settings, self._campaign, self._files = settings, campaign, files
        self._channel, self._to, self._now = channel, to, now
        self._signer = Signer([settings.file.salt])

    def written(self, template: str, locale: str) -> tuple[str, Outgoing]:
        """(language, message); TemplateError where the made-up customer cannot be written to.

        WrongUse where the message has no edition for ``locale``: the English one would say nothing about it.
        """
        message, sender, name = load(self._files, template), self._settings.file.sender, self._campaign.name
        key = f"trial-{secrets.token_hex(12)}"
        link = f"{self._settings.public_url}/u/{self._signer.unsubscribe_token(key)}"
        language = message.language(locale).tag
        if not message.has_edition_for(locale):
            raise WrongUse(_no_edition(message, locale))
        rendered = render(
            message,
            self._channel,
            customer=samples(language)["customer"] | {"locale": locale},
            campaign={"name": (name.zh if language.startswith("zh") else None) or name.en},
            links={"unsubscribe": link},
            sender=sender.values(language),
        )
        if isinstance(rendered, RenderFailure):
            raise TemplateError(rendered.problem, file=rendered.file, line=rendered.line, field=rendered.field)
        if isinstance(rendered, Sms) and (refused := unlawful(rendered, self._to, message.name)):
            raise WrongUse(f"{refused.file} in {language} may not go to +86 numbers: {refused.problem}")
        return language, self._addressed(rendered, key, link)

    def _addressed(self, rendered: Email | Sms, key: str, link: str) -> Outgoing:
        sender = self._settings.file.sender
        if isinstance(rendered, Sms):  # marked at its end: carriers look for a signature at the start
            text, units = f"{rendered.text} {MARK}", sms_size(f"{rendered.text} {MARK}").segments
            return Outgoing(
                key=key,
                channel="sms",
                to=self._to,
                dated_at=self._now,
                text=text,
                from_address=sender.phone,
                units=units,
            )
        return Outgoing(
            key=key,
            channel="email",
            to=self._to,
            dated_at=self._now,
            text=rendered.text,
            from_address=sender.email,
            from_name=sender.name_in(rendered.language),
            reply_to=sender.reply_to,
            subject=f"{MARK} {rendered.subject}",
            html=rendered.html,
            unsubscribe_url=link,
        )


def _no_edition(message: Message, locale: str) -> str:
    there = sorted(suffix or PLAIN for suffix in message.suffixes)
    near = nearest(locale, there)
    hint = f"there are: {', '.join(there)}" + (f"; did you mean '{near}'?" if near else "")
    return f"{message.name} has no edition for '{locale}' ({hint}); customers of other languages get {PLAIN}"


def _send(provider: Provider, settings: Settings, variant: str, language: str, outgoing: Outgoing) -> Tried:
    answer = provider.test_send(outgoing)
    suffix = "eml" if outgoing.channel == "email" else "txt"
    written = settings.state / "trials" / f"{outgoing.key}.{suffix}"
    return Tried(
        variant=variant,
        language=language,
        subject=outgoing.subject or outgoing.text[:40],
        provider=provider.name,
        answer=answer,
        file=str(written) if provider.name == "folder" else None,
    )
