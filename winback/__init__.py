"""The rules of winback: values in, values out; no clock, no environment, no database."""

__version__ = "0.1.0"
