-- What a fact file just written adds: new rows, rows that replace an earlier version, its first and last day.
SELECT
    count(*) FILTER (NOT supersedes),
    count(*) FILTER (supersedes),
    min(ordered_on),
    max(ordered_on)
FROM read_parquet(getvariable('written'))
