"""The workspace's settings: winback.toml and the environment, read once at an entry point and passed down.

Secrets come from the environment or from a file only its owner can read (``NAME_FILE``), never from winback.toml.
"""

import os
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Annotated, Literal, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from db.home import FILE_NAME, STATE, home_of
from winback.campaigns.faults import CURRENCY, HOST, SENDER_EMAIL, SENDER_NAME, explain
from winback.campaigns.limits import micros
from winback.campaigns.section import Names
from winback.campaigns.toml_lines import lines_of
from winback.campaigns.values import Identifier, check_zone, in_languages
from winback.channel import CHANNELS, Channel
from winback.customers.products import PLACE
from winback.delivery.tariff import Tariff
from winback.errors import FileProblem, Unusable, WrongUse, nearest
from winback.signals.settings import SignalSettings

SENDGRID_URL, TWILIO_URL = "https://api.sendgrid.com", "https://api.twilio.com"


class Providers(BaseModel):
    """Which provider sends each channel; the folder unless said otherwise."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    email: Literal["folder", "sendgrid", "smtp"] = "folder"
    sms: Literal["folder", "twilio"] = "folder"


class SenderName(BaseModel):
    """A name in the languages that are written in; English is the fallback."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    en: str = Field(pattern=SENDER_NAME)
    zh: str | None = Field(default=None, pattern=SENDER_NAME)


class Sender(BaseModel):
    """Who writes: shown in every message and, for e-mail, in its headers."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: Annotated[SenderName, BeforeValidator(in_languages)] = SenderName(en="Example shop")
    email: str = Field(default="hello@example.com", pattern=SENDER_EMAIL)
    reply_to: str | None = Field(default=None, pattern=SENDER_EMAIL)
    postal_address: str = Field(default="1 Example Street, Example Town", min_length=1, max_length=300)
    phone: str = Field(default="+15005550006", min_length=3, max_length=40)

    def name_in(self, language: str) -> str:
        """The name for who is written to in ``language``; English where there is no other."""
        return (self.name.zh if language.startswith("zh") else None) or self.name.en

    def values(self, language: str) -> dict[str, str]:
        """What a template in ``language`` may know of the sender (winback.message.fields)."""
        return {"name": self.name_in(language), "postal_address": self.postal_address}


Price = Annotated[Decimal, Field(ge=0, lt=1_000, decimal_places=6)]
PerSecond = Annotated[float, Field(gt=0, le=100_000)]


class Prices(BaseModel):
    """What sending costs, in major units of the workspace's currency; 0 = not known."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    email: Price = Decimal(0)
    sms_segment: Price = Decimal(0)


class Pace(BaseModel):
    """How much is sent a second; None = as fast as the provider takes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    email_per_second: PerSecond | None = None
    sms_segments_per_second: PerSecond | None = None


def _check_page(value: str) -> str:
    """The pattern of a product's page, or ValueError: the id may change neither host nor scheme."""
    host, _, path = value.removeprefix("https://").partition("/")
    if not value.startswith("https://") or not re.fullmatch(HOST, host) or PLACE not in path:
        raise ValueError(f"write an address such as https://shop.example/p/{PLACE}")
    return value


