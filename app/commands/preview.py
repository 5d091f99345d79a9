"""preview: what a marketer sees before anything is spent."""

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from app.checking import unsigned_of
from app.commands.campaigns import warn_of_old_data
from app.terminal import print_json, print_table, say, waterfall_rows, working
from db.home import FILE_NAME
from db.settings import here
from flows.audience_export import export_audience
from flows.previewing import OneCustomer, page, preview_customer
from flows.previewing import preview as look
from winback.campaigns.campaign import HOLDOUT, IN_POINTS, ONLY, Measure
from winback.campaigns.schedule import last_whole_day
from winback.channel import Channel
from winback.errors import Exit, WrongUse
from winback.gallery.preview import Cost, Preview, estimate_as_dict
from winback.gallery.sight import BY_FORECAST, Basis, Expected, Sight
from winback.lift.balance import NOTICEABLE, Balance
from winback.lift.estimates import NoEstimate
from winback.message.rendering import Email, RenderFailure, Sms
from winback.money import exponent, format_money, major

_UNITS: dict[Channel, str] = {"email": "e-mail", "sms": "text message"}
_OF = {
    Measure.CHURN: "",
    Measure.VALUE_LOST: "in value lost ",
    Measure.VALUE_LOST_SHARE: "in the share of value lost ",
    Measure.RETENTION: "in retention ",
    Measure.REPEAT_RATE: "in repeat orders ",
    Measure.PURCHASE_FREQUENCY: "in orders ",
    Measure.NET_CONTRIBUTION: "in net contribution ",
}
_NAMES = {
    Measure.REPEAT_RATE: "repeat orders",
    Measure.VALUE_LOST: "value lost",
    Measure.VALUE_LOST_SHARE: "the share of value lost",
    Measure.PURCHASE_FREQUENCY: "orders",
    Measure.NET_CONTRIBUTION: "net contribution",
}
_FORETOLD = {
    Measure.CHURN: "who is predicted lost",
    Measure.VALUE_LOST: "value predicted lost",
    Measure.VALUE_LOST_SHARE: "the share of value predicted lost",
    Measure.RETENTION: "predicted retention",
}
_WHY = {HOLDOUT: "held out: nothing is written", "not_scored": "not scored: no order by that day"}


def preview(arguments: argparse.Namespace) -> int:
    """Show it; exit 1 only for one customer whose message cannot be written."""
    if arguments.out and (arguments.json or arguments.customer):
        raise WrongUse("--out writes the page of the whole campaign: without --json and --customer")
    if arguments.audience and (arguments.out or arguments.json or arguments.customer):
        raise WrongUse("--audience writes its file alone: without --out, --json and --customer")
    if arguments.unmasked and arguments.audience is None:
        raise WrongUse("--unmasked goes with --audience FILE.csv")
    settings = here(arguments.workspace)
    as_of = arguments.as_of or last_whole_day(datetime.now(UTC), settings.zone)
    if arguments.customer is not None:
        with working("writing"):
            one = preview_customer(settings, arguments.campaign, as_of, arguments.customer)
        if arguments.json:
            print_json(_customer_as_dict(one))
        else:
            _show_customer(one)
        return Exit.NO if isinstance(one.message, RenderFailure) else Exit.DONE
    if arguments.audience is not None:
        with working("selecting"):
            count = export_audience(
                settings, arguments.campaign, as_of, arguments.audience, masked=not arguments.unmasked
            )
        say(f"{arguments.audience}: {count:,} customers")
        return Exit.DONE
    with working("selecting"):
        if arguments.out:
            found, text = page(settings, arguments.campaign, as_of, arguments.lang)
        else:
            found = look(settings, arguments.campaign, as_of)
    warn_of_old_data(settings, as_of)
    for line in unsigned_of(settings, arguments.campaign):
        say(line)
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(text, encoding="utf-8")
        print(arguments.out)
    elif arguments.json:
        print_json(_as_dict(found))
    else:
        _show(found)
    return Exit.DONE


