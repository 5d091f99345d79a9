-- What each member of a run did up to $t0_on and after $after_on: one row for each of `members` (customer_no, each once).
-- Amounts are minor units, net of refunds; the window before t0 is as long as the one after it.
SELECT
    members.customer_no,
    count(ordered_on) FILTER (amount_minor >= 0 AND ordered_on > $after_on) AS orders_after,
    count(DISTINCT ordered_on) FILTER (amount_minor >= 0 AND ordered_on > $after_on) AS days_after,
    coalesce(sum(amount_minor) FILTER (ordered_on <= $t0_on), 0)::BIGINT AS before_minor,
    coalesce(sum(amount_minor) FILTER (ordered_on > $after_on), 0)::BIGINT AS after_minor
FROM members
LEFT JOIN orders_now($files, $superseded) AS written
    ON members.customer_no = written.customer_no
    AND written.ordered_on BETWEEN $t0_on::DATE - $window_days::INTEGER + 1 AND $through::DATE
GROUP BY members.customer_no
ORDER BY members.customer_no
