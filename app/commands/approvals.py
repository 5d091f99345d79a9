"""approve: somebody else's yes to a run that waits."""

import argparse
from datetime import UTC, datetime

from app.summary import say_what_waits, show_summary
from app.terminal import print_json, say, working
from db.settings import check_live, here
from flows.approving import approve as say_yes
from winback.campaigns.approval import NOT_AUTHENTICATED
from winback.errors import Exit


def approve(arguments: argparse.Namespace) -> int:
    """Approve a run and carry it on; exit 1 where it has changed since and has to be looked at again."""
    settings = here(arguments.workspace)
    check_live(settings)
    with working("approving"):
        answer = say_yes(settings, arguments.run_name, arguments.by, datetime.now(UTC), arguments.digest)
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
