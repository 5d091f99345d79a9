-- Who stayed away, and what the others ordered, from one pass over the orders of [$t0_on - $window_days + 1, $through].
-- For each value of `groups` (customer_no, value; a customer may be in several): its customers, and how many of them
-- have no order (amount >= 0) in the days up to $t0_on, and in those after $after_on. For each arm of `members`
-- (customer_no, arm, sent_on, clicked_on) what they ordered after $after_on; null for a group that is no arm, and for an
-- arm without a row in these days.
WITH facts AS MATERIALIZED (
    SELECT customer_no, ordered_on, amount_minor
    FROM orders_now($files, $superseded)
    WHERE ordered_on BETWEEN $t0_on::DATE - $window_days::INTEGER + 1 AND $through::DATE
),

customers AS (
    SELECT
        customer_no,
        count(*) FILTER (ordered_on <= $t0_on) AS orders_before,
        count(*) FILTER (ordered_on > $after_on) AS orders_after
    FROM facts
    WHERE amount_minor >= 0
    GROUP BY customer_no
),

inactive AS (
    SELECT
        groups.value,
        count(*) AS n,
        count(*) FILTER (coalesce(orders_before, 0) = 0) AS inactive_before,
        count(*) FILTER (coalesce(orders_after, 0) = 0) AS inactive_after
    FROM groups
    LEFT JOIN customers USING (customer_no)
    GROUP BY groups.value
),

buyers AS (
    SELECT
        customer_no,
        any_value(members.arm) AS arm,
        count(*) FILTER (amount_minor >= 0) AS orders,
        sum(amount_minor) AS net_minor,
        min(ordered_on) FILTER (amount_minor >= 0) AS first_on,
        max(ordered_on) FILTER (amount_minor >= 0) AS last_on,
        count(*) FILTER (amount_minor >= 0 AND ordered_on > sent_on) AS after_message,
        count(*) FILTER (amount_minor >= 0 AND ordered_on > clicked_on) AS after_click
    FROM facts
    JOIN members USING (customer_no)
    WHERE ordered_on > $after_on
    GROUP BY customer_no
),

ordered AS (
    SELECT
        arm,
        count(first_on) AS ordered,
        count(*) FILTER (last_on > first_on) AS repeated,
        sum(orders)::BIGINT AS orders,
        sum(net_minor)::BIGINT AS net_minor,
        median(first_on - $t0_on::DATE) AS days_to_order,
        sum(after_message)::BIGINT AS after_message,
        sum(after_click)::BIGINT AS after_click
    FROM buyers
    GROUP BY arm
)

SELECT
    coalesce(inactive.value, ordered.arm) AS value,
    coalesce(n, 0) AS n,
    coalesce(inactive_before, 0) AS inactive_before,
    coalesce(inactive_after, 0) AS inactive_after,
    ordered.* EXCLUDE (arm)
FROM inactive
FULL JOIN ordered ON inactive.value = ordered.arm
ORDER BY value
