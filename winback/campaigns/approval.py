"""When a run that is really sent waits for somebody else's yes, and what the yes is about."""

import hashlib
from collections.abc import Sequence
from unicodedata import normalize

import polars as pl

from winback.campaigns.campaign import Campaign
from winback.campaigns.values import same_name

LONGEST_NAME = 120
NOT_AUTHENTICATED = "not authenticated"  # there are no logins: the name is what was typed


def needs_approval(campaign: Campaign, ledger: pl.DataFrame) -> bool:
    """Whether more people are in than ``approval.above``."""
    return campaign.approval is not None and ledger["reason"].null_count() > campaign.approval.above


def approved_digest(*, version: str, facts: Sequence[str], audience: str) -> str:
    """What is approved: sha256 over the digests of the version, the facts and the audience.

    The version holds campaign, templates and who writes: every message shows it.
    """
    return hashlib.sha256("\n".join((version, *facts, audience)).encode()).hexdigest()


def who_approves(campaign: Campaign) -> str:
    """Whose yes a run of the campaign waits for, in words."""
    wanted = campaign.approval.by if campaign.approval else None
    return wanted or f"anybody but {campaign.owner}"


def may_not_approve(campaign: Campaign, by: str) -> str | None:
    """Why ``by`` may not approve a run of the campaign, in words; None: he may."""
    if not by.strip():
        return "say who approves it: --by NAME"
    if len(by) > LONGEST_NAME or not normalize("NFKC", by).isprintable():
        return f"a name is one line of up to {LONGEST_NAME} letters"
    if same_name(by, campaign.owner):
        return f"{campaign.owner} is the owner: somebody else approves it"
    wanted = campaign.approval.by if campaign.approval else None
    if wanted and not same_name(by, wanted):
        return f"only '{wanted}' approves it: approval.by of the campaign"
    return None
