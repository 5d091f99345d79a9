-- As arrived.sql, of lines: the day of a line is that of its order, as far as the order is there.
WITH days AS (
    SELECT max_by(ordered_on, version) AS ordered_on
    FROM orders
    JOIN (SELECT DISTINCT source, order_id FROM read_parquet(getvariable('written'))) USING (source, order_id)
    GROUP BY source, order_id
)

SELECT
    count(*) FILTER (NOT supersedes),
    count(*) FILTER (supersedes),
    (SELECT min(ordered_on) FROM days),
    (SELECT max(ordered_on) FROM days)
FROM read_parquet(getvariable('written'))
