-- Of the staged orders of one source those that are new, or differ from the version already there, in the columns of
-- a fact file. Of an id repeated in the file (`repeats`: whether there may be any) the last line wins. `present` and
-- `people` are given; the rest are variables.
WITH repeated AS (
    SELECT order_id, max(line) AS line
    FROM read_parquet(getvariable('staged'))
    WHERE getvariable('repeats')
    GROUP BY order_id
    HAVING count(*) > 1
),

staged AS (
    SELECT arrived.*
    FROM read_parquet(getvariable('staged')) AS arrived
    ANTI JOIN repeated ON arrived.order_id = repeated.order_id AND arrived.line < repeated.line
),

known AS (
    SELECT *
    FROM present
    WHERE source = getvariable('source')
    QUALIFY row_number() OVER (PARTITION BY order_id ORDER BY version DESC) = 1
)

SELECT
    people.customer_no,
    getvariable('source')::VARCHAR AS source,
    staged.order_id,
    staged.ordered_on,
    staged.ordered_at,
    staged.amount_minor,
    staged.refund_of,
    getvariable('version')::INTEGER AS version,
    known.order_id IS NOT NULL AS supersedes
FROM staged
JOIN people USING (customer_id)
LEFT JOIN known USING (order_id)
WHERE
    known.order_id IS NULL
    OR known.customer_no <> people.customer_no
    OR known.ordered_at <> staged.ordered_at
    OR known.amount_minor <> staged.amount_minor
    OR known.refund_of IS DISTINCT FROM staged.refund_of
-- by customer, time and line: one number of the first two sorts at two thirds of the cost
ORDER BY (people.customer_no << 32) + epoch(staged.ordered_at)::BIGINT, staged.line
