"""Points in time as written in files: ISO text -> UTC instants; a time without an offset is local."""

from datetime import date, timedelta

import polars as pl

from winback.intake.common_moments import common_days, common_moments

FIRST_YEAR, LAST_YEAR = 1970, 2099  # of moments: where the time zone rules are known
FIRST_BIRTH_YEAR = 1900

_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_SECONDS = r":[0-5][0-9](?:\.[0-9]{1,9})?"
_CLOCK = rf"(?:[01][0-9]|2[0-3]):[0-5][0-9](?:{_SECONDS})?"
_OFFSET = r"[Zz]|[+-](?:0[0-9]|1[0-8])(?::?[0-5][0-9])?"
_SHAPE = rf"^{_DAY}(?:[T ]{_CLOCK}(?: ?(?:{_OFFSET}))?)?$"
_MIDNIGHT = rf"^{_DAY}(?:[T ]00:00(?::00(?:\.0+)?)?)?$"
_NEARLY = rf"^{_DAY}(?:$|[T ][0-9])"
_SERIAL = r"^[0-9]{5}(?:\.[0-9]+)?$"

_ANY_OFFSET = timedelta(days=2)
_MORE_THAN_ANY_GAP = pl.duration(hours=25)  # the widest gap is a day: Samoa, 30 December 2011


def read_moments(texts: pl.Series, timezone: str, not_after: date | None) -> pl.Series:
    """``2024-03-31``, ``2024-03-31 14:05[:06[.7]]``, with ``T``, with ``Z`` or ``+08:00`` -> Datetime(us, UTC).

    Naive text is local time of ``timezone`` as ``zoneinfo`` takes it at fold 0: of a repeated hour the first,
    and a time that does not exist counts with the offset before the gap. Null where the text is something
    else, no such day, outside 1970-2099, or later than the local day ``not_after``.
    """
    instants = _instants(texts, timezone)
    if _surely_believable(instants, not_after):
        return instants
    day = local_day(pl.col("instant"), timezone)
    believable = day.dt.year().is_between(FIRST_YEAR, LAST_YEAR)
    if not_after is not None:
        believable &= day <= not_after
    return instants.to_frame("instant").select(pl.when(believable).then("instant")).to_series()


def _surely_believable(instants: pl.Series, not_after: date | None) -> bool:
    """Are all so far from what is not believed that no zone's day need be reckoned?"""
    moments = instants.drop_nulls().to_physical().to_numpy()  # Python knows no year 0 or 10,000
    if not len(moments):
        return False
    latest = date(LAST_YEAR, 12, 31) if not_after is None else min(not_after, date(LAST_YEAR, 12, 31))
    earliest = date(FIRST_YEAR, 1, 2) + _ANY_OFFSET
    return bool(moments.min() >= _midnight(earliest) and moments.max() < _midnight(latest - _ANY_OFFSET))


def _midnight(day: date) -> int:
    """Microseconds since 1970, in UTC."""
    return (day - date(1970, 1, 1)).days * 86_400_000_000


def why_no_moments(texts: pl.Series, timezone: str, not_after: date | None) -> pl.Series:
    """The reason for each text that ``read_moments`` gave null for."""
    year = local_day(pl.col("instant"), timezone).dt.year()
    reason = (
        pl.when(year.is_null())
        .then(_why_no_date(pl.col("text")))
        .when(~year.is_between(FIRST_YEAR, LAST_YEAR))
        .then(pl.lit(f"outside the years {FIRST_YEAR}-{LAST_YEAR}"))
        .otherwise(pl.lit(f"in the future (after {not_after})"))
    )
    return pl.DataFrame({"text": texts, "instant": _instants(texts, timezone)}).select(reason).to_series()


def local_day(instant: pl.Expr, timezone: str) -> pl.Expr:
    """The calendar day of a UTC instant in a zone."""
    return instant.map_batches(lambda instants: _local_days(instants, timezone), return_dtype=pl.Date)


