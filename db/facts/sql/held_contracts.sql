-- HELD (db/facts/recorded.py): what the customers pay a month for the contracts live at the end of $as_of, and for those
-- live at the end of $through. A contract is live until it ends, or runs out without being renewed.
WITH live AS (
    SELECT customer_no, monthly_minor, TRUE AS at_start
    FROM contracts_now($files, $as_of)
    WHERE started_on <= $as_of AND coalesce(coalesce(ended_on, renews_on) > $as_of, TRUE)
    UNION ALL
    SELECT customer_no, monthly_minor, FALSE AS at_start
    FROM contracts_now($files, $through)
    WHERE started_on <= $through AND coalesce(coalesce(ended_on, renews_on) > $through, TRUE)
)

SELECT
    customer_no,
    count(*) FILTER (at_start) > 0 AS held,
    count(*) FILTER (NOT at_start) > 0 AS kept,
    coalesce(sum(monthly_minor) FILTER (at_start), 0)::BIGINT AS held_minor,
    coalesce(sum(monthly_minor) FILTER (NOT at_start), 0)::BIGINT AS kept_minor
FROM live
GROUP BY customer_no
ORDER BY customer_no
