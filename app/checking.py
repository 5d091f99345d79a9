"""What a check of campaign files finds, in words: faults to mend, and what a person should know beside them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unicodedata import name

from db.campaigns import Checked, campaign_ids, campaign_path, channels_used, check_files
from db.confined import Child, SampleText
from db.home import FILE_NAME
from db.settings import Settings, here
from winback.campaigns.campaign import Campaign, Measure
from winback.campaigns.quiet_hours import free_at, hours_for
from winback.channel import Channel
from winback.lift.shares import MOST_HELD_OUT
from winback.message.fields import RECOMMENDED, WITH_AN_ORDER
from winback.message.sms import LONGEST_SIGNATURE, SHORTEST_SIGNATURE, is_signature

LITTLE = 0.01  # of customers: less is hardly meant where shares of them are named
MUCH = 0.1  # of messages: more unsubscribed, complained or bounced than any guardrail is meant to allow
FEW_CHARACTERS = 3  # more are another script, not a slip
_VALUE = (Measure.VALUE_LOST, Measure.VALUE_LOST_SHARE)
_CHANNEL_WORDS: dict[Channel, str] = {"email": "e-mails", "sms": "text messages"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Of one campaign file: the faults, one a line, and what is said beside them.

    ``left_in_folder``: what is said of a channel that it uses and that is not really sent. ``ended``: a template
    was ended by a limit, which may have been the load of the machine. ``asks``: it shows recommended products.
    """

    faults: list[str]
    said: list[str]
    left_in_folder: list[str]
    ended: bool
    asks: bool


def found_in(workspace: Path | None, files: Sequence[Path], begun: Child | None) -> list[Found]:
    """What is found in each of the files; new templates are looked at all together, in ``begun``."""
    settings = here(workspace)
    return [_found(settings, each) for each in check_files(settings, files, begun)]


def _found(settings: Settings, checked: Checked) -> Found:
    said = list(_doubtful(checked.campaign, checked.path)) if checked.campaign else []
    said += unsigned(checked, settings)
    return Found(
        faults=[str(fault) for fault in checked.problems],
        said=[*said, *_skipping(checked), *(line for text in checked.texts for line in dear(text, settings))],
        left_in_folder=_left_in_folder(settings, checked.campaign.step.channels) if checked.campaign else [],
        ended=checked.ended,
        asks=checked.asks and not checked.problems,
    )


def _doubtful(campaign: Campaign, path: Path) -> Iterator[str]:
    """What is allowed and hardly meant."""
    held = campaign.holdout or 0
    if campaign.holdout == 0:
        yield f"{path}: holdout: 0%: with nobody held out no effect can be measured"
    if held == 1:
        yield f"{path}: holdout: 100%: nobody is written to"
    elif held > MOST_HELD_OUT:
        yield f"{path}: holdout: {100 * held:g}%: beyond 50% holding out more shows less, and writes to fewer"
    for field, share in _shares(campaign):
        if 0 < share < LITTLE:
            yield f"{path}: {field}: {100 * share:g}% is hardly meant: did you mean {share * 10_000:g}%?"
    for field, risk in _risks(campaign):
        if risk == 1:
            said = "100%: hardly anybody is so sure to be lost: write 1% for one percent, else a share such as 60%"
            yield f"{path}: {field}: {said}"
    for template, names in _sharing(campaign.templates()):
        yield f"{path}: variants: {' and '.join(names)} send the same template, {template}: they can't differ"
    for field, most in campaign.success.guardrails.model_dump(exclude_none=True).items():
        if most >= MUCH:
            said = f"{100 * most:g}% of all messages is hardly a limit: did you mean {most:g}%?"
            yield f"{path}: success.guardrails.{field}: {said}"
    days, weekdays = campaign.schedule.cron.split()[2::2] if campaign.schedule else ("*", "*")
    if not (days.startswith("*") or weekdays.startswith("*")):
        both = f"on day {days} of the month and on every {weekdays}"
        yield f"{path}: schedule.cron: runs {both}, not only where they fall together: leave one of them *"
    yield from (f"{path}: {said}" for said in _never_leaving(campaign))
    by_orders = campaign.success.measure in _VALUE and not campaign.churn.by_contract
    if by_orders and (campaign.audience.inactive or 0) >= campaign.success.window:
        quiet = f"who ordered nothing for {campaign.audience.inactive} days"
        yield f"{path}: success.window: {quiet} had no value in a window no longer than that: take a longer one"


