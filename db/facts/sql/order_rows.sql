-- Every order and refund on or before $as_of: what an order log (winback/customers/order_log.py) is made of.
SELECT
    customer_no,
    (ordered_on - DATE '1970-01-01')::INTEGER AS day,
    amount_minor
FROM orders_now($files, $superseded)
WHERE ordered_on <= $as_of
