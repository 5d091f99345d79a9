"""The command line: words in, one line of help each, exit codes out. What is heavy is imported by its command."""

import argparse
import gc
import os
import sys
from collections.abc import Callable, Sequence
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from winback import __version__
from winback.errors import Exit, WinbackError, nearest


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # its idle threads cost a small fit more than they give
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # looking for some reads every package installed
    arguments = parser().parse_args(argv)
    try:
        return int(_load(arguments.run)(arguments))
    except WinbackError as error:
        print(f"winback: {error}", file=sys.stderr)
        return int(error.exit_code)
    except PermissionError as error:
        print(f"winback: no permission: {error.filename or error}", file=sys.stderr)
        return int(Exit.UNUSABLE)
    except BrokenPipeError:
        sys.stderr.close()
        return int(Exit.DONE)
    except KeyboardInterrupt:
        print("winback: interrupted; running it again resumes", file=sys.stderr)
        return 130


def _load(place: str) -> Callable[[argparse.Namespace], int]:
    module, _, name = place.partition(":")
    gc.disable()  # what is imported stays: looking through it for garbage takes an eighth of `check`
    function: Callable[[argparse.Namespace], int] = getattr(import_module(f"app.commands.{module}"), name)
    gc.enable()
    return function


class _Parser(argparse.ArgumentParser):
    """A parser whose complaint about a wrong choice names the nearest right one."""

    def error(self, message: str) -> NoReturn:
        if "invalid choice: '" in message:
            word, _, choices = message.partition("invalid choice: '")[2].partition("' (choose from ")
            near = nearest(word, [choice.strip("') ") for choice in choices.split(",")])
            message += f"; did you mean '{near}'?" if near else ""
        super().error(message)


def a_day(text: str) -> date:
    """A day written as 2026-01-31."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a day like 2026-01-31") from None
    if not 1970 <= day.year < 2200:
        raise argparse.ArgumentTypeError(f"'{text}' is not a day of the years 1970 to 2199")
    return day


def share(text: str) -> float:
    """A number from 0 to 1."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number from 0 to 1")
    return number


def days(text: str) -> int:
    """A number of days, written as 90 or 90d."""
    number = text.removesuffix("d")
    if not number.isdecimal() or not 1 <= int(number) <= 3650:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of days from 1 to 3650, like 90 or 90d")
    return int(number)


def a_port(text: str) -> int:
    """A port number; 0 lets the system choose one."""
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"'{text}' is not a port from 0 to 65535")
    return int(text)


