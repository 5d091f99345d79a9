-- Customers by the month of their first order (amount >= 0) on or before $as_of, and how many of them ordered in
-- each month since: months_since 0 is the first month itself, so all of them.
WITH customer_months AS (
    SELECT DISTINCT
        customer_no,
        date_trunc('month', ordered_on)::DATE AS month
    FROM orders_now($files, $superseded)
    WHERE ordered_on <= $as_of AND amount_minor >= 0
),

firsts AS (
    SELECT
        customer_no,
        min(month) AS cohort
    FROM customer_months
    GROUP BY customer_no
)

SELECT
    cohort,
    date_diff('month', cohort, month) AS months_since,
    count(*) AS ordered
FROM customer_months
INNER JOIN firsts USING (customer_no)
GROUP BY cohort, months_since
ORDER BY cohort, months_since
