"""How long a plan of the demo's network takes, and how close to the optimum it is proven to be.

Run it by ``make bench``. Two days from the demo's start are planned on what was really measured, taken as a forecast
with a band of 5 % for reserves. Times are also told as multiples of the linear relaxation's in the same run, so that
they can be compared between machines. Without the data sets, which the demo fetches, it fetches them.
"""

from __future__ import annotations

import time
from datetime import timedelta

import numpy as np

from api.demo.recordings import Recording
from api.demo.site import load_demo_site
from api.demo.telemetry import DEMO_START, load_telemetry
from api.settings import CacheSettings, read_settings
from grid.dispatch.assemble import assemble_problem
from grid.dispatch.planning import plan_dispatch
from grid.forecasts import Forecast
from grid.formulation.build import build_model
from grid.formulation.ptdf import Ptdf
from grid.formulation.relaxation import solve_with_lines
from grid.formulation.unit_terms import identical_units, unit_terms
from grid.problem.dispatch_problem import DispatchProblem
from grid.readings import series_id
from grid.site import SITE_LOAD
from grid.time_axis import FloatArray, TimeAxis
from grid.units import to_stored_unit

HOURS = 48
BAND = 0.05
LEVELS = (0.05, 0.5, 0.95)
TIME_LIMITS_SECONDS = (5.0, 20.0, 60.0)


def hourly_kw(recording: Recording, axis: TimeAxis) -> FloatArray:
    """Hourly means of a recording over ``axis``; a missing hour takes the one before it, as nothing is scored here."""
    part = recording.between(axis.start, axis.end)
    minutes = part.axis.step / timedelta(minutes=1)
    kw = to_stored_unit(part.values, unit=part.unit, channel=part.channel, interval_minutes=minutes)
    hourly = kw.reshape(axis.periods, -1).mean(axis=1)
    for i in np.flatnonzero(np.isnan(hourly)):
        hourly[i] = hourly[i - 1]
    return hourly


def perfect_forecast(name: str, axis: TimeAxis, kw: FloatArray) -> Forecast:
    """What happened, with a band around it."""
    quantiles = np.stack([kw * (1.0 - BAND), kw, kw * (1.0 + BAND)], axis=1)
    return Forecast(name, axis, axis.start, LEVELS, quantiles, model_id="measured", method="measured")


def demo_problem() -> DispatchProblem:
    """The demo's first plan, on what was really measured."""
    cache_dir = read_settings(CacheSettings).cache_dir
    telemetry = load_telemetry(cache_dir)
    site = load_demo_site(cache_dir, telemetry)
    axis = TimeAxis(DEMO_START, timedelta(hours=1), HOURS)
    wanted = {load.series_id for load in site.loads} | {plant.series_id for plant in site.renewable_plants}
    kw = {
        name: hourly_kw(recording, axis)
        for recording in telemetry.observed
        if (name := series_id(recording.owner_id, recording.channel)) in wanted
    }
    kw[SITE_LOAD] = np.sum([load.mw_per_kw * kw[load.series_id] * 1000.0 for load in site.loads], axis=0)
    forecasts = {name: perfect_forecast(name, axis, values) for name, values in kw.items()}
    problem, _ = assemble_problem(site, forecasts, issued_at=DEMO_START, periods=HOURS)
    return problem


def relaxation_seconds(problem: DispatchProblem) -> tuple[float, float]:
    """Seconds to build the model, and to solve its linear relaxation with every branch limit."""
    began = time.perf_counter()
    terms = [unit_terms(unit, step_hours=problem.axis.step_hours) for unit in problem.thermal_units]
    model = build_model(problem, terms, identical_units(problem), ptdf=Ptdf(problem.network))
    built = time.perf_counter()
    solve_with_lines(model)
    return built - began, time.perf_counter() - built


def main() -> None:
    """Print one line per time limit."""
    problem = demo_problem()
    build, relaxation = relaxation_seconds(problem)
    network = problem.network
    print(
        f"{len(network.buses)} buses, {len(network.branches)} branches, {len(problem.thermal_units)} thermal units,"
        f" {HOURS} h: built in {build:.2f} s, relaxed in {relaxation:.2f} s"
    )
    print(f"{'limit':>6} {'taken':>8} {'of relaxation':>14} {'gap':>8} {'cost':>14}")
    for limit in TIME_LIMITS_SECONDS:
        began = time.perf_counter()
        plan = plan_dispatch(problem, time_limit_seconds=limit, relative_gap=0.001)
        taken = time.perf_counter() - began
        print(f"{limit:>4.0f} s {taken:>6.1f} s {taken / relaxation:>14.1f} {plan.gap:>8.3%} {plan.objective:>14,.0f}")


if __name__ == "__main__":
    main()
