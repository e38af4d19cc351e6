"""What a forecaster costs: realised cost with its forecasts, less realised cost if it had known what happens.

Pinball loss weighs every error alike; a dispatch does not. An error that starts no other unit costs nothing, one that
leaves load unserved costs a thousand times the energy. Regret counts what the errors of a forecaster cost the system
that plans with it, reserves included: those that were too much, and those that were missing.

References:
    Morales, Conejo, Madsen, Pinson and Zugno, "Integrating Renewables in Electricity Markets", Springer, 2014 (value
    of perfect information).
    Efron and Tibshirani, "An Introduction to the Bootstrap", Chapman & Hall, 1993 (percentile interval).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grid.dispatch import DispatchProblem
from grid.simulation.engine import Operation, Simulated, simulate
from grid.simulation.expected import Forecaster, perfect_foresight
from grid.simulation.score import daily_totals
from grid.time_axis import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Regret:
    """Realised costs of every day, with the forecaster and with perfect foresight, both of shape (days,)."""

    cost: FloatArray
    foresight: FloatArray

    @property
    def money(self) -> float:
        """What the forecaster's errors cost over the whole span."""
        return float(self.cost.sum() - self.foresight.sum())

    @property
    def share(self) -> float:
        """The same as a share of the cost with perfect foresight; NaN if that is not above 0."""
        return float(_share(self.money, self.foresight.sum()))

    def interval(self, *, level: float = 0.9, draws: int = 10_000, seed: int = 0) -> tuple[float, float]:
        """Percentile bootstrap interval of ``share``, whole days drawn with replacement.

        Days are taken as independent, though a day inherits from the one before which units are on. NaN if days drawn
        may cost nothing with perfect foresight.

        Args:
            level: Probability that it is to cover.
        """
        drawn = np.random.default_rng(seed).integers(len(self.cost), size=(draws, len(self.cost)))
        shares = _share((self.cost - self.foresight)[drawn].sum(axis=1), self.foresight[drawn].sum(axis=1))
        low, high = np.quantile(shares, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
        return float(low), float(high)


def regret(
    actual: DispatchProblem,
    forecaster: Forecaster,
    *,
    operation: Operation | None = None,
    foresight: Simulated | None = None,
) -> Regret:
    """Simulate ``actual`` with ``forecaster``, and with perfect foresight unless that is there already.

    Regret of a short span can be negative: plans are solved to a gap, and what is beyond their horizon is not seen.

    Args:
        foresight: Of the same ``actual`` and ``operation``, to compare several forecasters with.

    Raises:
        InputError: If the problem is malformed.
    """
    simulated = simulate(actual, forecaster, operation=operation)
    known = foresight or simulate(actual, perfect_foresight(actual), operation=operation)
    return Regret(daily_totals(simulated), daily_totals(known))


def _share(part: FloatArray | float, whole: FloatArray) -> FloatArray:
    """``part / whole``, NaN where ``whole`` is not above 0."""
    share: FloatArray = np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0.0)
    return share
