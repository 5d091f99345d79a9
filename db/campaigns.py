"""Campaign files and templates: read from the workspace once, then only from what a run pinned."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import winback
from db.confined import Child, NeededField, SampleText, Wanted, asked
from db.home import FILE_NAME, NOT_READ
from db.looked import look_or_recall
from db.settings import Sender, Settings
from winback.campaigns.campaign import Campaign, Measure
from winback.campaigns.churn_kind import PORTRAITS_FILE, RULES_FILE
from winback.campaigns.file import examine, line_of, read_pinned
from winback.channel import Channel
from winback.errors import CampaignError, FileProblem, TemplateError, WrongUse, nearest, unprintable
from winback.message.fields import asks_for_products

if TYPE_CHECKING:
    from winback.words import Words  # Babel comes with it

SHIPPED = Path(winback.__file__).with_name("churners") / RULES_FILE
SENDER = f"{FILE_NAME} [sender]"  # the name under which a run pins who writes
SHARED, TEMPLATES = "_shared", "templates/"
PARTS = {".txt", ".html", ".mjml"}


def kind_rules(settings: Settings) -> str:
    """The rules of the kinds of churn: the workspace's kinds.yaml, else those shipped."""
    own = settings.workspace / RULES_FILE
    return read_text(own if own.exists() else SHIPPED)


def portrait_names(settings: Settings) -> "dict[str, Words]":
    """Key -> name of the portraits that the workspace's portraits.yaml names; CampaignError for a wrong file."""
    from winback.churners.names import read_names  # it names things in words, and Babel takes long to import

    own = settings.workspace / PORTRAITS_FILE
    return read_names(read_text(own)) if own.exists() else {}


def _portrait_problems(settings: Settings) -> list[CampaignError]:
    own = settings.workspace / PORTRAITS_FILE
    if not own.exists():
        return []
    from winback.churners import names  # as above

    return names.problems_of(read_text(own))


def _kind_problems(settings: Settings) -> list[CampaignError]:
    """What is wrong with the workspace's own rules; those shipped are held by tests."""
    rules = kind_rules(settings)
    if rules == read_text(SHIPPED):
        return []
    from winback.churners import kinds  # it works on frames, and polars takes long to import

    return kinds.problems_of(rules, RULES_FILE)


def campaign_ids(settings: Settings) -> list[str]:
    """The campaigns of the workspace, by file name."""
    return sorted(path.stem for path in settings.campaigns.glob("*.yaml"))


