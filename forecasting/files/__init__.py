"""Forecasts from a file, without a database."""
