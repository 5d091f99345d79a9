"""The backtest of contracts: what is measured at past days, and what it may know."""

import json
from datetime import date

import numpy as np
import pytest

from app.cli import main
from db.settings import Settings
from tests.contracts import AS_OF, a_row, contract_frame, nothing_told
from tests.test_contract_scoring import a_crowd
from tests.test_other_facts import SNAPSHOT, SUB, bring
from winback.intake.fields import Kind
from winback.scores.contract_backtest import concordance, contracts_at_cut


def backtest(capsys, *words: str) -> tuple[int, dict[str, object]]:
    capsys.readouterr()
    code = main(["backtest", "--definition", "contract", "--horizon", "60", *words, "--json"])
    out = capsys.readouterr().out
    return code, json.loads(out) if out else {}


def test_concordance_counts_the_pairs_whose_order_is_known():
    """Ended at 10 and 20, seen to 15 and 30: pairs (10, 20), (10, 15), (10, 30), (20, 30); not (20, 15).

    First wrong, right, wrong, a tie; then wrong, right, right, right.
    """
    days, ended = np.array([10.0, 20.0, 15.0, 30.0]), np.array([True, True, False, False])

    assert concordance(days, ended, np.array([0.5, 0.6, 0.2, 0.6])) == pytest.approx(1.5 / 4)
    assert concordance(days, ended, np.array([0.5, 0.6, 0.2, 0.1])) == pytest.approx(3 / 4)
    assert concordance(days, np.zeros(4, dtype=bool), days) is None


def test_what_followed_a_cut_is_the_days_kept_and_whether_it_ended():
    """Three live at 20.00 a month: kept 4 of 10 days (it ends on the fifth), all 10 (on the eleventh), and all 10.

    Of 24 days' money the first fifth (one contract) can hold 10: 0.416667.
    """
    known = contract_frame([a_row(n, 100, None) for n in range(3)])
    later = contract_frame([a_row(0, 100, 105), a_row(1, 100, 111), a_row(2, 100, None)])

    found = contracts_at_cut(known, nothing_told(known), later, cut=AS_OF, horizon_days=10)

    assert found is not None
    row = found.measured[0].row
    assert (row.n, row.base_rate, row.value_share_best) == (3, pytest.approx(1 / 3, abs=1e-6), 0.416667)


def test_past_days_are_measured_side_by_side_with_one_hazard_for_all(shop: Settings, capsys):
    bring(shop, Kind.SUBSCRIPTIONS, SUB + a_crowd(2_000), complete_through=date(2026, 2, 28))

    code, said = backtest(capsys, "--cuts", "2")

    rows = said["results"]
    learned, constant = rows[0], rows[1]
    assert code == 0
    assert [row["cut"] for row in rows] == ["2025-12-30", "2025-12-30", "2025-10-31", "2025-10-31"]
    assert learned["model"] == said["default"]["model"] != constant["model"] == "one hazard"
    assert learned["auc"] > 0.65
    assert learned["concordance"] == pytest.approx(learned["auc"], abs=0.02)
    assert (constant["auc"], constant["concordance"]) == (0.5, 0.5)
    assert learned["brier"] < constant["brier"]
    assert sum(band["contracts"] for band in said["calibration"]) == learned["n"]
    assert said["reason"] is None


def test_people_read_it_as_tables(shop: Settings, capsys):
    bring(shop, Kind.SUBSCRIPTIONS, SUB + a_crowd(), complete_through=date(2026, 2, 28))
    capsys.readouterr()

    code = main(["backtest", "--definition", "contract", "--horizon", "60", "--cuts", "1"])

    out = capsys.readouterr().out
    assert code == 0
    assert all(word in out for word in ("concordance", "AUC", "2025-12-30 + 60 days", "contracts", "ended"))


def test_one_snapshot_is_no_history(shop: Settings, capsys):
    bring(shop, Kind.SNAPSHOTS, SNAPSHOT + "1,13,no,20.00,\n2,5,yes,9.00,\n", snapshot_on=date(2025, 12, 31))

    code, said = backtest(capsys)

    assert (code, said["results"], said["default"]) == (1, [], None)
    assert said["reason"].startswith("no contract is known to have lived 60 days before 2025-12-31")
    assert "snapshots of several days" in said["reason"]


def test_without_subscriptions_there_is_nothing_to_measure(shop: Settings, capsys):
    assert backtest(capsys) == (2, {})
