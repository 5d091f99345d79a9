"""The health of a reading's data: what must hold for the numbers to mean what they say."""

from collections.abc import Iterator
from dataclasses import dataclass

from winback import words
from winback.campaigns.campaign import HOLDOUT
from winback.lift.verdict import CONTAMINATION_LIMIT, SRM_LEVEL
from winback.outcomes.findings import Findings
from winback.outcomes.outcomes import Outcome
from winback.report.headline import contaminated_share, held_n, included, judged
from winback.report.words import Speaker

IDS_SHOWN = 12  # hold-out members who were written to, by id; a long list would fill the page


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of the data's health; ``status`` is a key of the words: fine, waiting, attention, bad, unknown."""

    key: str
    name: str
    found: str
    status: str


def checks(outcome: Outcome, say: Speaker) -> Iterator[Check]:
    """What must hold for the numbers to mean what they say."""
    window, srm, share = outcome.window, outcome.srm, contaminated_share(outcome)
    through, last = (words.day(day, say.language) for day in (window.data_through, window.last_on))
    found = say("window_found", through=through, last=last)
    yield Check(
        key="window", name=say("window_check"), found=found, status="fine" if window.complete else "waiting"
    )
    yield _ledger_check(outcome, say)
    found = say(
        "contamination_found", contaminated=words.whole(outcome.contaminated),
        held=words.whole(held_n(outcome)), touched=words.percent(share),
    ) + _touched_ids(outcome.findings, say)  # fmt: skip
    yield Check(
        key="contamination", name=say("contamination_check"), found=found, status=_contamination_status(share)
    )
    found, status = say("srm_none"), "unknown"
    if srm:
        found = say("srm_found", chi2=words.figure(srm.chi2), df=srm.df, p=words.p_claim(srm.p))
        status = "bad" if srm.p < SRM_LEVEL else "fine"
    yield Check(key="split", name=say("srm_check"), found=found, status=status)
    if outcome.findings:
        yield from _finding_checks(outcome, outcome.findings, say)


def _ledger_check(outcome: Outcome, say: Speaker) -> Check:
    dropped, inside = sum(outcome.waterfall.values()), included(outcome)
    found = say(
        "ledger_found", scored=words.whole(outcome.scored),
        dropped=words.whole(dropped), included=words.whole(inside),
    )  # fmt: skip
    status = "fine" if dropped + inside == outcome.scored else "attention"
    return Check(key="ledger", name=say("ledger_check"), found=found, status=status)


def _contamination_status(share: float | None) -> str:
    if share is None:
        return "unknown"
    return "bad" if share > CONTAMINATION_LIMIT else ("attention" if share else "fine")


def _finding_checks(outcome: Outcome, found: Findings, say: Speaker) -> Iterator[Check]:
    lost = found.rows_lost
    rows = say("rows_found", n=words.whole(lost)) if lost else say("rows_fine")
    yield Check(key="rows", name=say("rows_check"), found=rows, status="bad" if lost else "fine")
    comma = "; " if say.language == "en" else "；"
    shared = comma.join(
        say("overlap_found", arm=say(HOLDOUT) if each.arm == HOLDOUT else each.arm, x=words.whole(each.share.x),
            n=words.whole(each.share.n), rate=words.percent(each.share.rate))
        for each in found.overlap
    )  # fmt: skip
    touching = any(each.share.x for each in found.overlap)
    status = "attention" if touching else "fine"
    yield Check(key="overlap", name=say("overlap_check"), found=shared or words.UNDEFINED, status=status)
    yield _look_check(outcome, say)


def _look_check(outcome: Outcome, say: Speaker) -> Check:
    """Early readings cost certainty, so they are counted and the boundary is named."""
    return Check(key="looks", name=say("look_check"), found=_looks_found(outcome, say), status="fine")


def _looks_found(outcome: Outcome, say: Speaker) -> str:
    look, early = outcome.look, not outcome.window.complete
    if look is None:
        return say("look_earlier" if outcome.looks else "look_none", n=words.whole(len(outcome.looks)))
    beside = early and judged(outcome) is None  # churn, shown beside what judges
    number = words.whole(len(outcome.looks) + early)  # a last reading is no early one
    return say("look_beside" if beside else "look_found", n=number, boundary=words.figure(look.boundary))


def _touched_ids(found: Findings | None, say: Speaker) -> str:
    """The hold-out members who were written to, by id, as far as they fit."""
    if found is None or not found.touched:
        return ""
    rest = len(found.touched) - IDS_SHOWN
    more = say("touched_more", n=words.whole(rest)) if rest > 0 else ""
    return say("touched_ids", ids=", ".join(found.touched[:IDS_SHOWN])) + more
