"""Delivery: one finished message -> a provider -> its answer as one of five kinds."""
