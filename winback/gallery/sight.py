"""What the result of a campaign can show before anything is sent, in terms of what it is judged by.

Of churn and retention the predicted risk says what to expect of the hold-out; of everything else what customers
chosen by the same rules one window earlier did since, and where a forecast decides who is lost, what the model
says of them today. The audience itself, where it was chosen for being quiet,
did less in the window before than it will in the one after: it stands in only where the data do not reach so far
back or too few of those others ordered, and all scored customers where too few of the audience did.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from winback.campaigns.campaign import HOLDOUT, OF_ANSWERS, Measure, Success
from winback.lift.estimates import NoEstimate
from winback.lift.intervals import ALPHA, Amount, Sums
from winback.lift.pairs import as_share
from winback.lift.planning import (
    Visibility,
    best_share,
    needed_for_mean,
    needed_total,
    smallest_visible_effect,
    smallest_visible_mean,
)
from winback.lift.verdict import FEWEST_EVENTS, MONEY_FLOOR
from winback.outcomes.part_sums import REPEATED, PartSums

_UPWARDS = (Measure.RETENTION, Measure.REPEAT_RATE)
PREDICTED = (Measure.CHURN, Measure.RETENTION)
_VALUE = (Measure.VALUE_LOST, Measure.VALUE_LOST_SHARE)


class Basis(StrEnum):
    """Where the expectation comes from."""

    PREDICTED = "predicted"  # the mean predicted risk
    SEEN_OF_ALIKE = "window_before_of_alike"  # what those did whom the same rules chose at its beginning
    SEEN = "window_before"  # what the audience did then
    SEEN_OF_ALL = "window_before_of_all"  # what all scored customers did: too few of the audience ordered then
    FORECAST_OF_ALIKE = "forecast_of_alike"  # what the model says today of those whom they chose then
    FORECAST_OF_ALL = "forecast_of_all"  # of all scored customers
    CONTRACTS = "contracts_before"  # what became of all who had a contract at the start of that window


BY_FORECAST = (Basis.FORECAST_OF_ALIKE, Basis.FORECAST_OF_ALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What is expected of the hold-out: its ``rate`` (0-1), or the standard deviation ``spread`` of a mean.

    ``deciding``: the share of the hold-out whose number allows a verdict: the scarcer of churners and stayers (or
    of those who came again and those who did not), of which there must be ``fewest``; the buyers of a mean.
    """

    measure: Measure
    basis: Basis
    rate: float | None = None
    spread: float | None = None
    deciding: float
    fewest: int

    def visible(self, total: int, holdout_share: float, alpha: float = ALPHA) -> float | None:
        """The smallest effect seen with 80 % power, positive; None where there is none."""
        if self.rate is None:
            return smallest_visible_mean(
                spread=self.spread or 0.0, total=total, holdout_share=holdout_share, alpha=alpha
            )
        return smallest_visible_effect(
            control_rate=self.rate, total=total, holdout_share=holdout_share, upwards=self.measure in _UPWARDS,
            alpha=alpha,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantSight:
    """The smallest effect of one variant alone against the shared hold-out, at the strictest Holm level."""

    arm: str
    customers: int
    effect: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What comparing ``customers`` with the planned hold-out can show; effects positive, in the measure's unit.

    Shares 0-1 for rates and the share of value lost, major units of ``currency`` or orders for means.
    ``expected``: None where nobody is in. ``effect``: the smallest seen with 80 % power; None where none is.
    ``verdict``: False where too few of the hold-out are expected to decide. ``needed_n``: customers it takes for
    ``smallest_effect``. ``variants``: where there are several. ``blank_out``: days before the window's first.
    """

    measure: Measure
    window_days: int
    blank_out: int
    currency: str
    customers: int
    holdout_share: float
    expected: Expected | None
    effect: float | None
    verdict: bool
    best: Visibility | NoEstimate
    smallest_effect: float | None
    needed_n: int | None
    variants: tuple[VariantSight, ...]

    @property
    def of_answers(self) -> bool:
        """Whether only those who will answer can be compared, of whom nothing is known before."""
        return self.measure in OF_ANSWERS

    @property
    def probably_more(self) -> bool:
        """Whether the smallest effect is probably larger: the quiet differ little in the window before."""
        return self.expected is not None and self.expected.basis is Basis.SEEN and not self.unplannable

    @property
    def unplannable(self) -> bool:
        """Whether the past shows no difference between customers: that is no word about any effect."""
        if self.expected is None or self.expected.basis is Basis.PREDICTED:
            return False
        return self.expected.rate in (0, 1) if self.expected.rate is not None else not self.expected.spread


def expect(
    success: Success,
    *,
    risk: float | None,
    alike: PartSums | None,
    audience: PartSums,
    everybody: PartSums,
    minor: int,
    under_contract: PartSums | None = None,
    by_model: bool = False,
) -> Expected | None:
    """What is expected of the hold-out of an ``audience``; None where nobody is in, and of what few will answer.

    ``alike`` (chosen by the same rules one window earlier; None where the data do not reach), ``audience``,
    ``everybody`` (all scored): what they did in the window before. ``risk``: mean, predicted.
    ``under_contract``: where contracts decide what value was lost, those of everybody who had one at the start of
    the window before, for whoever is in has not lost his. ``by_model``: who churned of all these is who the model
    predicts lost today; whoever is in may have been chosen for that, so he stands for nobody.
    """
    measure = success.measure
    if measure in OF_ANSWERS:
        return None
    if risk is None or (under_contract and not under_contract.n):
        return None
    if under_contract and measure in _VALUE:
        return _of_contracts(measure, under_contract, minor)
    if by_model and measure in (*PREDICTED, *_VALUE):
        return _of_forecast(measure, alike, everybody, minor)
    if measure in PREDICTED:
        rate = risk if measure is Measure.CHURN else 1 - risk
        return _rate(measure, Basis.PREDICTED, rate)
    seen, basis = _seen(measure, alike, audience, everybody)
    if measure is Measure.REPEAT_RATE:
        counted = seen.rate(REPEATED)
        return _rate(measure, basis, counted.x / counted.n)
    spread = _spread(measure, seen, Fraction(str(success.margin or 0)), minor)
    return Expected(measure=measure, basis=basis, spread=spread, deciding=1 - risk, fewest=MONEY_FLOOR)


def _of_contracts(measure: Measure, seen: PartSums, minor: int) -> Expected:
    spread, kept = _spread(measure, seen, Fraction(), minor), 1 - seen.churned / seen.n
    return Expected(measure=measure, basis=Basis.CONTRACTS, spread=spread, deciding=kept, fewest=MONEY_FLOOR)


def _of_forecast(measure: Measure, alike: PartSums | None, everybody: PartSums, minor: int) -> Expected:
    known = alike is not None and min(alike.churned, alike.stayed) >= FEWEST_EVENTS
    seen, basis = (
        (alike, Basis.FORECAST_OF_ALIKE) if alike is not None and known else (everybody, Basis.FORECAST_OF_ALL)
    )
    lost = seen.churned / seen.n
    if measure in PREDICTED:
        return _rate(measure, basis, lost if measure is Measure.CHURN else 1 - lost)
    spread = _spread(measure, seen, Fraction(), minor)
    return Expected(measure=measure, basis=basis, spread=spread, deciding=1 - lost, fewest=MONEY_FLOOR)


def _seen(
    measure: Measure, alike: PartSums | None, audience: PartSums, everybody: PartSums
) -> tuple[PartSums, Basis]:
    """The nearest to the audience of whom enough ordered to plan by."""
    for part, basis in ((alike, Basis.SEEN_OF_ALIKE), (audience, Basis.SEEN)):
        by_repeats = part is not None and part.repeated >= FEWEST_EVENTS
        by_buyers = part is not None and part.buyers >= MONEY_FLOOR
        if part is not None and (by_repeats if measure is Measure.REPEAT_RATE else by_buyers):
            return part, basis
    return everybody, Basis.SEEN_OF_ALL


def _rate(measure: Measure, basis: Basis, rate: float) -> Expected:
    return Expected(measure=measure, basis=basis, rate=rate, deciding=min(rate, 1 - rate), fewest=FEWEST_EVENTS)


def _spread(measure: Measure, seen: PartSums, margin: Fraction, minor: int) -> float | None:
    """The standard deviation between customers of what the measure averages; None below two customers."""
    if measure is Measure.VALUE_LOST_SHARE:
        share = as_share(seen.worth)
        return None if isinstance(share, NoEstimate) else _deviation(seen.n, share.total, share.total_sq, 1)
    if measure is Measure.NET_CONTRIBUTION:
        plain = seen.contribution(margin, minor).outcome
        return _deviation(seen.n, plain.total, plain.total_sq, 1)
    if measure is Measure.VALUE_LOST:
        return _deviation(seen.n, seen.worth.y, seen.worth.yy, minor)
    return _deviation(seen.n, *seen.orders, 1)


def _deviation(n: int, total: Amount, squares: Amount, unit: int) -> float | None:
    variance = Sums(n=n, total=Fraction(total) / unit, total_sq=Fraction(squares) / unit**2).variance
    return None if variance is None else float(variance) ** 0.5


def in_sight(
    expected: Expected | None,
    success: Success,
    *,
    customers: int,
    shares: Mapping[str, float],
    currency: str,
) -> Sight:
    """What ``customers`` drawn in a run can show; ``shares``: arm -> planned share, the hold-out among them."""
    held, smallest = shares[HOLDOUT], success.smallest_effect

    def enough(share: float) -> bool:
        return expected is not None and expected.deciding * round(customers * share) >= expected.fewest

    def visible(share: float) -> float | None:
        return expected.visible(customers, share) if expected else None

    return Sight(
        measure=success.measure,
        window_days=success.window,
        blank_out=success.blank_out,
        currency=currency,
        customers=customers,
        holdout_share=held,
        expected=expected,
        effect=visible(held),
        verdict=enough(held),
        best=best_share(visible, enough, smallest),
        smallest_effect=smallest,
        needed_n=_needed(expected, smallest, held),
        variants=_variants(expected, customers, shares) if enough(held) else (),
    )


def _needed(expected: Expected | None, effect: float | None, holdout_share: float) -> int | None:
    if expected is None or effect is None:
        return None
    if expected.rate is None:
        return needed_for_mean(spread=expected.spread or 0.0, effect=effect, holdout_share=holdout_share)
    treated = expected.rate + effect if expected.measure in _UPWARDS else expected.rate - effect
    return needed_total(control_rate=expected.rate, treated_rate=treated, holdout_share=holdout_share)


def _variants(expected: Expected | None, customers: int, shares: Mapping[str, float]) -> tuple[VariantSight, ...]:
    """Each against the shared hold-out; Holm asks the first of k variants for alpha / k."""
    names = [arm for arm in shares if arm != HOLDOUT]
    if expected is None or len(names) < 2:
        return ()
    held, found = round(customers * shares[HOLDOUT]), []
    for arm in names:
        n = round(customers * shares[arm])
        both = n + held
        effect = expected.visible(both, held / both, ALPHA / len(names)) if both else None
        found.append(VariantSight(arm=arm, customers=n, effect=effect))
    return tuple(found)
