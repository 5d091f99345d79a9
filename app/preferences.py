"""The page behind the link in every message: unsubscribe in one click, or choose what one receives.

A GET shows and changes nothing: mail scanners follow every link. The token is the only authority: no cookie, no
login.
"""

import asyncio
from collections.abc import Collection
from datetime import datetime
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from app.desk import Desk
from app.pages import CHANNEL, EVERYTHING, LESS_OFTEN, NO_PERSONALISATION, TOPIC, WAS_OFF, WAS_ON, Notice, View
from db.engine import reading, transaction
from db.preferences import Choices, Recipient, recipient, save, unsubscribe
from winback.callbacks.forms import Form, read_form
from winback.channel import CHANNELS
from winback.delivery.tariff import Tariff


class Preferences:
    """The endpoints."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def show(self, request: Request) -> Response:
        """The page as things stand."""
        who = await asyncio.to_thread(self._find, self._key(request))
        if who is None:
            return self._broken(request)
        return self._page(request, who, Notice.DONE if who.unsubscribed else Notice.ASK)

    async def unsubscribe(self, request: Request) -> Response:
        """Unsubscribe, whether a mail program does it in one click (RFC 8058) or the page's button.

        The token says everything: the body is read only to refuse what no mail program sends.
        """
        async with self._desk.forms.body(request):
            key = self._key(request)
        who = await self._desk.write(partial(self._unsubscribe, key)) if key else None
        return self._page(request, who, Notice.DONE) if who else self._broken(request)

    async def save(self, request: Request) -> Response:
        """Do what the form asks for: what its reader changed from what it showed him, and nothing else."""
        async with self._desk.forms.body(request) as body:
            key, form = self._key(request), read_form(body)
        choices = _choices(form, self._desk.settings.file.topics) if form else None
        if key is None or form is None or choices is None:
            return await self.show(request)
        who = await self._desk.write(partial(self._save, key, choices))
        notice = Notice.ENDED if EVERYTHING in form.fields else Notice.SAVED
        return self._page(request, who, notice) if who else self._broken(request)

    def _key(self, request: Request) -> str | None:
        return self._desk.signer.read_unsubscribe(request.path_params["token"])

    def _find(self, key: str | None) -> Recipient | None:
        if key is None:
            return None
        with reading(self._desk.engine) as session:
            return recipient(session, key)

    def _unsubscribe(self, key: str) -> Recipient | None:
        with transaction(self._desk.engine) as session:
            return recipient(session, key) if unsubscribe(session, key, *self._told()) else None

    def _save(self, key: str, choices: Choices) -> Recipient | None:
        with transaction(self._desk.engine) as session:
            return recipient(session, key) if save(session, key, choices, *self._told()) else None

    def _told(self) -> tuple[datetime, Tariff]:
        return self._desk.clock(), self._desk.settings.tariff

    def _broken(self, request: Request) -> Response:
        return self._desk.page(request, Notice.BROKEN, status=404)

    def _page(self, request: Request, who: Recipient, notice: Notice) -> Response:
        token = request.path_params["token"]
        below = request.scope["path"].endswith("/preferences")
        place = f"../{token}" if below else token
        view = View(place=place, who=who, topics=self._desk.settings.file.topics)
        return self._desk.page(request, notice, view=view, locale=who.locale)


def _choices(form: Form, topics: Collection[str]) -> Choices | None:
    """What the form asks for; None when it is not the page's."""
    if EVERYTHING in form.fields:
        return Choices(channels=dict.fromkeys(CHANNELS, False))
    if WAS_ON not in form.fields and WAS_OFF not in form.fields:
        return None
    wanted = {name: True for name in form.getlist(WAS_OFF) if name in form.fields}
    wanted |= {name: False for name in form.getlist(WAS_ON) if name not in form.fields}
    return Choices(
        channels={name: wanted[CHANNEL + name] for name in CHANNELS if CHANNEL + name in wanted},
        topics={name: wanted[TOPIC + name] for name in topics if TOPIC + name in wanted},
        less_often=wanted.get(LESS_OFTEN),
        no_personalisation=wanted.get(NO_PERSONALISATION),
    )