def campaign_path(settings: Settings, campaign_id: str) -> Path:
    """The campaign's file; WrongUse with the nearest name when there is none."""
    known = campaign_ids(settings)
    if campaign_id not in known:
        if (stray := settings.campaigns / f"{campaign_id}.yml").exists():
            raise WrongUse(f"{stray} {NOT_READ}")
        near = nearest(campaign_id, known)
        hint = f"did you mean '{near}'?" if near else f"there are: {', '.join(known) or 'none'}"
        raise WrongUse(f"no campaign '{campaign_id}' in {settings.campaigns} ({hint})")
    return settings.campaigns / f"{campaign_id}.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A campaign file: the campaign if it can be read, and all that is wrong.

    Of its templates what the text messages cost and what customers must have, or else get no message.
    ``asks``: a template of it shows recommended products. ``ended``: looking at one was ended by a limit.
    """

    path: Path
    campaign: Campaign | None
    problems: list[FileProblem]
    texts: tuple[SampleText, ...] = ()
    needs: tuple[NeededField, ...] = ()
    asks: bool = False
    ended: bool = False


def check_files(settings: Settings, paths: Iterable[Path], begun: Child | None = None) -> list[Checked]:
    """Every campaign file with everything wrong with it and its templates, which are looked at all together.

    ``begun``: the process to look at them in, if there is one already.
    """
    beside = [*_kind_problems(settings), *_portrait_problems(settings)]
    messages = _messages(settings)
    read = [_check_file(settings, path, beside, messages) for path in paths]
    different = tuple(dict.fromkeys(each for _, wanted in read for each in wanted))
    looked = look_or_recall(settings.state, different, begun)
    found = []
    for checked, wanted in read:
        mine = [looked[each] for each in wanted]
        problems = [*checked.problems, *(error for each in mine for error in each.errors())]
        texts = tuple(text for each in mine for text in each.texts)
        needs = tuple(need for each in mine for need in each.needs)
        ended = any(each.ended for each in mine)
        found.append(replace(checked, problems=problems, texts=texts, needs=needs, ended=ended))
    return found


def check_file(settings: Settings, path: Path) -> tuple[Campaign | None, list[FileProblem]]:
    """The campaign of one file and everything wrong with it and its templates."""
    [checked] = check_files(settings, [path])
    return checked.campaign, checked.problems


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    """A message as the folder has it: its files, and what is wrong before anybody looks into them."""

    files: Mapping[str, str]
    problems: tuple[FileProblem, ...]


def _messages(settings: Settings) -> Callable[[str], _Stored | None]:
    """The messages of the workspace by name, each read once; None for one that there is not."""
    known = _known_messages(settings)

    @cache
    def read(message: str) -> _Stored | None:
        if message not in known:
            return None
        try:
            files = template_files(settings, [message])
        except FileProblem as unreadable:
            return _Stored(files={}, problems=(unreadable,))
        return _Stored(files=files, problems=tuple(_attachments(settings, message)))

    return read


def _check_file(
    settings: Settings, path: Path, beside: list[CampaignError], messages: Callable[[str], _Stored | None]
) -> tuple[Checked, list[Wanted]]:
    """What is wrong with a file itself, and the messages to look at."""
    campaign, found = _read_campaign(settings, path, beside)
    wanted, asks = [], False
    for message in dict.fromkeys(campaign.templates().values()) if campaign else ():
        assert campaign is not None
        stored = messages(message)
        if stored is None:
            found.append(_no_message(settings, message, campaign, str(path)))
            continue
        found += stored.problems
        asks = asks or asks_for_products(stored.files)
        if stored.files:
            wanted.append(asked(stored.files, message, campaign.step.channels, settings.file.link_hosts))
    return Checked(path=path, campaign=campaign, problems=found, asks=asks), wanted


def _read_campaign(
    settings: Settings, path: Path, beside: list[CampaignError]
) -> tuple[Campaign | None, list[FileProblem]]:
    shown = str(path)
    try:
        campaign, problems = examine(read_text(path), shown)
    except FileProblem as problem:
        return None, [problem]
    if campaign is None:
        return None, list(problems)
    found: list[FileProblem] = []
    if campaign.id != path.stem:
        found.append(CampaignError(f"must be the file's name, '{path.stem}'", file=shown, line=1, field="id"))
    found += _check_settings(settings, campaign, shown)
    return campaign, found + beside


def _attachments(settings: Settings, message: str) -> Iterator[TemplateError]:
    """Files beside a message's parts that would not be sent."""
    for path in sorted((settings.templates / message).rglob("*")):
        if path.is_file() and path.suffix not in PARTS and not path.name.startswith("."):
            name = path.relative_to(settings.templates).as_posix()
            problem = "is no template, and files are not attached: put it on the web and write a link to it"
            yield TemplateError(problem, file=name)


def channels_used(paths: Iterable[Path]) -> set[Channel]:
    """The channels that these campaign files send by; files with faults are left out."""
    campaigns = [examine(read_text(path), str(path))[0] for path in paths]
    return {channel for campaign in campaigns if campaign for channel in campaign.step.channels}


def _check_settings(settings: Settings, campaign: Campaign, shown: str) -> Iterator[CampaignError]:
    """What the campaign asks of winback.toml and does not find there."""

    def problem(words: str, *path: str, allowed: str | None = None, near: str | None = None) -> CampaignError:
        line = line_of(read_text(Path(shown)), *path)
        return CampaignError(words, file=shown, line=line, field=".".join(path), allowed=allowed, nearest=near)

    topics, budget = list(settings.file.topics), campaign.limits.budget
    if campaign.topic and campaign.topic not in topics:
        allowed, near = ", ".join(topics) or None, nearest(campaign.topic, topics)
        words = (
            f"is none of the [topics] of {FILE_NAME}" if topics else f"needs [topics] in {FILE_NAME}: it has none"
        )
        yield problem(words, "topic", allowed=allowed, near=near)
    if budget and budget.currency != settings.file.currency:
        words, currency = f"must be the currency of {FILE_NAME}", settings.file.currency
        yield problem(words, "limits", "budget", "currency", allowed=currency)
    unpriced = [channel for channel in campaign.step.channels if not settings.price_micros(channel)]
    words = f"needs the price of {' and '.join(unpriced)}: [prices] of {FILE_NAME}"
    if budget and unpriced:
        yield problem(words, "limits", "budget")
    if campaign.success.measure is Measure.NET_CONTRIBUTION and unpriced:
        yield problem(words, "success", "measure")


