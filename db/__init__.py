"""Storage: settings, tables, transactions, facts; returns the values of winback."""
