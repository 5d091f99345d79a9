"""Kinds of churn: what each customer's leaving is, by the first rule of a file that holds, with its evidence.

The rules are kinds.yaml of the workspace, else the one beside this file.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Final, Literal

import polars as pl
from pydantic import AfterValidator, BeforeValidator, Field

from winback.campaigns.churn_kind import NEVER, RULES_FILE, ChurnKind
from winback.campaigns.file import examine_as
from winback.campaigns.section import LocalName, Section
from winback.campaigns.values import churn_kind
from winback.churners.causes import Cause, cause_of, plain
from winback.customers.behaviour import Behaviour
from winback.errors import CampaignError, nearest
from winback.signals.registry import SIGNALS
from winback.words import Words

KINDS: Final = pl.Schema(
    {
        "customer_no": pl.Int64(),
        "kind": pl.String(),  # ChurnKind; null for who stays and shows no sign
        "cause": pl.String(),  # Cause; null where none is known
        "evidence": pl.String(),  # the rule's, in English
        "barred": pl.Boolean(),  # never a target, whatever a campaign says
    }
)
KIND_NAMES: Final[Mapping[ChurnKind, Words]] = {
    ChurnKind.NATURAL: Words("Natural", "自然流失"),
    ChurnKind.COMPETITIVE: Words("Competitive", "竞争流失"),
    ChurnKind.FAULT: Words("Our fault", "过失流失"),
    ChurnKind.PASSIVE: Words("Passive, not malicious", "非恶意性被动流失"),
    ChurnKind.RETALIATORY: Words("Passive, retaliatory", "报复性被动流失"),
    ChurnKind.MALICIOUS: Words("Passive, malicious", "恶意被动流失"),
    ChurnKind.HIDDEN: Words("Hidden", "隐性流失"),
    ChurnKind.EXTORTION: Words("Threatens to leave", "以流失要挟"),
}


def _one_of(value: object, known: list[str]) -> object:
    if isinstance(value, str) and value not in known:
        near = nearest(value, known)
        raise ValueError(
            f"'{value}' is none of {', '.join(known)}" + (f": did you mean '{near}'?" if near else "")
        )
    return value


def _causes(value: object) -> object:
    return [_one_of(item, list(Cause)) for item in value] if isinstance(value, list) else value


def _signals(value: object) -> object:
    known = [each.name for each in SIGNALS]
    return [_one_of(item, known) for item in value] if isinstance(value, list) else value


Several = Annotated[list[str], Field(min_length=1, max_length=100)]


class Condition(Section):
    """What must hold for a rule; all of what is given."""

    left: bool | None = None
    activity: Several | None = None
    complaint: Literal["open", "closed_late"] | None = None
    cause: Annotated[Several, BeforeValidator(_causes)] | None = None
    end_reason: Several | None = None
    signal: Annotated[Several, BeforeValidator(_signals)] | None = None


def _says_something(value: Condition) -> Condition:
    if all(getattr(value, name) is None for name in Condition.model_fields):
        raise ValueError(f"say when: {', '.join(Condition.model_fields)}")
    return value


class Rule(Section):
    """One kind, when it applies, and the evidence in words."""

    kind: Annotated[ChurnKind, BeforeValidator(churn_kind)]
    when: Annotated[Condition, AfterValidator(_says_something)]
    evidence: LocalName


class Rules(Section):
    """A file of rules; the first that holds gives a customer his kind."""

    rules: Annotated[list[Rule], Field(min_length=1, max_length=200)]


def read_rules(text: str, file: str = RULES_FILE) -> tuple[Rule, ...]:
    """The rules in ``text``; raises the first CampaignError of ``problems_of``."""
    found, problems = examine_as(Rules, text, file)
    if found is None:
        raise problems[0]
    return tuple(found.rules)


def problems_of(text: str, file: str) -> list[CampaignError]:
    """Everything wrong with a file of rules, each with its line."""
    return examine_as(Rules, text, file)[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What rules read: customer_no and last_order_on of each customer, behaviour, and who shows which signal.

    ``flags``: customer_no and a boolean column for each signal, of the active ones.
    """

    customers: pl.DataFrame
    behaviour: Behaviour
    flags: pl.DataFrame


