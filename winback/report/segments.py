"""The report's views of segments and of variants against each other: explored, and which one won."""

from dataclasses import dataclass

from winback import words
from winback.campaigns.churn_kind import NO_KIND, ChurnKind
from winback.churners.kinds import KIND_NAMES
from winback.lift.verdict import FEWEST_EVENTS
from winback.outcomes.effects import COLUMNS, rate_of
from winback.outcomes.findings import Contest, Dimension, Interaction, Pair, Segment
from winback.outcomes.outcomes import Outcome
from winback.outcomes.part_sums import NUMBERS, ORDERS, SCORES, SHARES
from winback.report import names
from winback.report.charts import Difference, Spec, forest
from winback.report.definitions import sides_of
from winback.report.words import Speaker
from winback.words import UNDEFINED

PAIRS_SHOWN = 12  # of twenty variants there are 190
_VALUES = [
    "top", "other", "low", "middle", "high", "1", "2-4", "5+", "email", "sms", *ChurnKind, NO_KIND,
]  # in a reader's order  # fmt: skip
SIGN = 0.05  # an interaction test above this is no sign of a difference


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRow:
    """One segment, named, with its two rates and their difference."""

    label: str
    dimension: str
    value: str
    found: Segment


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRow:
    """Two variants, and the difference between them as it is written."""

    label: str
    found: Pair
    difference: str
    interval: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContestRow:
    """Which variant won, by what, the clearest pairs, and how many more there are."""

    sentence: str
    by: str
    difference_head: str
    pairs: list[PairRow]
    more: str


def segment_rows(outcome: Outcome, say: Speaker) -> list[SegmentRow]:
    """Every segment, the dimensions in the order of the findings, their values from the least or best on."""
    found = sorted(outcome.findings.segments if outcome.findings else [], key=_place)
    return [_segment(each, say) for each in found]


def told_segments(outcome: Outcome, say: Speaker) -> list[SegmentRow]:
    """The rows of the report; none where no segment can be compared."""
    rows = segment_rows(outcome, say)
    return rows if any(row.found.difference is not None for row in rows) else []


def _place(found: Segment) -> tuple[int, int]:
    known = found.value in _VALUES
    return list(Dimension).index(found.dimension), _VALUES.index(found.value) if known else len(_VALUES)


def _segment(found: Segment, say: Speaker) -> SegmentRow:
    dimension, value = say(f"by_{found.dimension}"), _value_name(found.dimension, found.value, say)
    name = say("segment_name", dimension=dimension, value=value)
    return SegmentRow(label=name, dimension=dimension, value=value, found=found)


def _value_name(dimension: Dimension, value: str, say: Speaker) -> str:
    if dimension is Dimension.ORDERS:
        return say("orders_segment", value=value)
    if dimension is Dimension.KIND and value != NO_KIND:
        return KIND_NAMES[ChurnKind(value)].say(say.language)
    return say(f"{dimension}_{value}")


def segment_chart(outcome: Outcome, say: Speaker) -> Spec | None:
    """The differences of the segments, in grey: explored, not proved."""
    rows = [
        Difference(
            label=row.value,
            note=row.dimension,
            difference=row.found.difference,
            low=row.found.low,
            high=row.found.high,
        )
        for row in segment_rows(outcome, say)
        if row.found.difference is not None and row.found.low is not None and row.found.high is not None
    ]
    if not rows:
        return None
    column = rate_of(outcome.judged_by)
    fewer, more = (side.say(say.language) for side in sides_of(outcome, column))
    return forest(
        rows, smallest_effect=smallest_in(column, outcome), fewer=fewer, more=more, role="others", row_height=37,
    )  # fmt: skip


def smallest_in(column: str, outcome: Outcome) -> float | None:
    """The smallest effect worth having, where it is declared of this column; it says nothing of another."""
    return outcome.smallest_effect if COLUMNS[outcome.judged_by] == column else None


def compared_sentence(outcome: Outcome, say: Speaker) -> str:
    """What the segments are compared in, which need not be what the campaign is judged by."""
    asked, shown = COLUMNS[outcome.judged_by], rate_of(outcome.judged_by)
    return say("segments_of" if asked == shown else "segments_of_churn", measure=say(f"of_{asked}"))


def interaction_sentences(outcome: Outcome, say: Speaker) -> list[str]:
    """For every dimension whether its segments differ, which has to be asked before "works better for"."""
    return [_interaction(each, say) for each in (outcome.findings.interactions if outcome.findings else [])]


def _interaction(found: Interaction, say: Speaker) -> str:
    dimension, p = say(f"by_{found.dimension}"), words.p_claim(found.p_bh)
    named = {value: _value_name(found.dimension, value, say) for value in (*found.apart, *found.left_out)}
    comma = ", " if say.language == "en" else "、"
    left_out = comma.join(named[each] for each in found.left_out)
    more = say("interaction_left_out", left_out=left_out, enough=FEWEST_EVENTS) if left_out else ""
    if found.p_bh is None or found.reason:
        reason = names.MISSING[found.reason].say(say.language) if found.reason else UNDEFINED
        return say("interaction_missing", dimension=dimension, reason=reason) + more
    if found.apart:
        apart = comma.join(named[each] for each in found.apart)
        return say("interaction_some", dimension=dimension, p=p, apart=apart) + more
    key = "interaction_none" if found.p_bh > SIGN else "interaction_unclear"
    return say(key, dimension=dimension, p=p) + more


def contest_row(contest: Contest, helped: bool | None, currency: str, say: Speaker) -> ContestRow:
    """Which variant won, in one sentence, and the pairs from the clearest on.

    ``helped``: whether the winner is better than the hold-out; None without one.
    """
    key = {True: "winner", False: "winner_unproved", None: "winner_alone"}[helped]
    sentence = say(key, winner=contest.winner) if contest.winner else say("no_winner")
    by = say("contest_by", column=say(f"of_{contest.column}"))
    clearest = sorted(contest.pairs, key=lambda pair: 1.0 if pair.p is None else pair.p)
    rest = len(clearest) - PAIRS_SHOWN
    return ContestRow(
        sentence=sentence,
        by=by,
        difference_head=difference_head(contest.column, say),
        pairs=[_pair(pair, contest.column, currency, say) for pair in clearest[:PAIRS_SHOWN]],
        more=say("pairs_more", n=words.whole(rest)) if rest > 0 else "",
    )


def _pair(pair: Pair, column: str, currency: str, say: Speaker) -> PairRow:
    difference, low, high = (gain(each, column, currency, say) for each in (pair.difference, pair.low, pair.high))
    return PairRow(
        label=say("pair", one=pair.one, other=pair.other), found=pair, difference=difference,
        interval=words.between(low, high, say.language),
    )  # fmt: skip


def difference_head(column: str, say: Speaker) -> str:
    """What stands over differences in a column; amounts name their currency themselves."""
    if column in SHARES:
        return say("difference")
    heads = {ORDERS: "difference_orders"} | dict.fromkeys(SCORES, "difference_score")
    return say(heads.get(column, "difference_plain"))


def gain(value: float | None, column: str, currency: str, say: Speaker) -> str:
    """A difference in a column as it is written: points of a share, a number, an amount."""
    if column in SHARES:
        return words.points(value)
    return words.gain_number(value) if column in NUMBERS else words.gain_money(value, currency, say.language)
