-- The contracts as told by the end of as_of, one row each: of a fact the latest version, of several snapshots of a
-- contract the last one up to as_of, or the first after it. `ended_on` is the end that was told then or later.
-- A contract is known by its id; without one a row is a contract of its own, and a customer's snapshots are of one.
CREATE TEMP MACRO contracts_now(files, as_of) AS TABLE
WITH standing AS (
    SELECT
        written.*,
        coalesce(
            subscription_id, CASE WHEN told_on IS NULL THEN fact_id ELSE 'customer ' || customer_no END
        ) AS contract
    FROM read_parquet(files) AS written
    ANTI JOIN (
        SELECT source, fact_id, max(version) AS version
        FROM read_parquet(files)
        WHERE supersedes
        GROUP BY source, fact_id
    ) AS newer
        ON written.source = newer.source
        AND written.fact_id = newer.fact_id
        AND written.version < newer.version
),

told AS (
    SELECT
        standing.* EXCLUDE (ended_on),
        coalesce(ended_on, min(ended_on) OVER later) AS ended_on
    FROM standing
    WINDOW later AS (
        PARTITION BY source, contract ORDER BY told_on NULLS FIRST
        ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
    )
)

SELECT *
FROM told
QUALIFY row_number() OVER (
    PARTITION BY source, contract
    ORDER BY coalesce(told_on > as_of, FALSE), CASE WHEN told_on > as_of THEN told_on END, told_on DESC NULLS LAST
) = 1
