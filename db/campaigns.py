"""Campaign files and templates: read from the workspace once, then only from what a run pinned."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from db.lint_memory import LintMemory
from db.settings import FILE_NAME, Settings
from winback.campaign import Campaign, Channel
from winback.campaign_file import examine, line_of
from winback.errors import CampaignError, FileProblem, TemplateError, WrongUse, nearest

SHARED, TEMPLATES = "_shared", "templates/"
PARTS = {".txt", ".html"}


def campaign_ids(settings: Settings) -> list[str]:
    """The campaigns of the workspace, by file name."""
    return sorted(path.stem for path in settings.campaigns.glob("*.yaml"))


def campaign_path(settings: Settings, campaign_id: str) -> Path:
    """The campaign's file; WrongUse with the nearest name when there is none."""
    known = campaign_ids(settings)
    if campaign_id not in known:
        near = nearest(campaign_id, known)
        hint = f"did you mean '{near}'?" if near else f"there are: {', '.join(known) or 'none'}"
        raise WrongUse(f"no campaign '{campaign_id}' in {settings.campaigns} ({hint})")
    return settings.campaigns / f"{campaign_id}.yaml"


def check_file(
    settings: Settings, path: Path, memory: LintMemory | None = None
) -> tuple[Campaign | None, list[FileProblem]]:
    """The campaign of a file and everything wrong with it and its templates.

    ``memory``: templates it knows to be clean are not looked through again.
    """
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
    memory = memory or LintMemory()
    for message in dict.fromkeys(campaign.templates().values()):
        try:
            found += _check_message(settings, message, campaign, shown, memory)
        except FileProblem as problem:
            found.append(problem)
    return campaign, found


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
        words, currency = f"must be the workspace's: {FILE_NAME}", settings.file.currency
        yield problem(words, "limits", "budget", "currency", allowed=currency)
    unpriced = [channel for channel in campaign.step.channels if not settings.price_micros(channel)]
    if budget and unpriced:
        words = f"needs the price of {' and '.join(unpriced)}: [prices] of {FILE_NAME}"
        yield problem(words, "limits", "budget")


def _check_message(
    settings: Settings, message: str, campaign: Campaign, shown: str, memory: LintMemory
) -> list[FileProblem]:
    files = memory.files(message, lambda: template_files(settings, [message]))
    if not any(name.startswith(f"{message}/") and name.endswith(".txt") for name in files):
        known = sorted({path.parent.name for path in settings.templates.glob("*/*.txt")} - {SHARED, "report"})
        problem = f"{TEMPLATES}{message} does not exist"
        line, field = _where(message, campaign, Path(shown))
        allowed, near = ", ".join(known), nearest(message, known)
        return [CampaignError(problem, file=shown, line=line, field=field, allowed=allowed, nearest=near)]
    channels = campaign.step.channels
    return memory.faults(message, channels, lambda texts: _lint(texts, message, channels))


def _lint(files: dict[str, str], message: str, channels: tuple[Channel, ...]) -> list[FileProblem]:
    from winback.message.inspection import check  # 0.2 s to import, and a lint may know the answer

    return list(check(files, message, channels))


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
    """Everything a run of the campaign pins: its file and its templates. Raises what `check` would report."""
    path = campaign_path(settings, campaign_id)
    campaign, problems = check_file(settings, path)
    if problems or campaign is None:
        raise problems[0]
    found = template_files(settings, campaign.templates().values())
    templates = {TEMPLATES + name: text for name, text in found.items()}
    return templates | {f"campaigns/{campaign_id}.yaml": read_text(path)}


def pinned_templates(files: dict[str, str]) -> dict[str, str]:
    """Path below templates/ -> text, of the files a run pinned."""
    return {name.removeprefix(TEMPLATES): text for name, text in files.items() if name.startswith(TEMPLATES)}


def read_text(path: Path) -> str:
    """A text file, or the FileProblem that says why not."""
    kind = CampaignError if path.suffix == ".yaml" else TemplateError
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise kind(f"is not UTF-8 (byte {error.start + 1})", file=str(path)) from error
    except OSError as error:
        raise kind(f"cannot be read: {error.strerror}", file=str(path)) from error
