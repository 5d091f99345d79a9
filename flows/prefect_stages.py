"""What the flows share of Prefect: a stage as a task, and artifacts. Neither holds personal data."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect import task
from prefect.artifacts import create_link_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE

from db.settings import Settings, here
from flows.alerting import check_webhook


def stage(function: Callable[..., Any]) -> Callable[..., Any]:
    """A stage as one Prefect task: never cached, its result never stored."""
    made: Callable[..., Any] = task(cache_policy=NO_CACHE, persist_result=False)(function)
    return made


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
