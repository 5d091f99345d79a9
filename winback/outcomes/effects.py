"""From a run's sums to its findings: every comparison beside the first answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import combinations

from winback.campaigns.campaign import HOLDOUT, Measure
from winback.lift.adjustment import around, cuped
from winback.lift.contrast import (
    MoneyContrast,
    MoneySums,
    RateContrast,
    RateSums,
    Terms,
    answer_family,
    money_family,
    pool_money,
    rate_family,
)
from winback.lift.estimates import NoEstimate
from winback.lift.heterogeneity import Effect, Heterogeneity, heterogeneity, rate_effect
from winback.lift.intervals import ALPHA
from winback.lift.pairs import PairSums, as_share, pool_pairs
from winback.lift.significance import benjamini_hochberg, holm
from winback.lift.survival import LogRank, kaplan_meier, log_rank
from winback.lift.verdict import Verdict
from winback.outcomes.findings import Contest, Curve, Dimension, Interaction, Pair, Segment, Week
from winback.outcomes.part_sums import (
    ADJUSTED,
    ADJUSTED_CONTRIBUTION,
    CAPPED,
    CHURNED,
    CONTRIBUTION,
    LOST_SHARE,
    NO_ORDER,
    ORDERS,
    RATES,
    REPEATED,
    RETAINED,
    REVENUE,
    SCORES,
    VALUE_LOST,
    PartSums,
    RunSums,
)

_FIRST_BACK = "first_back"
LOWER_IS_BETTER = frozenset({CHURNED, NO_ORDER, VALUE_LOST, LOST_SHARE})
COLUMNS = {
    Measure.CHURN: CHURNED,
    Measure.VALUE_LOST: VALUE_LOST,
    Measure.VALUE_LOST_SHARE: LOST_SHARE,
    Measure.RETENTION: RETAINED,
    Measure.REPEAT_RATE: REPEATED,
    Measure.PURCHASE_FREQUENCY: ORDERS,
    **{Measure(kind): kind for kind in SCORES},
    Measure.NET_CONTRIBUTION: CONTRIBUTION,
}


@dataclass(frozen=True, kw_only=True)  # no slots: what is summed is kept
class Question:
    """What is compared: ``variants`` in the file's order, all of them together as ``pooled``, on which terms.

    ``minor``: minor units in one major unit. ``margin``: the share of revenue that is contribution, where known.
    ``priced``: what the messages cost is known; without it there is no net contribution.
    """

    sums: RunSums
    variants: Sequence[str]
    pooled: str
    terms: Terms
    measure: Measure
    minor: int
    margin: Fraction | None
    priced: bool

    @property
    def column(self) -> str:
        """The column that judges: the measure's own, of net contribution the adjusted one where there is one."""
        own = COLUMNS[self.measure]
        return ADJUSTED_CONTRIBUTION if own == CONTRIBUTION and ADJUSTED_CONTRIBUTION in self.columns else own

    @cached_property
    def columns(self) -> list[str]:
        """Those of means that can be counted, but adjusted revenue and the share.

        Contribution is adjusted where past spend tells customers apart.
        """
        plain = [REVENUE, CAPPED, ORDERS, VALUE_LOST]
        if self.margin is None or not self.priced:
            return plain
        adjusted = [ADJUSTED_CONTRIBUTION] if self.past_spend.x_spread > 0 else []
        return [*plain, CONTRIBUTION, *adjusted]

    @cached_property
    def past_spend(self) -> PairSums:
        """Spend before and after t0 of everybody compared."""
        return pool_pairs(part.spend for part in (self.held, *self.groups))

    @property
    def rate_column(self) -> str:
        """The rate whose segments are looked at: money by segment is too noisy to be worth a line."""
        return rate_of(self.measure)

    @cached_property
    def treated(self) -> PartSums:
        """All variants together."""
        return self.sums.together(self.variants, self.pooled)

    @cached_property
    def held(self) -> PartSums:
        """The hold-out."""
        return self.sums.arm(HOLDOUT)

    @cached_property
    def groups(self) -> list[PartSums]:
        """The variants, each by itself."""
        return [self.sums.arm(name) for name in self.variants]


