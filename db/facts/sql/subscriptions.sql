-- SUBSCRIPTIONS (db/facts/recorded.py): the contracts begun on or before $as_of, as known at its end: an end that came
-- later is not known yet.
SELECT
    customer_no,
    source,
    contract,
    started_on,
    CASE WHEN ended_on <= $as_of THEN ended_on END AS ended_on,
    renews_on,
    monthly_minor,
    plan,
    CASE WHEN ended_on <= $as_of THEN end_reason END AS end_reason,
    tenure_months,
    told_on
FROM contracts_now($files, $as_of)
WHERE started_on <= $as_of
ORDER BY customer_no, source, contract
