"""Validation, estimation and editing of readings: rules and estimates as pure functions of arrays."""

from grid.validation.judge import LOOK_AHEAD, LOOK_BACK, judge
from grid.validation.nouns import ChannelProfile, Edits, IntervalReadings, KnownTotals, Verdicts
from grid.validation.reasons import RULES, Reason, explain
from grid.validation.registers import known_totals
from grid.validation.settings import DEFAULT_RULES, Rules, RulesByKind

__all__ = [
    "DEFAULT_RULES",
    "LOOK_AHEAD",
    "LOOK_BACK",
    "RULES",
    "ChannelProfile",
    "Edits",
    "IntervalReadings",
    "KnownTotals",
    "Reason",
    "Rules",
    "RulesByKind",
    "Verdicts",
    "explain",
    "judge",
    "known_totals",
]
