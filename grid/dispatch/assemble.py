"""From a site and the forecasts of its series to the problem that is planned. Pure: no database, no clock.

Loads and available power are the forecasts' medians. The reserve comes from the quantiles of net load: each source's
distance from its median to the quantile on the side that hurts, combined in quadrature as independent sources. That is
exact for independent normal errors and an approximation otherwise; adding the distances up would take every source to
be wrong at once. Plants of one series are wrong together, so their capacities add up before they are combined. The
load counts as one source, by the forecast of ``site:load``, which knows how the zones' errors go together.

References:
    Holttinen et al., "Methodologies to Determine Operating Reserves Due to Increased Wind Power", IEEE Trans.
    Sustainable Energy 3(4), 2012 (sources combined as the square root of the sum of squares).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from grid.assets import Storage
from grid.dispatch.inherit import PreviousPlan
from grid.faults import Fault, InputError
from grid.forecasts import Forecast
from grid.problem.by_clock import exchanges_by_clock, present_mwh, stored_by_clock
from grid.problem.dispatch_problem import DispatchProblem, UnitState
from grid.problem.rebound import Taken, owed_mwh
from grid.problem.requirements import Product, ReserveRequirement
from grid.problem.spread import NetLoadSpread
from grid.site import SITE_LOAD, Contingency, ProductPolicy, ReserveDirection, Site
from grid.time_axis import FloatArray, TimeAxis, ceil_to_step

_STEP = timedelta(hours=1)
_KW_PER_MW = 1000.0


@dataclass(frozen=True, slots=True, eq=False)
class _Source:
    """One source of net load's uncertainty: how far it may fall short of, or exceed, its median. Shape (periods,)."""

    series_id: str
    mw_per_kw: float
    up_mw: FloatArray
    down_mw: FloatArray


def assemble_problem(
    site: Site,
    forecasts: Mapping[str, Forecast],
    *,
    issued_at: datetime,
    periods: int,
    previous: Mapping[str, Any] | None = None,
    state_of_charge_mwh: Mapping[str, float] | None = None,
) -> tuple[DispatchProblem, dict[str, Any]]:
    """Put the problem of the next ``periods`` hours together.

    Args:
        forecasts: By series id; needed are every load and plant series and ``site:load``. Of shorter intervals an hour
            has the mean.
        issued_at: The site's present; the plan begins with the first full hour at or after it.
        previous: Document of the plan before this one, taken as carried out: it tells which units are on, for how long
            and at what output. Without one (or with one that ends too early) units are free in the first hour.
        state_of_charge_mwh: By storage id, as telemetry tells it; else the previous plan's, else the site's.

    Returns:
        The problem, and the document of what went in.

    Raises:
        InputError: Naming every series without a usable forecast.
    """
    axis = TimeAxis(ceil_to_step(issued_at, _STEP), _STEP, periods)
    forecasts = {name: one.averaged(_STEP) for name, one in forecasts.items()}
    plant_series = sorted({plant.series_id for plant in site.renewable_plants})
    needed = [*sorted({load.series_id for load in site.loads}), *plant_series, SITE_LOAD]
    faults = [fault for name in needed if (fault := _fault(name, forecasts.get(name), axis, site)) is not None]
    if faults:
        raise InputError(faults)
    medians = {name: forecasts[name].median[_window(forecasts[name], axis)] for name in needed}
    sources = _sources(site, forecasts, axis, up_level=site.reserve.up_level, down_level=site.reserve.down_level)
    up, down = _together(sources)
    load = loads_mw(site, medians, periods)
    before = None if previous is None else PreviousPlan(previous, at=axis.start)
    initial = {} if before is None else before.unit_states(site.thermal_units)
    by_clock = stored_by_clock(site, axis)
    storages = (*site.storages, *(storage for storage, _ in by_clock))
    inherited = {} if before is None else before.charges_mwh(storages, present_mwh=present_mwh(site, axis))
    charges = {**inherited, **(state_of_charge_mwh or {})}
    taken = _taken(storages, {} if before is None else before.taken(storages), charges)
    problem = DispatchProblem(
        axis=axis,
        network=site.network,
        thermal_units=site.thermal_units,
        renewable_plants=site.renewable_plants,
        storages=storages,
        load_mw=load,
        available_mw=available_mw(site, medians, periods),
        reserve_up_mw=up,
        reserve_down_mw=down,
        initial=initial,
        initial_mwh=charges,
        owed_mwh=owed_mwh(taken, storages, axis),
        currency=site.currency,
        timezone=site.timezone,
        secure=Contingency.BRANCHES in site.n_1,
        secure_units=Contingency.UNITS in site.n_1,
        deliverable=site.reserve.deliverable,
        reserve_from_plants=site.reserve.from_plants,
        losses=site.losses,
        storage_profiles={storage.storage_id: profile for storage, profile in by_clock},
        exchanges=exchanges_by_clock(site, axis),
        requirements=tuple(_requirement(site, need, load) for need in site.reserve.requirements),
        earlier=None
        if before is None
        else before.told(site.thermal_units, storages, axis=axis, prices=site.change_prices),
        spread=_spreads(site, forecasts, axis),
    )
    return problem, _inputs(site, [forecasts[name] for name in needed], sources, up, down, initial, charges, taken)


