"""A sender for a workspace: the providers its settings name, and the loop that drains the outbox with them."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from threading import Event

from sqlalchemy import Engine

from db.engine import database
from db.memory import remember
from db.restored import check_not_restored
from db.salt import check_salt
from db.settings import Settings, check_live
from flows.compose import Composer
from flows.dispatch import Post, drain
from flows.tally import Tally
from winback.campaigns.campaign import Campaign
from winback.campaigns.quiet_hours import hours_for
from winback.channel import Channel
from winback.delivery.claiming import Rules
from winback.delivery.registry import Provider, open_provider
from winback.message.sms import MAX_SEGMENTS


@contextmanager
def sender(
    settings: Settings, clock: Callable[[], datetime], progress: Callable[[int], None] = lambda done: None
) -> Iterator[Post]:
    """A sender with a name of its own; WrongUse when live sending is not allowed, or with another salt."""
    check_live(settings)
    with database(settings.database_url) as engine:
        check_salt(settings, engine)
        check_not_restored(settings, engine, clock())
        post = make_post(engine, settings, clock, progress)
        try:
            yield post
        finally:
            for provider in post.providers.values():
                provider.close()


def make_post(
    engine: Engine, settings: Settings, clock: Callable[[], datetime], progress: Callable[[int], None]
) -> Post:
    """A sender on an open engine."""
    compose = Composer(engine, settings)
    return Post(
        engine=engine,
        providers=open_providers(settings),
        compose=compose,
        rules=lambda campaign_id, version, channel: rules_of(
            settings, compose.campaign(version, campaign_id), channel
        ),
        pace=settings.pace,
        tariff=settings.tariff,
        remember=partial(remember, settings),
        unknown_email_consent=settings.file.unknown_email_consent == "allow",
        placebo=settings.placebo,
        owner=f"{socket.gethostname()}-{os.getpid()}-{time.monotonic_ns():x}",
        clock=clock,
        monotonic=time.monotonic,
        sleep=time.sleep,
        progress=progress,
    )


def rules_of(settings: Settings, campaign: Campaign, channel: Channel) -> Rules:
    """What a campaign's limits ask of every claim on a channel."""
    limits = campaign.limits
    units = 1 if channel == "email" else MAX_SEGMENTS
    return Rules(
        zone=settings.zone,
        per_person=limits.per_person,
        quiet=hours_for(channel, limits.quiet_hours, real=not settings.placebo),
        per_day=limits.per_day,
        budget_micros=limits.budget.micros if limits.budget else None,
        price_micros=settings.price_micros(channel) * units if limits.budget else 0,
        least_micros=settings.price_micros(channel) if limits.budget else 0,
    )


def open_providers(settings: Settings) -> dict[Channel, Provider]:
    """Channel -> provider, as winback.toml says."""
    return {
        "email": _open(settings.file.providers.email, settings),
        "sms": _open(settings.file.providers.sms, settings),
    }


def _open(name: str, settings: Settings) -> Provider:
    secrets = settings.secrets
    arguments: dict[str, dict[str, object]] = {
        "folder": {"path": settings.outbox_folder},
        "sendgrid": {"key": secrets.sendgrid_key, "url": settings.sendgrid_url},
        "smtp": {"url": secrets.smtp_url},
        "twilio": {
            "account_sid": secrets.twilio_sid,
            "auth_token": secrets.twilio_token,
            "url": settings.twilio_url,
            "status_callback": f"{settings.public_url}/hooks/twilio",
        },
    }
    return open_provider(name, **arguments[name])


def send_due(
    settings: Settings,
    clock: Callable[[], datetime],
    *,
    until_empty: bool = False,
    insist: bool = False,
    progress: Callable[[int], None] = lambda done: None,
    ending: Event | None = None,
) -> Tally:
    """Send what is due now, or until nothing is left; ``insist``: a person asks, so a shut provider is tried.

    Once ``ending`` is set nothing more is begun; what is under way gets its answer and is recorded.
    """
    ending = ending or Event()
    with sender(settings, clock, progress) as post:
        post = replace(post, insist=insist, interrupted=ending.is_set)
        return drain(post, until_empty=until_empty)