class WorkspaceFile(BaseModel):
    """Everything winback.toml may say."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    timezone: Annotated[str, AfterValidator(check_zone)] = "UTC"
    currency: str = Field(default="USD", pattern=CURRENCY)
    salt: str = Field(min_length=8, max_length=200)
    lost_salt: str | None = None  # db.salt: the one before is gone, and so are the links it signed
    live: bool = Field(default=False, strict=True)  # the one switch where "yes" and 1 are not good enough
    unknown_email_consent: Literal["exclude", "allow"] = "exclude"
    providers: Providers = Providers()
    sender: Sender = Sender()
    prices: Prices = Prices()
    pace: Pace = Pace()
    link_hosts: tuple[Annotated[str, Field(pattern=HOST, max_length=253)], ...] = ()
    product_link: Annotated[str, AfterValidator(_check_page)] | None = None
    topics: dict[Identifier, Names] = Field(default_factory=dict)
    signals: SignalSettings = SignalSettings()


AlertKind = Literal["plain", "slack", "wecom", "dingtalk"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """Keys of the providers and of the staff's chat room; never printed."""

    sendgrid_key: str | None = field(default=None, repr=False)
    sendgrid_webhook_key: str | None = field(default=None, repr=False)
    twilio_sid: str | None = field(default=None, repr=False)
    twilio_token: str | None = field(default=None, repr=False)
    smtp_url: str | None = field(default=None, repr=False)
    alert_secret: str | None = field(default=None, repr=False)
    source_password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A workspace, ready to use."""

    workspace: Path
    file: WorkspaceFile
    secrets: Secrets
    database_url: str = field(repr=False)
    facts: Path
    sendgrid_url: str = SENDGRID_URL
    twilio_url: str = TWILIO_URL
    public_url: str = "http://127.0.0.1:8025"
    alert_webhook: str | None = field(default=None, repr=False)
    alert_kind: AlertKind = "plain"

    @property
    def zone(self) -> ZoneInfo:
        """The workspace's time zone."""
        return ZoneInfo(self.file.timezone)

    @property
    def placebo(self) -> bool:
        """Whether nobody really gets messages now: every channel goes to the folder."""
        return {self.file.providers.email, self.file.providers.sms} == {"folder"}

    def provider_of(self, channel: Channel) -> str:
        """The name of the provider that sends a channel."""
        return self.file.providers.email if channel == "email" else self.file.providers.sms

    @property
    def left_in_folder(self) -> list[Channel]:
        """The channels that go to the folder although the other one is really sent."""
        return [] if self.placebo else [channel for channel in CHANNELS if self.provider_of(channel) == "folder"]

    def price_micros(self, channel: Channel) -> int:
        """What one e-mail or one segment of a text message costs, in millionths of a major unit; 0 = not known."""
        prices = self.file.prices
        return micros(prices.email if channel == "email" else prices.sms_segment)

    @property
    def pace(self) -> dict[Channel, float]:
        """Channel -> units a second, of those that are not to be used as fast as the provider takes them."""
        pace = self.file.pace
        given: dict[Channel, float | None] = {"email": pace.email_per_second, "sms": pace.sms_segments_per_second}
        return {channel: rate for channel, rate in given.items() if rate is not None}

    @property
    def tariff(self) -> Tariff:
        """How a message is counted that no claim counts."""
        return Tariff(self.zone, {channel: self.price_micros(channel) for channel in CHANNELS})

    @property
    def campaigns(self) -> Path:
        """The folder of the campaign files."""
        return self.workspace / "campaigns"

    @property
    def templates(self) -> Path:
        """The folder of the message templates."""
        return self.workspace / "templates"

    @property
    def state(self) -> Path:
        """The folder for everything winback writes beside the database."""
        return self.workspace / STATE

    @property
    def outbox_folder(self) -> Path:
        """Where the folder provider puts messages."""
        return self.state / "sent"


def read_settings(environ: Mapping[str, str], start: Path, workspace: Path | None = None) -> Settings:
    """The settings of the workspace named by ``workspace``, WINBACK_WORKSPACE or ``start``.

    Raises Unusable when there is no winback.toml, FileProblem when it says something unknown.
    """
    home = home_of(environ, start, workspace)
    file = _read_file(home / FILE_NAME)
    state = home / STATE
    return Settings(
        workspace=home,
        file=file,
        secrets=_read_secrets(environ),
        database_url=environ.get("WINBACK_DATABASE_URL") or f"sqlite:///{state / 'winback.db'}",
        facts=Path(environ.get("WINBACK_FACTS") or state / "facts"),
        sendgrid_url=environ.get("WINBACK_SENDGRID_URL") or SENDGRID_URL,
        twilio_url=environ.get("WINBACK_TWILIO_URL") or TWILIO_URL,
        public_url=_public_url(environ.get("WINBACK_PUBLIC_URL") or "http://127.0.0.1:8025"),
        alert_webhook=_secret(environ, "WINBACK_ALERT_WEBHOOK"),
        alert_kind=_alert_kind(environ.get("WINBACK_ALERT_KIND") or "plain"),
    )


def _public_url(text: str) -> str:
    """The address every link begins with; WrongUse for what no link can begin with, or what shows a password."""
    if not (_is_url(text, {"http", "https"}) and _LINK_BEGINS.fullmatch(text)):
        raise WrongUse("WINBACK_PUBLIC_URL must be an address like https://mail.example.com")
    return text.rstrip("/")


_LINK_BEGINS = re.compile(r"[A-Za-z0-9:/._~%\[\]-]+")  # no @, blank, ? or #, nothing a mail program would cut at


def _is_url(text: str, schemes: Collection[str]) -> bool:
    """Whether it names a server by one of ``schemes``."""
    try:
        parts = urlsplit(text)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _alert_kind(word: str) -> AlertKind:
    known: tuple[AlertKind, ...] = get_args(AlertKind)
    for kind in known:
        if kind == word:
            return kind
    near = nearest(word, list(known))
    hint = f"; did you mean '{near}'?" if near else ""
    raise WrongUse(f"WINBACK_ALERT_KIND: no kind '{word}' (allowed: {', '.join(known)}{hint})")


def here(workspace: Path | None = None) -> Settings:
    """The settings as an entry point reads them: from this process's environment and folder."""
    return read_settings(os.environ, Path.cwd(), workspace)


def check_live(settings: Settings) -> None:
    """WrongUse unless every provider named may be used: live sending needs ``live = true`` and its keys."""
    wanted = {settings.file.providers.email, settings.file.providers.sms} - {"folder"}
    if wanted and not settings.file.live:
        raise WrongUse(f"{FILE_NAME}: {', '.join(sorted(wanted))} sends for real: that needs live = true as well")
    missing = [name for name, value in _needed_keys(settings).items() if not value]
    if missing:
        raise WrongUse(f"live sending needs {', '.join(missing)} in the environment (or {missing[0]}_FILE)")
    if "smtp" in wanted:
        _check_smtp_url(settings.secrets.smtp_url or "")
    if wanted:
        _check_identity(settings, wanted)