def _never_leaving(campaign: Campaign) -> Iterator[str]:
    """Slots at one time of day whose messages wait in quiet hours until they are too late, by its own clock."""
    minute, hour = campaign.schedule.cron.split()[:2] if campaign.schedule else ("*", "*")
    if not campaign.schedule or not (minute.isdecimal() and hour.isdecimal()):
        return
    slot = datetime(2001, 1, 1, int(hour), int(minute), tzinfo=UTC)  # any day: a wall clock has no other zone
    late = slot + timedelta(hours=campaign.schedule.late_limit)
    for channel in campaign.step.channels:
        free = free_at(("UTC",), hours_for(channel, campaign.limits.quiet_hours, real=True), slot, timedelta())
        if free is None or free >= late:
            wait = f"{_CHANNEL_WORDS[channel]} of {slot:%H:%M} wait " + (
                f"until {free:%H:%M}" if free else "for ever"
            )
            said = f"{wait} (quiet hours), and are too late from {late:%H:%M} on"
            nobody = f"nobody in {campaign.schedule.timezone} gets one"
            yield f"schedule: {said}: {nobody}: take another time or late_limit"


def _shares(campaign: Campaign) -> Iterator[tuple[str, float]]:
    """The shares of customers, and of what is probable, that a campaign names."""
    yield "holdout", campaign.holdout or 0
    yield "audience.value.top", campaign.audience.value.top if campaign.audience.value else 0
    yield from _risks(campaign)


def _risks(campaign: Campaign) -> Iterator[tuple[str, float]]:
    """The risks from which on a campaign takes a customer, or counts him as lost."""
    yield "audience.risk.at_least", campaign.audience.risk.at_least if campaign.audience.risk else 0
    yield "churn.threshold", campaign.churn.threshold or 0


def _skipping(checked: Checked) -> Iterator[str]:
    """Where a template prints what a customer of this campaign may not have."""
    for need in checked.needs:
        field = need.field.removeprefix("customer.")
        if checked.campaign and (field not in WITH_AN_ORDER or checked.campaign.churn.by_contract):
            instead = f"write it inside {{% if {need.field} %}}" + (
                "" if field == RECOMMENDED else f' or as {need.field}|default("...")'
            )
            yield f"{need.file}:{need.line or 1}: {need.field}: who has none gets no message: {instead}"


def _sharing(templates: Mapping[str, str]) -> Iterator[tuple[str, list[str]]]:
    """The templates that several variants send, with their names."""
    for template in dict.fromkeys(templates.values()):
        names = [name for name, each in templates.items() if each == template]
        if len(names) > 1:
            yield template, names


def without_lines(workspace: Path | None, asking: Sequence[str]) -> list[str]:
    """One line for each campaign ``asking`` for recommended products while there is nothing to recommend from."""
    if not asking or _has_lines(here(workspace)):
        return []
    said = "shows customer.recommended, but no lines of orders are imported: nobody gets recommendations"
    return [f"{path}: {said}" for path in asking]


def salt_found(workspace: Path | None) -> str | bool:
    """``db.salt.agreed`` of the workspace."""
    from db.salt import agreed  # 0.2 s to import

    return agreed(here(workspace))


def _has_lines(settings: Settings) -> bool:
    from db.engine import database, reading  # 0.2 s to import
    from db.facts.store import digests
    from winback.intake.fields import Kind

    with database(settings.database_url) as engine, reading(engine) as session:
        return bool(digests(session, Kind.LINES))


def unsigned_of(settings: Settings, campaign_id: str) -> list[str]:
    """``unsigned`` of one campaign."""
    [checked] = check_files(settings, [campaign_path(settings, campaign_id)])
    return list(unsigned(checked, settings))


def unsigned(checked: Checked, settings: Settings) -> Iterator[str]:
    """Where the sender's name is the signature of a text, and is none that goes to Chinese numbers."""
    name = settings.file.sender.name_in("zh")
    for text in () if is_signature(name) else (text for text in checked.texts if text.signed):
        shortest, longest = SHORTEST_SIGNATURE, LONGEST_SIGNATURE
        instead = f'sender.name = {{en = "{settings.file.sender.name.en}", zh = "..."}} in {FILE_NAME}'
        yield (
            f"{text.file}: the signature 【{name}】 has {len(name)} characters, allowed are {shortest} to "
            f"{longest}: it goes to no +86 number; give the sender a name for Chinese: {instead}"
        )


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
    every = [campaign_path(settings, each) for each in campaign_ids(settings)] if files is None else files
    return _left_in_folder(settings, channels_used(every))


def _left_in_folder(settings: Settings, used: Collection[Channel]) -> list[str]:
    return [
        f"{_CHANNEL_WORDS[channel]} stay in {settings.outbox_folder}: nobody gets them, yet they count as sent. "
        f"Name a provider for {channel} in {FILE_NAME}, or only the other channel in the campaign's journey"
        for channel in settings.left_in_folder
        if channel in used
    ]
