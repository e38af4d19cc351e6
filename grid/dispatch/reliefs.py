"""What a re-dispatch may relax at a bus, as columns of its program that come in where they pay.

Load that is not served, production that nothing takes, plants that are curtailed although they must be taken: hardly
any of them is ever used, and each would stand in the row of every branch. So the program begins without. Where it is
solved, its duals say what a MW is worth at every bus; where it has no solution, the ray that proves it does. What
is worth more than it costs comes in, and stays: without any such the optimum, or the proof, is that of the program with
all of them (column generation; Farkas' lemma).
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from grid.formulation.build import available_by_bus
from grid.formulation.linear import INFINITY, IntArray
from grid.problem.dispatch_problem import DispatchProblem
from grid.problem.soft_limits import Limit
from grid.time_axis import FloatArray

_AT_ONCE = 100
_TOLERANCE = 1e-8
_MUCH_MW = 1e6


class Reliefs:
    """Limits that may be relaxed at a bus: one of each kind that has a finite price there.

    Attributes:
        inside: Those in the program, by position, in the order of their columns.
        columns: Of these, shape (inside, periods).
    """

    def __init__(self, problem: DispatchProblem) -> None:
        position = {bus.bus_id: i for i, bus in enumerate(problem.network.buses)}
        buses = {
            Limit.SHEDDING: range(len(position)),
            Limit.SURPLUS: sorted({position[unit.bus_id] for unit in problem.thermal_units}),
            Limit.SPILL: sorted(available_by_bus(problem, curtailable=False)),
        }
        found = {limit: at for limit, at in buses.items() if not problem.penalties.never_relaxes(limit)}
        counts = [len(at) for at in found.values()]
        ends = np.cumsum(counts).tolist()
        self._of = {limit: slice(end - count, end) for limit, count, end in zip(found, counts, ends, strict=True)}
        self._buses = len(position)
        self._bus = np.array([i for at in found.values() for i in at], dtype=np.int64)
        self._feeds = np.repeat([1.0 if limit is Limit.SHEDDING else -1.0 for limit in found], counts)
        self._cost = np.repeat([problem.penalties.of(limit) for limit in found], counts) * problem.axis.step_hours
        self._most_mw = np.full((len(self._bus), problem.axis.periods), INFINITY)
        self.inside: IntArray = np.zeros(0, dtype=np.int64)
        self.columns: IntArray = np.zeros((0, problem.axis.periods), dtype=np.int64)

    def expect(self, problem: DispatchProblem) -> None:
        """Take new forecasts: no more load is shed and power spilled than there is."""
        spilt = available_by_bus(problem, curtailable=False)
        most = {
            Limit.SHEDDING: np.maximum(problem.load_mw, 0.0),
            Limit.SPILL: np.array([spilt[i] for i in sorted(spilt)]),
        }
        for limit in most.keys() & self._of.keys():
            self._most_mw[self._of[limit]] = most[limit].reshape(-1, problem.axis.periods)

    @property
    def most_mw(self) -> FloatArray:
        """Upper bounds of ``columns``."""
        return self._most_mw[self.inside]

    def paying(self, worth: FloatArray, *, proof: bool) -> IntArray:
        """Those to bring in, the best first, by position: at once a hundred, or as many as there are already.

        Args:
            worth: Of a MW fed in at each bus, shape (buses, periods), by the duals of a solution, or by those that
                prove (``proof``) that there is none, for which costs do not count. [money]
        """
        cost = np.full_like(self._cost, np.abs(worth).max()) * _TOLERANCE if proof else self._cost * (1.0 + _TOLERANCE)
        gain = np.maximum(self._feeds[:, None] * worth[self._bus] - cost[:, None], 0.0)
        gain[self.inside] = 0.0
        value = (gain * np.minimum(self._most_mw, _MUCH_MW)).max(axis=1)
        best = np.argsort(-value, kind="stable")[: max(_AT_ONCE, len(self.inside))]
        return np.asarray(best[value[best] > 0.0])

    def bring_in(self, new: IntArray, columns: IntArray) -> tuple[csr_array, FloatArray]:
        """Take it that some have ``columns`` from now on, shape (new, periods).

        Returns:
            What a MW of each feeds in, shape (buses, new), and what it costs, shape (new,). [money]
        """
        self.inside, self.columns = np.concatenate([self.inside, new]), np.vstack([self.columns, columns])
        entries = self._feeds[new], (self._bus[new], np.arange(len(new)))
        return csr_array(entries, shape=(self._buses, len(new))), self._cost[new]

    def mw(self, limit: Limit, values: FloatArray) -> FloatArray:
        """By how much column values relax the limits of a kind, shape (buses, periods)."""
        mw, at = np.zeros((self._buses, self.columns.shape[1])), self._of.get(limit, slice(0, 0))
        these = (at.start <= self.inside) & (self.inside < at.stop)
        mw[self._bus[self.inside[these]]] = values[self.columns[these]]
        return mw
