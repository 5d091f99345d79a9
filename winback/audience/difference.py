"""What is different between a run and what a run would choose now: people with the reason, fields, texts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

import polars as pl

from winback.audience.selection import Reason
from winback.campaigns.file import values_of

NOT_SCORED = "not_scored"  # had no order by then; not among the reasons, for only customers with orders have one


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Who would be in now and was not (by the reason then), who was in and would not be (by the reason now)."""

    stayed: int
    joined: dict[str, int]
    left: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A field of the campaign file in its own words; None: it was not there, or is not."""

    field: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A file of a template: the lines that went and those that came, in the order of the file."""

    file: str
    removed: list[str]
    added: list[str]


def people(then: pl.DataFrame, now: pl.DataFrame) -> People:
    """Two LEDGERs compared customer by customer."""
    both = _reasons(then).join(_reasons(now), on="customer_no", how="full", coalesce=True, suffix="_now")
    was, is_in = (pl.col(name).fill_null(False) for name in ("inside", "inside_now"))
    return People(
        stayed=both.filter(was & is_in).height,
        joined=_counted(both.filter(~was & is_in)["reason"]),
        left=_counted(both.filter(was & ~is_in)["reason_now"]),
    )


def already_entered(anew: pl.DataFrame, now: pl.DataFrame) -> int:
    """How many of those in ``anew`` are not in ``now`` because they entered before."""
    inside = anew.filter(pl.col("arm").is_not_null()).select("customer_no")
    kept_out = now.filter(pl.col("reason") == Reason.ALREADY_ENTERED.value)
    return kept_out.join(inside, on="customer_no", how="semi").height


def _reasons(ledger: pl.DataFrame) -> pl.DataFrame:
    return ledger.select("customer_no", "reason", inside=pl.col("arm").is_not_null())


def _counted(reasons: pl.Series) -> dict[str, int]:
    """Reason -> people, most of them first."""
    counts = (
        reasons.fill_null(NOT_SCORED)
        .alias("reason")
        .value_counts()
        .sort("count", "reason", descending=[True, False])
    )
    return dict(counts.iter_rows())


def fields(then: str, now: str) -> list[Change]:
    """The fields of two campaign files that differ, in the order of the newer one, then those that are gone."""
    before, after = values_of(then), values_of(now)
    names = dict.fromkeys([*after, *before])
    return [
        Change(field=name, before=before.get(name), after=after.get(name))
        for name in names
        if before.get(name) != after.get(name)
    ]


def edits(then: Mapping[str, str], now: Mapping[str, str]) -> list[Edit]:
    """The files that differ, by name; a file that came or went has all of its lines on one side."""
    return [
        Edit(file=name, removed=list(_lines(then, now, name, "old")), added=list(_lines(then, now, name, "new")))
        for name in sorted({*then, *now})
        if then.get(name) != now.get(name)
    ]


def _lines(then: Mapping[str, str], now: Mapping[str, str], name: str, side: str) -> Iterator[str]:
    old, new = (files.get(name, "").splitlines() for files in (then, now))
    for what, a, b, c, d in SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        if what != "equal":
            yield from old[a:b] if side == "old" else new[c:d]
