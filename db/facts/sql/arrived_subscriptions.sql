-- As arrived.sql, of subscriptions: their days are those of the beginnings, ends and snapshots up to the variable today. Ends
-- and beginnings may lie ahead.
WITH days AS (
    SELECT unnest([fact_on, ended_on]) AS fact_on
    FROM read_parquet(getvariable('written'))
)

SELECT
    count(*) FILTER (NOT supersedes),
    count(*) FILTER (supersedes),
    (SELECT min(fact_on) FROM days WHERE fact_on <= getvariable('today')),
    (SELECT max(fact_on) FROM days WHERE fact_on <= getvariable('today'))
FROM read_parquet(getvariable('written'))
