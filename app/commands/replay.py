"""run --replay: a campaign on history, with its report, before anything is spent."""

import argparse
from datetime import UTC, datetime

from app.placebo import show_placebo, show_reports
from app.summary import show_summary
from app.terminal import asked_to_end, print_json, progress_bar, say
from db.settings import here
from flows.replaying import Replayed, replay_campaign
from winback.errors import Exit, WrongUse


def replay(arguments: argparse.Namespace) -> int:
    """Play it and say where the report lies."""
    settings, done = here(arguments.workspace), 0
    with progress_bar("playing, writing, measuring, drawing") as bar, asked_to_end() as ending:

        def progress(written: int) -> None:
            nonlocal done
            done += written
            bar(done, done + 1)  # measuring is still to come

        try:
            played = replay_campaign(
                settings,
                arguments.campaign,
                arguments.as_of,
                lambda: datetime.now(UTC),
                progress=progress,
                ending=ending,
            )
        except WrongUse:
            if ending.is_set():
                raise KeyboardInterrupt from None
            raise
    if arguments.json:
        print_json(_as_dict(played))
    else:
        _show(played)
    return Exit.DONE


def _as_dict(played: Replayed) -> dict[str, object]:
    primary = played.outcome.primary
    return played.summary.as_dict() | {
        "result": primary.verdict.value if primary else None,
        "reports": [str(path) for path in played.reports],
        "again": played.again,
        "outdated": played.outdated,
    }


def _show(played: Replayed) -> None:
    run, day = played.summary.run, played.outcome.as_of
    if played.again:
        say(f"{run} was played before: a day is played once, with the campaign as it was then")
    if played.outdated:
        say(f"the campaign or its templates have changed since: name another day than {day} with --as-of")
    show_summary(played.summary)
    show_placebo(played.outcome)
    print()
    show_reports(played.reports)
    print(f"messages          {played.messages}  (.eml and .txt; none can leave)")
