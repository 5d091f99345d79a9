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
ROW = " row"  # not the name of a column: nobody asks for one that begins with a space
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
            np.column_stack([_feature(rows, name, arguments.file) for name in arguments.features]),
            (rows[arguments.arm] == arguments.treated).to_numpy(),
            _numbers(rows, arguments.outcome, arguments.file),
            {name: _numbers(rows, name, arguments.file) for name in arguments.against},
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
    """The columns as text, and ROW: the row each stands in; the header is row 1."""
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
        texts = pl.col(columns).cast(pl.String).str.strip_chars()
        return lazy.select(texts).with_row_index(ROW, offset=2).collect()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ImportProblem("cannot be read as a table", file=str(file)) from error


def _numbers(rows: pl.DataFrame, name: str, file: Path) -> np.ndarray:
    column = rows[name]
    numbers = column.cast(pl.Float64, strict=False)
    bad = numbers.is_null() | ~numbers.is_finite()
    if bad.any():
        place = int(bad.arg_max() or 0)
        said = "is blank, not a number" if not column[place] else f"{column[place]!r} is not a number"
        raise ImportProblem(said, file=str(file), line=rows[ROW][place], field=name)
    return numbers.to_numpy()


def _feature(rows: pl.DataFrame, name: str, file: Path) -> np.ndarray:
    """A column of numbers as it is, one in words as a column for each of its values; blank is a value."""
    column = rows[name]
    if column.cast(pl.Float64, strict=False).is_not_null().all():
        return _numbers(rows, name, file)
    values = sorted(column.fill_null("").unique())
    if len(values) > MOST_VALUES:
        said = f"has {len(values)} different values in words, more than {MOST_VALUES}"
        raise ImportProblem(said, file=str(file), field=column.name)
    return np.column_stack([(column.fill_null("") == value).to_numpy().astype(float) for value in values])


def _rankings(found: Uplift) -> list[tuple[str, str, str]]:
    """The ranking by uplift beside others of the same people, and the learner that was worse."""
    first = [(f"uplift ({found.learner})", _number(found.qini, 3), _number(found.top_effect, 5))]
    worse = [
        (f"uplift ({name})", _number(q, 3), "") for name, q in found.learners.items() if name != found.learner
    ]
    effects = found.others_top_effect.items()
    others = [(name, _number(found.others.get(name), 3), _number(effect, 5)) for name, effect in effects]
    return [*first, *worse, *others]


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _show(found: Uplift) -> None:
    print_table(["group", "customers"], [("treated", found.treated), ("control", found.control)])
    if found.effect is not None:
        print(f"effect on all {found.effect:.5f}")
    if found.null_low is not None:
        print(f"Qini of random rankings {found.null_low:.3f} to {found.null_high:.3f}")
    if found.learner:
        print_table(["ranked by", "Qini", f"effect on the {TOP:.0%} ranked first"], _rankings(found))
    say(found.reason or "it may be used: it ranks better than all random rankings")
