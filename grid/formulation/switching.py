"""A fixed dispatch solved again with one unit on or off at other times.

Only the bounds of one unit's commitment move, so the solver goes on from the basis it has. All that is linear adapts:
outputs, storages in their direction, trade, what is relaxed. Every other unit stays on and off as it is.
"""

from __future__ import annotations

import time

import numpy as np

from grid.formulation.commitment import BoolArray
from grid.formulation.linear import IntArray, require_ok
from grid.formulation.prices import FixedDispatch, held_bounds
from grid.formulation.relaxation import LinearSolution, UnsolvedError, loaded, run_lazily


class Switching:
    """A fixed dispatch in a solver of its own. Its model grows by the branch limits that other commitments meet.

    Args:
        on, charging: What was held, shapes (units, periods) and (storages, periods).
        seconds: Of wall time, for all commitments together.
    """

    def __init__(self, dispatch: FixedDispatch, on: BoolArray, charging: BoolArray, *, seconds: float) -> None:
        self._model, self._on, self._until = dispatch.model, on, time.monotonic() + seconds
        lower, upper = held_bounds(self._model, on, charging)
        start = dispatch.solution
        self._highs = loaded(self._model.linear, lower=lower, upper=upper, start=start, seconds=seconds)

    def solved(self, unit: int, on: BoolArray) -> LinearSolution | None:
        """The dispatch with a unit on as said; None if limits that are never relaxed leave none.

        Args:
            unit: Position in ``thermal_units``.
            on: Shape (periods,).

        Raises:
            UnsolvedError: If it was not solved in time.
        """
        columns = self._model.thermal[unit].on
        self._fix(columns, on)
        try:
            return run_lazily(self._highs, self._model.linear, self._model.add_violated, until=self._until)
        except UnsolvedError as error:
            if not error.infeasible:
                raise
            return None
        finally:
            self._fix(columns, self._on[unit])

    def _fix(self, columns: IntArray, on: BoolArray) -> None:
        positions, values = columns.astype(np.int32), on.astype(np.float64)
        require_ok(self._highs.changeColsBounds(len(positions), positions, values, values), "changeColsBounds")
