"""The web application that providers and customers reach: callbacks, links and the preference page.

A provider is told 2xx only after its events are committed. 403: not signed by it; 400: signed but unreadable,
noted in quarantine; 413, 408: too large or too slow; 503: we cannot check, hold or keep it now, or it is stale:
send it again. What is not proved to be a provider's leaves no trace in the database. No address, body or user
agent ever reaches a log.
"""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from sqlalchemy import Engine
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app.clicks import Clicks
from app.desk import RETRY_AFTER, Desk
from app.hooks import Hooks
from app.keeper import Keeper
from app.pages import Notice
from app.preferences import Preferences
from db.settings import Settings
from winback.errors import Unusable

_BROKEN_LINKS = {"/c/": Notice.NO_LINK, "/u/": Notice.BROKEN}

log = logging.getLogger(__name__)


def make_app(engine: Engine, settings: Settings, clock: Callable[[], datetime]) -> Starlette:
    """The application; ``clock`` gives the time now, aware."""
    desk = Desk(engine, settings, clock)
    keeper = Keeper(desk)
    hooks, clicks, preferences = Hooks(desk, keeper), Clicks(desk), Preferences(desk)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await keeper.finish_leftovers()
        yield
        desk.close()

    def cannot_keep(request: Request, error: Exception) -> Response:
        """The database cannot be used now: nothing was kept, try again. Its message may quote rows, so no log."""
        log.error("nothing was kept, the database cannot be used: %s", type(error).__name__)
        return try_later(request)

    def no_room(request: Request, _error: Exception) -> Response:
        log.warning("a request was turned away: too many bodies come at a time")
        return try_later(request)

    def try_later(request: Request) -> Response:
        if request.scope["path"].startswith("/hooks/"):
            answer: Response = PlainTextResponse("cannot keep it now", status_code=503)
        else:
            answer = desk.page(request, Notice.BUSY, status=503)
        answer.headers.update(RETRY_AFTER)
        return answer

    def no_such_place(request: Request, error: Exception) -> Response:
        """A link that was cut off or run together with other text."""
        notice = _BROKEN_LINKS.get(request.scope["path"][:3])
        return (
            desk.page(request, notice, status=404) if notice else PlainTextResponse("not found", status_code=404)
        )

    app = Starlette(
        routes=[
            Route("/hooks/sendgrid", hooks.sendgrid, methods=["POST"]),
            Route("/hooks/twilio", hooks.twilio, methods=["POST"]),
            Route("/c/{token}", clicks.follow, methods=["GET"]),  # and HEAD
            Route("/u/{token}", preferences.show, methods=["GET"]),
            Route("/u/{token}", preferences.unsubscribe, methods=["POST"]),
            Route("/u/{token}/preferences", preferences.show, methods=["GET"]),
            Route("/u/{token}/preferences", preferences.save, methods=["POST"]),
        ],
        exception_handlers={Unusable: cannot_keep, ClientDisconnect: _gone, 404: no_such_place, 503: no_room},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # it would lead to whatever Host the request names
    return app


def _gone(_request: Request, _error: Exception) -> Response:
    return PlainTextResponse("incomplete", status_code=400)  # nobody is left to read it
