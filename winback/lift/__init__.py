"""The difference a treatment made, from sums alone: intervals, tests, looks, verdicts, planning."""