def kinds_of(known: Known, rules: tuple[Rule, ...], *, as_of: date, window_days: int) -> pl.DataFrame:
    """KINDS of every customer at the end of ``as_of``, in their order."""
    frame = known.customers.select("customer_no", "last_order_on")
    frame = frame.with_columns(since=pl.col("last_order_on") - timedelta(days=window_days))
    for part in _parts(known, frame, rules, as_of):
        frame = frame.join(part, on="customer_no", how="left", maintain_order="left")
    ordered = pl.col("last_order_on") > as_of - timedelta(days=window_days)
    frame = frame.with_columns(left=~(ordered | pl.col("live").fill_null(False)))
    tests = [_holds(rule).fill_null(False) for rule in rules]

    def first(values: list[str]) -> pl.Expr:
        return pl.coalesce(pl.when(test).then(pl.lit(value)) for test, value in zip(tests, values, strict=True))

    return frame.with_columns(
        kind=first([rule.kind.value for rule in rules]), evidence=first([rule.evidence.en for rule in rules])
    ).select("customer_no", "kind", "cause", "evidence", barred=_barred())


def _barred() -> pl.Expr:
    open_grudge = (pl.col("kind") == ChurnKind.RETALIATORY) & pl.col("open").fill_null(False)
    return (pl.col("kind").is_in(list(NEVER)) | open_grudge).fill_null(False)


def _holds(rule: Rule) -> pl.Expr:
    when, tests = rule.when, []
    if when.left is not None:
        tests.append(pl.col("left") == when.left)
    if when.activity:
        tests.append(pl.any_horizontal(pl.col(_did(kind, rule)).fill_null(False) for kind in when.activity))
    if when.complaint:
        tests.append(pl.col(when.complaint).fill_null(False))
    if when.cause:
        tests.append(pl.col("cause").is_in(when.cause))
    if when.end_reason:
        ends = pl.col("end_reasons").list.set_intersection(when.end_reason).list.len()
        tests.append(ends > 0 if rule.kind in NEVER else pl.col("end_reason").is_in(when.end_reason))
    if when.signal:
        tests.append(pl.any_horizontal(pl.col(_shows(name)).fill_null(False) for name in when.signal))
    return pl.all_horizontal(tests)


def _did(kind: str, rule: Rule) -> str:
    return f"{'ever' if rule.kind in NEVER else 'lately'} did {kind}"


def _shows(name: str) -> str:
    return f"shows {name}"


def _parts(known: Known, frame: pl.DataFrame, rules: tuple[Rule, ...], as_of: date) -> Iterator[pl.DataFrame]:
    """What is known of each customer beside his orders, one row for each in every frame."""
    happened = known.behaviour.activity.filter(pl.col("happened_on") <= as_of)
    yield _activity(happened.join(frame, on="customer_no"), rules)
    yield _ends(known.behaviour, frame, as_of)
    names = sorted({name for rule in rules for name in rule.when.signal or ()})
    yield known.flags.select("customer_no", *(pl.col(name).alias(_shows(name)) for name in names))


def _activity(activity: pl.DataFrame, rules: tuple[Rule, ...]) -> pl.DataFrame:
    asked = {_did(name, rule): (name, rule.kind in NEVER) for rule in rules for name in rule.when.activity or ()}
    day, kind, lately = pl.col("happened_on"), pl.col("kind"), pl.col("happened_on") > pl.col("since")
    complained, closed = (day.filter(lately & (kind == name)).max() for name in ("complaint", "complaint_closed"))
    found = activity.group_by("customer_no").agg(
        *(((kind == name) & (lately | ever)).any().alias(did) for did, (name, ever) in sorted(asked.items())),
        complained=complained, closed=closed, last=pl.col("last_order_on").first(),
    )  # fmt: skip
    unsettled = pl.col("complained").is_not_null()
    late = (pl.col("closed") >= pl.col("complained")) & (pl.col("closed") > pl.col("last"))
    return found.with_columns(
        open=unsettled & ~(pl.col("closed") >= pl.col("complained")).fill_null(False),
        closed_late=unsettled & late.fill_null(False),
    ).drop("complained", "closed", "last")


def _ends(behaviour: Behaviour, frame: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """customer_no, cause, end_reason, live: the newest cause given, else that of the newest contract's end."""
    over = (pl.col("ended_on") <= as_of).fill_null(False)
    begun = behaviour.contracts.filter(pl.col("started_on") <= as_of)
    contracts = begun.sort("ended_on", nulls_last=False).group_by("customer_no").agg(
        live=(~over).any(), end_reason=plain(pl.col("end_reason").filter(over).last()),
        end_reasons=plain(pl.col("end_reason").filter(over)),
    )  # fmt: skip
    said = behaviour.feedback.filter(pl.col("given_on") <= as_of)
    told = said.with_columns(told=cause_of(pl.col("cause"))).drop_nulls("told")
    recent = told.drop("cause").join(frame, on="customer_no").filter(pl.col("given_on") > pl.col("since"))
    causes = recent.sort("given_on", maintain_order=True).group_by("customer_no").agg(pl.col("told").last())
    both = contracts.join(causes, on="customer_no", how="full", coalesce=True)
    return both.with_columns(cause=pl.coalesce("told", cause_of(pl.col("end_reason")))).drop("told")
