"""campaigns: every campaign with its last result, and those that are measured side by side."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from itertools import combinations
from typing import Any

from app.commands.status import next_start
from app.found_lines import judged_difference, points
from app.terminal import print_json, print_table
from db.campaigns import campaign_ids, campaign_path
from db.engine import database, reading
from db.occurrences import Stage, all_runs, is_replay, run_name
from db.readings import latest
from db.settings import Settings, here
from winback.errors import Exit
from winback.lift.estimates import Estimate
from winback.lift.verdict import Verdict
from winback.outcomes.outcomes import Outcome
from winback.outcomes.returns import between_campaigns
from winback.report.definitions import foretold
from winback.report.headline import judged

_CHURN = "churn, points (interval)"  # at the level its difference is told at
_COLUMNS = [
    "campaign", "next slot", "last run", "stage", "judged by", "result", "difference", _CHURN,
    "kept (interval)",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One campaign and its last run; ``result`` is the verdict of ``judged_by``; ``told``: its ``difference``, of
    a forecast where ``foretold``.

    ``effect``: the difference in churn (share, negative = fewer churned), by which campaigns are compared whose
    ``churn_definition`` is the same, of forecasts with the same ``threshold``; None before there is a reading.
    """

    campaign: str
    next_slot: str
    last_run: str | None
    stage: str | None
    judged_by: str | None
    result: str | None
    difference: Estimate | None
    told: str | None
    foretold: bool
    effect: Estimate | None
    kept: Estimate | None
    churn_definition: str | None
    threshold: float | None


def campaigns(arguments: argparse.Namespace) -> int:
    """Every campaign with its last result, and pairs of those measured to the end; or one campaign by week."""
    settings = here(arguments.workspace)
    if arguments.campaign:
        return _one_by_week(settings, arguments.campaign, as_json=arguments.json)
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
                    judged_by=outcome.judged_by.value if outcome else None,
                    result=_verdict(outcome),
                    difference=_judged(outcome),
                    told=judged_difference(outcome) if outcome and outcome.window.complete else None,
                    foretold=outcome is not None and foretold(outcome),
                    effect=_effect(outcome),
                    kept=_kept(outcome),
                    churn_definition=outcome.churn_definition if outcome else None,
                    threshold=outcome.method.forecast.get("threshold") if outcome else None,
                )
            )
    pairs = list(_pairs(rows))
    if arguments.json:
        print_json({"campaigns": [_as_dict(row) for row in rows], "compared": pairs})
        return Exit.DONE
    print_table(_COLUMNS, [_line(row) for row in rows])
    if pairs:
        print()
        print_table(["this campaign", "minus that one", _CHURN], [_pair_line(pair) for pair in pairs])
        print("Their audiences differ, so this compares what each did for its own, not how good its message is.")
    return Exit.DONE


def _one_by_week(settings: Settings, name: str, *, as_json: bool) -> int:
    """Every complete run of a campaign by the week of entry: explored, so without a verdict."""
    campaign_path(settings, name)
    with database(settings.database_url) as engine, reading(engine) as session:
        runs = [run for run in all_runs(session) if run.campaign_id == name and not is_replay(run.slot)]
        read = [latest(session, run.id or 0) for run in reversed(runs)]
    weeks = [_Week.of(outcome) for outcome in read if outcome and outcome.window.complete]
    if as_json:
        print_json({"campaign": name, "weeks": [asdict(week) for week in weeks]})
        return Exit.DONE
    if not weeks:
        print(f"no run of {name} has been measured to the end of its window yet")
        return Exit.DONE
    print_table(["week", "run", "sent", "customers", "held out", _CHURN], [week.line() for week in weeks])
    print("Week by week is explored, not proved: each run has a verdict of its own, and chance moves them all.")
    return Exit.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Week:
    """One run of a campaign; ``week``: the ISO week of ``entered_on``, the day of t0; ``effect`` as in Row."""

    week: str
    run: str
    entered_on: date
    placebo: bool
    customers: int
    held_out: int
    effect: Estimate | None
    churn_definition: str

    @classmethod
    def of(cls, outcome: Outcome) -> "_Week":
        """From the run's reading; customers and held out are those compared."""
        entered_on, found = outcome.window.t0_on, outcome.primary
        return cls(
            week=f"{entered_on:%G-W%V}",
            run=outcome.run,
            entered_on=entered_on,
            placebo=outcome.placebo,
            customers=found.n if found else 0,
            held_out=found.control_n if found else 0,
            effect=_effect(outcome),
            churn_definition=outcome.churn_definition,
        )

    def line(self) -> tuple[str | None, ...]:
        """The row of the table."""
        effect = _points(self.effect) + _beside(self.churn_definition) if self.effect else None
        sent = "rehearsal" if self.placebo else "yes"
        return self.week, self.run, sent, f"{self.customers:,}", f"{self.held_out:,}", effect


