"""diff: what has changed since the last run of a campaign."""

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from app.commands.campaigns import warn_of_old_data
from app.terminal import print_json, print_table, working
from db.settings import here
from flows.differing import Difference, differ
from winback.audience.difference import Change
from winback.campaigns.schedule import last_whole_day
from winback.errors import Exit

MOST_LINES = 6  # of a template's changed lines, on either side; --json has all


def diff(arguments: argparse.Namespace) -> int:
    """Show it; nothing is stored or sent."""
    settings = here(arguments.workspace)
    as_of = arguments.as_of or last_whole_day(datetime.now(UTC), settings.zone)
    with working("comparing"):
        found = differ(settings, arguments.campaign, as_of)
    warn_of_old_data(settings, as_of)
    if arguments.json:
        print_json(_as_dict(found))
    else:
        _show(found)
    return Exit.DONE


def _show(found: Difference) -> None:
    joined, left = sum(found.people.joined.values()), sum(found.people.left.values())
    print(f"{found.campaign} as of {found.as_of} against {found.against} as of {found.last_as_of}")
    print(f"+{joined:,} / -{left:,} people, {found.people.stayed:,} stay")
    rows = [("+", count, f"then {why}") for why, count in found.people.joined.items()]
    rows += [("-", count, f"now {why}") for why, count in found.people.left.items()]
    if rows:
        print_table(["", "people", "why"], rows)
    if found.entered:
        print(
            f"as if nobody had entered with that run: {found.entered:,} did and may not again yet, "
            f"so a run now takes in {found.now:,} {'person' if found.now == 1 else 'people'}"
        )
    for line in (*map(_field_line, found.fields), *_edit_lines(found)):
        print(line)
    if found.new_facts:
        print(f"orders: {found.new_facts} file{'s' if found.new_facts > 1 else ''} imported since")
    if not (found.fields or found.edits):
        print("the campaign and its templates are as they were")


def _field_line(change: Change) -> str:
    if change.before is None:
        return f"campaign: {change.field}: {change.after} (new)"
    if change.after is None:
        return f"campaign: {change.field}: {change.before} (gone)"
    return f"campaign: {change.field}: {change.before} -> {change.after}"


def _edit_lines(found: Difference) -> Iterator[str]:
    for edit in found.edits:
        yield f"{edit.file}: +{len(edit.added)} / -{len(edit.removed)} lines"
        yield from (f"  - {line}" for line in edit.removed[:MOST_LINES])
        yield from (f"  + {line}" for line in edit.added[:MOST_LINES])


def _as_dict(found: Difference) -> dict[str, Any]:
    """What ``diff --json`` prints."""
    return {
        "campaign": found.campaign,
        "against": found.against,
        "as_of": found.as_of.isoformat(),
        "last_as_of": found.last_as_of.isoformat(),
        "joined": sum(found.people.joined.values()),
        "left": sum(found.people.left.values()),
        "stayed": found.people.stayed,
        "already_entered": found.entered,
        "now": found.now,
        "joined_because": found.people.joined,
        "left_because": found.people.left,
        "fields": [asdict(change) for change in found.fields],
        "files": [asdict(edit) for edit in found.edits],
        "new_facts": found.new_facts,
    }
