-- Of the customers with an order (amount >= 0) in [$as_of - $window_days + 1, $as_of] the lost are those with none
-- in [$as_of + 1, $as_of + $window_days]; their value is what they spent net of refunds in the first window.
-- One row per value of `groups` (customer_no, value); a customer it does not name, and everybody when it is empty,
-- counts under NULL.
WITH customers AS (
    SELECT
        customer_no,
        sum(amount_minor) FILTER (ordered_on <= $as_of) AS spent_minor,
        count(*) FILTER (amount_minor >= 0 AND ordered_on > $as_of) AS orders_after
    FROM orders_now($files, $superseded)
    WHERE ordered_on BETWEEN $as_of::DATE - $window_days::INTEGER + 1 AND $as_of::DATE + $window_days::INTEGER
    GROUP BY customer_no
    HAVING count(*) FILTER (amount_minor >= 0 AND ordered_on <= $as_of) > 0
)

SELECT
    groups.value,
    count(*) AS active,
    count(*) FILTER (orders_after = 0) AS lost,
    sum(spent_minor)::BIGINT AS at_start_minor,
    coalesce(sum(spent_minor) FILTER (orders_after = 0), 0)::BIGINT AS lost_minor
FROM customers
LEFT JOIN groups USING (customer_no)
GROUP BY groups.value
ORDER BY groups.value NULLS LAST
