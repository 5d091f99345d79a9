"""recommend: three products for every customer, and whether such advice beats plain popularity here."""

import argparse

from app.terminal import print_json, say, working
from db.engine import database, reading
from db.settings import here
from flows.churning import period
from flows.recommending import advise
from winback.errors import Exit
from winback.lift.intervals import Proportion
from winback.sheet import sheet


def recommend(arguments: argparse.Namespace) -> int:
    """Write the list; exit 1 when plain popularity was right as often."""
    settings = here(arguments.workspace)
    with database(settings.database_url) as engine, reading(engine) as session:
        of = period(session, settings, arguments.as_of, arguments.window)
        with working("comparing"):
            found = advise(session, settings, of)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(sheet([found.products.columns, *found.products.rows()]), encoding="utf-8")
    better = found.hits.x > found.popular_hits.x
    if arguments.json:
        print_json(found.as_dict(of) | {"out": str(arguments.out)})
    else:
        print(arguments.out)
        print(f"right for {_share(found.hits)} of those who bought in the last {of.window_days} days")
        print(f"the bestsellers: {_share(found.popular_hits)}")
    if not better:
        say("the bestsellers were right as often: better recommend these")
    return Exit.DONE if better else Exit.NO


def _share(part: Proportion) -> str:
    return "-" if part.rate is None else f"{part.rate:.1%} ({part.x:,} of {part.n:,})"