def rate_of(measure: Measure) -> str:
    """The column of a measure that is a rate, else that of churn."""
    return COLUMNS[measure] if COLUMNS[measure] in RATES else CHURNED


def rate_contrasts(ask: Question, column: str) -> list[RateContrast]:
    """All variants together and then each, against the hold-out, in one rate."""
    held = ask.held.rate(column)
    together = rate_family([ask.treated.rate(column)], held, ask.terms)
    return together + rate_family([group.rate(column) for group in ask.groups], held, ask.terms)


def money_contrasts(ask: Question) -> list[MoneyContrast]:
    """The same in every column of money, and in orders."""
    found = {column: _money_column(ask, column) for column in ask.columns} | {ADJUSTED: _adjusted(ask)}
    order = [REVENUE, CAPPED, ADJUSTED, *ask.columns[2:]]
    answers = answer_contrasts(ask, ask.column) if ask.column in SCORES else []
    return [*answers, *(contrast for column in order for contrast in found[column])]


def _money_column(ask: Question, column: str) -> list[MoneyContrast]:
    held, groups = _money(ask, ask.held, column), [_money(ask, group, column) for group in ask.groups]
    together = money_family([_money(ask, ask.treated, column)], held, ask.terms)
    return together + money_family(groups, held, ask.terms)


def _money(ask: Question, part: PartSums, column: str) -> MoneySums:
    if column == ORDERS:
        return part.money(column, *part.orders)
    if column in (CONTRIBUTION, ADJUSTED_CONTRIBUTION):
        return _contribution(ask, part, column)
    total, squares = {
        REVENUE: (part.spend.y, part.spend.yy),
        CAPPED: part.capped,
        VALUE_LOST: (part.worth.y, part.worth.yy),
    }[column]
    return part.money(column, total, squares, ask.minor)


def _contribution(ask: Question, part: PartSums, column: str) -> MoneySums:
    """Adjusted by Lin's rule: each arm its own slope, so that the interval is never wider (decision 028)."""
    pairs = part.contribution(ask.margin or Fraction(), ask.minor)
    found = pairs.outcome if column == CONTRIBUTION else around(pairs, ask.past_spend.x_mean / ask.minor)
    return part.money(column, found.total, found.total_sq)


def _adjusted(ask: Question) -> list[MoneyContrast]:
    """Revenue with one slope for all arms, so that the arms still add up."""
    parts = [ask.held, *ask.groups]
    sums = cuped([part.spend for part in parts])
    held, *groups = [
        part.money(ADJUSTED, each.total, each.total_sq, ask.minor) for part, each in zip(parts, sums, strict=True)
    ]
    together = money_family([pool_money(groups, ask.pooled)], held, ask.terms) if groups else []
    return together + money_family(groups, held, ask.terms)


def answer_contrasts(ask: Question, kind: str) -> list[MoneyContrast]:
    """A score that only some give: all variants together and then each, by trimmed bounds."""
    held = ask.sums.answers(kind, [HOLDOUT])
    together = {ask.pooled: ask.sums.answers(kind, ask.variants)}
    each = {name: ask.sums.answers(kind, [name]) for name in ask.variants}
    return answer_family(kind, together, held, ask.terms) + answer_family(kind, each, held, ask.terms)


def lost_share_contrasts(ask: Question) -> list[MoneyContrast] | NoEstimate:
    """Churn by percent of value; none where an arm was worth nothing at the start."""
    shares = _lost_shares([ask.held, ask.treated, *ask.groups])
    if isinstance(shares, NoEstimate):
        return shares
    held, together, *groups = shares
    return money_family([together], held, ask.terms) + money_family(groups, held, ask.terms)


def _lost_shares(parts: Sequence[PartSums]) -> list[MoneySums] | NoEstimate:
    found = [(part, as_share(part.worth)) for part in parts]
    missing = next((share for _, share in found if isinstance(share, NoEstimate)), None)
    return missing or [
        part.money(LOST_SHARE, share.total, share.total_sq)
        for part, share in found
        if not isinstance(share, NoEstimate)
    ]


