"""The closed loop: plans made from forecasts, carried out against what really happened, and what that cost."""

from grid.simulation.engine import MadePlan, Operation, Simulated, simulate
from grid.simulation.expected import Expected, Forecaster, GivenForecasts, perfect_foresight
from grid.simulation.regret import Regret, regret
from grid.simulation.score import Score, daily_totals, score

__all__ = [
    "Expected",
    "Forecaster",
    "GivenForecasts",
    "MadePlan",
    "Operation",
    "Regret",
    "Score",
    "Simulated",
    "daily_totals",
    "perfect_foresight",
    "regret",
    "score",
    "simulate",
]
