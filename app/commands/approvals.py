"""approve: somebody else's yes to a run that waits."""

import argparse
import sys
from datetime import UTC, datetime

from app.summary import say_what_waits, show_summary
from app.terminal import print_json, say, working
from db.settings import Settings, check_live, here
from flows.approving import approve as say_yes
from flows.approving import waiting
from winback.campaigns.approval import NOT_AUTHENTICATED
from winback.errors import Exit, WrongUse


def approve(arguments: argparse.Namespace) -> int:
    """Approve a run and carry it on; exit 1 where it has changed since and has to be looked at again."""
    settings = here(arguments.workspace)
    check_live(settings)
    digest = arguments.digest or _confirmed(settings, arguments.run_name)
    with working("approving"):
        answer = say_yes(settings, arguments.run_name, arguments.by, datetime.now(UTC), digest)
    if arguments.json:
        said = {"approved_by": answer.summary.approved_by, "changed": answer.changed}
        print_json(answer.summary.as_dict() | said)
    else:
        show_summary(answer.summary)
    if answer.changed:
        what = f" ({', '.join(answer.edited)})" if answer.edited else ""
        say(f"not approved: it has changed since{what} and was chosen anew")
        if answer.summary.stage != "waiting":
            say("so few people are in now that it needs no approval")
            return Exit.DONE
        say_what_waits(settings, answer.summary.run)
        return Exit.NO
    say(f"approved by {answer.summary.approved_by} ({NOT_AUTHENTICATED})")
    return Exit.DONE


def _confirmed(settings: Settings, run: str) -> str:
    """The digest of what waits, once shown and, on a terminal, said yes to; WrongUse where somebody says no."""
    found = waiting(settings, run)
    if found is None:
        return ""  # approving says how it stands
    say(f"{run}: {found.people:,} people, more than {found.above:,}; what is approved: {found.digest[:12]}")
    if not sys.stdin.isatty():
        return found.digest
    say("is that the digest you looked at, as preview shows it? yes or no")
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise WrongUse("not approved")
    return found.digest
