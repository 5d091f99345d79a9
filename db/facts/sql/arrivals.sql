-- Of the staged lines, activity, subscriptions or feedback of one source those that are new, or differ from the version
-- already there, in the columns of a fact file. `fact_id` is a fact's own id, else its customer and place; of facts that
-- may repeat within a file it counts them, of others the last line wins. `present` and `people` are given (nobody for
-- lines: whose they are their order says); the rest are variables.
WITH arrived AS (
    SELECT
        people.customer_no,
        getvariable('source')::VARCHAR AS source,
        coalesce(own_id, concat_ws(chr(9), people.customer_no, place))
        || CASE
            WHEN repeats THEN chr(9) || row_number() OVER (PARTITION BY repeats, own_id, customer_id, place ORDER BY line)
            ELSE ''
        END AS fact_id,
        file.* EXCLUDE (customer_id, own_id, place, repeats)
    FROM read_parquet(getvariable('staged')) AS file
    LEFT JOIN people USING (customer_id)
),

staged AS (
    SELECT * EXCLUDE (line)
    FROM arrived
    QUALIFY row_number() OVER (PARTITION BY fact_id ORDER BY line DESC) = 1
),

known AS (
    SELECT * EXCLUDE (version, supersedes)
    FROM present
    WHERE source = getvariable('source')
    QUALIFY row_number() OVER (PARTITION BY fact_id ORDER BY version DESC) = 1
)

SELECT
    staged.*,
    getvariable('version')::INTEGER AS version,
    known.fact_id IS NOT NULL AS supersedes
FROM staged
LEFT JOIN known USING (fact_id)
WHERE known.fact_id IS NULL OR staged IS DISTINCT FROM known
ORDER BY staged.customer_no, staged.fact_on, staged.fact_id
