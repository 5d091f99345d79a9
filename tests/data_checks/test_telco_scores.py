"""IBM's sample of telco contracts: how well scores of contracts they were not fitted on order the ends.

Concordance: of two contracts of one part of five, the one ended at some age while the other was seen living at
that age (or longer), the share in which the first was given the higher probability of having ended by that age
(Antolini, Boracchi & Biganzoli 2005, Statistics in Medicine 24; ties half). Where all contracts share one curve,
this is Harrell's C of x b. Each part is asked of a hazard that was chosen and fitted on the other four; pairs of
the five parts are added up. Parts are drawn anew for each of five seeds, and the worst counts.

Learned from: plan, monthly amount, and the customers' attributes as they come, sum of bills, tenure and churn
itself among them: these three must be found out and left out.
"""

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from db.engine import database, reading
from db.facts.store import digests
from flows.contract_scoring import contracts_at
from flows.importing import Arrival, import_file
from tests.data_checks.test_telco import MAPPING, SNAPSHOT_ON
from tests.workspaces import NOW, a_workspace
from winback.intake.fields import Kind
from winback.scores.contracts import learn
from winback.scores.hazard import exposure

pytestmark = pytest.mark.data
LEFT_OUT = ["Churn", "TotalCharges", "tenure"]


@pytest.fixture(scope="module")
def telco(tmp_path_factory: pytest.TempPathFactory) -> tuple[pl.DataFrame, pl.DataFrame]:
    shop = a_workspace(tmp_path_factory.mktemp("telco-scores"))
    file = Path(os.environ["DATA"]) / "telco" / "telco.csv.gz"
    for kind, mapping, told_on in (
        (Kind.CUSTOMERS, {"customer_id": "customerID"}, None),
        (Kind.SNAPSHOTS, MAPPING, SNAPSHOT_ON),
    ):
        import_file(
            Arrival(
                kind=kind, file=file, source="telco", mapping=mapping, complete_through=None, snapshot_on=told_on
            ),
            shop,
            NOW,
        )
    with database(shop.database_url) as engine, reading(engine) as session:
        return contracts_at(session, shop, digests(session, "subscriptions"), SNAPSHOT_ON)


def pairs(contracts: pl.DataFrame, told: pl.DataFrame, asked: np.ndarray) -> tuple[float, int]:
    """(Pairs in order, pairs) among the contracts ``asked``.

    To the hazard they are given as begun on the last day: nothing is known of how long they lasted, or whether.
    """
    stop = (contracts["ended_on"].fill_null(SNAPSHOT_ON) - contracts["started_on"]).dt.total_days().to_numpy()
    ended = contracts["ended_on"].is_not_null().to_numpy()[asked]
    new = pl.Series(asked)
    masked = contracts.with_columns(
        started_on=pl.when(new).then(pl.lit(SNAPSHOT_ON)).otherwise("started_on"),
        ended_on=pl.when(~new).then("ended_on"),
    )
    learned = learn(masked, told, SNAPSHOT_ON, 90)
    assert [each.split(" is left out")[0] for each in learned.remarks[1:]] == LEFT_OUT
    curve, factor = learned.stratum[asked], np.exp(learned.hazard.score(learned.columns.matrix[asked]))
    stop = stop[asked].astype(float)
    by_age = exposure(learned.hazard.cuts, np.zeros(len(stop)), stop) @ np.exp(learned.hazard.log_hazard).T
    right = total = 0.0
    for row in np.flatnonzero(ended):
        longer = (stop > stop[row]) | ((stop == stop[row]) & ~ended)
        spent = by_age[row][curve] * factor
        right += (spent[row] > spent[longer]).sum() + 0.5 * (spent[row] == spent[longer]).sum()
        total += longer.sum()
    return right, int(total)


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_contracts_it_was_not_fitted_on_are_put_in_the_right_order(
    telco: tuple[pl.DataFrame, pl.DataFrame], seed: int
):
    contracts, told = telco
    part = np.random.default_rng(seed).permutation(contracts.height) % 5

    found = [pairs(contracts, told, part == each) for each in range(5)]

    concordance = sum(right for right, _ in found) / sum(total for _, total in found)
    print(f"telco, seed {seed}: concordance {concordance:.4f}")
    assert concordance >= 0.864
