"""A rolling backtest of contracts: past days one horizon apart, scored as they would have been."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlmodel import Session

from db.facts.store import data_through, digests
from db.settings import Settings
from flows.contract_scoring import contracts_at
from winback.intake.fields import Kind
from winback.scores.backtest import Band
from winback.scores.contract_backtest import MeasuredContracts, contracts_at_cut
from winback.scores.contracts import ContractModel
from winback.words import in_singular


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractBacktest:
    """What was measured, newest cut first, with the newest cut's model; ``reason`` where nothing could be."""

    horizon_days: int
    data_through: date | None
    measured: tuple[MeasuredContracts, ...]
    calibration: tuple[Band, ...]  # of what was learned, at the newest cut
    notes: tuple[str, ...]
    model: ContractModel | None
    reason: str | None

    def as_dict(self) -> dict[str, Any]:
        """As JSON says it."""
        return {
            "definition": "contract",
            "horizon_days": self.horizon_days,
            "data_through": self.data_through and self.data_through.isoformat(),
            "results": [row.as_dict() for row in self.measured],
            "default": self.model and {"model": self.model.value, "weights": {self.model.value: 1.0}},
            "calibration": [
                {"contracts": band.customers, "risk": round(band.risk, 6), "ended": round(band.stayed_away, 6)}
                for band in self.calibration
            ],
            "notes": list(self.notes),
            "reason": self.reason,
        }


def backtest_contracts(
    session: Session,
    settings: Settings,
    horizon_days: int,
    cuts: int,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> ContractBacktest:
    """Measure at up to ``cuts`` days, the newest one horizon before the end of the data.

    WrongUse without subscriptions.
    """
    facts, through = digests(session, Kind.SUBSCRIPTIONS), data_through(session, Kind.SUBSCRIPTIONS)
    days = (
        [] if through is None else [through - timedelta(days=horizon_days * back) for back in range(1, cuts + 1)]
    )
    later, _ = contracts_at(session, settings, facts, through or date.max)
    found = []
    for done, cut in enumerate(days):
        progress(done, len(days))
        contracts, told = contracts_at(session, settings, facts, cut)
        one = contracts_at_cut(contracts, told, later, cut=cut, horizon_days=horizon_days)
        if one is not None:
            found.append((cut, one))
    progress(len(days), len(days))
    return ContractBacktest(
        horizon_days=horizon_days,
        data_through=through,
        measured=tuple(row for _, each in found for row in each.measured),
        calibration=found[0][1].calibration if found else (),
        notes=tuple(f"{cut}: {note}" for cut, each in found for note in each.notes),
        model=found[0][1].model if found else None,
        reason=None if found else _too_little(through, horizon_days),
    )


def _too_little(through: date | None, horizon_days: int) -> str:
    said = f"no contract is known to have lived {horizon_days} days before {through}, the end of the data"
    needed = "a backtest needs contracts with their beginnings and ends, or snapshots of several days"
    return f"{in_singular(said)}: {needed}"