def _taken(
    storages: Sequence[Storage], told: Mapping[str, Taken], charges_mwh: Mapping[str, float]
) -> dict[str, Taken]:
    """What each demand response took out and may still owe; missing energy that nobody tells of counts as taken now."""
    taken = {}
    for storage in storages:
        if storage.rebound_hours is not None and math.isfinite(storage.rebound_hours):
            name, known = storage.storage_id, told.get(storage.storage_id, ())
            missing = storage.energy_mwh - charges_mwh.get(name, storage.initial_mwh) - sum(mwh for _, mwh in known)
            taken[name] = (*known, (0.0, missing)) if missing > 0.0 else known
    return taken


def _fault(series_id: str, forecast: Forecast | None, axis: TimeAxis, site: Site) -> Fault | None:
    place = f"forecast of {series_id}"
    if forecast is None:
        return Fault(place, "the plan needs it and there is none", f"forecast {series_id} before planning")
    shift = axis.start - forecast.axis.start
    if forecast.axis.step != axis.step or shift % axis.step or shift < timedelta(0) or axis.end > forecast.axis.end:
        covers = f"{forecast.axis.start.isoformat()} to {forecast.axis.end.isoformat()} every {forecast.axis.step}"
        wanted = f"{axis.start.isoformat()} to {axis.end.isoformat()} every {axis.step}"
        return Fault(place, f"it must cover {wanted}; it covers {covers}", "forecast again, or plan fewer hours")
    up, down = site.reserve.up_level, site.reserve.down_level
    levels = (up, 1.0 - up, down, 1.0 - down)
    if min(levels) < forecast.levels[0] - 1e-9 or max(levels) > forecast.levels[-1] + 1e-9:
        told = f"{forecast.levels[0]} to {forecast.levels[-1]}"
        return Fault(place, f"reserve levels {levels} must lie within its levels {told}", "use milder reserve levels")
    return None


def _window(forecast: Forecast, axis: TimeAxis) -> slice:
    first = (axis.start - forecast.axis.start) // axis.step
    return slice(first, first + axis.periods)


def _spread(forecast: Forecast, axis: TimeAxis, level: float) -> FloatArray:
    """Distance of a quantile above the median, negative below, shape (periods,). [kW]"""
    within = min(max(level, forecast.levels[0]), forecast.levels[-1])
    spread: FloatArray = (forecast.quantile(within) - forecast.median)[_window(forecast, axis)]
    return spread


def _sources(
    site: Site, forecasts: Mapping[str, Forecast], axis: TimeAxis, *, up_level: float, down_level: float
) -> list[_Source]:
    """The load and the plants of each series, by how far net load's quantile of a level lies from its median."""
    plants = sorted({plant.series_id for plant in site.renewable_plants})
    return [
        _load_source(forecasts[SITE_LOAD], axis, up_level, down_level),
        *(_plant_source(site, forecasts[name], axis, up_level, down_level) for name in plants),
    ]


def _together(sources: list[_Source]) -> tuple[FloatArray, FloatArray]:
    """Independent sources in quadrature, upward and downward, both (periods,)."""
    up = np.sqrt(np.sum([source.up_mw**2 for source in sources], axis=0))
    return up, np.sqrt(np.sum([source.down_mw**2 for source in sources], axis=0))