def _verdict(outcome: Outcome | None) -> str | None:
    """Of what the campaign is judged by; None before the run is measured."""
    if outcome is None:
        return None
    found = judged(outcome)
    if found:
        return found.verdict.value
    return None if outcome.window.complete else Verdict.INTERIM.value


def _effect(outcome: Outcome | None) -> Estimate | None:
    """None before the window is complete, and where there is no interval."""
    found = outcome.primary if outcome and outcome.window.complete else None
    if found is None or found.difference is None or found.low is None or found.high is None:
        return None
    return Estimate(value=found.difference, low=found.low, high=found.high)


def _judged(outcome: Outcome | None) -> Estimate | None:
    """In the unit of what the campaign is judged by: a share, orders or an amount."""
    found = judged(outcome) if outcome and outcome.window.complete else None
    if found is None or found.difference is None or found.low is None or found.high is None:
        return None
    return Estimate(value=found.difference, low=found.low, high=found.high)


def _as_dict(row: Row) -> dict[str, Any]:
    return {name: value for name, value in asdict(row).items() if name not in ("told", "foretold", "threshold")}


def _kept(outcome: Outcome | None) -> Estimate | None:
    found = outcome.saved if outcome and outcome.window.complete else None
    return Estimate(value=found.customers, low=found.low, high=found.high) if found else None


def _pairs(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Every two campaigns that have an effect on the same churn: the first one's minus the second one's."""
    return [
        {"campaign": one.campaign, "other": other.campaign, **asdict(between_campaigns(one.effect, other.effect)),
         "churn_definition": one.churn_definition}
        for one, other in combinations(rows, 2)
        if one.effect and other.effect and _lost(one) == _lost(other)
    ]  # fmt: skip


def _lost(row: Row) -> tuple[str | None, float | None]:
    """What lost means."""
    return row.churn_definition, row.threshold


def _line(row: Row) -> tuple[str | None, ...]:
    kept, beside = row.kept, _beside(row.churn_definition)
    by = f"{row.judged_by}, a forecast" if row.foretold else row.judged_by
    return (
        row.campaign, row.next_slot, row.last_run, _stage(row), by, row.result, row.told,
        _points(row.effect) + beside if row.effect else None,
        f"{whole(kept.value)} ({whole(kept.low)} to {whole(kept.high)}){beside}" if kept else None,
    )  # fmt: skip


def _stage(row: Row) -> str | None:
    return "waits for approval" if row.stage == Stage.WAITING else row.stage


def _pair_line(pair: dict[str, Any]) -> tuple[str, str, str]:
    effect = Estimate(value=pair["value"], low=pair["low"], high=pair["high"])
    return pair["campaign"], pair["other"], _points(effect) + _beside(pair["churn_definition"])


def _beside(churn_definition: str | None) -> str:
    """What stands after an effect on churn that is a forecast."""
    return ", a forecast" if churn_definition == "model" else ""


def _points(effect: Estimate) -> str:
    return f"{points(effect.value)} ({points(effect.low)} to {points(effect.high)})"


def whole(value: float) -> str:
    """With its sign, and none of a number that rounds to 0."""
    return f"{round(value):+,}" if round(value) else "0"
