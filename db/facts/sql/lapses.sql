-- How long customers stayed active: from the first order (amount >= 0) to the first time that $window_days passed
-- without one, as far as this was seen by $as_of. `day` counts from the first order: that of the lapse for those who
-- left, the last day they were watched for the others. Of those who left, `returned` ordered again by $as_of.
WITH purchase_days AS (
    SELECT DISTINCT
        customer_no,
        ordered_on
    FROM orders_now($files, $superseded)
    WHERE ordered_on <= $as_of AND amount_minor >= 0
),

followed AS (
    SELECT
        customer_no,
        ordered_on,
        lead(ordered_on) OVER (PARTITION BY customer_no ORDER BY ordered_on) AS next_on
    FROM purchase_days
),

customers AS (
    SELECT
        customer_no,
        min(ordered_on) AS first_on,
        max(ordered_on) AS last_on,
        min(ordered_on) FILTER (
            CASE
                WHEN next_on IS NULL THEN ordered_on + $window_days::INTEGER <= $as_of
                ELSE ordered_on + $window_days::INTEGER < next_on
            END
        ) AS silent_on
    FROM followed
    GROUP BY customer_no
)

SELECT
    groups.value,
    coalesce(silent_on + $window_days::INTEGER, $as_of::DATE) - first_on AS day,
    count(silent_on) AS "left",
    count(*) FILTER (silent_on IS NULL) AS censored,
    count(*) FILTER (last_on > silent_on) AS returned
FROM customers
LEFT JOIN groups USING (customer_no)
GROUP BY groups.value, day
ORDER BY groups.value NULLS LAST, day