def success_contrast(ask: Question) -> RateContrast | MoneyContrast | None:
    """What the campaign is judged by where that is not churn, all variants together; None: undefined."""
    if ask.measure is Measure.CHURN:
        return None
    if ask.column in RATES:
        return rate_contrasts(ask, ask.column)[0]
    if ask.column in ask.columns:
        return _money_column(ask, ask.column)[0]
    if ask.column in SCORES:
        return answer_contrasts(ask, ask.column)[0]
    found = lost_share_contrasts(ask) if ask.column == LOST_SHARE else []
    return None if isinstance(found, NoEstimate) or not found else found[0]


def contest(ask: Question) -> Contest | None:
    """Every variant against every other; None with fewer than two, or where the measure is undefined for one."""
    names = list(combinations(ask.variants, 2))
    found = [_versus(ask, one, other) for one, other in combinations(ask.groups, 2)]
    between = [contrast for contrast in found if contrast]
    if not names or len(between) < len(names):
        return None
    p_values = [_p(contrast) for contrast in between]
    corrected = holm(p_values)
    pairs = [
        Pair(one=one, other=other, difference=c.difference, low=c.low, high=c.high, p=p, p_holm=p_holm)
        for (one, other), c, p, p_holm in zip(names, between, p_values, corrected, strict=True)
    ]
    beaten = [
        (pair.one, pair.other) if contrast.verdict is Verdict.BETTER else (pair.other, pair.one)
        for pair, contrast in zip(pairs, between, strict=True)
        if contrast.verdict in (Verdict.BETTER, Verdict.WORSE)
        and pair.p_holm is not None
        and pair.p_holm <= ask.terms.alpha
    ]
    wins = {name: sum(better == name for better, _ in beaten) for name in ask.variants}
    winner = next((name for name, won in wins.items() if won == len(ask.variants) - 1), None)
    return Contest(column=ask.column, pairs=pairs, winner=winner)


def _versus(ask: Question, one: PartSums, other: PartSums) -> RateContrast | MoneyContrast | None:
    if ask.column in RATES:
        return rate_family([one.rate(ask.column)], other.rate(ask.column), ask.terms)[0]
    if ask.column in ask.columns:
        return money_family([_money(ask, one, ask.column)], _money(ask, other, ask.column), ask.terms)[0]
    if ask.column in SCORES:
        asked, against = (ask.sums.answers(ask.column, [part.arm]) for part in (one, other))
        return answer_family(ask.column, {one.arm: asked}, against, ask.terms)[0]
    shares = _lost_shares([one, other]) if ask.column == LOST_SHARE else []
    return (
        None if isinstance(shares, NoEstimate) or not shares else money_family(shares[:1], shares[1], ask.terms)[0]
    )


def _p(contrast: RateContrast | MoneyContrast) -> float | None:
    return contrast.p_newcombe if isinstance(contrast, RateContrast) else contrast.p


def segments(ask: Question) -> list[Segment]:
    """Every part of every dimension that has two or more, explored under Benjamini-Hochberg."""
    found = [
        (dimension, value, *_part(ask, dimension, value))
        for dimension in Dimension
        for value in _values(ask, dimension)
    ]
    contrasts = [rate_family([treated], held, ask.terms)[0] for _, _, treated, held in found]
    corrected = benjamini_hochberg([contrast.p_newcombe for contrast in contrasts])
    return [
        Segment(
            dimension=dimension, value=value, x=c.x, n=c.n, rate=c.rate,
            control_x=c.control_x, control_n=c.control_n, control_rate=c.control_rate,
            difference=c.difference, low=c.low, high=c.high, p_newcombe=c.p_newcombe, p_bh=p_bh,
        )
        for (dimension, value, _, _), c, p_bh in zip(found, contrasts, corrected, strict=True)
    ]  # fmt: skip


