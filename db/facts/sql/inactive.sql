-- For each value of `groups` (customer_no, value; a customer may be in several): its customers, and how many of them
-- have no order (amount >= 0) in [$t0_on - $window_days + 1, $t0_on], and in [$t0_on + 1, $t0_on + $window_days].
WITH customers AS (
    SELECT
        customer_no,
        count(*) FILTER (ordered_on <= $t0_on) AS orders_before,
        count(*) FILTER (ordered_on > $t0_on) AS orders_after
    FROM orders_now($files, $superseded)
    WHERE
        amount_minor >= 0
        AND ordered_on BETWEEN $t0_on::DATE - $window_days::INTEGER + 1 AND $t0_on::DATE + $window_days::INTEGER
    GROUP BY customer_no
)

SELECT
    groups.value,
    count(*) AS n,
    count(*) FILTER (coalesce(orders_before, 0) = 0) AS inactive_before,
    count(*) FILTER (coalesce(orders_after, 0) = 0) AS inactive_after
FROM groups
LEFT JOIN customers USING (customer_no)
GROUP BY groups.value
ORDER BY groups.value
