"""One arm against the control in one column: the sums that come in and the contrast that goes out.

The fields of a contrast are the keys of ``winback lift``'s JSON, in its order; undefined is None, never 0.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from winback.lift.intervals import (
    ALPHA,
    Z95,
    Amount,
    Interval,
    Proportion,
    Sums,
    Welch,
    katz,
    mean_difference,
    miettinen_nurminen,
    newcombe,
    standard_error,
    welch,
    wilson,
)
from winback.lift.looks import Look
from winback.lift.planning import needed_for_error, needed_total
from winback.lift.significance import holm, p_mn, p_newcombe, p_pooled, p_pooled_means
from winback.lift.trimming import Answers, trimmed_bounds
from winback.lift.verdict import (
    ANSWERS_FLOOR,
    FEWEST_EVENTS,
    MONEY_FLOOR,
    Conditions,
    Evidence,
    Rule,
    Verdict,
    explain,
    judge,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RateSums:
    """``x`` of the arm's ``n`` customers had the event ``column``."""

    column: str
    arm: str
    x: int = 0
    n: int = 0

    @property
    def proportion(self) -> Proportion:
        """The counts without their names."""
        return Proportion(x=self.x, n=self.n)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneySums:
    """Sums of ``column`` over all ``n`` customers of the arm, buyers or not; ``buyers`` of them bought."""

    column: str
    arm: str
    n: int = 0
    buyers: int = 0
    total: Amount = 0
    total_sq: Amount = 0

    @property
    def sums(self) -> Sums:
        """The sums without their names."""
        return Sums(n=self.n, total=self.total, total_sq=self.total_sq)


@dataclass(frozen=True, slots=True, kw_only=True)
class RateContrast:
    """Shares 0-1, 95 % intervals (Wilson for rates, Newcombe and mn_ for the difference, Katz for the ratio).

    After a look those of the difference and the ratio are at the look's level; each rate keeps its 95 %.

    ``needed_n`` = customers of both arms together. ``rules`` = every rule that applies; not part of the JSON.
    """

    column: str
    arm: str
    x: int
    n: int
    rate: float | None
    rate_low: float | None
    rate_high: float | None
    control_x: int
    control_n: int
    control_rate: float | None
    control_rate_low: float | None
    control_rate_high: float | None
    difference: float | None
    low: float | None
    high: float | None
    mn_low: float | None
    mn_high: float | None
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    p_newcombe: float | None
    p_pooled: float | None
    p_mn: float | None
    p_holm: float | None
    verdict: Verdict
    reason: str
    needed_n: int | None
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyContrast:
    """Means per assigned customer in the unit of the sums, with Welch's interval (95 %, or the look's level).

    Of a score: means of those who answered, ``buyers``, the interval trimmed for who answers; its p is
    ``p_trimmed``, as neither test is made.
    """

    column: str
    arm: str
    n: int
    buyers: int
    mean: float | None
    control_buyers: int
    control_mean: float | None
    difference: float | None
    low: float | None
    high: float | None
    df: float | None
    t: float | None
    p_welch: float | None
    p_pooled: float | None
    verdict: Verdict
    reason: str
    rules: tuple[Rule, ...]
    p_trimmed: float | None = None

    @property
    def p(self) -> float | None:
        """Before Holm: the greater of the two tests', of a score that of its interval."""
        if self.p_trimmed is not None:
            return self.p_trimmed
        return None if self.p_welch is None or self.p_pooled is None else max(self.p_welch, self.p_pooled)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What all contrasts of one comparison share; ``smallest_effect`` by column, a share or an amount.

    ``look``: one of several planned readings, judged at its own boundary; None is the only reading there is.
    """

    conditions: Conditions
    lower_is_better: Collection[str] = ()
    smallest_effect: Mapping[str, float] = field(default_factory=dict)
    money_floor: int = MONEY_FLOOR
    look: Look | None = None

    @property
    def alpha(self) -> float:
        """The two-sided level of this reading."""
        return self.look.alpha if self.look else ALPHA

    @property
    def z(self) -> float:
        """The normal quantile of this reading's level."""
        return self.look.boundary if self.look else Z95


def rate_family(treated: Sequence[RateSums], control: RateSums, terms: Terms) -> list[RateContrast]:
    """Each treated arm against the control; the Newcombe p-values are corrected by Holm over the arms."""
    p_values = [p_newcombe(arm.proportion, control.proportion) for arm in treated]
    return [
        _rate_contrast(arm, control, p, corrected, terms)
        for arm, p, corrected in zip(treated, p_values, holm(p_values), strict=True)
    ]


