"""Uplift on Hillstrom: Womens visits above the permutation null, Mens refused (reference: .161 and nothing)."""

import os
from pathlib import Path

import pytest

from tests.test_cli import as_json

pytestmark = pytest.mark.data


@pytest.mark.parametrize(("arm", "usable"), [("Womens E-Mail", True), ("Mens E-Mail", False)])
def test_womens_visits_can_be_ranked_and_mens_cannot(capsys, arm, usable):
    file = Path(os.environ["DATA"]) / "hillstrom" / "hillstrom.parquet"

    found = as_json(
        capsys, "uplift", str(file), "--arm", "segment", "--treated", arm, "--control", "No E-Mail",
        "--outcome", "visit", "--against", "recency", "--features", "recency", "history", "mens", "womens",
        "newbie", "zip_code", "channel", "history_segment",
    )  # fmt: skip

    assert (found["reason"] is None) == usable == (found["qini"] > found["null_high"])
    if usable:
        assert found["qini"] == pytest.approx(0.161, abs=0.02)
        assert found["top_effect"] / found["effect"] == pytest.approx(1.6, abs=0.1)
        assert found["others"]["recency"] < found["null_high"]
