"""campaigns: every campaign with its last result, and those that are measured side by side."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import combinations
from typing import Any

from app.commands.status import next_start
from app.terminal import print_json, print_table
from db.campaigns import campaign_ids
from db.engine import database, reading
from db.occurrences import Stage, all_runs, is_replay, run_name
from db.readings import latest
from db.settings import here
from winback.errors import Exit
from winback.estimates import Estimate
from winback.outcomes import Outcome
from winback.returns import between_campaigns

_COLUMNS = ["campaign", "next slot", "last run", "stage", "result", "points (95 %)", "kept (95 %)"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One campaign; ``effect``: the difference in churn of its last run (share, negative = fewer churned)."""

    campaign: str
    next_slot: str
    last_run: str | None
    stage: str | None
    result: str | None
    effect: Estimate | None
    kept: Estimate | None


def campaigns(arguments: argparse.Namespace) -> int:
    """Every campaign with its next slot and its last result; pairs of those measured to the end."""
    settings = here(arguments.workspace)
    rows: list[Row] = []
    with database(settings.database_url) as engine, reading(engine) as session:
        runs = [run for run in all_runs(session) if not is_replay(run.slot)]
        for name in campaign_ids(settings):
            last = next((run for run in runs if run.campaign_id == name), None)
            outcome = latest(session, last.id or 0) if last else None
            rows.append(
                Row(
                    campaign=name,
                    next_slot=next_start(settings, name, datetime.now(UTC)),
                    last_run=run_name(last) if last else None,
                    stage=last.stage if last else None,
                    result=outcome.primary.verdict.value if outcome and outcome.primary else None,
                    effect=_effect(outcome),
                    kept=_kept(outcome),
                )
            )
    pairs = list(_pairs(rows))
    if arguments.json:
        print_json({"campaigns": [asdict(row) for row in rows], "compared": pairs})
        return Exit.DONE
    print_table(_COLUMNS, [_line(row) for row in rows])
    if pairs:
        print()
        print_table(["this campaign", "minus that one", "points (95 %)"], [_pair_line(pair) for pair in pairs])
        print("Their audiences differ, so this compares what each did for its own, not how good its message is.")
    return Exit.DONE


def _effect(outcome: Outcome | None) -> Estimate | None:
    """None before the window is complete, and where there is no interval."""
    found = outcome.primary if outcome and outcome.window.complete else None
    if found is None or found.difference is None or found.low is None or found.high is None:
        return None
    return Estimate(value=found.difference, low=found.low, high=found.high)


def _kept(outcome: Outcome | None) -> Estimate | None:
    found = outcome.saved if outcome and outcome.window.complete else None
    return Estimate(value=found.customers, low=found.low, high=found.high) if found else None


def _pairs(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Every two campaigns that have an effect: the first one's minus the second one's."""
    known = [(row.campaign, row.effect) for row in rows if row.effect]
    return [
        {"campaign": one, "other": other, **asdict(between_campaigns(effect, its))}
        for (one, effect), (other, its) in combinations(known, 2)
    ]


def _line(row: Row) -> tuple[str | None, ...]:
    kept = row.kept
    return (
        row.campaign, row.next_slot, row.last_run, _stage(row), row.result,
        _points(row.effect.value, row.effect.low, row.effect.high) if row.effect else None,
        f"{kept.value:+,.0f} ({kept.low:+,.0f} to {kept.high:+,.0f})" if kept else None,
    )  # fmt: skip


def _stage(row: Row) -> str | None:
    return "waits for approval" if row.stage == Stage.WAITING else row.stage


def _pair_line(pair: dict[str, Any]) -> tuple[str, str, str]:
    return pair["campaign"], pair["other"], _points(pair["value"], pair["low"], pair["high"])


def _points(value: float, low: float, high: float) -> str:
    return f"{100 * value:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"
