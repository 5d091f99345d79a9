-- EARLIER (winback/features.py): the customers as they stood one horizon before $as_of, and whether each ordered
-- in [$as_of - $horizon_days + 1, $as_of].
SELECT
    customer_no,
    ($as_of::DATE - $horizon_days::INTEGER)
    - max(ordered_on) FILTER (ordered_on <= $as_of::DATE - $horizon_days::INTEGER) AS recency_days,
    count(DISTINCT ordered_on) FILTER (ordered_on <= $as_of::DATE - $horizon_days::INTEGER) AS purchase_days,
    max(ordered_on) > $as_of::DATE - $horizon_days::INTEGER AS ordered
FROM orders_now($files, $superseded)
WHERE ordered_on <= $as_of AND amount_minor >= 0
GROUP BY customer_no
HAVING min(ordered_on) <= $as_of::DATE - $horizon_days::INTEGER
ORDER BY customer_no
