"""The unit commitment model of pglib-uc's MODEL.tex, word for word, for HiGHS as it comes: what ours is held against.

Only the builder of matrices is shared with the product. Periods are counted from 1, as in MODEL.tex.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import highspy
import numpy as np

from grid.formulation.linear import INFINITY, LinearModel

Json = Mapping[str, Any]


def reference_model(instance: Json) -> LinearModel:
    """Every equation of MODEL.tex over one instance."""
    model, periods = LinearModel(), int(instance["time_periods"])
    demand = np.array(instance["demand"][:periods], dtype=np.float64)
    balance = model.rows(periods, lower=demand, upper=demand)  # UCDemand
    reserve = model.rows(periods, lower=np.array(instance.get("reserves") or np.zeros(periods)))  # UCReserves
    for g in instance["thermal_generators"].values():
        _generator(model, g, periods, balance, reserve)
    for w in instance["renewable_generators"].values():
        taken = model.columns(periods, lower=w["power_output_minimum"], upper=w["power_output_maximum"])  # WindLimit
        model.put(balance, taken, 1.0)
    return model


def solve_reference(instance: Json, *, gap: float, seconds: float) -> tuple[float, float, str]:
    """Objective, proven bound and status of HiGHS on two threads' worth of time, with its own settings otherwise."""
    highs = highspy.Highs()
    highs.silent()
    highs.setOptionValue("threads", 1)
    highs.setOptionValue("mip_rel_gap", gap)
    highs.setOptionValue("time_limit", seconds)
    reference_model(instance).load(highs, integer=True)
    highs.run()
    info = highs.getInfo()
    status = highs.modelStatusToString(highs.getModelStatus())
    return float(info.objective_function_value), float(info.mip_dual_bound), status


def _generator(model: LinearModel, g: Json, periods: int, balance: np.ndarray, reserve: np.ndarray) -> None:
    low, high = float(g["power_output_minimum"]), float(g["power_output_maximum"])
    ramp_up, ramp_down = float(g["ramp_up_limit"]), float(g["ramp_down_limit"])
    start_cut = max(high - float(g["ramp_startup_limit"]), 0.0)
    stop_cut = max(high - float(g["ramp_shutdown_limit"]), 0.0)
    on0, first = int(g["unit_on_t0"]), int(g["unit_on_t0"]) * (float(g["power_output_t0"]) - low)
    points = g["piecewise_production"]
    u = model.columns(periods, lower=float(g["must_run"]), upper=1.0, cost=points[0]["cost"], integer=True)  # MustRun
    v, w = model.columns((2, periods), upper=1.0, integer=True)
    p, r = model.columns((2, periods))
    model.put(balance, p, 1.0)
    model.put(balance, u, low)
    model.put(reserve, r, 1.0)

    def row(*terms: tuple[int, float], lower: float = -INFINITY, upper: float = INFINITY) -> None:
        line = model.rows(1, lower=lower, upper=upper)
        for column, value in terms:
            model.put(line, column, value)

    for t in range(1, periods + 1):
        now = t - 1
        before = [] if t == 1 else [(u[now - 1], -1.0)]
        start = float(on0) if t == 1 else 0.0
        row((u[now], 1.0), (v[now], -1.0), (w[now], 1.0), *before, lower=start, upper=start)  # Logical
        row((p[now], 1.0), (r[now], 1.0), (u[now], low - high), (v[now], start_cut), upper=0.0)  # MaxOutput1
        if t < periods:
            row((p[now], 1.0), (r[now], 1.0), (u[now], low - high), (w[t], stop_cut), upper=0.0)  # MaxOutput2
        earlier = [] if t == 1 else [(p[now - 1], -1.0)]
        known = first if t == 1 else 0.0
        row((p[now], 1.0), (r[now], 1.0), *earlier, upper=ramp_up + known)  # RampUp
        row((p[now], -1.0), *[(column, 1.0) for column, _ in earlier], upper=ramp_down - known)  # RampDown
    row((w[0], stop_cut), upper=(high - low) * on0 - first)  # MaxOutput2Init
    _times(row, g, periods, u, v, w)
    _starts(model, row, g, periods, v, w)

    parts = model.columns((len(points), periods), upper=1.0)
    cost = np.array([point["cost"] - points[0]["cost"] for point in points])
    output = np.array([point["mw"] - points[0]["mw"] for point in points])
    priced = model.columns(periods, lower=-INFINITY, cost=1.0)
    for total, weights in ((p, output), (priced, cost), (u, np.ones(len(points)))):  # Piecewise…
        rows = model.rows(periods, lower=0.0, upper=0.0)
        model.put(rows, total, -1.0)
        model.put(rows, parts, weights[:, None])


def _times(row: Any, g: Json, periods: int, u: np.ndarray, v: np.ndarray, w: np.ndarray) -> None:
    """initialUpRequirement, initialDownRequirement, Startup, Shutdown."""
    up, down = int(g["time_up_minimum"]), int(g["time_down_minimum"])
    if g["unit_on_t0"]:
        held = max(min(up - int(g["time_up_t0"]), periods), 0)
        row(*[(column, 1.0) for column in u[:held]], lower=float(held))
    else:
        held = max(min(down - int(g["time_down_t0"]), periods), 0)
        row(*[(column, 1.0) for column in u[:held]], upper=0.0)
    for t in range(min(up, periods), periods + 1):
        if t > 0:
            row(*[(column, 1.0) for column in v[t - min(up, periods) : t]], (u[t - 1], -1.0), upper=0.0)
    for t in range(min(down, periods), periods + 1):
        if t > 0:
            row(*[(column, 1.0) for column in w[t - min(down, periods) : t]], (u[t - 1], 1.0), upper=1.0)


def _starts(model: LinearModel, row: Any, g: Json, periods: int, v: np.ndarray, w: np.ndarray) -> None:
    """STIInit, STISelect, STILink."""
    lags, off_before = [int(s["lag"]) for s in g["startup"]], int(g["time_down_t0"])
    costs = np.array([[float(s["cost"])] for s in g["startup"]])
    kinds = model.columns((len(lags), periods), upper=1.0, cost=costs, integer=True)
    for s, following in enumerate(lags[1:]):
        barred = range(max(1, following - off_before + 1), min(following - 1, periods) + 1)
        if barred:
            row(*[(kinds[s, t - 1], 1.0) for t in barred], upper=0.0)
        for t in range(max(following, 1), periods + 1):
            stops = [(w[t - i - 1], -1.0) for i in range(lags[s], following) if t - i >= 1]
            row((kinds[s, t - 1], 1.0), *stops, upper=0.0)
    for t in range(periods):
        row((v[t], 1.0), *[(column, -1.0) for column in kinds[:, t]], lower=0.0, upper=0.0)