def _show(found: Preview) -> None:
    rows = waterfall_rows(found.reasons, {arm.name: arm.customers for arm in found.arms})
    print(f"{found.run}  audience {found.digest[:12]}  (a preview: nothing is stored, nothing is sent)")
    if found.objective:
        print(found.objective)
    print_table(["customers", "number", "left"], rows[: -len(found.arms)])
    if not found.worth.customers:
        say("nobody qualifies")
        return
    print()
    print_table(
        ["arm", "customers", "planned"], [(a.name, a.customers, _share(a.planned_share)) for a in found.arms]
    )
    print()
    for line in (*_worth_lines(found), *sight_lines(found.sight, found.arms_before), *_cost_lines(found)):
        print(line)
    if yes := found.approval:
        how = f"winback approve {found.run} --by NAME --digest {yes.digest[:12]}"
        print(f"a run of it will wait, with more than {yes.above:,} people: {how}")
        print(f"who may approve it: {yes.by or f'anybody but {yes.owner}'}; what is approved: {yes.digest[:12]}")
    print("\nwere the arms alike? (differences in standard deviations)")
    print_table(["", "written to", "hold-out", "difference", "by chance", ""], [_line(b) for b in found.balance])
    if any(each.noticeable for each in found.balance):
        print(f"noticeable: more than {NOTICEABLE} standard deviations, and more than chance explains")
    print(f"\n{len(found.sample)} of them, from the most to the least valuable")
    print_table(list(found.sample[0]), [tuple(_cell(v) for v in row.values()) for row in found.sample])


def _worth_lines(found: Preview) -> Iterator[str]:
    value, currency = found.worth, found.currency
    if found.risk:
        low, middle, high = found.risk
        yield f"their predicted risk of no order: median {middle:.0%}, from {low:.0%} to {high:.0%}"
        yield f"risk from: {found.model}"
    top = value.top / value.customers
    yield f"top 20 % by expected value: {value.top:,} of the {value.customers:,} ({_share(top)})"
    expected, at_risk = (format_money(m, currency, "en") for m in (value.expected_minor, value.at_risk_minor))
    yield f"value at risk: {at_risk} of the {expected} expected of them within {found.horizon_days} days"


def sight_lines(seen: Sight, arms_before: int) -> Iterator[str]:
    """What the result can show, in words; ``arms_before`` are in but not compared."""
    if arms_before:
        yield f"{arms_before:,} keep the arm of an earlier entry: they are not part of the comparison"
    if seen.of_answers:
        yield (
            f"What the result can show of {seen.measure} is not planned: nobody knows who will answer. "
            "A verdict takes 50 answers in either arm, and many more where one answers more often; "
            "bring them in through the end of the window: winback import feedback FILE --complete-through DAY"
        )
    if seen.expected is None:
        return
    start = f"With {seen.customers:,} customers and a {_share(seen.holdout_share)} holdout you will"
    if seen.unplannable:
        yield _no_plan(seen, seen.expected)
        return
    if seen.effect is None or not seen.verdict:
        yield f"{start} see no change, however large: {_too_few(seen, seen.expected)}."
    else:
        yield f"{start} only see changes {_in_what(seen)}of {_size(seen.effect, seen)} or more."
    yield f"(four times in five; {_taken(seen, seen.expected)})"
    if seen.probably_more:
        yield (
            "WARNING: probably larger changes only, if they were chosen for being quiet: "
            "then they differ less in the window before than they will in the one after."
        )
    yield _better(seen)
    if seen.variants:
        each = ", ".join(f"{v.arm} from {_size(v.effect, seen)} on" for v in seen.variants)
        yield f"each variant alone against the shared holdout (Holm): {each}"


def _foretold(seen: Sight) -> str | None:
    """What is judged, where it is a forecast."""
    by_forecast = seen.expected is not None and seen.expected.basis in BY_FORECAST
    return _FORETOLD.get(seen.measure) if by_forecast else None


def _in_what(seen: Sight) -> str:
    told = _foretold(seen)
    return f"in {told} " if told else _OF[seen.measure]