def pair(text: str) -> tuple[str, str]:
    """Two words joined by =."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(f"'{text}' is not written as name=value")
    return name, value


def parser() -> argparse.ArgumentParser:
    """Every command with its arguments."""
    top = _Parser(prog="winback", description="Win customers back, once each, and know whether it helped.")
    top.add_argument("--version", action="version", version=f"winback {__version__}")
    top.add_argument("--workspace", type=Path, metavar="DIR", help="the folder with winback.toml (default: here)")
    commands = top.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: str, help_: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=help_, description=help_)
        made.set_defaults(run=run)
        return made

    _workspace_commands(command)
    _import_command(command)
    _churn_commands(command)
    _score_commands(command)
    _customer_commands(command)
    _looking_commands(command)
    _running_commands(command)
    _settling_commands(command)
    _outcome_commands(command)
    _file_commands(command)
    return top


Command = Callable[[str, str, str], argparse.ArgumentParser]


def _json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="one JSON object on standard output")


def _workspace_commands(command: Command) -> None:
    demo = command("demo", "demo:demo", "a whole campaign on real orders, in a folder of its own")
    demo.add_argument("folder", nargs="?", type=Path, default=Path(".demo"), help="default: .demo")
    init = command("init", "workspace:init", "make a workspace with example campaigns")
    init.add_argument("folder", type=Path)
    status = command("status", "status:status", "what is configured, what is waiting, what is unknown")
    status.add_argument("--watch", action="store_true", help="again every two seconds, until interrupted")
    _json(status)
    backup = command("backup", "backups:backup", "a checked copy of the SQLite database, in one file")
    backup.add_argument("file", type=Path, help="a new file")
    restore = command("restore", "backups:restore", "put a backup back, and hold everything until it is released")
    restore.add_argument("file", nargs="?", type=Path, help="default: hold what was put back by other means")
    serve = command("serve", "serve:serve", "callbacks, due slots and the outbox, in one process")
    serve.add_argument("--port", type=a_port, default=8025, help="default: 8025; 0: any free one")


def _import_command(command: Command) -> None:
    load = command("import", "facts:import_", "bring in a file of customers, orders or other facts")
    load.add_argument("kind", help="customers, orders, lines, activity, subscriptions, feedback or suppressions")
    load.add_argument("file", nargs="?", type=Path, help=".csv, .csv.gz or .parquet")
    load.add_argument(
        "--from", dest="database", metavar="URL", help="sqlite:///... or postgresql://..., read-only"
    )
    what = load.add_mutually_exclusive_group()
    what.add_argument("--table", metavar="NAME", help="of --from: all its columns")
    what.add_argument("--query", metavar="SQL", help="of --from: what this SELECT gives")
    load.add_argument("--cursor", metavar="COLUMN", help="of --from: go on after the last value of this column")
    load.add_argument("--source", default="main", help="name of the system it comes from (default: main)")
    load.add_argument("--map", type=pair, action="append", default=[], metavar="FIELD=COLUMN")
    load.add_argument("--complete-through", type=a_day, metavar="DAY", help="facts are complete through this day")
    load.add_argument("--snapshot-on", type=a_day, metavar="DAY", help="subscriptions as they stood on this day")
    load.add_argument("--flow", action="store_true", help="as a Prefect flow")
    _json(load)


def _churn_commands(command: Command) -> None:
    churn = command("churn", "churn:churn", "how many customers were lost after a day")
    churn.add_argument("--as-of", type=a_day, required=True, metavar="DAY")
    churn.add_argument("--window", type=days, required=True, metavar="DAYS")
    churn.add_argument("--definition", choices=["no_order", "contract", "model"], default="no_order")
    churn.add_argument("--threshold", type=share, default=0.5, metavar="P", help="model: lost from this risk on")
    churn.add_argument(
        "--by", metavar="WHAT", help="month, cohort, value, first_order, plan, kind, cause or a field"
    )
    churn.add_argument("--out", type=Path, metavar="FILE.html", help="the churn overview as a page")
    churn.add_argument("--portraits", action="store_true", help="what the lost were like, in groups with rules")
    churn.add_argument("--lang", choices=["en", "zh"], default="en", help="of the page; default: en")
    _json(churn)
    signals = command(
        "signals", "signals:signals", "early warnings: who shows them, and how often they were right"
    )
    signals.add_argument("--as-of", type=a_day, required=True, metavar="DAY")
    signals.add_argument("--window", type=days, required=True, metavar="DAYS")
    _json(signals)


def _score_commands(command: Command) -> None:
    score = command("score", "facts:score", "risk and value of every customer")
    score.add_argument("--as-of", type=a_day, required=True, metavar="DAY")
    score.add_argument("--horizon", type=days, required=True, metavar="DAYS")
    score.add_argument("--out", type=Path, required=True, metavar="FILE.parquet")
    score.add_argument("--definition", choices=["no_order", "contract"], default="no_order")
    score.add_argument("--lang", choices=["en", "zh"], default="en", help="of the reasons; default: en")
    _json(score)
    backtest = command(
        "backtest", "backtest:backtest", "how good scores would have been, and what they are made of"
    )
    backtest.add_argument("--horizon", type=days, required=True, metavar="DAYS")
    backtest.add_argument("--cuts", type=int, default=3, metavar="N", help="past days to measure at; default: 3")
    backtest.add_argument("--definition", choices=["no_order", "contract"], default="no_order")
    _json(backtest)
    advice = command("recommend", "recommend:recommend", "three products for every customer, against bestsellers")
    advice.add_argument("--as-of", type=a_day, required=True, metavar="DAY")
    advice.add_argument("--window", type=days, default=90, metavar="DAYS", help="judged on; default: 90")
    advice.add_argument("--out", type=Path, required=True, metavar="FILE.csv")
    _json(advice)


def _customer_commands(command: Command) -> None:
    suppress = command("suppress", "facts:suppress_", "never write to an address again")
    suppress.add_argument("address", help="an e-mail address or a phone number in international form")
    explain = command("explain", "facts:explain", "one customer: every run he was in or left out of, and why")
    explain.add_argument("customer")
    _json(explain)


def _looking_commands(command: Command) -> None:
    check = command("check", "check:check", "everything wrong with campaign files and their templates")
    check.add_argument("files", nargs="*", type=Path, metavar="FILE", help="default: all of campaigns/")
    check.add_argument(
        "--schema", action="store_true", help="print the JSON Schema of a campaign file, for editors"
    )
    campaigns = command("campaigns", "side_by_side:campaigns", "every campaign: state, next slot, last result")
    campaigns.add_argument("campaign", nargs="?", help="its runs one by one, by the week in which people entered")
    _json(campaigns)
    preview = command(
        "preview", "preview:preview", "who would be in, at what cost, and what the result could show"
    )
    preview.add_argument("campaign")
    preview.add_argument("--as-of", type=a_day, metavar="DAY", help="default: the last whole day")
    preview.add_argument("--customer", metavar="ID", help="the message of this customer, or why there is none")
    preview.add_argument("--out", type=Path, metavar="FILE.html", help="a page with every message as it will look")
    preview.add_argument("--lang", choices=["en", "zh"], default="en", help="of the page; default: en")
    preview.add_argument("--audience", type=Path, metavar="FILE.csv", help="write who would be in, masked")
    preview.add_argument("--unmasked", action="store_true", help="with --audience: the addresses themselves")
    _json(preview)
    diff = command(
        "diff", "difference:diff", "who would come and go against the last run, why, and what was edited"
    )
    diff.add_argument("campaign")
    diff.add_argument("--as-of", type=a_day, metavar="DAY", help="default: the last whole day")
    _json(diff)


def _running_commands(command: Command) -> None:
    run = command("run", "campaigns:run", "select, assign, plan and queue")
    run.add_argument("campaign")
    run.add_argument(
        "--as-of",
        type=a_day,
        metavar="DAY",
        help="default: the last whole day; of a replay the latest that can be",
    )
    how = run.add_mutually_exclusive_group()
    how.add_argument("--dry-run", action="store_true", help="only show who would be in")
    how.add_argument("--replay", action="store_true", help="on history, into a folder, as far as its report")
    how.add_argument("--flow", action="store_true", help="as a Prefect flow")
    _json(run)
    approve = command("approve", "approvals:approve", "let a run go that waits for somebody's yes")
    approve.add_argument("run_name", metavar="RUN", help="<campaign>/<occurrence>")
    approve.add_argument("--by", required=True, metavar="NAME", help="who says yes; not the campaign's owner")
    approve.add_argument(
        "--digest", default="", help="what was looked at, as preview shows it; refused if it is another"
    )
    _json(approve)
    send = command("send", "campaigns:send", "send what is due")
    send.add_argument("--until-empty", action="store_true", help="wait until nothing is left")
    _json(send)
    trial = command("test-send", "trial:test_send", "a campaign's message to an address of your own")
    trial.add_argument("campaign")
    trial.add_argument(
        "--to", required=True, metavar="ADDRESS", help="an e-mail address or a phone number (+44...)"
    )
    trial.add_argument("--variant", action="append", default=[], metavar="NAME", help="default: the first")
    trial.add_argument("--locale", action="append", default=[], help="such as zh-CN; default: en-GB")


def _settling_commands(command: Command) -> None:
    reconcile = command("reconcile", "reconcile:reconcile_", "what nobody knows: ask the provider, or say it")
    reconcile.add_argument("run_name", metavar="RUN", nargs="?", help="default: all of them")
    which = reconcile.add_mutually_exclusive_group()
    which.add_argument("--key", help="one message, by its key")
    which.add_argument("--file", type=Path, metavar="FILE.csv", help="messages by the column 'key'")
    said = reconcile.add_mutually_exclusive_group()
    for word, help_ in (("sent", "they were sent"), ("not-sent", "they were not"), ("abandon", "give them up")):
        said.add_argument(f"--{word}", dest="said", action="store_const", const=word.replace("-", "_"), help=help_)
    reconcile.add_argument("--evidence", metavar="TEXT", help="how you know; kept with the message")
    _json(reconcile)
    stop = command("stop", "stops:stop", "let nothing more leave")
    resume = command("resume", "stops:resume", "let it leave again")
    for switch in (stop, resume):
        switch.add_argument("what", nargs="?", metavar="WHAT", help="a campaign or a RUN; default: everything")
    resume.add_argument("--restored", action="store_true", help="release a state put back from a backup")


def _outcome_commands(command: Command) -> None:
    measure = command("measure", "outcomes:measure", "what became of a run, beside its hold-out")
    measure.add_argument("run_name", metavar="RUN", help="<campaign>/<occurrence>")
    measure.add_argument("--as-of", type=a_day, metavar="DAY", help="with the facts through this day")
    measure.add_argument("--second", action="store_true", help="at twice the window: did they stay?")
    measure.add_argument("--flow", action="store_true", help="as a Prefect flow")
    _json(measure)
    report = command("report", "outcomes:report", "write the report of a measured run")
    report.add_argument("run_name", metavar="RUN", help="<campaign>/<occurrence>")
    report.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="png: a folder, a file for each chart"
    )
    report.add_argument(
        "--format", choices=["html", "json", "csv", "pdf", "png"], help="default: as the name of FILE ends"
    )
    report.add_argument("--lang", choices=["en", "zh"], default="en")
    report.add_argument("--second", action="store_true", help="of the second reading")


def _file_commands(command: Command) -> None:
    uplift = command("uplift", "uplift:uplift_", "whom a randomised message helped most, if that can be told")
    uplift.add_argument("file", nargs="?", type=Path, help="a randomised file; its columns by the options")
    uplift.add_argument(
        "--runs", nargs="+", default=[], metavar="NAME", help="instead: a RUN, or all of a campaign"
    )
    for option, metavar in (("arm", "COLUMN"), ("treated", "VALUE"), ("control", "VALUE"), ("outcome", "COLUMN")):
        uplift.add_argument(f"--{option}", metavar=metavar)
    uplift.add_argument("--features", nargs="+", default=[], metavar="COLUMN", help="known before the message")
    uplift.add_argument("--against", nargs="+", default=[], metavar="COLUMN", help="other rankings, high first")
    _json(uplift)
    lift = command("lift", "outcomes:lift_", "the effect in any randomised file")
    lift.add_argument("file", type=Path)
    lift.add_argument("--arm", required=True, metavar="COLUMN")
    lift.add_argument("--control", required=True, metavar="VALUE")
    for option in ("--rate", "--money", "--lower-is-better"):
        lift.add_argument(option, nargs="+", action="extend", default=[], metavar="COLUMN")
    lift.add_argument("--planned", nargs="+", action="extend", type=pair, default=[], metavar="VALUE=SHARE")
    lift.add_argument(
        "--smallest-effect", nargs="+", action="extend", type=pair, default=[], metavar="COLUMN=POINTS"
    )
    _json(lift)


if __name__ == "__main__":
    sys.exit(main())