def _rate_contrast(
    arm: RateSums, control: RateSums, p: float | None, p_holm: float | None, terms: Terms
) -> RateContrast:
    one, zero = arm.proportion, control.proportion
    rate_low, rate_high = _ends(wilson(one))
    control_low, control_high = _ends(wilson(zero))
    low, high = _ends(newcombe(one, zero, z=terms.z))
    mn_low, mn_high = _ends(miettinen_nurminen(one, zero, z=terms.z))
    ratio = katz(one, zero, z=terms.z)
    needed_n = _needed_n(arm, control, terms)
    verdict, rules, reason = _judged(_rate_evidence(arm, control, low, high, p_holm, terms), terms, needed_n)
    return RateContrast(
        column=arm.column, arm=arm.arm,
        x=arm.x, n=arm.n, rate=one.rate, rate_low=rate_low, rate_high=rate_high,
        control_x=control.x, control_n=control.n, control_rate=zero.rate,
        control_rate_low=control_low, control_rate_high=control_high,
        difference=None if one.rate is None or zero.rate is None else one.rate - zero.rate,
        low=low, high=high, mn_low=mn_low, mn_high=mn_high,
        ratio=ratio.value, ratio_low=ratio.low, ratio_high=ratio.high,
        p_newcombe=p, p_pooled=p_pooled(one, zero), p_mn=p_mn(one, zero), p_holm=p_holm,
        verdict=verdict, reason=reason, needed_n=needed_n, rules=rules,
    )  # fmt: skip


def _rate_evidence(
    arm: RateSums, control: RateSums, low: float | None, high: float | None, p: float | None, terms: Terms
) -> Evidence:
    return Evidence(
        customers=arm.n + control.n,
        smallest_arm=min(arm.n, control.n),
        scarcest=min(arm.x, arm.n - arm.x, control.x, control.n - control.x),
        enough=FEWEST_EVENTS,
        scarcity=Rule.FEW_EVENTS,
        low=low,
        high=high,
        decides=p is not None and p <= terms.alpha,
        lower_is_better=arm.column in terms.lower_is_better,
        smallest_effect=terms.smallest_effect.get(arm.column),
    )


def _ends(interval: Interval | None) -> tuple[float | None, float | None]:
    return (None, None) if interval is None else (interval.low, interval.high)


def _judged(evidence: Evidence, terms: Terms, needed_n: int | None) -> tuple[Verdict, tuple[Rule, ...], str]:
    judgement = judge(terms.conditions, evidence)
    reason = explain(judgement, terms.conditions, evidence, needed_n=needed_n)
    return judgement.verdict, judgement.rules, reason


def _needed_n(arm: RateSums, control: RateSums, terms: Terms) -> int | None:
    """Customers needed at the arms' present ratio: for the smallest effect, else for the observed difference.

    None before the window's end: the rates there will be are not known yet.
    """
    rate, base = arm.proportion.rate, control.proportion.rate
    if rate is None or base is None or not terms.conditions.matured:
        return None
    smallest = terms.smallest_effect.get(arm.column)
    if smallest is not None:
        rate = _improved(base, smallest, lower_is_better=arm.column in terms.lower_is_better)
    return needed_total(control_rate=base, treated_rate=rate, holdout_share=control.n / (control.n + arm.n))


def _improved(rate: float, effect: float, *, lower_is_better: bool) -> float:
    """The rate better by ``effect``; worse by it where there is no room to be that much better."""
    better, worse = (rate - effect, rate + effect) if lower_is_better else (rate + effect, rate - effect)
    return better if 0 <= better <= 1 else worse


def money_family(treated: Sequence[MoneySums], control: MoneySums, terms: Terms) -> list[MoneyContrast]:
    """Each treated arm against the control; Welch and, as a second gate, the pooled-variance test decide.

    A small hold-out with few buyers makes Welch alone lie in the campaign's favour: with 46 buyers in it and no
    effect at all, "better" comes out in 5.5 % of campaigns instead of 2.5. Holm runs over the arms for both.
    """
    tests = [welch(arm.sums, control.sums, alpha=terms.alpha) for arm in treated]
    pooled = [p_pooled_means(arm.sums, control.sums) for arm in treated]
    deciding = _deciding([test.p if test else None for test in tests], pooled)
    return [
        _money_contrast(arm, control, test, p, decides is not None and decides <= terms.alpha, terms)
        for arm, test, p, decides in zip(treated, tests, pooled, deciding, strict=True)
    ]


def p_deciding(family: Sequence[MoneyContrast]) -> list[float | None]:
    """The p by which each of a family is judged: the greater of its two tests', each by Holm over the family."""
    if any(each.p_trimmed is not None for each in family):
        return holm([each.p_trimmed for each in family])
    return _deciding([each.p_welch for each in family], [each.p_pooled for each in family])


