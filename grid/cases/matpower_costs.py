"""The cost tables of a MATPOWER case: polynomials up to the second degree and piecewise-linear curves, both convex."""

from __future__ import annotations

import numpy as np

from grid.cases.case import BoolArray, Costs
from grid.cases.spans import MOST
from grid.faults import Fault
from grid.time_axis import FloatArray

_CURVE, _POLYNOMIAL = 1, 2
_FIRST = 4
_HIGHEST_DEGREE = 2
_ROUNDING = 1e-4
_FINITE = f"the coefficients must be finite and at most {MOST:g} in size"


def read_costs(name: str, table: FloatArray, alive: BoolArray, faults: list[Fault], *, twice: bool) -> Costs:
    """Read the first rows of a cost table, one for each machine; those out of service cost nothing.

    Published curves are rounded: where a slope falls by no more than 1e-4 of itself the curve's convex hull is taken.

    Args:
        name: Of the table, for messages.
        alive: Which machines are in service, shape (machines,).
        twice: Whether as many rows may follow, for reactive power; they are not read.
    """
    rows = len(alive)
    costs = Costs.none(rows)
    allowed = (rows, 2 * rows) if twice else (rows,)
    if len(table) not in allowed:
        problem = f"must have {' or '.join(map(str, allowed))} rows, got {len(table)}"
        faults.append(Fault(f"mpc.{name}", problem, "give one row for each machine, in the same order"))
        return costs
    kinds, counts = table[:rows, 0], table[:rows, 3]
    width = table.shape[1] - _FIRST
    plain = alive & (kinds == _POLYNOMIAL) & (counts == 3) & (width >= 3)
    if plain.any():  # the common kind, read at once
        costs.quadratic[plain], costs.linear[plain], costs.constant[plain] = table[:rows][plain, _FIRST : _FIRST + 3].T
    for i in np.flatnonzero(alive & ~plain).tolist():
        problem = _read_row(costs, i, kinds[i], counts[i], table[i, _FIRST:])
        if problem:
            faults.append(Fault(f"mpc.{name} row {i + 1}", problem, "correct the row"))
    terms = np.stack([costs.quadratic, costs.linear, costs.constant])
    endless = np.flatnonzero(~(np.abs(terms) <= MOST).all(axis=0)).tolist()
    faults += [Fault(f"mpc.{name} row {i + 1}", _FINITE, "give numbers") for i in endless]
    for i in np.flatnonzero(costs.quadratic < 0.0).tolist():
        problem = f"the cost must be convex, got the quadratic term {costs.quadratic[i]:g}"
        faults.append(Fault(f"mpc.{name} row {i + 1}", problem, "give one of 0 or more, or a convex curve"))
    return costs


def _read_row(costs: Costs, row: int, kind: float, count: float, cells: FloatArray) -> str:
    """Put one row into ``costs``. Returns what is wrong with it, or nothing."""
    if kind not in (_CURVE, _POLYNOMIAL):
        return f"the model must be 1 (piecewise linear) or 2 (polynomial), got {kind:g}"
    needed = count * 2 if kind == _CURVE else count
    least = 2 if kind == _CURVE else 0
    if not (count >= least and count == np.round(count) and needed <= len(cells)):
        return f"n must be a whole number from {least} up to what the row holds, got {count:g}"
    used = cells[: int(needed)]
    if not (np.abs(used) <= MOST).all():
        return _FINITE
    if kind == _CURVE:
        points = used.reshape(-1, 2)
        widths, rises = np.diff(points, axis=0).T
        if (widths <= 0.0).any():
            return "the powers of a piecewise-linear cost must ascend"
        slopes = rises / widths
        if (np.diff(slopes) < -_ROUNDING * np.maximum(1.0, np.abs(slopes[1:]))).any():
            return f"the cost must be convex, got slopes {', '.join(f'{slope:g}' for slope in slopes)}"
        costs.curves[row] = _without_rounding(points)
        return ""
    while len(used) > _HIGHEST_DEGREE + 1:
        if used[0] != 0.0:
            return f"the polynomial must be of degree 2 at most, got degree {len(used) - 1}"
        used = used[1:]
    for target, value in zip((costs.constant, costs.linear, costs.quadratic), used[::-1], strict=False):
        target[row] = value
    return ""


def _without_rounding(points: FloatArray) -> FloatArray:
    """The points of a curve's lower convex hull: all of them, unless rounding made a slope fall a little."""
    kept: list[FloatArray] = []
    for point in points:
        while len(kept) > 1 and _slope(kept[-1], point) < _slope(kept[-2], kept[-1]):
            kept.pop()
        kept.append(point)
    return np.array(kept)


def _slope(start: FloatArray, end: FloatArray) -> float:
    return float((end[1] - start[1]) / (end[0] - start[0]))
