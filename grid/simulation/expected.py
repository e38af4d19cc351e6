"""What was expected of the hours to come when a plan was made, and who tells it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from grid.dispatch import DispatchProblem
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
    """

    axis: TimeAxis
    load_mw: FloatArray
    available_mw: FloatArray
    reserve_up_mw: FloatArray
    reserve_down_mw: FloatArray
    promised: float = float("nan")

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
        forecast: Load, available power and reserves as they were forecast, with their own time axis. A coarser axis
            that is asked for gets means.
        promised: As in :class:`Expected`.
    """

    forecast: DispatchProblem
    promised: float = float("nan")

    def expect(self, axis: TimeAxis, *, issued_at: datetime) -> Expected:
        """What was forecast of ``axis`` as far as the forecasts reach; when it was issued makes no difference.

        Raises:
            ValueError: If ``axis`` begins outside the forecasts, or its step is no multiple of theirs.
        """
        own = self.forecast.axis
        parts, first = axis.step // own.step, (axis.start - own.start) // own.step
        periods = min(axis.periods, (own.periods - first) // max(parts, 1))
        if axis.step != parts * own.step or first < 0 or (axis.start - own.start) % own.step or periods < 1:
            raise ValueError(
                f"forecasts of {own.start.isoformat()} to {own.end.isoformat()} every {own.step} cannot tell of "
                f"{axis.start.isoformat()} every {axis.step}; ask for whole multiples of their periods"
            )

        def means(values: FloatArray) -> FloatArray:
            told = values[..., first : first + periods * parts]
            mean: FloatArray = told.reshape(*values.shape[:-1], periods, parts).mean(axis=-1)
            return mean

        told = self.forecast
        return Expected(
            replace(axis, periods=periods),
            means(told.load_mw),
            means(told.available_mw),
            means(told.reserve_up_mw),
            means(told.reserve_down_mw),
            self.promised,
        )


def perfect_foresight(actual: DispatchProblem) -> GivenForecasts:
    """The forecaster that knows what happens and holds no reserve: what every other one is measured by."""
    return GivenForecasts(without_reserves(actual))
