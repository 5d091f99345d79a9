"""Boosted trees asked at once: a tree worked by hand, and LightGBM's own answers to the last bit."""

import numpy as np
import pytest

from winback.scores.learners import BOOSTED
from winback.scores.trees import asker


def leaf(value: float) -> dict[str, float]:
    return {"leaf_value": value}


BY_HAND = {
    "split_feature": 1,
    "threshold": 10.0,
    "left_child": {"split_feature": 0, "threshold": 0.0, "left_child": leaf(1.0), "right_child": leaf(2.0)},
    "right_child": leaf(4.0),
}


def test_a_row_goes_left_up_to_the_threshold_and_right_above_it():
    """Rows (first, second): second above 10 is 4; else first up to 0 is 1, above it 2; twice, of two trees."""
    rows = np.array([[-1.0, 10.0], [0.0, 3.0], [0.1, 10.0], [0.1, 10.1], [-5.0, 11.0]])

    found = asker([BY_HAND, BY_HAND])(rows)

    assert found.tolist() == [2.0, 2.0, 4.0, 8.0, 8.0]


def test_a_tree_of_one_leaf_adds_it_to_every_row():
    assert asker([{"leaf_value": 0.5}, BY_HAND])(np.array([[0.0, 0.0], [9.0, 99.0]])).tolist() == [1.5, 4.5]


@pytest.mark.parametrize("objective", ["binary", "tweedie"])
def test_the_answers_are_lightgbm_s_to_the_last_bit(objective):
    import lightgbm

    random = np.random.default_rng(1)
    rows = random.normal(size=(3_000, 5)).round(1)  # many on a threshold
    target = (rows[:, 0] + rows[:, 1] * rows[:, 2] + random.normal(size=3_000) > 0).astype(float)
    model = lightgbm.train({**BOOSTED, "objective": objective}, lightgbm.Dataset(rows, target), 40)

    found = asker([tree["tree_structure"] for tree in model.dump_model()["tree_info"]])(rows)

    assert found.tolist() == model.predict(rows, raw_score=True).tolist()
