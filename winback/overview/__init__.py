"""Churn month by month, and the page that shows it."""
