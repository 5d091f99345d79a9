"""The flow that brings a file in."""

from datetime import date
from pathlib import Path
from typing import Any

from prefect import flow

from db.settings import Settings
from flows.importing import Arrival, ImportReport, import_file
from flows.prefect_stages import counts_artifact, entry, reaching_prefect, stage
from winback.intake.fields import kind_of


@flow(name="import-facts")
def import_facts(
    kind: str,
    file: str,
    source: str = "main",
    mapping: dict[str, str] | None = None,
    complete_through: date | None = None,
    snapshot_on: date | None = None,
    workspace: str | None = None,
) -> dict[str, Any]:
    """Import one file of any kind; the same file again changes nothing."""
    settings, now = entry(workspace)
    arrival = Arrival(
        kind=kind_of(kind, snapshot=snapshot_on is not None),
        file=Path(file),
        source=source,
        mapping=mapping or {},
        complete_through=complete_through,
        snapshot_on=snapshot_on,
    )
    report: ImportReport = stage(import_file)(arrival, settings, now)
    counts = {name: getattr(report, name) for name in ("read", "good", "bad", "new", "changed", "unchanged")}
    counts_artifact(f"import-{kind}", f"Import of {kind}, sha256 {report.sha256}", counts)
    return report.as_dict()


@reaching_prefect()
def import_as_flow(arrival: Arrival, settings: Settings) -> ImportReport:
    """Run the flow here and now, for `winback import --flow`."""
    made = import_facts(
        kind=arrival.kind.stored_as.value,
        file=str(arrival.file.resolve()),
        source=arrival.source,
        mapping=dict(arrival.mapping),
        complete_through=arrival.complete_through,
        snapshot_on=arrival.snapshot_on,
        workspace=str(settings.workspace),
    )
    through = made["data_through"]
    return ImportReport(**made | {"data_through": date.fromisoformat(through) if through else None})
