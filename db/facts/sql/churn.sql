-- For each day of $as_ofs: of the customers with an order (amount >= 0) in [as_of - $window_days + 1, as_of] the
-- lost are those with none in [as_of + 1, as_of + $window_days]; their value is what they spent net of refunds in
-- the first window. One row per day and value of `groups` (customer_no, value); a customer it does not name, and
-- everybody when it is empty, counts under NULL.
WITH windows AS (
    SELECT unnest($as_ofs::DATE[]) AS as_of
),

customers AS (
    SELECT
        as_of,
        customer_no,
        sum(amount_minor) FILTER (ordered_on <= as_of) AS spent_minor,
        count(*) FILTER (amount_minor >= 0 AND ordered_on > as_of) AS orders_after
    FROM orders_now($files, $superseded)
    INNER JOIN windows
        ON ordered_on BETWEEN as_of - $window_days::INTEGER + 1 AND as_of + $window_days::INTEGER
    GROUP BY as_of, customer_no
    HAVING count(*) FILTER (amount_minor >= 0 AND ordered_on <= as_of) > 0
)

SELECT
    as_of,
    groups.value,
    count(*) AS active,
    count(*) FILTER (orders_after = 0) AS lost,
    sum(spent_minor)::BIGINT AS at_start_minor,
    coalesce(sum(spent_minor) FILTER (orders_after = 0), 0)::BIGINT AS lost_minor
FROM customers
LEFT JOIN groups USING (customer_no)
GROUP BY as_of, groups.value
ORDER BY as_of, groups.value NULLS LAST
