"""What the flows share of Prefect: a stage as a task, and artifacts. Neither holds personal data."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from prefect import task
from prefect.artifacts import create_link_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.settings import get_current_settings

from db.settings import Settings, here
from flows.alerting import check_webhook
from winback.errors import Unusable

_WITHOUT = "to go on without Prefect"


def stage(function: Callable[..., Any]) -> Callable[..., Any]:
    """A stage as one Prefect task: never cached, its result never stored."""
    made: Callable[..., Any] = task(cache_policy=NO_CACHE, persist_result=False)(function)
    return made


@contextmanager
def reaching_prefect() -> Iterator[None]:
    """Unusable where Prefect's API cannot be reached, now or later, or its temporary server does not come up."""
    try:
        with get_client(sync_client=True) as client:
            client.raise_for_api_version_mismatch()
    except (RuntimeError, httpx.HTTPError) as error:
        raise Unusable(_unreached(error)) from error
    try:
        yield
    except (httpx.TransportError, httpx.HTTPStatusError) as error:
        raise Unusable(_unreached(error)) from error


def _unreached(error: Exception) -> str:
    why = next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")
    place = get_current_settings().api.url
    if place is None:
        longer = "a greater PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS gives it longer"
        return f"Prefect's temporary server cannot be used ({why}): {longer}; leave --flow out {_WITHOUT}"
    at = httpx.URL(str(place)).copy_with(userinfo=b"")
    return f"Prefect at {at} cannot be used ({why}): start it, or mend PREFECT_API_URL, or unset it {_WITHOUT}"


def entry(workspace: str | None) -> tuple[Settings, datetime]:
    """Settings and clock, as a flow reads them at its start."""
    settings = here(Path(workspace) if workspace else None)
    check_webhook(settings)
    return settings, datetime.now(UTC)


def counts_artifact(name: str, title: str, counts: Mapping[str, int]) -> None:
    """A two-column table on the flow run's page."""
    table_artifact(name, title, [{"what": what, "number": number} for what, number in counts.items()])


def table_artifact(name: str, title: str, rows: Sequence[Mapping[str, str | int]]) -> None:
    """A table on the flow run's page."""
    create_table_artifact(key=artifact_key(name), table=[dict(row) for row in rows], description=title)


def link_artifact(name: str, link: str, text: str) -> None:
    """A link on the flow run's page."""
    create_link_artifact(key=artifact_key(name), link=link, link_text=text)


def artifact_key(name: str) -> str:
    """A name as Prefect allows it: lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