def _check_smtp_url(url: str) -> None:
    """WrongUse unless it names a mail server. It may hold a password: it is not quoted."""
    if not _is_url(url, {"smtp", "smtps"}):
        raise WrongUse("WINBACK_SMTP_URL must be an address like smtp://user:password@mail.example.com:587")


def _check_identity(settings: Settings, wanted: Collection[str]) -> None:
    """Nothing really leaves with a link nobody can open or in the name of the example.

    Only a test server of a provider's API on this machine keeps messages here; a mail server passes them on.
    """
    tests = {"sendgrid": _is_here(settings.sendgrid_url), "twilio": _is_here(settings.twilio_url)}
    if all(tests.get(name, False) for name in wanted):
        return
    if not _is_open(settings.public_url):
        raise WrongUse("live sending needs WINBACK_PUBLIC_URL: the unsubscribe link must open for the customer")
    if not settings.public_url.startswith("https:"):
        raise WrongUse(
            "live sending needs https in WINBACK_PUBLIC_URL: one-click unsubscribe asks for it (RFC 8058)"
        )
    if (
        re.search(r"[@.]example\.(com|org|net)$", settings.file.sender.email)
        or "Example" in settings.file.sender.name.en
    ):
        raise WrongUse(f"{FILE_NAME}: live sending needs your own name, e-mail and address under [sender]")


def _is_here(url: str) -> bool:
    """Whether the address is of this machine."""
    host, address = _host_of(url)
    return host == "localhost" or (address is not None and address.is_loopback)


def _is_open(url: str) -> bool:
    """Whether the world may reach the address: neither this machine's nor one of its own network."""
    host, address = _host_of(url)
    return host != "localhost" and (address is None or not address.is_private)


def _host_of(url: str) -> tuple[str, IPv4Address | IPv6Address | None]:
    """The host of an address, and as a number if it is one."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:  # no address at all
        return "", None
    try:
        return host, ip_address(host)
    except ValueError:  # a name
        return host, None


def _needed_keys(settings: Settings) -> dict[str, str | None]:
    needed: dict[str, str | None] = {}
    if settings.file.providers.email == "sendgrid":
        needed["WINBACK_SENDGRID_KEY"] = settings.secrets.sendgrid_key
    if settings.file.providers.sms == "twilio":
        needed["WINBACK_TWILIO_SID"] = settings.secrets.twilio_sid
        needed["WINBACK_TWILIO_TOKEN"] = settings.secrets.twilio_token
    if settings.file.providers.email == "smtp":
        needed["WINBACK_SMTP_URL"] = settings.secrets.smtp_url
    return needed


def _read_file(path: Path) -> WorkspaceFile:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise Unusable(f"no {FILE_NAME} in {path.parent}: run 'winback init DIR' or name a --workspace") from None
    except UnicodeDecodeError as error:
        raise FileProblem(f"is not UTF-8 (byte {error.start + 1})", file=str(path)) from error
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(error, path) from error
    try:
        return WorkspaceFile.model_validate(data)
    except ValidationError as error:
        lines = lines_of(text)
        found = explain(error, model=WorkspaceFile, error=FileProblem, file=str(path), lines=lines)
        raise found[0] from error


def _not_toml(error: tomllib.TOMLDecodeError, path: Path) -> FileProblem:
    """The parser's own words, with its line where a person looks for it."""
    words, _, place = str(error).removesuffix(")").partition(" (at ")
    line = re.match(r"line (\d+)", place)
    twice = words.startswith(("Cannot overwrite", "Cannot declare"))
    problem = "is given twice" if twice else f"not readable as TOML: {words[:1].lower()}{words[1:]}"
    problem += ": texts stand in quotes" if words == "Invalid value" else ""
    return FileProblem(problem, file=str(path), line=int(line[1]) if line else None)


def _read_secrets(environ: Mapping[str, str]) -> Secrets:
    return Secrets(
        sendgrid_key=_secret(environ, "WINBACK_SENDGRID_KEY"),
        sendgrid_webhook_key=_secret(environ, "WINBACK_SENDGRID_WEBHOOK_KEY"),
        twilio_sid=_secret(environ, "WINBACK_TWILIO_SID"),
        twilio_token=_secret(environ, "WINBACK_TWILIO_TOKEN"),
        smtp_url=_secret(environ, "WINBACK_SMTP_URL"),
        alert_secret=_secret(environ, "WINBACK_ALERT_SECRET"),
        source_password=_secret(environ, "WINBACK_SOURCE_PASSWORD"),
    )


def _secret(environ: Mapping[str, str], name: str) -> str | None:
    if value := environ.get(name):
        return value
    if not (file := environ.get(f"{name}_FILE")):
        return None
    path = Path(file)
    try:
        if path.stat().st_mode & 0o077:
            raise WrongUse(f"{name}_FILE: {path} can be read by others: chmod 600 it")
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(f"{name}_FILE: {path} cannot be read ({type(error).__name__})") from error
