"""An independent check of a commitment: every constraint of pglib-uc's MODEL.tex, from the instance and the plan only.

It shares nothing with the optimiser: not its reader, not its units, not its model. It names constraints by the labels
that their equations have in MODEL.tex.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

_MW = 1e-4
_MONEY = 1e-6

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Schedule:
    """One thermal generator's plan: ``u``, ``v``, ``w`` and power above minimum ``p`` with reserve ``r``, t from 0."""

    name: str
    g: Json
    u: list[int]
    v: list[int]
    w: list[int]
    p: list[float]
    r: list[float]

    def limit(self, key: str) -> float:
        return float(self.g[key])

    def whole(self, key: str) -> int:
        return int(self.g[key])


def check_commitment(instance: Json, plan: Json) -> list[str]:
    """Everything in ``plan`` that breaks ``instance``, one sentence each; empty if it is feasible and costed right.

    Args:
        instance: The parsed JSON of pglib-uc.
        plan: A parsed plan document: ``units``, ``renewables`` and ``objective``.
    """
    periods = int(instance["time_periods"])
    schedules = []
    problems: list[str] = []
    for name, g in instance["thermal_generators"].items():
        records = plan["units"].get(name, [])
        if len(records) != periods:
            problems.append(f"{name}: {len(records)} periods in the plan, {periods} in the instance")
            continue
        schedules.append(_schedule(name, g, records))
    if problems:
        return problems
    problems += _system(instance, plan, schedules)
    for schedule in schedules:
        problems += [*_logic(schedule), *_output(schedule)]
    total = sum(_cost(schedule) for schedule in schedules)
    told = float(plan["objective"])
    if abs(total - told) > _MONEY * max(abs(total), 1.0):
        problems.append(f"objective: the plan says {told}, its parts cost {total}")
    return problems


def _schedule(name: str, g: Json, records: Sequence[Json]) -> _Schedule:
    u = [int(record["on"]) for record in records]
    before = [int(g["unit_on_t0"]), *u[:-1]]
    minimum = float(g["power_output_minimum"])
    return _Schedule(
        name=name,
        g=g,
        u=u,
        v=[max(now - then, 0) for now, then in zip(u, before, strict=True)],
        w=[max(then - now, 0) for now, then in zip(u, before, strict=True)],
        p=[float(record["power_mw"]) - minimum * on for record, on in zip(records, u, strict=True)],
        r=[float(record["reserve_mw"]) for record in records],
    )


def _system(instance: Json, plan: Json, schedules: Sequence[_Schedule]) -> Iterator[str]:
    """UCDemand, UCReserves, WindLimit."""
    periods = int(instance["time_periods"])
    reserves = instance.get("reserves") or [0.0] * periods
    renewable = [0.0] * periods
    for name, w in instance["renewable_generators"].items():
        low, high = w["power_output_minimum"], w["power_output_maximum"]
        for t in range(periods):
            power = float(plan["renewables"][name][t]["power_mw"])
            renewable[t] += power
            if not low[t] - _MW <= power <= high[t] + _MW:
                yield f"WindLimit: {name} period {t}: {power} MW outside {low[t]} to {high[t]}"
    for t in range(periods):
        thermal = sum(s.p[t] + s.limit("power_output_minimum") * s.u[t] for s in schedules)
        if abs(thermal + renewable[t] - instance["demand"][t]) > _MW * (1 + len(schedules)):
            yield f"UCDemand: period {t}: {thermal + renewable[t]} MW for {instance['demand'][t]}"
        held = sum(s.r[t] for s in schedules)
        if held < reserves[t] - _MW * (1 + len(schedules)):
            yield f"UCReserves: period {t}: {held} MW held of {reserves[t]}"


