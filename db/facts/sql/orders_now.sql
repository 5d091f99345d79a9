-- The orders as they stand: of each (source, order_id) the latest version wins, whatever the day it carries.
-- Only a row marked `supersedes` can replace another. Where the caller knows that there is none, the second half
-- is folded away and ids are not read at all.
CREATE TEMP MACRO orders_now(files, superseded) AS TABLE
SELECT customer_no, ordered_on, amount_minor
FROM read_parquet(files)
WHERE NOT superseded
UNION ALL
SELECT written.customer_no, written.ordered_on, written.amount_minor
FROM read_parquet(files) AS written
ANTI JOIN (
    SELECT source, order_id, max(version) AS version
    FROM read_parquet(files)
    WHERE supersedes
    GROUP BY source, order_id
) AS newer
    ON written.source = newer.source
    AND written.order_id = newer.order_id
    AND written.version < newer.version
WHERE superseded
