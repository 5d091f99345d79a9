"""Uplift: a planted effect is found, an even one and none are refused, and the Qini is worked by hand."""

import numpy as np
import pytest

from tests.test_cli import as_json, ask
from winback.scores.uplift import qini, uplift

N = 6_000


def a_campaign(helps: tuple[float, float], seed: int = 3):
    """Half written to at random; whoever has feature 1 comes with .1 more by helps[1], others by helps[0]."""
    random = np.random.default_rng(seed)
    mark, treated = random.integers(0, 2, N), random.integers(0, 2, N).astype(bool)
    chance = 0.1 + np.where(mark == 1, helps[1], helps[0]) * treated
    came = (random.random(N) < chance).astype(float)
    return np.column_stack([mark, random.normal(size=N)]), treated, came


def test_the_qini_is_that_worked_by_hand():
    """By score: treated 1, control 0, treated 0, control 0: gained 1, 1, 1, 1 of 1; shares 1/4 to 1.

    Of the first, no control: its gain is 1. Beyond the share: 3/4, 1/2, 1/4, 0, mean 3/8.
    """
    treated = np.array([True, False, True, False])

    assert qini(np.array([4.0, 3, 2, 1]), treated, np.array([1.0, 0, 0, 0])) == pytest.approx(3 / 8)


def test_a_message_that_helps_half_the_customers_is_told():
    features, treated, came = a_campaign((0.0, 0.2))

    found = uplift(features, treated, came, {"mark": features[:, 0], "noise": features[:, 1]}, seed=1)

    assert found.reason is None
    assert found.qini > found.null_high
    assert found.top_effect == pytest.approx(0.2, abs=0.04)
    assert abs(found.others["noise"]) < found.qini < found.others["mark"] + 0.05


def test_a_message_that_helps_all_alike_is_refused():
    features, treated, came = a_campaign((0.1, 0.1))

    found = uplift(features, treated, came, {}, seed=1)

    assert found.reason == "its ranking is no better than random ones: write to all, or by value"


def test_a_message_that_does_harm_and_one_with_too_few_are_refused():
    features, treated, came = a_campaign((-0.08, -0.08))

    harm = uplift(features, treated, came, {}, seed=1)
    few = uplift(features[:900], treated[:900], came[:900], {}, seed=1)

    assert "did not help on the whole" in harm.reason
    assert (few.qini, few.reason) == (None, "fewer than 500 customers in a group: too few to tell whom it helps")
    assert few.effect == pytest.approx(came[:900][treated[:900]].mean() - came[:900][~treated[:900]].mean())
    assert uplift(features[:9], np.ones(9, dtype=bool), came[:9], {}, seed=1).effect is None


def test_where_a_message_does_harm_on_the_whole_those_it_helps_are_told_all_the_same():
    """-.1 for a half and .04 for the other: no whole to take a share of, but numbers for those ranked first."""
    features, treated, came = a_campaign((-0.1, 0.04))

    found = uplift(features, treated, came, {"mark": features[:, 0]}, seed=1)

    assert (found.qini, found.null_low, found.null_high, found.learners) == (None, None, None, {})
    assert "no gain to take a share of" in found.reason
    assert found.effect < -0.01 < 0.02 < found.top_effect
    assert found.learner
    assert found.others_top_effect["mark"] == pytest.approx(0.04, abs=0.03)


def test_a_ranking_that_tells_the_groups_apart_has_no_effect_to_show():
    features, treated, came = a_campaign((0.0, 0.2))

    found = uplift(features, treated, came, {"arm": treated.astype(float)}, seed=1)

    assert found.others_top_effect == {"arm": None}


def test_the_same_seed_gives_the_same_answer():
    rows = a_campaign((0.0, 0.2))

    assert uplift(*rows, {}, seed=1) == uplift(*rows, {}, seed=1)


def test_the_command_reads_numbers_and_words(tmp_path, capsys):
    features, treated, came = a_campaign((0.0, 0.2))
    words = ["loyal" if mark else "new" for mark in features[:, 0]]
    rows = zip(words, features[:, 1], treated, came, strict=True)
    file = tmp_path / "past.csv"
    lines = [f"{word},{noise},{'mail' if sent else 'none'},{int(hit)}" for word, noise, sent, hit in rows]
    file.write_text("group,noise,arm,came\n" + "\n".join(lines) + "\n")
    asked = ["uplift", str(file), "--arm", "arm", "--treated", "mail", "--control", "none", "--outcome", "came"]

    said = as_json(capsys, *asked, "--features", "group", "noise", "--against", "noise")
    code, _, wrong = ask(capsys, *asked, "--features", "grup")
    words_only, _, bad = ask(capsys, *asked, "--features", "noise", "--against", "group")
    file.write_text(file.read_text().replace("\n", "\nnew,1,other,\nnew,1,mail,\n", 1))
    _, _, blank = ask(capsys, *asked, "--features", "noise")

    assert said["reason"] is None
    assert list(said["others"]) == ["noise"]
    assert (code, "did you mean 'group'" in wrong) == (2, True)
    assert words_only == 2
    assert "past.csv:2: group: 'new' is not a number" in bad or "past.csv:2: group: 'loyal' is not a number" in bad
    assert "past.csv:3: came: is blank, not a number" in blank