def _logic(s: _Schedule) -> Iterator[str]:
    """initialUpRequirement, initialDownRequirement, MustRun, Startup, Shutdown."""
    periods = len(s.u)
    up, down = s.whole("time_up_minimum"), s.whole("time_down_minimum")
    if s.g["unit_on_t0"]:
        held = min(up - s.whole("time_up_t0"), periods)
        if any(not on for on in s.u[: max(held, 0)]):
            yield f"initialUpRequirement: {s.name}"
    else:
        held = min(down - s.whole("time_down_t0"), periods)
        if any(s.u[: max(held, 0)]):
            yield f"initialDownRequirement: {s.name}"
    if s.g["must_run"] and not all(s.u):
        yield f"MustRun: {s.name}"
    up, down = min(up, periods), min(down, periods)
    for t in range(periods):
        if t + 1 >= up and sum(s.v[t - up + 1 : t + 1]) > s.u[t]:
            yield f"Startup: {s.name} period {t}"
        if t + 1 >= down and sum(s.w[t - down + 1 : t + 1]) > 1 - s.u[t]:
            yield f"Shutdown: {s.name} period {t}"


def _output(s: _Schedule) -> Iterator[str]:
    """MaxOutput1, MaxOutput2, RampUp, RampDown, their initial forms, and the bounds of p and r."""
    capacity, minimum = s.limit("power_output_maximum"), s.limit("power_output_minimum")
    span, periods = capacity - minimum, len(s.u)
    start_cut = max(capacity - s.limit("ramp_startup_limit"), 0.0)
    stop_cut = max(capacity - s.limit("ramp_shutdown_limit"), 0.0)
    first = s.limit("power_output_t0") - minimum if s.g["unit_on_t0"] else 0.0
    if first > span * int(s.g["unit_on_t0"]) - stop_cut * s.w[0] + _MW:
        yield f"MaxOutput2Init: {s.name}"
    for t in range(periods):
        before = s.p[t - 1] if t else first
        both = s.p[t] + s.r[t]
        if s.p[t] < -_MW or s.r[t] < -_MW:
            yield f"bounds: {s.name} period {t}: {s.p[t]} MW above minimum, reserve {s.r[t]}"
        if both > span * s.u[t] - start_cut * s.v[t] + _MW:
            yield f"MaxOutput1: {s.name} period {t}: {both} MW above minimum"
        if t + 1 < periods and both > span * s.u[t] - stop_cut * s.w[t + 1] + _MW:
            yield f"MaxOutput2: {s.name} period {t}: {both} MW above minimum"
        if both - before > s.limit("ramp_up_limit") + _MW:
            yield f"RampUp: {s.name} period {t}: from {before} to {both} MW above minimum"
        if before - s.p[t] > s.limit("ramp_down_limit") + _MW:
            yield f"RampDown: {s.name} period {t}: from {before} to {s.p[t]} MW above minimum"


def _cost(s: _Schedule) -> float:
    """The generator's part of the objective, at the cheapest startup categories that the model allows."""
    points = [(float(point["mw"]), float(point["cost"])) for point in s.g["piecewise_production"]]
    total = 0.0
    for t, on in enumerate(s.u):
        if on:
            total += _interpolated(points, points[0][0] + s.p[t])
        if s.v[t]:
            total += min(cost for category, cost in enumerate(_categories(s)) if _allowed(s, t, category))
    return total


def _categories(s: _Schedule) -> list[float]:
    return [float(category["cost"]) for category in s.g["startup"]]


def _allowed(s: _Schedule, t: int, category: int) -> bool:
    """STIInit and STISelect: whether a startup in period ``t`` may count in a category, both from 0."""
    lags = [int(start["lag"]) for start in s.g["startup"]]
    if category == len(lags) - 1:
        return True
    following, off_before = lags[category + 1], s.whole("time_down_t0")
    if t + 1 >= following:
        return any(s.w[t - i] for i in range(lags[category], following) if t - i >= 0)
    return not max(1, following - off_before + 1) <= t + 1 <= following - 1


def _interpolated(points: Sequence[tuple[float, float]], power: float) -> float:
    """Cost at ``power`` on the lower hull of the points, which are convex."""
    if len(points) == 1:
        return points[0][1]
    lines = [(b[1] - a[1]) / (b[0] - a[0]) * (power - a[0]) + a[1] for a, b in pairwise(points) if b[0] > a[0]]
    return max(lines) if lines else points[0][1]