def _spreads(site: Site, forecasts: Mapping[str, Forecast], axis: TimeAxis) -> NetLoadSpread:
    """Net load's quantiles at every level above the median that the load's forecast has."""
    highest = min(forecasts[name].levels[-1] for name in (SITE_LOAD, *{p.series_id for p in site.renewable_plants}))
    levels = [level for level in forecasts[SITE_LOAD].levels if 0.5 < level <= highest + 1e-9]
    told = [_together(_sources(site, forecasts, axis, up_level=level, down_level=1.0 - level)) for level in levels]
    up, down = (np.maximum.accumulate([side[i] for side in told]) for i in (0, 1))
    return NetLoadSpread(np.array(levels), up, down)


def _load_source(forecast: Forecast, axis: TimeAxis, up_level: float, down_level: float) -> _Source:
    up = _spread(forecast, axis, up_level) / _KW_PER_MW
    down = -_spread(forecast, axis, down_level) / _KW_PER_MW
    return _Source(SITE_LOAD, 1.0 / _KW_PER_MW, np.maximum(up, 0.0), np.maximum(down, 0.0))


def _plant_source(site: Site, forecast: Forecast, axis: TimeAxis, up_level: float, down_level: float) -> _Source:
    """All plants of one series together; less of it than expected is more net load."""
    plants = [plant for plant in site.renewable_plants if plant.series_id == forecast.series_id]
    factor = sum(plant.capacity_mw / plant.series_capacity_kw for plant in plants)
    up = -_spread(forecast, axis, 1.0 - up_level) * factor
    down = _spread(forecast, axis, 1.0 - down_level) * factor
    return _Source(forecast.series_id, factor, np.maximum(up, 0.0), np.maximum(down, 0.0))


def loads_mw(site: Site, kw: Mapping[str, FloatArray], periods: int) -> FloatArray:
    """The load at each bus by the series of the site's meters, shape (buses, periods)."""
    position = {bus.bus_id: i for i, bus in enumerate(site.network.buses)}
    load = np.zeros((len(site.network.buses), periods))
    for share in site.loads:
        load[position[share.bus_id]] += share.mw_per_kw * kw[share.series_id]
    return load


def _requirement(site: Site, need: ProductPolicy, load_mw: FloatArray) -> ReserveRequirement:
    inside = [i for i, bus in enumerate(site.network.buses) if not need.areas or bus.area in need.areas]
    product = Product(need.product, upward=need.direction is ReserveDirection.UP)
    return ReserveRequirement(
        product, need.minutes, need.mw + need.load_share * load_mw[inside].sum(axis=0), need.areas
    )


def available_mw(site: Site, kw: Mapping[str, FloatArray], periods: int) -> FloatArray:
    """What each plant could give by its series, shape (plants, periods)."""
    rows = [
        np.clip(plant.capacity_mw * kw[plant.series_id] / plant.series_capacity_kw, 0.0, plant.capacity_mw)
        for plant in site.renewable_plants
    ]
    return np.array(rows).reshape(-1, periods)


def _inputs(
    site: Site,
    forecasts: list[Forecast],
    sources: list[_Source],
    up: FloatArray,
    down: FloatArray,
    initial: Mapping[str, UnitState],
    charges: Mapping[str, float],
    taken: Mapping[str, Taken],
) -> dict[str, Any]:
    return {
        "forecasts": [
            {
                "series_id": forecast.series_id,
                "issued_at": forecast.issued_at.isoformat().replace("+00:00", "Z"),
                "model_id": forecast.model_id,
                "degraded": forecast.degraded,
            }
            for forecast in forecasts
        ],
        "reserve": {
            "method": "Distance of each source's quantile from its median, combined in quadrature as independent "
            "sources; plants of one series add up first (Holttinen et al. 2012).",
            "up_level": site.reserve.up_level,
            "down_level": site.reserve.down_level,
            "up_mw": np.round(up, 3).tolist(),
            "down_mw": np.round(down, 3).tolist(),
            "sources": {
                source.series_id: {
                    "mw_per_kw": source.mw_per_kw,
                    "up_mw": np.round(source.up_mw, 3).tolist(),
                    "down_mw": np.round(source.down_mw, 3).tolist(),
                }
                for source in sources
            },
        },
        "initial": {
            name: {"on": state.on, "hours": state.hours, "power_mw": round(state.power_mw, 3)}
            for name, state in initial.items()
        },
        "initial_mwh": {name: round(float(charge), 3) for name, charge in charges.items()},
        "taken": {name: [[age, round(mwh, 6)] for age, mwh in periods] for name, periods in taken.items()},
    }
