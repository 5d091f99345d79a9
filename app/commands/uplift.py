"""uplift: whom a randomised message helped most, judged out of fold, and refused where that cannot be told."""

import argparse
from pathlib import Path

import numpy as np
import polars as pl

from app.terminal import print_json, print_table, say, working
from winback.errors import Exit, ImportProblem, WrongUse, nearest
from winback.uplift import TOP, Uplift, uplift

SEED = 1
MOST_VALUES = 50  # of a feature in words


def uplift_(arguments: argparse.Namespace) -> int:
    """Judge the ranking; exit 1 where it is no better than random ones."""
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


def _read(file: Path, columns: list[str]) -> pl.DataFrame:
    """The columns as text."""
    try:
        lazy = pl.scan_parquet(file) if file.suffix == ".parquet" else pl.scan_csv(file, infer_schema=False)
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


def _show(found: Uplift) -> None:
    print_table(["group", "customers"], [("treated", found.treated), ("control", found.control)])
    if found.qini is not None and found.effect is not None and found.top_effect is not None:
        print(f"effect on all {found.effect:.5f}, on the {TOP:.0%} ranked first {found.top_effect:.5f}")
        print(f"Qini {found.qini:.3f}; random rankings {found.null_low:.3f} to {found.null_high:.3f}")
        for name, other in found.others.items():
            print(f"Qini by {name} {other:.3f}")
    say(found.reason or "it may be used: it ranks better than all random rankings")