def _too_few(seen: Sight, expected: Expected) -> str:
    if expected.spread is not None or expected.rate is None:
        stays = {Basis.CONTRACTS: "stay", **dict.fromkeys(BY_FORECAST, "be predicted to stay")}
        return f"too few of those left alone would {stays.get(expected.basis, 'order')}"
    if expected.basis in BY_FORECAST:
        lost = (seen.measure is Measure.CHURN) == (expected.rate <= 1 / 2)
        return f"too few of those left alone would be predicted {'lost' if lost else 'to stay'}"
    few, many = {
        Measure.RETENTION: ("stay", "churn"),
        Measure.REPEAT_RATE: ("order again", "not order again"),
    }.get(seen.measure, ("churn", "stay"))
    return f"too few of those left alone would {many if expected.rate > 1 / 2 else few}"


def _no_plan(seen: Sight, expected: Expected) -> str:
    who = "these customers" if expected.basis is Basis.SEEN else "customers"
    name = _foretold(seen) or _NAMES.get(seen.measure, seen.measure.value)
    return (
        f"What the result can show cannot be planned from the past: in the {seen.window_days} days before, "
        f"{who} did not differ in {name}."
    )


def _taken(seen: Sight, expected: Expected) -> str:
    """What is assumed of the hold-out, and where it comes from."""
    days, earlier = seen.window_days, seen.window_days + seen.blank_out
    past = {
        Basis.PREDICTED: "",
        Basis.CONTRACTS: f"from all who had a contract {earlier} days before",
        Basis.FORECAST_OF_ALIKE: "by today's forecast for those whom the same rules would have chosen "
        f"{earlier} days earlier",
        Basis.FORECAST_OF_ALL: "by today's forecast for all scored customers: the same rules would have chosen "
        f"too few {earlier} days earlier",
        Basis.SEEN_OF_ALIKE: f"from what those did whom the same rules would have chosen {earlier} days earlier",
        Basis.SEEN: f"from what they did in the {days} days before",
        Basis.SEEN_OF_ALL: f"from what all scored customers did in the {days} days before: "
        "too few of these ordered then",
    }[expected.basis]
    if expected.basis is Basis.PREDICTED:
        name = "churn" if seen.measure is Measure.CHURN else "retention"
        risk = (
            "their mean predicted risk" if seen.measure is Measure.CHURN else "one less their mean predicted risk"
        )
        return f"{name} of the hold-out taken as {_share(expected.rate or 0.0)}, {risk}"
    if expected.rate is not None and expected.basis in BY_FORECAST:
        name = "predicted lost" if seen.measure is Measure.CHURN else "predicted to stay"
        return f"{_share(expected.rate)} of the hold-out taken as {name}, {past}"
    if expected.rate is not None:
        return f"repeat orders of the hold-out taken as {_share(expected.rate)}, {past}"
    spread = _size(expected.spread, seen)
    return f"standard deviation between customers taken as {spread}, {past}"


def _better(seen: Sight) -> str:
    best, wanted = seen.best, seen.smallest_effect
    if isinstance(best, NoEstimate):
        return "no hold-out would show a change in so few customers"
    shown = f"a {_share(best.holdout_share)} holdout shows {_size(best.effect, seen)}"
    if wanted is None:
        return f"sharpest: {shown}"
    if best.effect <= wanted:
        return f"enough for your smallest effect, {_points(wanted)} points: {shown}"
    more = f"; with the planned one it takes {seen.needed_n:,} customers" if seen.needed_n else ""
    return f"no hold-out shows your smallest effect, {_points(wanted)} points; sharpest: {shown}{more}"


def _size(effect: float | None, seen: Sight) -> str:
    """An effect in the unit of the measure."""
    if effect is None:
        return "no size"
    if seen.measure in IN_POINTS:
        return f"{_points(effect)} points"
    if seen.measure is Measure.PURCHASE_FREQUENCY:
        return f"{effect:.3f} orders a customer"
    return f"{format_money(round(effect * 10 ** exponent(seen.currency)), seen.currency, 'en')} a customer"


def _cost_lines(found: Preview) -> Iterator[str]:
    for cost in found.costs:
        what = f"{cost.messages:,} {_UNITS[cost.channel]}{'s' if cost.messages != 1 else ''}"
        if cost.cost_micros is None:
            yield f"cost of {what}: not known, set [prices] in {FILE_NAME}"
        else:
            about = "" if cost.channel == "email" else f", segments: about {cost.units:,}"
            yield f"cost of {what}{about}: {_money(cost.cost_micros, found.currency)}"


