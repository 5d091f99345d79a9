"""What a run did, as the terminal shows it."""

from typing import TYPE_CHECKING

from app.terminal import print_table, say, waterfall_rows

if TYPE_CHECKING:
    from db.settings import Settings
    from flows.campaign_run import RunSummary  # 0.7 s to import


def show_summary(summary: "RunSummary") -> None:
    """A run's waterfall and messages."""
    print(f"{summary.run}  audience {(summary.digest or '')[:12]}")
    print_table(["customers", "number", "left"], waterfall_rows(summary.reasons, summary.arms))
    if not summary.arms:
        say("nobody qualifies")
    if summary.risk:
        low, middle, high = summary.risk
        print(f"their predicted risk of no order: median {middle:.0%}, from {low:.0%} to {high:.0%}")
        print(f"risk from: {summary.model}")
    for state, count in summary.messages.items():
        print(f"messages {state}: {count:,}")


def say_what_waits(settings: "Settings", run: str) -> None:
    """How a run that waits is approved, and by whom; nothing of one that does not wait."""
    from flows.approving import waiting  # as long as above

    if found := waiting(settings, run):
        say(f"{run} waits for approval: winback approve {run} --by NAME --digest {found.digest[:12]}")
        say(f"who may approve it: {found.who}")
