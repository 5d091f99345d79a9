-- The contracts begun on or before $as_of, as told by then, one row each: `ended_on` is the first day without it, or the
-- day it ran out unrenewed, where that is not after $as_of. What a later snapshot tells is not known yet.
SELECT
    customer_no,
    source,
    contract,
    subscription_id,
    started_on,
    CASE WHEN coalesce(ended_on, renews_on) <= $as_of THEN coalesce(ended_on, renews_on) END AS ended_on,
    monthly_minor,
    plan,
    told_on IS NOT NULL AS snapshot
FROM contracts_now($files, $as_of)
WHERE started_on <= $as_of AND coalesce(told_on <= $as_of, TRUE)
