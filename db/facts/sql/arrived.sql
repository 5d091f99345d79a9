-- What a file of activity or feedback just written adds: new facts, facts that replace an earlier version, its first
-- and last day.
SELECT
    count(*) FILTER (NOT supersedes),
    count(*) FILTER (supersedes),
    min(fact_on),
    max(fact_on)
FROM read_parquet(getvariable('written'))