def _values(ask: Question, dimension: Dimension) -> list[str]:
    values = ask.sums.values(dimension)
    return values if len(values) > 1 else []


def _part(ask: Question, dimension: Dimension, value: str) -> tuple[RateSums, RateSums]:
    treated = ask.sums.part(ask.variants, ask.pooled, dimension, value)
    held = ask.sums.part([HOLDOUT], HOLDOUT, dimension, value)
    return treated.rate(ask.rate_column), held.rate(ask.rate_column)


def interactions(ask: Question) -> list[Interaction]:
    """Per dimension with two parts or more whether the effect differs between them."""
    tests = {
        dimension: _tested(ask, dimension, values)
        for dimension in Dimension
        if (values := _values(ask, dimension))
    }
    p_values = [test.p if isinstance(test, Heterogeneity) else None for _, _, test in tests.values()]
    corrected = benjamini_hochberg(p_values)
    return [
        _interaction(dimension, *tests[dimension], p_bh) for dimension, p_bh in zip(tests, corrected, strict=True)
    ]


def _tested(
    ask: Question, dimension: Dimension, values: Sequence[str]
) -> tuple[list[str], list[str], Heterogeneity | NoEstimate]:
    """Segments that took part, those left out, and the test."""
    effects = [rate_effect(value, *_part(ask, dimension, value)) for value in values]
    known = [effect for effect in effects if isinstance(effect, Effect)]
    taking_part = [effect.segment for effect in known]
    return taking_part, [value for value in values if value not in taking_part], heterogeneity(known)


def _interaction(
    dimension: Dimension,
    taking_part: list[str],
    left_out: list[str],
    test: Heterogeneity | NoEstimate,
    p_bh: float | None,
) -> Interaction:
    if isinstance(test, NoEstimate):
        return Interaction(
            dimension=dimension, segments=taking_part, left_out=left_out,
            q=None, df=None, p=None, p_bh=None, apart=[], reason=test.reason,
        )  # fmt: skip
    apart = list(test.apart) if p_bh is not None and p_bh <= ALPHA else []
    return Interaction(
        dimension=dimension, segments=taking_part, left_out=left_out,
        q=test.q, df=test.df, p=test.p, p_bh=p_bh, apart=apart,
    )  # fmt: skip


def curves(ask: Question) -> tuple[list[Curve], LogRank | NoEstimate]:
    """Who has not come back yet, by day: all variants together, each where there are several, the hold-out."""
    several = [(name, [name]) for name in ask.variants] if len(ask.variants) > 1 else []
    arms = [(ask.pooled, list(ask.variants)), *several, (HOLDOUT, [HOLDOUT])]
    found = []
    for name, parts in arms:
        exits = ask.sums.exits(*parts)
        points = kaplan_meier(exits)
        n = sum(each.left + each.censored for each in exits)
        found.append(Curve(arm=name, n=n, points=[] if isinstance(points, NoEstimate) else list(points)))
    return found, log_rank([ask.sums.exits(*ask.variants), ask.sums.exits(HOLDOUT)])


def weeks(ask: Question) -> list[Week]:
    """The effect by week since t0, by who ordered first in each: does it come at once, does it fade?"""
    starts = range(1, ask.sums.days + 1, 7)
    return [_week(ask, number, first, min(first + 6, ask.sums.days)) for number, first in enumerate(starts, 1)]


def _week(ask: Question, number: int, first: int, last: int) -> Week:
    treated, held = [
        RateSums(column=_FIRST_BACK, arm=name, x=ask.sums.back_between(arms, first, last), n=n)
        for name, arms, n in ((ask.pooled, ask.variants, ask.treated.n), (HOLDOUT, [HOLDOUT], ask.held.n))
    ]
    [c] = rate_family([treated], held, ask.terms)
    return Week(
        number=number, first_day=first, last_day=last, x=c.x, n=c.n, rate=c.rate,
        control_x=c.control_x, control_n=c.control_n, control_rate=c.control_rate,
        difference=c.difference, low=c.low, high=c.high,
    )  # fmt: skip
