"""A problem's models in all its scenarios as one model: they share one commitment, their dispatch is each one's own.

The extensive form of the two-stage stochastic program. Units are on or off alike in every scenario; output, storages,
curtailment and what is relaxed follow the scenario. The costs of a scenario count with its probability, and above the
value at risk once more; those of the commitment are costs of every scenario. Only the commitment is kept whole: that a
storage may charge and discharge at once makes the optimum a bound.

References:
    Birge and Louveaux, "Introduction to Stochastic Programming", Springer, 2011 (extensive form).
    Rockafellar and Uryasev, "Optimization of Conditional Value-at-Risk", Journal of Risk 2(3), 2000.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array, csr_array

from grid.formulation.build import build_model
from grid.formulation.linear import INFINITY, IntArray, LinearModel, Shape
from grid.formulation.lines import Line
from grid.formulation.model import DispatchModel
from grid.formulation.outages import Outages
from grid.formulation.ptdf import Ptdf
from grid.formulation.thermal import add_commitment
from grid.formulation.unit_terms import UnitTerms
from grid.problem.dispatch_problem import DispatchProblem
from grid.problem.scenarios import Scenarios
from grid.time_axis import FloatArray

_SHARED, _OF_RISK = -1, -2


class StackedLinear(LinearModel):
    """A linear model whose columns belong to scenarios, or to all of them; their costs are those in each scenario."""

    def __init__(self, scenarios: Scenarios) -> None:
        super().__init__()
        self._weight = scenarios.weight
        self._owners: list[IntArray] = []
        self._scenario = _OF_RISK
        if scenarios.risk_weight > 0.0:
            self._at_risk = self.columns(1, lower=-INFINITY, cost=scenarios.risk_weight)
            beyond = scenarios.risk_weight * scenarios.weight / (1.0 - scenarios.risk_level)
            excess = self.columns(len(scenarios), cost=beyond)
            self._cost_rows = self.rows(len(scenarios), lower=0.0)
            self.put(self._cost_rows, excess, 1.0)
            self.put(self._cost_rows, self._at_risk, 1.0)
        else:
            self._cost_rows = np.zeros(0, dtype=np.int64)
        self._scenario = _SHARED

    def of(self, scenario: int) -> StackedLinear:
        """The model, whose next columns belong to ``scenario``."""
        self._scenario = scenario
        return self

    def columns(
        self,
        shape: Shape,
        *,
        lower: npt.ArrayLike = 0.0,
        upper: npt.ArrayLike = INFINITY,
        cost: npt.ArrayLike = 0.0,
        integer: bool = False,
    ) -> IntArray:
        """As :meth:`LinearModel.columns`; whole numbers only where they are of all scenarios."""
        whole = integer and self._scenario == _SHARED
        indices = super().columns(shape, lower=lower, upper=upper, cost=cost, integer=whole)
        self._owners.append(np.full(indices.size, self._scenario, dtype=np.int64))
        return indices

    def column_arrays(self) -> tuple[FloatArray, FloatArray, FloatArray, npt.NDArray[np.bool_]]:
        """As :meth:`LinearModel.column_arrays`, costs weighted by probability."""
        lower, upper, cost, integer = super().column_arrays()
        owner = np.concatenate(self._owners)
        return lower, upper, np.where(owner < 0, 1.0, self._weight[np.maximum(owner, 0)]) * cost, integer

    def matrix(self, *, first_block: int = 0) -> csr_array:
        """As :meth:`LinearModel.matrix`, with the costs of each scenario in the row of its excess."""
        matrix = super().matrix(first_block=first_block)
        if not len(self._cost_rows):
            return matrix
        owner, cost = np.concatenate(self._owners), super().column_arrays()[2]
        pays = (owner == np.arange(len(self._cost_rows))[:, None]) | (owner == _SHARED)
        scenario, paid = np.nonzero(pays & (cost != 0.0))
        return csr_array(matrix - coo_array((cost[paid], (self._cost_rows[scenario], paid)), shape=matrix.shape))


class StackedModel:
    """The models of all scenarios in one linear model.

    Attributes:
        parts: One per scenario; all have one commitment.
    """

    def __init__(
        self,
        problems: Sequence[DispatchProblem],
        scenarios: Scenarios,
        terms: Sequence[UnitTerms],
        groups: tuple[tuple[int, ...], ...],
        *,
        ptdf: Ptdf,
        outages: Outages | None,
        lines: Iterable[Line],
    ) -> None:
        self._linear = StackedLinear(scenarios)
        known = list(lines)
        commitments = [add_commitment(self._linear, problems[0], terms[group[0]], group) for group in groups]
        self.parts = [
            build_model(
                problem, terms, groups, ptdf=ptdf, outages=outages, lines=known, linear=self._linear.of(s),
                commitments=commitments,
            )
            for s, problem in enumerate(problems)
        ]  # fmt: skip

    @property
    def model(self) -> DispatchModel:
        """The first scenario's model, whose linear model is that of all."""
        return self.parts[0]

    def add(self, lines: Iterable[Line]) -> bool:
        """Add the limits of branches in every scenario; False if all are there already."""
        new = [line for line in lines if any(line not in part.lines.rows for part in self.parts)]
        for s, part in enumerate(self.parts):
            self._linear.of(s)
            part.add_lines(new)
        return bool(new)

    def add_violated(self, values: FloatArray) -> bool:
        """Add the limits of branches that column values break in any scenario; False if none is broken."""
        grown = False
        for s, part in enumerate(self.parts):
            self._linear.of(s)
            grown |= part.add_violated(values)
        return grown
