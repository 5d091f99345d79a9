-- WATCHED (winback/signals/early_warning.py): for each day of $as_ofs the customers with an order (amount >= 0) in the
-- $window_days up to it, what they bought and spent net of refunds in these days and in as many before, and whether they
-- ordered in as many after.
WITH windows AS (
    SELECT unnest($as_ofs::DATE[]) AS as_of
),

customer_days AS (
    SELECT
        customer_no,
        ordered_on,
        count(*) FILTER (amount_minor >= 0) AS orders,
        count(*) FILTER (amount_minor < 0) AS refunds,
        sum(amount_minor) AS net_minor
    FROM orders_now($files, $superseded)
    GROUP BY customer_no, ordered_on
),

placed AS (
    SELECT
        *,
        ordered_on <= as_of AS known,
        ordered_on BETWEEN as_of - $window_days::INTEGER + 1 AND as_of AS now,
        ordered_on BETWEEN as_of - 2 * $window_days::INTEGER + 1 AND as_of - $window_days::INTEGER AS before
    FROM customer_days
    INNER JOIN windows ON ordered_on <= as_of + $window_days::INTEGER
)

SELECT
    as_of,
    customer_no,
    min(ordered_on) FILTER (known AND orders > 0) AS first_order_on,
    max(ordered_on) FILTER (known AND orders > 0) AS last_order_on,
    count(*) FILTER (known AND orders > 0) AS purchase_days,
    count(*) FILTER (now AND orders > 0) AS days_now,
    count(*) FILTER (before AND orders > 0) AS days_before,
    coalesce(sum(net_minor) FILTER (now), 0)::BIGINT AS net_now_minor,
    coalesce(sum(net_minor) FILTER (before), 0)::BIGINT AS net_before_minor,
    coalesce(sum(refunds) FILTER (now), 0)::BIGINT AS refunds_now,
    count(*) FILTER (NOT known AND orders > 0) = 0 AS gone
FROM placed
GROUP BY as_of, customer_no
HAVING count(*) FILTER (now AND orders > 0) > 0
ORDER BY as_of, customer_no
