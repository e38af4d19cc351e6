"""Validation, estimation and editing of readings: rules and estimates as pure functions of arrays."""

from grid.validation.nouns import ChannelProfile, Edits, IntervalReadings, KnownTotals, Verdicts

__all__ = ["ChannelProfile", "Edits", "IntervalReadings", "KnownTotals", "Verdicts"]
