"""What a source folder describes, and the problem that a window of its series states."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np

from grid.assets import RenewablePlant, Storage, ThermalUnit
from grid.cases.must_take import split_plant
from grid.cases.source_network import SourceNetwork
from grid.cases.spans import span_problem
from grid.faults import Fault, InputError
from grid.problem.dispatch_problem import DispatchProblem, UnitState
from grid.problem.requirements import Product, ReserveRequirement
from grid.time_axis import FloatArray, TimeAxis


class SeriesKey(NamedTuple):
    """What a series tells: as a line of ``timeseries_pointers.csv`` names it."""

    simulation: str
    category: str
    name: str
    parameter: str


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Values on their axis, shape (periods,)."""

    axis: TimeAxis
    values: FloatArray


@dataclass(frozen=True, slots=True)
class SourceReserve:
    """A line of ``reserves.csv``.

    Attributes:
        name: As the line has it, such as ``Spin_Up_R1``; ``kind`` is without the area, ``Spin_Up``.
        areas: Areas whose units may serve it; none: all of them.
        requirement_mw: Where no series tells it.
    """

    name: str
    kind: str
    product: Product
    minutes: float
    areas: tuple[str, ...]
    requirement_mw: float


@dataclass(frozen=True, slots=True)
class Simulation:
    """How ``simulation_objects.csv`` wants a simulation: its first step of ``periods`` periods, look-ahead included.

    Attributes:
        products: Names of the reserve products that are scheduled, without their areas; None: all.
    """

    step: timedelta
    start: datetime
    periods: int
    products: frozenset[str] | None


@dataclass(frozen=True, slots=True, eq=False)
class SourceSystem:
    """A system with its series.

    Attributes:
        initial: State of thermal units before the first instant of the series; empty where the folder tells none.
        simulations: By name: ``DAY_AHEAD`` (forecasts), ``REAL_TIME`` (actuals).
    """

    source: SourceNetwork
    thermal_units: tuple[ThermalUnit, ...]
    plants: tuple[RenewablePlant, ...]
    storages: tuple[Storage, ...]
    reserves: tuple[SourceReserve, ...]
    initial: Mapping[str, UnitState]
    simulations: Mapping[str, Simulation]
    series: Mapping[SeriesKey, Series]

    def problem(
        self,
        *,
        simulation: str = "DAY_AHEAD",
        start: datetime | None = None,
        periods: int | None = None,
        secure: bool = False,
    ) -> DispatchProblem:
        """What to plan in a window of a simulation's series.

        Reserves are the products that the simulation schedules, each in its areas. A plant whose least power is above 0
        (hydro, rooftop PV) must be taken; one that may give more than that is two plants, the second with its name and
        ``(minimum)``. Units are in the folder's initial state where the window begins with the simulation, free else.

        Args:
            start: First instant, on the folder's clock taken as UTC; without one, the simulation's.
            periods: How many of the simulation's steps; without, as many as one step of the simulation looks at.

        Raises:
            InputError: If a series is missing or does not reach over the window; every such series is told.
        """
        wanted = self.simulations[simulation]
        start, periods = start or wanted.start, wanted.periods if periods is None else periods
        if told := span_problem(start, wanted.step, periods):
            raise InputError([Fault(simulation, told, "ask for other hours")])
        axis = TimeAxis(start, wanted.step, periods)
        window = _Window(self.series, simulation, axis, [])
        load = self._load(window)
        plants, available = self._plants(window)
        requirements = tuple(self._requirements(window))
        if window.faults:
            raise InputError(window.faults)
        return DispatchProblem(
            axis=axis,
            network=self.source.network,
            thermal_units=self.thermal_units,
            renewable_plants=tuple(plants),
            storages=self.storages,
            load_mw=load,
            available_mw=np.array(available).reshape(-1, axis.periods),
            reserve_up_mw=np.zeros(axis.periods),
            reserve_down_mw=np.zeros(axis.periods),
            initial=dict(self.initial) if axis.start == wanted.start else {},
            initial_mwh={},
            secure=secure,
            requirements=requirements,
        )

    def _load(self, window: _Window) -> FloatArray:
        buses = self.source.network.buses
        areas = {bus.area for bus in buses if self.source.load_share[bus.bus_id]}
        mw = {area: window.values("Area", area, "MW Load") for area in sorted(areas)}
        none = np.zeros(window.axis.periods)
        shares = self.source.load_share
        return np.array([shares[b.bus_id] * mw.get(b.area, none) + self.source.shunt_mw[b.bus_id] for b in buses])

    def _plants(self, window: _Window) -> tuple[list[RenewablePlant], list[FloatArray]]:
        plants, available = [], []
        for plant in self.plants:
            inflow = window.values("Generator", plant.plant_id, "Natural_Inflow", default=math.inf)
            most = plant.capacity_mw if np.isfinite(inflow).all() else None
            high = np.minimum(window.values("Generator", plant.plant_id, "PMax MW", default=most), inflow)
            low = window.values("Generator", plant.plant_id, "PMin MW", default=0.0)
            for t in np.flatnonzero(low > high + 1e-6)[:1].tolist():
                problem = f"PMin MW {low[t]:g} is above PMax MW {high[t]:g} in period {t}"
                window.faults.append(Fault(f"series of {plant.plant_id}", problem, "correct one of the two"))
            for part, mw in split_plant(plant, np.minimum(low, high), high):
                plants.append(part)
                available.append(mw)
        return plants, available

    def _requirements(self, window: _Window) -> Iterator[ReserveRequirement]:
        scheduled = self.simulations[window.simulation].products
        for reserve in self.reserves:
            if scheduled is None or reserve.kind in scheduled:
                mw = window.values("Reserve", reserve.name, "Requirement", default=reserve.requirement_mw)
                yield ReserveRequirement(reserve.product, reserve.minutes, mw, reserve.areas)


@dataclass(frozen=True, slots=True, eq=False)
class _Window:
    """Some periods of a simulation's series; what is missing is noted in ``faults``."""

    series: Mapping[SeriesKey, Series]
    simulation: str
    axis: TimeAxis
    faults: list[Fault]

    def values(self, category: str, name: str, parameter: str, *, default: float | None = None) -> FloatArray:
        """The window of a series, shape (periods,); ``default`` in every period where there is no such series."""
        periods = self.axis.periods
        series = self.series.get(SeriesKey(self.simulation, category, name, parameter))
        if series is None:
            if default is None:
                place = f"timeseries_pointers.csv: {parameter} of {category} {name} in {self.simulation}"
                self.faults.append(Fault(place, "has no series", "add a line that names its file"))
            return np.full(periods, default or 0.0)
        offset, rest = divmod(self.axis.start - series.axis.start, series.axis.step)
        if rest or offset < 0 or offset + periods > series.axis.periods:
            told = f"{series.axis.start:%Y-%m-%d %H:%M} to {series.axis.end:%Y-%m-%d %H:%M}"
            asked = f"{self.axis.start:%Y-%m-%d %H:%M} to {self.axis.end:%Y-%m-%d %H:%M}"
            problem = f"series reach from {told} in steps of {series.axis.step}, asked for is {asked}"
            fault = Fault(self.simulation, problem, "ask for other hours")
            if fault not in self.faults:
                self.faults.append(fault)
            return np.zeros(periods)
        return series.values[offset : offset + periods]