def _money(micros: int, currency: str) -> str:
    return format_money(round(micros * 10 ** exponent(currency) / 10**6), currency, "en")


def _line(each: Balance) -> tuple[str | None, ...]:
    numbers = (each.treated_mean, each.control_mean, each.difference, each.by_chance)
    return (each.covariate, *(_number(n) for n in numbers), "noticeable" if each.noticeable else None)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.2f}"


def _cell(value: object) -> object:
    return f"{value:,.2f}" if isinstance(value, float) else value


def _share(share: float) -> str:
    return f"{round(100 * share, 1):g} %"


def _points(share: float) -> str:
    return f"{100 * share:.1f}"


def _show_customer(one: OneCustomer) -> None:
    print(f"{one.run}  customer {one.customer}  (a preview: nothing is stored, nothing is sent)")
    if one.reason is not None:
        print(_WHY.get(one.reason, f"not in: {one.reason}"))
    elif isinstance(one.message, RenderFailure):
        fault = one.message
        print(f"cannot be written: {fault.file}:{fault.line or 1}: {fault.field or 'message'}: {fault.problem}")
    elif isinstance(one.message, Email):
        print(f"{_variant(one)}e-mail to {one.to}, {one.message.language}; its links are placeholders")
        print(f"Subject: {one.message.subject}\n\n{one.message.text}")
    elif isinstance(one.message, Sms):
        size = one.message.size
        print(f"{_variant(one)}text message to {one.to}, {one.message.language}; its links are placeholders")
        print(f"{size.segments} segment{'s' if size.segments != 1 else ''}\n\n{one.message.text}")


def _variant(one: OneCustomer) -> str:
    """The variant, where the campaign names any."""
    return "" if one.arm == ONLY else f"{one.arm}, "


def _customer_as_dict(one: OneCustomer) -> dict[str, Any]:
    return asdict(one)


def _as_dict(found: Preview) -> dict[str, Any]:
    """What ``preview --json`` prints: shares 0-1, money in major units, what is undefined null."""
    value, currency, seen = found.worth, found.currency, found.sight
    return {
        "run": found.run,
        "objective": found.objective,
        "digest": found.digest,
        "as_of": found.as_of.isoformat(),
        "arms": {arm.name: arm.customers for arm in found.arms},
        "reasons": found.reasons,
        "shares": {arm.name: arm.planned_share for arm in found.arms},
        "arms_before": found.arms_before,
        "risk": dict(zip(("least", "median", "greatest"), found.risk, strict=True)) if found.risk else None,
        "model": found.model,
        "top_value": {"customers": value.top, "share": value.top / value.customers if value.customers else None},
        "currency": currency,
        "expected_value": float(major(value.expected_minor, currency)),
        "value_at_risk": float(major(value.at_risk_minor, currency)),
        "smallest_visible": _sight_as_dict(seen),
        "costs": [_cost_as_dict(cost) for cost in found.costs],
        "balance": [asdict(each) | {"noticeable": each.noticeable} for each in found.balance],
        "sample": found.sample,
        "approval": asdict(found.approval) if found.approval else None,
    }  # fmt: skip


def _sight_as_dict(seen: Sight) -> dict[str, Any]:
    """Effects in the unit of the measure: shares 0-1, major units or orders a customer."""
    expected = seen.expected
    return {
        "measure": seen.measure.value,
        "customers": seen.customers,
        "holdout_share": seen.holdout_share,
        "basis": expected.basis.value if expected else None,
        "control_rate": expected.rate if expected else None,
        "spread": expected.spread if expected else None,
        "effect": seen.effect,
        "verdict": seen.verdict,
        "smallest_effect": seen.smallest_effect,
        "needed_n": seen.needed_n,
        "best": estimate_as_dict(seen.best),
        "variants": [asdict(each) for each in seen.variants],
    }


def _cost_as_dict(cost: Cost) -> dict[str, Any]:
    known = cost.cost_micros
    return {
        "channel": cost.channel,
        "messages": cost.messages,
        "units": cost.units,
        "price": cost.price_micros / 10**6 if cost.price_micros else None,
        "cost": known / 10**6 if known is not None else None,
    }
