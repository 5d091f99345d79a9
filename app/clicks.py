"""Links in messages: each leads where its run has pinned it to, whatever becomes of counting it.

The token names the message and the number of the link, never an address, so nothing in a request decides where a
reader is sent. A GET changes nothing but that it is noted.
"""

import asyncio
import logging
from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.desk import Desk
from app.pages import Notice
from db.campaigns import pinned_campaign, pinned_templates
from db.clicks import Letter, keep_click, letter
from db.engine import reading, transaction
from db.occurrences import version_files
from winback.callbacks.clicks import HONEYPOT
from winback.errors import FileProblem, Unusable
from winback.message.tracking import destinations, links_together, with_parameters

CLICK_SECONDS = 1.5  # a reader is not kept waiting for the sake of counting
KEPT = 1_000  # templates whose links are remembered
HEADERS = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex", "Cache-Control": "no-store"}

log = logging.getLogger(__name__)


class Links(NamedTuple):
    """The links of one pinned template: where each leads, and which only a machine follows all at once."""

    destinations: tuple[str, ...]
    together: frozenset[frozenset[int]]

    def leads_to(self, number: int) -> str | None:
        """The address of link ``number``; the link no reader sees leads where the first does."""
        place = max(number, 1) if number >= HONEYPOT else 0
        return self.destinations[place - 1] if 1 <= place <= len(self.destinations) else None


class Clicks:
    """The endpoint."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._links: dict[tuple[int, str], Links] = {}

    async def follow(self, request: Request) -> Response:
        """Redirect to the pinned address; the click is kept if it can be."""
        read = self._desk.signer.read_click(request.path_params["token"])
        found = await asyncio.to_thread(self._find, read[0]) if read else None
        address = found[1].leads_to(read[1]) if read and found else None
        if read is None or found is None or address is None:
            return self._desk.page(request, Notice.NO_LINK, status=404)
        head, agent = request.method == "HEAD", request.headers.get("User-Agent", "")
        try:
            await self._desk.write(partial(self._keep, *read, *found, head, agent), CLICK_SECONDS)
        except Unusable as error:
            log.error("a click was not kept, the database cannot be used: %s", type(error).__name__)
        return RedirectResponse(address, status_code=302, headers=HEADERS)

    def _find(self, key: str) -> tuple[Letter, Links] | None:
        with reading(self._desk.engine) as session:
            found = letter(session, key)
            if found is None:
                return None
            pinned = (found.version_id, found.template)
            if pinned not in self._links:
                files = version_files(session, found.version_id)
                self._remember(pinned, pinned_templates(files), _parameters(files))
            return found, self._links[pinned]

    def _remember(self, pinned: tuple[int, str], files: Mapping[str, str], parameters: Mapping[str, str]) -> None:
        if len(self._links) >= KEPT:
            self._links.clear()
        found = tuple(with_parameters(each, parameters) for each in destinations(files, pinned[1]))
        self._links[pinned] = Links(found, links_together(files, pinned[1]))

    def _keep(self, key: str, link: int, found: Letter, links: Links, head: bool, agent: str) -> None:
        with transaction(self._desk.engine) as session:
            keep_click(
                session,
                key=key,
                link=link,
                head=head,
                agent=agent,
                sent_at=found.sent_at,
                together=links.together,
                now=self._desk.clock(),
                tariff=self._desk.settings.tariff,
            )


def _parameters(files: Mapping[str, str]) -> dict[str, str]:
    """What the campaign adds to addresses; nothing if it is of another version of winback: a reader is led on."""
    try:
        return pinned_campaign(files).utm_parameters
    except FileProblem as problem:
        log.error("links lead on without utm parameters, the campaign cannot be read: %s", problem)
        return {}
