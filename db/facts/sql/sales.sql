-- Each calendar month with an order or a refund on or before $as_of: customers who ordered (amount >= 0), their
-- orders, and revenue net of refunds.
SELECT
    date_trunc('month', ordered_on)::DATE AS month,
    count(DISTINCT customer_no) FILTER (amount_minor >= 0) AS customers,
    count(*) FILTER (amount_minor >= 0) AS orders,
    sum(amount_minor)::BIGINT AS revenue_minor
FROM orders_now($files, $superseded)
WHERE ordered_on <= $as_of
GROUP BY month
ORDER BY month
