-- What the members of a run did after $after_on, as sums that add up: one row for each arm and cell of it (alike in
-- value, risk, orders, channel and kind before t0), one for each arm and day of the first order, counted from
-- $after_on, with n alone (no day: none), one for each arm and cause that those who churned named (no cause: unknown),
-- one for each arm and score that was given of either kind, and one with the cap alone, as c.
-- Orders after $t0_on and up to $after_on count neither before nor after.
-- `members` is MEMBER_CELLS (db/facts/sums.py), each customer once. Amounts are minor units, net of refunds; those of
-- c end at the 99th percentile of what buyers spent. Sums leave as text: NumPy has no integer that holds them.
WITH customers AS (
    SELECT
        customer_no,
        count(*) FILTER (amount_minor >= 0 AND ordered_on > $after_on) AS orders_after,
        coalesce(sum(amount_minor) FILTER (ordered_on <= $t0_on), 0) AS before_minor,
        coalesce(sum(amount_minor) FILTER (ordered_on > $after_on), 0) AS after_minor,
        min(ordered_on) FILTER (amount_minor >= 0 AND ordered_on > $after_on) AS first_on,
        max(ordered_on) FILTER (amount_minor >= 0 AND ordered_on > $after_on) AS last_on
    FROM orders_now($files, $superseded)
    WHERE ordered_on BETWEEN $t0_on::DATE - $window_days::INTEGER + 1 AND $through::DATE
    GROUP BY customer_no
),

facts AS MATERIALIZED (
    SELECT
        members.*,
        coalesce(orders_after, 0) AS bought,
        coalesce(lost, coalesce(orders_after, 0) = 0) AS churned,
        coalesce(before_minor, 0)::HUGEINT AS x,
        coalesce(after_minor, 0)::HUGEINT AS y,
        cost_micros::HUGEINT AS k,
        first_on - $after_on::DATE AS first_day,
        coalesce(last_on > first_on, FALSE) AS came_again
    FROM members
    LEFT JOIN customers USING (customer_no)
),

cap AS (
    SELECT coalesce(quantile_disc(y, 0.99) FILTER (bought > 0), 0) AS most
    FROM facts
),

amounts AS (
    SELECT
        facts.*,
        least(y, most) AS c,
        coalesce(held_minor::HUGEINT, greatest(x, 0)) AS v,
        greatest(v - coalesce(kept_minor::HUGEINT, CASE WHEN churned THEN 0 ELSE v END), 0) AS l
    FROM facts, cap
),

cells AS (
    SELECT
        'cells' AS about, arm, value, risk, orders, channel, kind, NULL::INTEGER AS first_day,
        NULL::VARCHAR AS cause, NULL::BIGINT AS score,
        count(*) AS n,
        count(*) FILTER (bought > 0) AS buyers,
        count(*) FILTER (churned) AS churned,
        count(*) FILTER (came_again) AS repeated,
        sum(bought)::VARCHAR AS bought, sum(bought * bought)::VARCHAR AS bought_sq,
        sum(x)::VARCHAR AS x, sum(x * x)::VARCHAR AS xx,
        sum(y)::VARCHAR AS y, sum(y * y)::VARCHAR AS yy, sum(x * y)::VARCHAR AS xy,
        sum(c)::VARCHAR AS c, sum(c * c)::VARCHAR AS cc,
        sum(v)::VARCHAR AS v, sum(v * v)::VARCHAR AS vv,
        sum(l)::VARCHAR AS l, sum(l * l)::VARCHAR AS ll, sum(v * l)::VARCHAR AS vl,
        sum(k)::VARCHAR AS k, sum(k * k)::VARCHAR AS kk, sum(k * y)::VARCHAR AS ky, sum(x * k)::VARCHAR AS xk
    FROM amounts
    GROUP BY arm, value, risk, orders, channel, kind
)

SELECT *
FROM cells
UNION ALL BY NAME
SELECT 'days' AS about, arm, first_day::INTEGER AS first_day, count(*) AS n
FROM facts
GROUP BY arm, first_day
UNION ALL BY NAME
SELECT 'causes' AS about, arm, cause, count(*) AS n
FROM facts
WHERE churned
GROUP BY arm, cause
UNION ALL BY NAME
SELECT 'nps' AS about, arm, nps AS score, count(*) AS n
FROM facts
WHERE nps IS NOT NULL
GROUP BY arm, nps
UNION ALL BY NAME
SELECT 'csat' AS about, arm, csat AS score, count(*) AS n
FROM facts
WHERE csat IS NOT NULL
GROUP BY arm, csat
UNION ALL BY NAME
SELECT 'cap' AS about, most::VARCHAR AS c
FROM cap
ORDER BY
    about, arm, value NULLS LAST, risk NULLS LAST, orders NULLS LAST, channel NULLS LAST, kind NULLS LAST,
    first_day NULLS LAST, cause NULLS LAST, score NULLS LAST
