"""Validation, estimation and editing of readings: rules and estimates as pure functions of arrays."""

from grid.validation.judge import LOOK_AHEAD, LOOK_BACK, judge
from grid.validation.nouns import ChannelProfile, Edits, IntervalReadings, KnownTotals, Verdicts
from grid.validation.settings import Rules

__all__ = [
    "LOOK_AHEAD",
    "LOOK_BACK",
    "ChannelProfile",
    "Edits",
    "IntervalReadings",
    "KnownTotals",
    "Rules",
    "Verdicts",
    "judge",
]
