"""What was expected of the hours to come when a plan was made, and who tells it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np

from grid.dispatch import DispatchProblem
from grid.simulation.carried import without_reserves
from grid.time_axis import FloatArray, TimeAxis

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, eq=False)
class Outlook:
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

    def outlook(self, axis: TimeAxis, *, issued_at: datetime) -> Outlook:
        """What is expected of the periods of ``axis``, from what was known at ``issued_at``."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class GivenForecasts:
    """Forecasts that lie there for the whole span, one for every period; beyond its end the last day comes again.

    Attributes:
        forecast: Load, available power and reserves as they were forecast, with their own time axis. A coarser axis
            that is asked for gets means.
        promised: As in :class:`Outlook`.
    """

    forecast: DispatchProblem
    promised: float = float("nan")

    def outlook(self, axis: TimeAxis, *, issued_at: datetime) -> Outlook:
        """What was forecast of ``axis``; when it was issued makes no difference.

        Raises:
            ValueError: If ``axis`` begins before the forecasts, or its step is no multiple of theirs.
        """
        own = self.forecast.axis
        parts = axis.step // own.step
        if axis.step != parts * own.step or axis.start < own.start or (axis.start - own.start) % own.step:
            raise ValueError(
                f"forecasts from {own.start.isoformat()} every {own.step} cannot tell of {axis.start.isoformat()} "
                f"every {axis.step}; ask for whole multiples of their periods"
            )
        first = (axis.start - own.start) // own.step
        at = first + np.arange(axis.periods * parts)
        day = min(_DAY // own.step, own.periods)
        beyond = at >= own.periods
        at[beyond] = own.periods - day + (at[beyond] - own.periods) % day

        def means(values: FloatArray) -> FloatArray:
            mean: FloatArray = values[..., at].reshape(*values.shape[:-1], axis.periods, parts).mean(axis=-1)
            return mean

        told = self.forecast
        return Outlook(
            axis,
            means(told.load_mw),
            means(told.available_mw),
            means(told.reserve_up_mw),
            means(told.reserve_down_mw),
            self.promised,
        )


def perfect_foresight(actual: DispatchProblem) -> GivenForecasts:
    """The forecaster that knows what happens and holds no reserve: what every other one is measured by."""
    return GivenForecasts(without_reserves(actual))
