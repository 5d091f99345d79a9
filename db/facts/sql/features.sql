-- FEATURES (winback/features.py): one row per customer with an order (amount >= 0) on or before $as_of.
-- One pass over the orders to customer-days, one over these to customers.
WITH customer_days AS (
    SELECT
        customer_no,
        ordered_on,
        count(*) FILTER (amount_minor >= 0) AS orders,
        sum(greatest(amount_minor, 0)) AS gross_minor,
        sum(amount_minor) AS net_minor
    FROM orders_now($files, $superseded)
    WHERE ordered_on <= $as_of
    GROUP BY customer_no, ordered_on
),

customers AS (
    SELECT
        customer_no,
        min(ordered_on) FILTER (orders > 0) AS first_order_on,
        max(ordered_on) FILTER (orders > 0) AS last_order_on,
        sum(orders) AS orders,
        count(*) FILTER (orders > 0) AS purchase_days,
        sum(gross_minor) AS gross_minor,
        sum(net_minor) AS net_minor,
        count(*) FILTER (gross_minor > 0) AS positive_days,
        arg_min(gross_minor, ordered_on) FILTER (orders > 0) AS first_day_minor
    FROM customer_days
    GROUP BY customer_no
    HAVING sum(orders) > 0
)

SELECT
    customer_no,
    first_order_on,
    last_order_on,
    orders::BIGINT AS orders,
    purchase_days,
    last_order_on - first_order_on AS span_days,
    $as_of::DATE - first_order_on AS age_days,
    gross_minor::BIGINT AS gross_minor,
    net_minor::BIGINT AS net_minor,
    positive_days,
    gross_minor::BIGINT AS positive_minor,
    positive_days - (first_day_minor > 0)::INTEGER AS repeat_positive_days,
    (gross_minor - first_day_minor)::BIGINT AS repeat_positive_minor
FROM customers
ORDER BY customer_no
