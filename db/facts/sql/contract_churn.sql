-- Of the contracts live at the end of $as_of the lost are those that end, or run out without being renewed, in
-- [$as_of + 1, $as_of + $window_days]; their value is the recurring amount. One row per plan where $by_plan, else per
-- value of `groups` (customer_no, value); a customer it does not name, and everybody when it is empty, counts under NULL.
WITH contracts AS (
    SELECT
        customer_no,
        plan,
        monthly_minor,
        started_on,
        coalesce(ended_on, renews_on) AS ends_on
    FROM contracts_now($files, $as_of)
),

live AS (
    SELECT
        CASE WHEN $by_plan THEN plan ELSE groups.value END AS value,
        monthly_minor,
        coalesce(ends_on <= $as_of::DATE + $window_days::INTEGER, FALSE) AS lost
    FROM contracts
    LEFT JOIN groups USING (customer_no)
    WHERE started_on <= $as_of AND (ends_on IS NULL OR ends_on > $as_of)
)

SELECT
    value,
    count(*) AS active,
    count(*) FILTER (lost) AS lost,
    sum(monthly_minor)::BIGINT AS at_start_minor,
    coalesce(sum(monthly_minor) FILTER (lost), 0)::BIGINT AS lost_minor
FROM live
GROUP BY value
ORDER BY value NULLS LAST
