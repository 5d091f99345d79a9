"""``winback lift``: a randomised file, also of a test run elsewhere -> the difference its treatment made."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from app.lift_file import Column, Kind, arm_sums
from winback.errors import WrongUse, nearest
from winback.lift.contrast import MoneyContrast, RateContrast
from winback.lift.lift import Arm, Lift, compare


def lift(
    file: Path,
    *,
    arm: str,
    control: str,
    rate: list[str],
    money: list[str],
    lower_is_better: list[str],
    planned: dict[str, str],
    smallest_effect: dict[str, str],
) -> Lift:
    """Compare every arm of ``file`` with ``control``: shares of ``rate`` columns, means of ``money`` columns.

    ``planned``: arm -> share ("0.2", "1/3"); an arm without a row is an empty arm. ``smallest_effect``: column ->
    percentage points of a rate ("3", "3pp"), an amount of money. A buyer is a customer with more than 0.
    Raises WrongUse for words that do not fit together or not the file, ImportProblem for the file itself.
    """
    if not rate and not money and not planned:
        raise WrongUse("nothing to compare: name a --rate or --money column, or for the split alone --planned")
    _refuse_strangers(lower_is_better, [*rate, *money], "--lower-is-better")
    _refuse_strangers(smallest_effect, [*rate, *money], "--smallest-effect")
    if both := set(rate) & set(money):
        raise WrongUse(f"column '{min(both)}' is asked for as a rate and as money")
    shares = {name: _number(text, f"--planned {name}") for name, text in planned.items()}
    effects = {column: _effect(text, column, column in rate) for column, text in smallest_effect.items()}
    sums = arm_sums(file, _columns(arm, rate, money))
    return compare(
        control=control,
        arms=_arms(sums.sizes, shares, control),
        rates=sums.rates,
        money=sums.money,
        lower_is_better=lower_is_better,
        smallest_effect=effects,
    )


def _columns(arm: str, rate: Sequence[str], money: Sequence[str]) -> tuple[Column, ...]:
    asked = [(arm, Kind.ARM), *((name, Kind.RATE) for name in rate), *((name, Kind.MONEY) for name in money)]
    return tuple(Column(name=name, kind=kind) for name, kind in dict.fromkeys(asked))


def _refuse_strangers(words: Sequence[str] | dict[str, str], columns: list[str], option: str) -> None:
    for word in words:
        if word not in columns:
            near = nearest(word, columns)
            hint = f"; did you mean '{near}'?" if near else ""
            raise WrongUse(f"{option}: '{word}' is neither a --rate nor a --money column{hint}")


def _number(text: str, option: str) -> Fraction:
    try:
        return Fraction(text.strip())
    except (ValueError, ZeroDivisionError):
        raise WrongUse(f"{option}: '{text}' is not a number or a fraction such as 1/3") from None


def _effect(text: str, column: str, is_rate: bool) -> float:
    """Percentage points of a rate become a share; an amount of money stays one."""
    option = f"--smallest-effect {column}"
    effect = _number(text.strip().removesuffix("pp"), option) / 100 if is_rate else _number(text, option)
    if effect <= 0 or (is_rate and effect > 1):
        raise WrongUse(f"{option}: must be more than 0{' and at most 100 points' if is_rate else ''}, not {text}")
    return float(effect)


def _arms(sizes: dict[str, int], shares: dict[str, Fraction], control: str) -> list[Arm]:
    """All arms of the file and of the plan, by name; the control and every arm of the file must be known."""
    if control not in sizes and control not in shares:
        raise WrongUse(f"no row has the control arm '{control}'; {_choice(control, list(sizes))}")
    if not (sizes.keys() | shares.keys()) - {control}:
        raise WrongUse(f"every row is of the control arm '{control}': there is nothing to compare it with")
    for name in sizes:
        if shares and name not in shares:
            raise WrongUse(f"--planned has no share for the arm '{name}'; {_choice(name, list(shares))}")
    return [
        Arm(name=name, n=sizes.get(name, 0), planned_share=shares.get(name))
        for name in sorted(sizes.keys() | shares.keys())
    ]


def _choice(word: str, known: list[str]) -> str:
    near = nearest(word, known)
    return f"did you mean '{near}'?" if near else f"there are: {', '.join(known)}"


def table(lift: Lift) -> str:
    """The comparison as plain text for a terminal; what is undefined is a dash."""
    blocks = [_about_arms(lift), *map(_about_rate, lift.rates), *map(_about_money, lift.money)]
    return "\n\n".join("\n".join(lines) for lines in blocks)


def _about_arms(lift: Lift) -> list[str]:
    width = max((len(arm.name) for arm in lift.arms), default=0)
    lines = []
    for arm in lift.arms:
        share = "" if arm.planned_share is None else f"  planned {float(arm.planned_share):.1%}"
        lines.append(f"{arm.name:<{width}}  {arm.n:>11,}{share}{'  control' if arm.name == lift.control else ''}")
    if lift.srm is not None:
        lines.append(f"split as planned?  chi2 {lift.srm.chi2:.3f}, df {lift.srm.df}, p {lift.srm.p:.3g}")
    return lines


def _about_rate(c: RateContrast) -> list[str]:
    rate, control = (c.rate, c.rate_low, c.rate_high), (c.control_rate, c.control_rate_low, c.control_rate_high)
    points = tuple(None if share is None else 100 * share for share in (c.difference, c.low, c.high))
    return [
        f"{c.column}: {c.arm}",
        f"  rate        {_estimate(rate, '.2%')}, {c.x:,} of {c.n:,}",
        f"  control     {_estimate(control, '.2%')}, {c.control_x:,} of {c.control_n:,}",
        f"  difference  {_estimate(points, '+.2f')} points, p {_show(c.p_newcombe, '.3g')}",
        f"  ratio       {_estimate((c.ratio, c.ratio_low, c.ratio_high), '.3f')}",
        f"  {c.verdict}: {c.reason}",
    ]


def _about_money(c: MoneyContrast) -> list[str]:
    return [
        f"{c.column}: {c.arm}",
        f"  mean        {_show(c.mean, '.4f')}, {c.buyers:,} buyers of {c.n:,}",
        f"  control     {_show(c.control_mean, '.4f')}, {c.control_buyers:,} buyers",
        f"  difference  {_estimate((c.difference, c.low, c.high), '+.4f')}, p {_show(c.p_welch, '.3g')}",
        f"  {c.verdict}: {c.reason}",
    ]


def _estimate(numbers: Sequence[float | None], form: str) -> str:
    value, low, high = (_show(number, form) for number in numbers)
    return f"{value} ({low} to {high})"


def _show(number: float | None, form: str) -> str:
    return "–" if number is None else format(number, form)
