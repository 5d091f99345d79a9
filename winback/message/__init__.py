"""A message: a folder of templates -> one customer's subject, HTML, text or SMS, or the reason there is none."""
