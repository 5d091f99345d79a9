"""uplift: whom a message helped most, in a randomised file or in past runs, refused where that cannot be told."""

import argparse
from pathlib import Path

import numpy as np
import polars as pl

from app.terminal import print_json, print_table, say, working
from db.settings import here
from flows.uplifting import uplift_of_runs
from winback.errors import Exit, ImportProblem, WrongUse, nearest
from winback.scores.uplift import TOP, Uplift, uplift

SEED = 1
MOST_VALUES = 50  # of a feature in words


OF_A_FILE = ("arm", "treated", "control", "outcome", "features")


def uplift_(arguments: argparse.Namespace) -> int:
    """Judge the ranking; exit 1 where it is no better than random ones."""
    given = [f"--{name}" for name in (*OF_A_FILE, "against") if getattr(arguments, name)]
    if bool(arguments.file) == bool(arguments.runs):
        raise WrongUse("name a file, or runs by --runs RUN")
    if arguments.runs and given:
        raise WrongUse(f"{given[0]} is of a file: what is known of runs stands in them")
    return _of_runs(arguments) if arguments.runs else _of_file(arguments)


def _of_file(arguments: argparse.Namespace) -> int:
    if missing := [f"--{name}" for name in OF_A_FILE if not getattr(arguments, name)]:
        raise WrongUse(f"a file needs {', '.join(missing)}")
    columns = [arguments.arm, arguments.outcome, *arguments.features, *arguments.against]
    rows = _read(arguments.file, list(dict.fromkeys(columns)))
    of_either = pl.col(arguments.arm).is_in([arguments.treated, arguments.control])
    rows = rows.filter(of_either)
    with working("learning"):
        found = uplift(
            np.column_stack([_feature(rows[name], arguments.file) for name in arguments.features]),
            (rows[arguments.arm] == arguments.treated).to_numpy(),
            _numbers(rows[arguments.outcome], arguments.file),
            {name: _numbers(rows[name], arguments.file) for name in arguments.against},
            SEED,
        )
    if arguments.json:
        print_json(found.as_dict())
    else:
        _show(found)
    return Exit.DONE if found.reason is None else Exit.NO


def _of_runs(arguments: argparse.Namespace) -> int:
    with working("learning"):
        found = uplift_of_runs(here(arguments.workspace), arguments.runs)
    if arguments.json:
        print_json(found.as_dict())
    else:
        print(f"{', '.join(found.runs)}: judged by {found.measure}, by the orders seen in the window")
        _show(found.uplift)
        if found.placebo:
            say("a rehearsal: nobody got a message, so any effect is chance")
    return Exit.DONE if found.uplift.reason is None else Exit.NO


def _read(file: Path, columns: list[str]) -> pl.DataFrame:
    """The columns as text."""
    try:
        lazy = (
            pl.scan_parquet(file, glob=False)
            if file.suffix == ".parquet"
            else pl.scan_csv(file, infer_schema=False, glob=False)
        )
        known = lazy.collect_schema().names()
        for name in columns:
            if name not in known:
                near = nearest(name, known)
                hint = f"; did you mean '{near}'?" if near else ""
                raise WrongUse(f"{file} has no column '{name}'{hint}")
        return lazy.select(pl.col(columns).cast(pl.String).str.strip_chars()).collect()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ImportProblem("cannot be read as a table", file=str(file)) from error


def _numbers(column: pl.Series, file: Path) -> np.ndarray:
    numbers = column.cast(pl.Float64, strict=False)
    bad = numbers.is_null() | ~numbers.is_finite()
    if bad.any():
        place = int(bad.arg_max() or 0)
        raise ImportProblem(f"{column[place]!r} is not a number", file=str(file), field=column.name)
    return numbers.to_numpy()


def _feature(column: pl.Series, file: Path) -> np.ndarray:
    """A column of numbers as it is, one in words as a column for each of its values; blank is a value."""
    if column.cast(pl.Float64, strict=False).is_not_null().all():
        return _numbers(column, file)
    values = sorted(column.fill_null("").unique())
    if len(values) > MOST_VALUES:
        said = f"has {len(values)} different values in words, more than {MOST_VALUES}"
        raise ImportProblem(said, file=str(file), field=column.name)
    return np.column_stack([(column.fill_null("") == value).to_numpy().astype(float) for value in values])


def _rankings(found: Uplift) -> list[tuple[str, str, str]]:
    """The ranking by uplift beside others of the same people, and the learner that was worse."""
    first = [(f"uplift ({found.learner})", f"{found.qini:.3f}", f"{found.top_effect:.5f}")]
    worse = [(f"uplift ({name})", f"{q:.3f}", "") for name, q in found.learners.items() if name != found.learner]
    others = [(name, f"{q:.3f}", f"{found.others_top_effect[name]:.5f}") for name, q in found.others.items()]
    return [*first, *worse, *others]


def _show(found: Uplift) -> None:
    print_table(["group", "customers"], [("treated", found.treated), ("control", found.control)])
    if found.qini is not None and found.effect is not None and found.top_effect is not None:
        print(f"effect on all {found.effect:.5f}")
        print(f"Qini of random rankings {found.null_low:.3f} to {found.null_high:.3f}")
        print_table(["ranked by", "Qini", f"effect on the {TOP:.0%} ranked first"], _rankings(found))
    say(found.reason or "it may be used: it ranks better than all random rankings")
