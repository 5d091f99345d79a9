"""Scores: what each customer is likely to do over the next days, and what that is worth."""
