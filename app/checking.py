"""What a check of campaign files finds, in words: faults to mend, and what a person should know beside them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from unicodedata import name

from db.campaigns import Checked, campaign_ids, campaign_path, channels_used, check_files, template_files
from db.confined import SampleText
from db.home import FILE_NAME
from db.settings import Settings, here
from winback.campaigns.campaign import Campaign, Measure
from winback.channel import Channel
from winback.lift.planning import MOST_HELD_OUT
from winback.message.fields import asks_for_products

FEW_CHARACTERS = 3  # more are another script, not a slip
_VALUE = (Measure.VALUE_LOST, Measure.VALUE_LOST_SHARE)
_CHANNEL_WORDS: dict[Channel, str] = {"email": "e-mails", "sms": "text messages"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The faults, one a line; what is printed where there are none; what is said beside it.

    ``ended``: a template was ended by a limit, which may have been the load of the machine. ``asking``: campaigns
    that show recommended products.
    """

    faults: list[str]
    fine: str
    said: list[str]
    ended: bool
    asking: list[str]


def found_in(workspace: Path | None, named: Sequence[Path]) -> Found:
    """What is found in the files ``named``, or in all campaigns of the workspace."""
    settings = here(workspace)
    files = named or [campaign_path(settings, each) for each in campaign_ids(settings)]
    checked = check_files(settings, files)
    faults = list(dict.fromkeys(str(fault) for each in checked for fault in each.problems))
    said = half_live(settings, [] if faults else files)
    said += [line for each in checked if each.campaign for line in _doubtful(each.campaign, each.path)]
    said += dict.fromkeys(line for each in checked for text in each.texts for line in dear(text, settings))
    fine = f"{len(files)} campaign{'s' if len(files) != 1 else ''}: no faults"
    ended = any(each.ended for each in checked)
    return Found(faults=faults, fine=fine, said=said, ended=ended, asking=list(_asking(settings, checked)))


def _doubtful(campaign: Campaign, path: Path) -> Iterator[str]:
    """What is allowed and hardly meant."""
    held = campaign.holdout or 0
    if campaign.holdout == 0:
        yield f"{path}: holdout: 0%: with nobody held out no effect can be measured"
    if held == 1:
        yield f"{path}: holdout: 100%: nobody is written to"
    elif held > MOST_HELD_OUT:
        yield f"{path}: holdout: {100 * held:g}%: beyond 50% holding out more shows less, and writes to fewer"
    by_orders = campaign.success.measure in _VALUE and not campaign.churn.by_contract
    if by_orders and (campaign.audience.inactive or 0) >= campaign.success.window:
        quiet = f"who ordered nothing for {campaign.audience.inactive} days"
        yield f"{path}: success.window: {quiet} had no value in a window no longer than that: take a longer one"


def _asking(settings: Settings, checked: Sequence[Checked]) -> Iterator[str]:
    for each in checked:
        names = each.campaign.templates().values() if each.campaign else ()
        if names and not each.problems and asks_for_products(template_files(settings, names)):
            yield str(each.path)


def without_lines(workspace: Path | None, asking: Sequence[str]) -> list[str]:
    """One line for each campaign ``asking`` for recommended products while there is nothing to recommend from."""
    if not asking or _has_lines(here(workspace)):
        return []
    said = "shows customer.recommended, but no lines of orders are imported: nobody gets recommendations"
    return [f"{path}: {said}" for path in asking]


def _has_lines(settings: Settings) -> bool:
    from db.engine import database, reading  # 0.2 s to import
    from db.facts.store import digests
    from winback.intake.fields import Kind

    with database(settings.database_url) as engine, reading(engine) as session:
        return bool(digests(session, Kind.LINES))


def dear(text: SampleText, settings: Settings) -> Iterator[str]:
    """One line for a text message of several segments, or of a dear alphabet for the sake of a few characters."""
    few = 0 < len(text.outside) <= FEW_CHARACTERS
    if text.segments == 1 and not few:
        return
    segments = f"{text.segments} segment{'s' if text.segments > 1 else ''}"
    names = ", ".join(f"{each} ({name(each, 'unnamed').lower()})" for each in text.outside[:FEW_CHARACTERS])
    why = f", because GSM-7 does not have {names}: 70 characters a segment, not 160" if few else ""
    price = settings.price_micros("sms") * text.segments
    cost = f"; about {price / 10**6:g} {settings.file.currency} each" if price else ""
    yield f"{text.file}: {segments} of {text.encoding} ({text.units} units){why}{cost}"


def half_live(settings: Settings, files: Sequence[Path] | None = None) -> list[str]:
    """One line where one channel is really sent and the other, which ``files`` use, stays in the folder.

    ``files``: None = every campaign.
    """
    if not settings.left_in_folder:
        return []
    used = channels_used(
        [campaign_path(settings, each) for each in campaign_ids(settings)] if files is None else files
    )
    return [
        f"{_CHANNEL_WORDS[channel]} stay in {settings.outbox_folder}: nobody gets them, yet they count as sent. "
        f"Name a provider for {channel} in {FILE_NAME}, or only the other channel in the campaign's journey"
        for channel in settings.left_in_folder
        if channel in used
    ]