def _deciding(by_welch: Sequence[float | None], by_pooled: Sequence[float | None]) -> list[float | None]:
    return [
        None if one is None or other is None else max(one, other)
        for one, other in zip(holm(by_welch), holm(by_pooled), strict=True)
    ]


def _money_contrast(
    arm: MoneySums, control: MoneySums, test: Welch | None, pooled: float | None, decides: bool, terms: Terms
) -> MoneyContrast:
    one, zero = arm.sums, control.sums
    evidence = Evidence(
        customers=arm.n + control.n,
        smallest_arm=min(arm.n, control.n),
        scarcest=min(arm.buyers, control.buyers),
        enough=terms.money_floor,
        scarcity=Rule.FEW_BUYERS,
        low=test.low if test else None,
        high=test.high if test else None,
        decides=decides,
        lower_is_better=arm.column in terms.lower_is_better,
        smallest_effect=terms.smallest_effect.get(arm.column),
    )
    needed_n = _needed_for(test, evidence, terms) if test else None
    verdict, rules, reason = _judged(evidence, terms, needed_n)
    return MoneyContrast(
        column=arm.column, arm=arm.arm,
        n=arm.n, buyers=arm.buyers, mean=one.mean, control_buyers=control.buyers, control_mean=zero.mean,
        difference=mean_difference(one, zero),
        low=evidence.low, high=evidence.high,
        df=test.df if test else None, t=test.t if test else None,
        p_welch=test.p if test else None, p_pooled=pooled,
        verdict=verdict, reason=reason, rules=rules,
    )  # fmt: skip


def _needed_for(test: Welch, evidence: Evidence, terms: Terms) -> int | None:
    """As _needed_n, from the standard error that there was; None before the window's end."""
    if not terms.conditions.matured:
        return None
    error = standard_error(low=test.low, high=test.high, df=test.df, alpha=terms.alpha)
    effect = evidence.smallest_effect or test.difference
    return needed_for_error(error=error, total=evidence.customers, effect=effect)


def answer_family(
    column: str, treated: Mapping[str, Answers], control: Answers, terms: Terms
) -> list[MoneyContrast]:
    """Each treated arm against the control in a score that only some give, by Lee's bounds, Holm over the arms."""
    bounds = [trimmed_bounds(arm, control) for arm in treated.values()]
    corrected = holm([found.p if found else None for found in bounds])
    return [
        _answer_contrast(column, name, arm, control, p, terms)
        for (name, arm), p in zip(treated.items(), corrected, strict=True)
    ]


def _answer_contrast(
    column: str, name: str, arm: Answers, control: Answers, p_holm: float | None, terms: Terms
) -> MoneyContrast:
    bounds = trimmed_bounds(arm, control)
    low, high = _ends(bounds.interval(terms.z) if bounds else None)
    evidence = Evidence(
        customers=arm.n + control.n, smallest_arm=min(arm.n, control.n),
        scarcest=min(arm.answered, control.answered), enough=ANSWERS_FLOOR, scarcity=Rule.FEW_ANSWERS,
        low=low, high=high, decides=p_holm is not None and p_holm <= terms.alpha,
        lower_is_better=False, smallest_effect=None,
    )  # fmt: skip
    verdict, rules, reason = _judged(evidence, terms, None)
    one, zero, p = arm.sums, control.sums, bounds.p if bounds else None
    return MoneyContrast(
        column=column, arm=name, n=arm.n, buyers=arm.answered, mean=one.mean,
        control_buyers=control.answered, control_mean=zero.mean, difference=mean_difference(one, zero),
        low=low, high=high, df=None, t=None, p_welch=None, p_pooled=None, p_trimmed=p,
        verdict=verdict, reason=reason, rules=rules,
    )  # fmt: skip


def pool_rates(arms: Sequence[RateSums], name: str) -> RateSums:
    """Arms of one column as one arm; at least one."""
    return RateSums(column=arms[0].column, arm=name, x=sum(a.x for a in arms), n=sum(a.n for a in arms))


def pool_money(arms: Sequence[MoneySums], name: str) -> MoneySums:
    """Arms of one column as one arm; at least one."""
    return MoneySums(
        column=arms[0].column,
        arm=name,
        n=sum(a.n for a in arms),
        buyers=sum(a.buyers for a in arms),
        total=sum((Fraction(a.total) for a in arms), Fraction()),
        total_sq=sum((Fraction(a.total_sq) for a in arms), Fraction()),
    )
