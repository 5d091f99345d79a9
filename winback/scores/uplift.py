"""Whom a message helps most: T-learners on a randomised campaign, judged out of fold against random rankings.

Two regressions, of the written-to and of the held-out, learned on four fifths and asked of the last: the predicted
effect is their difference. Ridge, and LightGBM where the extra ``[ml]`` is there; the better of the two may be
used only where its Qini is above all of 200 random rankings.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from winback.scores.learners import BOOSTED, has_lightgbm

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Learner = Callable[[Floats, Floats, Floats], Floats]  # known features, their outcome, asked features -> predicted

FOLDS: Final = 5
RANKINGS: Final = 200
RIDGE: Final = 1.0  # on standardised features: next to nothing for thousands of rows, steady for few
LEAST: Final = 500  # customers in either group
TOP: Final = 0.3
TREES: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Uplift:
    """What the ranking is worth. ``effect``: treated minus control of all, in units of the outcome; None only
    where a group has nobody.

    ``learner``: which made the ranking; ``learners``: the Qini of each that was tried. ``qini``: the mean, over
    the share written to, of the part of the whole effect gained beyond that share; 0 for a random ranking.
    ``null_low`` and ``null_high``: the range of random ones; all three are None where there is no whole effect
    to take a part of. ``top_effect``: the effect on the TOP share it ranks first. ``reason``: why it must not be
    used, and why any of these is None; None where it may.
    """

    treated: int
    control: int
    effect: float | None
    qini: float | None
    null_low: float | None
    null_high: float | None
    top_effect: float | None
    reason: str | None
    learner: str | None
    learners: Mapping[str, float]
    others: Mapping[str, float]  # the Qini of other rankings of the same people
    others_top_effect: Mapping[str, float | None]  # the effect on the TOP share each of these ranks first

    def as_dict(self) -> dict[str, Any]:
        """The JSON of ``winback uplift``."""
        return asdict(self)


def uplift(features: Floats, treated: Flags, outcome: Floats, others: Mapping[str, Floats], seed: int) -> Uplift:
    """Judge the T-learner on rows of customers; ``others``: scores that rank the same people, high first.

    ``features``: rows x columns, finite; ``outcome``: a number, more is better.
    """
    effect = _effect(treated, outcome)
    told = _nothing(treated, effect)
    if min(told.treated, told.control) < LEAST or effect is None:
        return replace(told, reason=f"fewer than {LEAST} customers in a group: too few to tell whom it helps")
    random = np.random.default_rng(seed)
    fold = random.permutation(len(outcome)) % FOLDS
    predicted = {
        name: out_of_fold(features, treated, outcome, fold, learner) for name, learner in learners().items()
    }
    found = {name: beyond(score, treated, outcome) for name, score in predicted.items()}
    best = max(found, key=lambda name: found[name])
    told = replace(
        told,
        learner=best,
        top_effect=_top(predicted[best], treated, outcome),
        others_top_effect={name: _top(score, treated, outcome) for name, score in others.items()},
    )
    if effect <= 0:
        return replace(told, reason="the campaign did not help on the whole: there is no gain to take a share of")
    null = [qini(random.random(len(outcome)), treated, outcome) for _ in range(RANKINGS)]
    qinis = {name: qini(score, treated, outcome) for name, score in predicted.items()}
    beaten = qinis[best] > max(null)
    return replace(
        told, qini=qinis[best], null_low=min(null), null_high=max(null), learners=qinis,
        others={name: qini(score, treated, outcome) for name, score in others.items()},
        reason=None if beaten else "its ranking is no better than random ones: write to all, or by value",
    )  # fmt: skip


def _nothing(treated: Flags, effect: float | None) -> Uplift:
    """What is known before anything is learned."""
    return Uplift(
        treated=int(treated.sum()), control=int((~treated).sum()), effect=effect, qini=None, null_low=None,
        null_high=None, top_effect=None, reason=None, learner=None, learners={}, others={}, others_top_effect={},
    )  # fmt: skip


def _effect(treated: Flags, outcome: Floats) -> float | None:
    """Mean of the treated minus mean of the control; None where either group has nobody."""
    if treated.all() or not treated.any():
        return None
    return float(outcome[treated].mean() - outcome[~treated].mean())


def _top(score: Floats, treated: Flags, outcome: Floats) -> float | None:
    """The effect on the TOP share with the highest scores."""
    first = np.argsort(-score, kind="stable")[: int(TOP * len(outcome))]
    return _effect(treated[first], outcome[first])


def out_of_fold(
    features: Floats, treated: Flags, outcome: Floats, fold: NDArray[np.int64], learner: Learner
) -> Floats:
    """The predicted effect on each customer, by models that have not seen him; ``fold``: his, from 0."""
    predicted = np.zeros(len(outcome))
    for number in range(FOLDS):
        asked = fold == number
        told = [
            learner(features[group & ~asked], outcome[group & ~asked], features[asked])
            for group in (treated, ~treated)
        ]
        predicted[asked] = told[0] - told[1]
    return predicted


def learners() -> Mapping[str, Learner]:
    """What can be tried here: a new one is a function and a line."""
    return {"ridge": _ridge} | ({"lightgbm": _boosted} if has_lightgbm() else {})


def _boosted(known: Floats, outcome: Floats, asked: Floats) -> Floats:
    """Gradient-boosted trees (Ke et al. 2017), with the settings of the scores' learner."""
    import lightgbm  # an optional extra, and half a second to import

    data = lightgbm.Dataset(known, outcome)
    model = lightgbm.train({**BOOSTED, "objective": "regression"}, data, TREES)
    return np.asarray(model.predict(asked))


def _ridge(known: Floats, outcome: Floats, asked: Floats) -> Floats:
    """Ridge regression (Hoerl & Kennard 1970) on standardised features, the intercept free."""
    middle, spread = known.mean(axis=0), known.std(axis=0)
    spread = np.where(spread > 0, spread, 1)
    scaled = (known - middle) / spread
    weights = np.linalg.solve(
        scaled.T @ scaled + RIDGE * np.eye(scaled.shape[1]), scaled.T @ (outcome - outcome.mean())
    )
    return np.asarray(outcome.mean() + (asked - middle) / spread @ weights)


def qini(score: Floats, treated: Flags, outcome: Floats) -> float:
    """The Qini coefficient (Radcliffe 2007) of writing to the highest scores first, over the whole effect."""
    return beyond(score, treated, outcome) / float(_gained(score, treated, outcome)[-1])


def beyond(score: Floats, treated: Flags, outcome: Floats) -> float:
    """The gain beyond that of a random ranking, the mean over the share written to, in units of the outcome."""
    gained = _gained(score, treated, outcome)
    share = np.arange(1, len(gained) + 1) / len(gained)
    return float((gained - share * gained[-1]).mean())


def _gained(score: Floats, treated: Flags, outcome: Floats) -> Floats:
    """What writing to the first 1, 2, ... by score gained over their control."""
    order = np.argsort(-score, kind="stable")
    one, value = treated[order], outcome[order]
    n_treated, n_control = np.cumsum(one), np.cumsum(~one)
    return np.asarray(np.cumsum(value * one) - np.cumsum(value * ~one) * n_treated / np.maximum(n_control, 1))
