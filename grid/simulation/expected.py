"""What was expected of the hours to come when a plan was made, and who tells it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from grid.dispatch import DispatchProblem, Scenarios
from grid.problem.requirements import ReserveRequirement
from grid.problem.window import window
from grid.simulation.carried import without_reserves
from grid.time_axis import FloatArray, TimeAxis


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """Load, available power and the reserve held against their errors, as of one instant.

    Attributes:
        load_mw: Shape (buses, periods), in the order of the network's buses.
        available_mw: Shape (plants, periods), in the order of the renewable plants.
        reserve_up_mw, reserve_down_mw: Shape (periods,).
        promised: Probability that net load exceeds what was expected and the upward reserve; NaN if none is promised.
        requirements: Reserve products beside it.
        secure_units: Whether the reserve must make up for any loss, as in :class:`grid.dispatch.DispatchProblem`.
        scenarios: What may come instead; the plan is then made for all of them, and not for a reserve for net load.
    """

    axis: TimeAxis
    load_mw: FloatArray
    available_mw: FloatArray
    reserve_up_mw: FloatArray
    reserve_down_mw: FloatArray
    promised: float = float("nan")
    requirements: tuple[ReserveRequirement, ...] = ()
    secure_units: bool = False
    scenarios: Scenarios | None = None

    @property
    def net_load_mw(self) -> FloatArray:
        """Load less available power of the whole system, shape (periods,)."""
        net: FloatArray = self.load_mw.sum(axis=0) - self.available_mw.sum(axis=0)
        return net


class Forecaster(Protocol):
    """Whoever tells what is to come; a model that is scored by the cost of what is planned on it."""

    def expect(self, axis: TimeAxis, *, issued_at: datetime) -> Expected:
        """What is expected of the periods of ``axis``, or of the first, as known at ``issued_at``."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class GivenForecasts:
    """Forecasts that lie there for a whole span, one for every period.

    Attributes:
        forecast: Load, available power, reserves and scenarios as they were forecast, with their own time axis. A
            coarser axis that is asked for gets means.
        promised: As in :class:`Expected`.
    """

    forecast: DispatchProblem
    promised: float = float("nan")

    def expect(self, axis: TimeAxis, *, issued_at: datetime) -> Expected:
        """What was forecast of ``axis`` as far as the forecasts reach; when it was issued makes no difference.

        Raises:
            ValueError: If ``axis`` begins outside the forecasts, or its step is no multiple of theirs.
        """
        periods = min(axis.periods, (self.forecast.axis.end - axis.start) // axis.step)
        told = window(self.forecast, replace(axis, periods=max(periods, 1)))
        return Expected(
            told.axis,
            told.load_mw,
            told.available_mw,
            told.reserve_up_mw,
            told.reserve_down_mw,
            self.promised,
            requirements=told.requirements,
            secure_units=told.secure_units,
            scenarios=told.scenarios,
        )


def perfect_foresight(actual: DispatchProblem) -> GivenForecasts:
    """The forecaster that knows what happens and holds no reserve: what every other one is measured by."""
    return GivenForecasts(without_reserves(actual))
