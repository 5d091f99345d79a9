"""IBM's sample of telco contracts through the whole import: churn by count, by amount and by contract."""

import os
from datetime import date
from pathlib import Path

import pytest

from db.engine import database, reading
from db.facts.recorded import count_contract_churn
from db.facts.store import digests, path_of
from flows.importing import Arrival, import_file
from tests.workspaces import NOW, a_workspace
from winback.intake.fields import Kind

pytestmark = pytest.mark.data
SNAPSHOT_ON = date(2025, 12, 31)
MAPPING = {
    "customer_id": "customerID",
    "tenure_months": "tenure",
    "churned": "Churn",
    "monthly_amount": "MonthlyCharges",
    "plan": "Contract",
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    shop = a_workspace(tmp_path_factory.mktemp("telco"))
    arrival = Arrival(
        kind=Kind.SNAPSHOTS,
        file=Path(os.environ["DATA"]) / "telco" / "telco.csv.gz",
        source="telco",
        mapping=MAPPING,
        complete_through=None,
        snapshot_on=SNAPSHOT_ON,
    )
    report = import_file(arrival, shop, NOW)
    assert (report.read, report.new, report.bad, report.data_through) == (7_043, 7_043, 0, SNAPSHOT_ON)
    with database(shop.database_url) as engine, reading(engine) as session:
        return [path_of(shop.facts, digest) for digest in digests(session, "subscriptions")]


@pytest.mark.parametrize(("as_of", "days"), [(date(2025, 12, 30), 1), (date(2025, 11, 30), 31)])
def test_churn_by_count_and_by_recurring_amount(files: list[Path], as_of: date, days: int):
    """1,869 of 7,043 = 26.54 %; 139,130.85 of 456,116.60 a month = 30.50 %."""
    found = count_contract_churn(files, as_of=as_of, window_days=days)

    assert found.rows() == [(None, 7_043, 1_869, 45_611_660, 13_913_085)]


def test_churn_by_contract(files: list[Path]):
    found = count_contract_churn(files, as_of=date(2025, 12, 30), window_days=1, by_plan=True)

    rates = {row["value"]: round(100 * row["lost"] / row["active"], 2) for row in found.iter_rows(named=True)}
    assert rates == {"Month-to-month": 42.71, "One year": 11.27, "Two year": 2.83}
