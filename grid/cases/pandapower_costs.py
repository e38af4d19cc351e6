"""Costs of a pandapower network: ``poly_cost`` up to the second degree and convex ``pwl_cost``, of active power."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from grid.cases.case import Costs
from grid.cases.pandapower_tables import NetTables
from grid.cases.source_tables import Row
from grid.cases.spans import MOST
from grid.time_axis import FloatArray

_ROUNDING = 1e-4
_REACTIVE = ("cq0_eur", "cq1_eur_per_mvar", "cq2_eur_per_mvar2")


class CostTables:
    """Collects the costs of one machine after the other, by their rows in the cost tables.

    Args:
        kinds: Tables of what may have a cost.
    """

    def __init__(self, tables: NetTables, kinds: tuple[str, ...]) -> None:
        known = {kind: {index for index, _ in tables.rows(kind)} for kind in kinds}
        self._rows: dict[tuple[str, float], tuple[str, Row]] = {}
        for name in ("poly_cost", "pwl_cost"):
            for _, row in tables.rows(name):
                place = row.text("et"), row.number("element")
                if place[0] not in known:
                    row.fault("et", f"must be one of {', '.join(known)}, got {place[0]!r}", "correct it")
                elif place[1] not in known[place[0]]:
                    row.fault("element", f"there is no {place[0]} {place[1]:g}", "add it, or correct the index")
                if place in self._rows:
                    row.fault("element", f"{place[0]} {place[1]:g} has its cost twice", "delete one of them")
                self._rows[place] = name, row
        self._polynomials: list[tuple[float, float, float]] = []
        self._curves: dict[int, FloatArray] = {}

    def read(self, kind: str, index: int, sign: float) -> None:
        """Add the cost of the next machine.

        Args:
            sign: +1 of what feeds in; -1 of what takes power, whose costs are those of a MW taken.
        """
        place = len(self._polynomials)
        polynomial = 0.0, 0.0 if self._rows else 1.0, 0.0
        if (kind, index) in self._rows:
            name, row = self._rows[kind, index]
            if name == "poly_cost":
                polynomial = self._polynomial(row, sign)
            elif sign < 0.0:
                row.fault("et", f"a {kind} may not have one", "give it a poly_cost")
            elif (curve := self._curve(row)) is not None:
                self._curves[place] = curve
        self._polynomials.append(polynomial)

    def costs(self) -> Costs:
        """Of all machines read."""
        quadratic, linear, constant = np.array(self._polynomials).reshape(-1, 3).T
        return Costs(quadratic, linear, constant, self._curves)

    def _polynomial(self, row: Row, sign: float) -> tuple[float, float, float]:
        for column in _REACTIVE:
            if row.number(column, default=0.0):
                row.fault(column, "must be 0: reactive power is not dispatched", "leave it out")
        quadratic = row.number("cp2_eur_per_mw2", default=0.0, least=0.0)
        return quadratic, sign * row.number("cp1_eur_per_mw", default=0.0), row.number("cp0_eur", default=0.0)

    def _curve(self, row: Row) -> FloatArray | None:
        """Points of power and cost; ``points`` holds lower and upper power and slope of every piece."""
        pieces = row.cell("points")
        try:
            table = np.array(pieces, dtype=np.float64).reshape(-1, 3)
        except (TypeError, ValueError, OverflowError):
            table = np.zeros((0, 3))
        if not len(table) or not (np.abs(table) <= MOST).all():
            row.fault("points", "must be a list of [lower, upper, slope]", "give the pieces in rising order")
            return None
        joined = all(before[1] == after[0] for before, after in pairwise(table))
        slopes = table[:, 2]
        if not joined or (table[:, 1] <= table[:, 0]).any():
            row.fault("points", "every piece must begin where the one before ends, and rise", "order the pieces")
            return None
        if (np.diff(slopes) < -_ROUNDING * np.maximum(1.0, np.abs(slopes[1:]))).any():
            row.fault("points", f"the cost must be convex, got slopes {slopes.tolist()}", "give its convex hull")
            return None
        powers = np.append(table[0, 0], table[:, 1])
        return np.stack([powers, powers[0] * slopes[0] + np.append(0.0, np.cumsum(np.diff(powers) * slopes))], axis=1)
