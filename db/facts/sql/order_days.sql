-- Each day in [$since, $as_of] with an order (amount >= 0), and how many customers ordered on it.
SELECT
    ordered_on,
    count(DISTINCT customer_no) AS customers
FROM orders_now($files, $superseded)
WHERE amount_minor >= 0 AND ordered_on BETWEEN $since AND $as_of
GROUP BY ordered_on
ORDER BY ordered_on