def _known_messages(settings: Settings) -> list[str]:
    """The messages that campaigns can name."""
    return sorted({path.parent.name for path in settings.templates.glob("*/*.txt")} - {SHARED, "report"})


def _no_message(settings: Settings, message: str, campaign: Campaign, shown: str) -> CampaignError:
    known = _known_messages(settings)
    problem = f"{TEMPLATES}{message} does not exist"
    line, field = _where(message, campaign, Path(shown))
    allowed, near = ", ".join(known), nearest(message, known)
    return CampaignError(problem, file=shown, line=line, field=field, allowed=allowed, nearest=near)


def _where(message: str, campaign: Campaign, path: Path) -> tuple[int, str]:
    """Line and field of the campaign file that name a message."""
    named = [place for place, variant in enumerate(campaign.variants) if variant.template == message]
    if named:
        return line_of(read_text(path), "variants", named[0], "template"), f"variants[{named[0] + 1}].template"
    return line_of(read_text(path), "journey", 0, "send"), "journey[1].send"


def template_files(settings: Settings, messages: Iterable[str]) -> dict[str, str]:
    """Path below templates/ -> text of these messages' files and of what all share."""
    folders = [settings.templates / name for name in (*messages, SHARED)]
    paths = sorted(path for folder in folders for path in folder.rglob("*") if path.suffix in PARTS)
    root = settings.templates.resolve()
    if outside := next((path for path in paths if not path.resolve().is_relative_to(root)), None):
        raise TemplateError(f"is a link out of {TEMPLATES}", file=str(outside))
    return {path.relative_to(settings.templates).as_posix(): read_text(path) for path in paths}


def read_files(settings: Settings, campaign_id: str) -> dict[str, str]:
    """All that a run of the campaign pins: its file, its templates, who writes. Raises what `check` reports."""
    path = campaign_path(settings, campaign_id)
    campaign, problems = check_file(settings, path)
    if problems or campaign is None:
        raise problems[0]
    found = template_files(settings, campaign.templates().values())
    templates = {TEMPLATES + name: text for name, text in found.items()}
    beside = {RULES_FILE: kind_rules(settings), SENDER: settings.file.sender.model_dump_json(indent=0)}
    return templates | beside | {f"campaigns/{campaign_id}.yaml": read_text(path)}


def pinned_templates(files: dict[str, str]) -> dict[str, str]:
    """Path below templates/ -> text, of the files a run pinned."""
    return {name.removeprefix(TEMPLATES): text for name, text in files.items() if name.startswith(TEMPLATES)}


def pinned_sender(files: Mapping[str, str], settings: Settings) -> Sender:
    """Who writes, as a run pinned it; the workspace's of one opened before that was pinned."""
    return Sender.model_validate_json(files[SENDER]) if SENDER in files else settings.file.sender


def pinned_campaign(files: Mapping[str, str]) -> Campaign:
    """The campaign of the files a run pinned."""
    [name] = (name for name in files if name.startswith("campaigns/"))
    return read_pinned(files[name], name)


def read_text(path: Path) -> str:
    """A text file, or the FileProblem that says why not."""
    kind = CampaignError if path.suffix == ".yaml" else TemplateError
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise kind(f"is not UTF-8 (byte {error.start + 1})", file=str(path), line=line) from error
    except OSError as error:
        raise kind(f"cannot be read: {error.strerror}", file=str(path)) from error
    if "\0" in text:
        raise kind(unprintable("\0"), file=str(path), line=text.count("\n", 0, text.index("\0")) + 1)
    return text
