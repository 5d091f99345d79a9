"""The outcome report: its sentences, tables, charts and page."""
