"""The rules of the verdict, in the contract's order 1, 2, 10, 3, 4, 5, 6."""

import pytest

from winback.lift.verdict import Conditions, Evidence, Judgement, Rule, Verdict, explain, judge, rows_lost


def conditions(**changes) -> Conditions:
    return Conditions(**{"srm_p": 0.5, "contaminated_share": 0.0, "matured": True} | changes)


def evidence(**changes) -> Evidence:
    """A well-filled contrast whose interval is below 0 and decides."""
    usual = {
        "customers": 2000, "smallest_arm": 400, "scarcest": 90, "enough": 5, "scarcity": Rule.FEW_EVENTS,
        "low": -0.097, "high": -0.007, "decides": True, "lower_is_better": True, "smallest_effect": None,
    }  # fmt: skip
    return Evidence(**usual | changes)


INCLUDES_ZERO = {"low": -0.02, "high": 0.03, "decides": False}


@pytest.mark.parametrize(
    ("low", "high", "lower_is_better", "verdict"),
    [
        (-0.09, -0.01, True, Verdict.BETTER),  # fewer churned
        (0.01, 0.09, True, Verdict.WORSE),  # more churned
        (0.01, 0.09, False, Verdict.BETTER),
        (-0.09, -0.01, False, Verdict.WORSE),
    ],
)
def test_an_interval_that_excludes_0_speaks_by_the_direction_of_its_column(low, high, lower_is_better, verdict):
    contrast = evidence(low=low, high=high, lower_is_better=lower_is_better)

    assert judge(conditions(), contrast) == Judgement(verdict=verdict, rules=(Rule.EXCLUDES_ZERO,))


@pytest.mark.parametrize(
    ("smallest", "verdict", "rule"),
    [
        (None, Verdict.CANT_TELL, Rule.UNDECIDED),
        (0.029, Verdict.CANT_TELL, Rule.UNDECIDED),
        (0.03, Verdict.NO_EFFECT_WORTH_HAVING, Rule.INSIDE_SMALLEST_EFFECT),
    ],
)
def test_an_interval_with_0_is_too_small_to_matter_or_undecided(smallest, verdict, rule):
    contrast = evidence(**INCLUDES_ZERO, smallest_effect=smallest)

    assert judge(conditions(), contrast) == Judgement(verdict=verdict, rules=(rule,))


@pytest.mark.parametrize(("low", "high"), [(-0.03, 0.02), (-0.02, 0.03)])
def test_an_interval_that_leaves_the_smallest_effect_on_either_side_is_undecided(low, high):
    contrast = evidence(low=low, high=high, decides=False, smallest_effect=0.025)

    assert judge(conditions(), contrast).verdict is Verdict.CANT_TELL


def test_an_interval_that_excludes_0_only_before_holm_does_not_decide():
    judgement = judge(conditions(), evidence(decides=False))

    assert judgement.verdict is Verdict.CANT_TELL


def test_a_contrast_without_an_interval_has_not_enough_data():
    judgement = judge(conditions(), evidence(low=None, high=None, decides=False))

    assert judgement == Judgement(verdict=Verdict.NOT_ENOUGH_DATA, rules=(Rule.NO_INTERVAL,))


def test_the_first_rule_that_speaks_is_the_verdict_and_all_that_apply_are_listed():
    """Take the first rule away, and the next one speaks: 1, 2 (twice), 10, 3, 4, 5."""
    whole = {"srm_p": 0.0009, "rows_lost": 1, "contaminated_share": 0.011, "matured": False}
    contrast = {"smallest_arm": 1, "scarcest": 4}
    steps = [
        (Rule.EMPTY_ARM, Verdict.NOT_ENOUGH_DATA, contrast, "smallest_arm"),
        (Rule.SPLIT_WRONG, Verdict.DO_NOT_TRUST, whole, "srm_p"),
        (Rule.ROWS_LOST, Verdict.DO_NOT_TRUST, whole, "rows_lost"),
        (Rule.HOLDOUT_CONTAMINATED, Verdict.DO_NOT_TRUST, whole, "contaminated_share"),
        (Rule.NOT_MATURED, Verdict.INTERIM, whole, "matured"),
        (Rule.FEW_EVENTS, Verdict.NOT_ENOUGH_DATA, contrast, "scarcest"),
        (Rule.EXCLUDES_ZERO, Verdict.BETTER, {}, None),
    ]
    order = [rule for rule, *_ in steps]

    for place, (_, verdict, where, key) in enumerate(steps):
        judgement = judge(conditions(**whole), evidence(**contrast))

        assert judgement == Judgement(verdict=verdict, rules=tuple(order[place:]))
        where.pop(key, None)


def test_customers_who_vanish_or_turn_up_after_the_split_are_counted():
    assigned = {"holdout": 400, "treated": 1600}

    assert rows_lost(assigned, assigned) == 0
    assert rows_lost(assigned, {"holdout": 399, "treated": 1600}) == 1
    assert rows_lost(assigned, {"holdout": 401, "treated": 1599}) == 2
    assert rows_lost(assigned, {"treated": 1600}) == 400
    assert rows_lost(assigned, assigned | {"other": 3}) == 3


@pytest.mark.parametrize(("p", "verdict"), [(0.001, Verdict.BETTER), (0.00099, Verdict.DO_NOT_TRUST)])
def test_the_split_is_wrong_below_one_in_a_thousand(p, verdict):
    assert judge(conditions(srm_p=p), evidence()).verdict is verdict


def test_a_hold_out_touched_by_up_to_1_percent_is_listed_but_does_not_speak():
    judgement = judge(conditions(contaminated_share=0.01), evidence())

    assert judgement == Judgement(verdict=Verdict.BETTER, rules=(Rule.HOLDOUT_TOUCHED, Rule.EXCLUDES_ZERO))


def test_what_is_not_known_is_no_reason():
    judgement = judge(conditions(srm_p=None, contaminated_share=None), evidence())

    assert judgement.rules == (Rule.EXCLUDES_ZERO,)


@pytest.mark.parametrize(("scarcest", "verdict"), [(4, Verdict.NOT_ENOUGH_DATA), (5, Verdict.BETTER)])
def test_five_events_and_five_without_are_enough(scarcest, verdict):
    assert judge(conditions(), evidence(scarcest=scarcest)).verdict is verdict


def test_every_rule_has_its_sentence():
    whole = conditions(srm_p=0.0001, contaminated_share=0.02)

    for rule in Rule:
        said = explain(Judgement(verdict=Verdict.CANT_TELL, rules=(rule,)), whole, evidence(**INCLUDES_ZERO))

        assert said
        assert "{" not in said


def test_an_undecided_contrast_says_how_many_customers_it_would_need():
    contrast = evidence(**INCLUDES_ZERO)
    judgement = judge(conditions(), contrast)

    said = explain(judgement, conditions(), contrast, needed_n=12_345)

    assert said == "the interval includes 0: would need 12,345 customers"


def test_a_need_that_is_already_met_is_not_asked_for():
    contrast = evidence(**INCLUDES_ZERO, customers=20_000)
    judgement = judge(conditions(), contrast)

    said = explain(judgement, conditions(), contrast, needed_n=12_345)

    assert said == "the interval includes 0"


def test_the_reasons_are_listed_with_the_one_that_spoke_first():
    contrast = evidence(scarcest=3)
    whole = conditions(srm_p=0.00002)

    said = explain(judge(whole, contrast), whole, contrast)

    assert said == (
        "the split is not as planned (sample ratio mismatch, p = 2e-05); "
        "an arm has fewer than 5 customers with the event or without it; the interval excludes 0"
    )
