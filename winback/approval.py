"""When a run that is really sent waits for somebody else's yes, and what the yes is about."""

import hashlib
from collections.abc import Sequence

import polars as pl

from winback.audience import Reason
from winback.campaign import Campaign, same_name

EVERYBODY_FROM = 500  # of fewer people, that all of them are in surprises nobody
BY_RULE = (Reason.NOT_TOP_VALUE, Reason.NOT_AT_RISK, Reason.WHERE, Reason.KIND)
NOT_AUTHENTICATED = "not authenticated"  # there are no logins: the name is what was typed


def needs_approval(campaign: Campaign, ledger: pl.DataFrame) -> bool:
    """Whether more people are in than ``approval.above``; without it, whether the audience leaves nobody out."""
    people = ledger["reason"].null_count()
    if campaign.approval is not None:
        return people > campaign.approval.above
    return people > EVERYBODY_FROM and not ledger["reason"].is_in([each.value for each in BY_RULE]).any()


def approved_digest(*, version: str, facts: Sequence[str], audience: str) -> str:
    """What is approved: sha256 over the digests of campaign and templates, of the facts, and of the audience."""
    return hashlib.sha256("\n".join((version, *facts, audience)).encode()).hexdigest()


def may_not_approve(campaign: Campaign, by: str) -> str | None:
    """Why ``by`` may not approve a run of the campaign, in words; None: he may."""
    if not by.strip():
        return "say who approves it: --by NAME"
    if same_name(by, campaign.owner):
        return f"{campaign.owner} is the owner: somebody else approves it"
    wanted = campaign.approval.by if campaign.approval else None
    if wanted and not same_name(by, wanted):
        return f"only '{wanted}' approves it: approval.by of the campaign"
    return None
