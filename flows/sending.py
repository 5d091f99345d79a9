"""A sender for a workspace: the providers its settings name, and the loop that drains the outbox with them."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Engine

from db.engine import database
from db.settings import Settings, check_live
from flows.compose import Composer
from flows.dispatch import Post, Tally, drain
from winback.delivery.registry import Provider, open_provider


@contextmanager
def sender(
    settings: Settings, clock: Callable[[], datetime], progress: Callable[[int], None] = lambda done: None
) -> Iterator[Post]:
    """A sender with a name of its own; WrongUse when live sending is asked for but not allowed."""
    check_live(settings)
    with database(settings.database_url) as engine:
        yield make_post(engine, settings, clock, progress)


def make_post(
    engine: Engine, settings: Settings, clock: Callable[[], datetime], progress: Callable[[int], None]
) -> Post:
    """A sender on an open engine."""
    return Post(
        engine=engine,
        providers=open_providers(settings),
        compose=Composer(engine, settings),
        unknown_email_consent=settings.file.unknown_email_consent == "allow",
        placebo=settings.placebo,
        owner=f"{socket.gethostname()}-{os.getpid()}-{time.monotonic_ns():x}",
        clock=clock,
        monotonic=time.monotonic,
        sleep=time.sleep,
        progress=progress,
    )


def open_providers(settings: Settings) -> dict[str, Provider]:
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
        "twilio": {
            "account_sid": secrets.twilio_sid,
            "auth_token": secrets.twilio_token,
            "url": settings.twilio_url,
            "sender": settings.file.sender.phone,
            "status_callback": f"{settings.public_url}/hooks/twilio",
        },
    }
    return open_provider(name, **arguments[name])


def send_due(
    settings: Settings,
    clock: Callable[[], datetime],
    *,
    until_empty: bool = False,
    progress: Callable[[int], None] = lambda done: None,
) -> Tally:
    """Send what is due now, or until nothing is left."""
    with sender(settings, clock, progress) as post:
        return drain(post, until_empty=until_empty)
