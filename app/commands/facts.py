"""Data: import, score, suppress, explain."""

import argparse
import os
from datetime import UTC, datetime
from pathlib import Path

from app.terminal import print_json, print_table, progress_bar, say, working
from db.engine import database, reading, transaction
from db.facts.store import digests, path_of
from db.people import customer_by_id
from db.people import suppress as suppress_address
from db.settings import here
from db.source import SourceQuery
from flows.contract_scoring import score_and_explain_contracts
from flows.explaining import explain_customer
from flows.importing import Arrival, ImportReport, import_file
from flows.querying import import_query
from flows.scoring import score_and_explain
from flows.standing_still import standstill_at
from winback.customers.contact import address_hash, normalise_email, normalise_phone, why_no_contact
from winback.errors import Exit, WrongUse
from winback.intake.fields import Kind, kind_of
from winback.message.unwritten import UNWRITTEN, why_unwritten


def import_(arguments: argparse.Namespace) -> int:
    """Import a file, or what a database gives; exit 1 when there were rows and all were bad."""
    _refuse_import(arguments)
    settings = here(arguments.workspace)
    arrival = Arrival(
        kind=kind_of(arguments.kind, snapshot=arguments.snapshot_on is not None),
        file=arguments.file or Path(),
        source=arguments.source,
        mapping=dict(arguments.map),
        complete_through=arguments.complete_through,
        snapshot_on=arguments.snapshot_on,
    )
    if arguments.database:
        asked = SourceQuery(
            url=arguments.database, table=arguments.table, query=arguments.query, cursor=arguments.cursor
        )
        with working(f"importing {arrival.kind.stored_as}"):
            report = import_query(asked, arrival, settings, datetime.now(UTC))
    elif arguments.flow or os.environ.get("PREFECT_API_URL"):
        from flows.import_facts import import_as_flow  # Prefect takes 2 s to import

        report = import_as_flow(arrival, settings)
    else:
        with progress_bar(f"importing {arguments.file.name}") as progress:
            report = import_file(arrival, settings, datetime.now(UTC), progress)
    _show_import(report, arguments.json)
    return Exit.NO if report.read and not report.good else Exit.DONE


def _refuse_import(arguments: argparse.Namespace) -> None:
    asked = [word for word in ("table", "query", "cursor") if getattr(arguments, word)]
    if bool(arguments.file) == bool(arguments.database):
        raise WrongUse("name a file, or a database with --from")
    if arguments.file and asked:
        raise WrongUse(f"--{asked[0]} is of a database: name it with --from")
    if arguments.database and not (arguments.table or arguments.query):
        raise WrongUse("say what to read from it: --table NAME or --query SQL")
    if arguments.database and arguments.flow:
        raise WrongUse("a database is not read as a flow: write its rows to a file, or leave --flow out")


def _show_import(report: ImportReport, as_json: bool) -> None:
    if as_json:
        print_json(report.as_dict())
        return
    if not report.read:
        say(f"{report.file}: no rows, nothing to read")
    rows = "row" if report.read == 1 else "rows"
    print(
        f"{report.kind}: {report.read:,} {rows} read, {report.good:,} good ({report.new:,} new, "
        f"{report.changed:,} changed, {report.unchanged:,} unchanged or repeated), {report.bad:,} bad"
    )
    if report.rejects_file:
        print(f"bad rows, each with its line and reason: {report.rejects_file}")
    if report.data_through:
        print(f"complete through {report.data_through}")


def score(arguments: argparse.Namespace) -> int:
    """Score everybody with an order, or every contract that lives, and write the frame."""
    settings = here(arguments.workspace)
    contracts = arguments.definition == "contract"
    explained = score_and_explain_contracts if contracts else score_and_explain
    with (
        working("scoring"),
        database(settings.database_url) as engine,
        reading(engine) as session,
    ):
        facts = digests(session, Kind.SUBSCRIPTIONS if contracts else Kind.ORDERS)
        scores = explained(session, settings, facts, arguments.as_of, arguments.horizon, arguments.lang)
        files = [] if contracts else [path_of(settings.facts, digest) for digest in facts]
        still = standstill_at(files, arguments.as_of)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    scores.frame.drop("customer_no").sort("value_rank").write_parquet(arguments.out)
    said = {
        "rows": scores.frame.height,
        "as_of": arguments.as_of.isoformat(),
        "horizon_days": arguments.horizon,
        "model": scores.model,
        "weights": scores.weights,
        "fallback_reason": scores.fallback_reason,
        "digest": scores.digest,
        "out": str(arguments.out),
        "notes": [still.said.say(arguments.lang)] if still else [],
    }
    if arguments.json:
        print_json(said)
    else:
        print_table(["scores", ""], [(key, str(value)) for key, value in said.items() if key != "notes"])
        if still:
            say(still.said.en)
    return Exit.DONE


def suppress_(arguments: argparse.Namespace) -> int:
    """Put an address on the suppression list, for every channel."""
    settings = here(arguments.workspace)
    address = normalise_email(arguments.address) or normalise_phone(arguments.address, None)
    if address is None:
        raise WrongUse(why_no_contact(arguments.address))
    with database(settings.database_url) as engine, transaction(engine) as session:
        new = suppress_address(
            session,
            address_hash=address_hash(address),
            customer_no=None,
            channel="all",
            reason="by hand",
            source="command",
            at=datetime.now(UTC),
        )
    print("suppressed: nobody writes to it again" if new else "was suppressed already")
    return Exit.DONE


def explain(arguments: argparse.Namespace) -> int:
    """One customer's line in every run's ledger, and his messages."""
    settings = here(arguments.workspace)
    with database(settings.database_url) as engine, reading(engine) as session:
        customer = customer_by_id(session, arguments.customer)
        if customer is None:
            raise WrongUse(f"no customer '{arguments.customer}'")
        lines = explain_customer(session, settings, customer)
    if arguments.json:
        print_json({"customer": arguments.customer, "runs": lines})
        return Exit.DONE
    if not lines:
        print("no run has scored this customer yet")
        return Exit.DONE
    columns = list(lines[0])
    print_table(columns, [tuple(line.values()) for line in lines])
    for reason in sorted({line["why"] for line in lines} & UNWRITTEN):
        say(why_unwritten(reason)[0])
    return Exit.DONE