def _local_days(instants: pl.Series, timezone: str) -> pl.Series:
    days = common_days(instants, timezone)
    rest = (days.is_null() & instants.is_not_null()).arg_true()
    return days.scatter(rest, instants.gather(rest).dt.convert_time_zone(timezone).dt.date())


def read_day(text: pl.Expr) -> pl.Expr:
    """``1980-05-31`` (a midnight after it is dropped) -> Date; null where it is not that or outside 1900-2099."""
    day = pl.when(text.str.contains(_MIDNIGHT)).then(text.str.head(10)).str.to_date("%Y-%m-%d", strict=False)
    return pl.when(day.dt.year().is_between(FIRST_BIRTH_YEAR, LAST_YEAR)).then(day)


def why_no_day(text: pl.Expr) -> pl.Expr:
    """The reason for each text that ``read_day`` gave null for."""
    day = text.str.head(10).str.to_date("%Y-%m-%d", strict=False)
    outside = pl.lit(f"outside the years {FIRST_BIRTH_YEAR}-{LAST_YEAR}")
    return pl.when(text.str.contains(_MIDNIGHT) & day.is_not_null()).then(outside).otherwise(_why_no_date(text))


def _instants(texts: pl.Series, timezone: str) -> pl.Series:
    instants = common_moments(texts, timezone)
    rest = (instants.is_null() & texts.is_not_null()).arg_true()
    return instants.scatter(rest, _of_any_shape(texts.gather(rest), timezone)) if len(rest) else instants


def _of_any_shape(texts: pl.Series, timezone: str) -> pl.Series:
    """In steps: as one expression polars would work out the first ones thrice."""
    text = pl.col("text")
    frame = texts.to_frame("text").select(naive=_naive(text), offset=_offset(text))
    frame = frame.with_columns(local=_localised(pl.col("naive"), timezone))
    before_gap = _localised(pl.col("naive") - _MORE_THAN_ANY_GAP, timezone) + _MORE_THAN_ANY_GAP
    if frame["local"].null_count() > frame["naive"].null_count():
        frame = frame.with_columns(local=pl.coalesce("local", before_gap))
    absolute = (pl.col("naive") - pl.col("offset")).dt.replace_time_zone("UTC")
    return frame.select(pl.when(pl.col("offset").is_null()).then("local").otherwise(absolute)).to_series()


def _naive(text: pl.Expr) -> pl.Expr:
    clock = pl.when(text.str.len_bytes() > 10).then(text.str.slice(11, 5)).otherwise(pl.lit("00:00"))
    seconds = text.str.extract(rf"^.{{16}}({_SECONDS})").fill_null(":00")
    stamp = pl.concat_str(text.str.head(10), clock, seconds)
    shaped = pl.when(text.str.contains(_SHAPE)).then(stamp)
    return shaped.str.to_datetime("%Y-%m-%d%H:%M:%S%.f", time_unit="us", strict=False)


def _offset(text: pl.Expr) -> pl.Expr:
    """The duration east of UTC, or null when none is written."""
    written = text.str.extract(rf"{_CLOCK} ?({_OFFSET})$")
    hours = written.str.slice(1, 2).cast(pl.Int64, strict=False).fill_null(0)
    minutes = written.str.extract(r"^.{3}:?([0-9]{2})$").cast(pl.Int64, strict=False).fill_null(0)
    total = hours * 60 + minutes
    signed = pl.when(written.str.starts_with("-")).then(-total).otherwise(total)
    return pl.when(written.is_not_null()).then(pl.duration(minutes=signed))


def _localised(naive: pl.Expr, timezone: str) -> pl.Expr:
    """First of two instants where an hour repeats, null where it does not exist."""
    local = naive.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")
    return local.dt.convert_time_zone("UTC")


def _why_no_date(text: pl.Expr) -> pl.Expr:
    return (
        pl.when(text.str.contains(_NEARLY))
        .then(pl.lit("no such date or time"))
        .when(text.str.contains(_SERIAL))
        .then(pl.lit("a spreadsheet's serial number: write the date as 2024-03-31"))
        .otherwise(pl.lit("write the date as 2024-03-31 or 2024-03-31 14:05"))
    )
