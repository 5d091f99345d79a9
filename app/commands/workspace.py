"""Workspaces: init."""

import argparse
import secrets
import shutil
from pathlib import Path

from app.terminal import say
from db.campaigns import SHIPPED
from db.home import FILE_NAME
from winback.campaigns.churn_kind import RULES_FILE
from winback.errors import Exit, WrongUse

PRODUCT = Path(__file__).parents[2]
TOML = """\
# One workspace: its zone and currency, who writes, and through whom.
# Naive times are in this zone; days begin and end in it. After a change import the facts again.
timezone = "{timezone}"
currency = "{currency}"
# Draws the arms; never change it while campaigns run.
salt = "{salt}"
# true, and keys in the environment, before anything really leaves.
live = false
# Where links of messages may lead; check refuses all others.
# link_hosts = ["shop.example"]

[providers]
email = "folder"             # folder | sendgrid | smtp
sms = "folder"               # folder | twilio

[sender]
name = "{sender}"        # or one for each language: {{en = "Example Shop", zh = "示例商店"}}
email = "hello@example.com"
postal_address = "{address}"

# What sending costs, in your currency: a budget in a campaign file needs it.
# [prices]
# email = "0.0006"
# sms_segment = "0.0079"

# How much a second, where the provider is not to be used as fast as it takes.
# [pace]
# email_per_second = 50
# sms_segments_per_second = 10

# What customers can leave on the preference page; a campaign names one as its topic.
# [topics]
# offers = {{en = "Offers", zh = "优惠"}}
"""


def init(arguments: argparse.Namespace) -> int:
    """Make a workspace: settings with a salt of its own, example campaigns and their templates."""
    make_workspace(arguments.folder, salt=secrets.token_hex(16))
    say(f"made {arguments.folder}: next, edit {arguments.folder / FILE_NAME}, then import orders and customers")
    return Exit.DONE


def make_workspace(
    folder: Path,
    *,
    salt: str,
    timezone: str = "UTC",
    currency: str = "USD",
    sender: str = "Example Shop",
    address: str = "1 Example Street, Example Town",
) -> None:
    """Write winback.toml, campaigns/ and templates/ into a new or empty folder."""
    if (folder / FILE_NAME).exists():
        raise WrongUse(f"{folder} is a workspace already")
    if folder.is_dir() and any(folder.iterdir()):
        raise WrongUse(f"{folder} is not empty")
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("campaigns", "templates"):
        shutil.copytree(PRODUCT / name, folder / name, ignore=shutil.ignore_patterns("report"))
    shutil.copy(SHIPPED, folder / RULES_FILE)
    (folder / ".winback").mkdir(mode=0o700)  # addresses will be inside
    filled = TOML.format(salt=salt, timezone=timezone, currency=currency, sender=sender, address=address)
    for file in (folder / "campaigns").glob("*.yaml"):  # an example must not start by itself
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace("\nschedule:", "\n# schedule:"), encoding="utf-8")
    (folder / FILE_NAME).write_text(filled, encoding="utf-8")
    (folder / FILE_NAME).chmod(0o600)  # the salt signs the unsubscribe links
