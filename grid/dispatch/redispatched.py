"""What a re-dispatch finds: set-points, prices, and the soft limits that it relaxes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from grid.formulation.relaxed import REPORTED_MW, missing_at_end, reported
from grid.problem.dispatch_problem import DispatchProblem
from grid.problem.soft_limits import Limit, SoftLimit, Violation
from grid.time_axis import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Redispatched:
    """An optimal dispatch of a commitment, arrays with the periods last.

    Attributes:
        objective: Cost, that of starts and of relaxed limits included. [money]
        power_mw: Thermal units, shape (units, periods).
        charge_mw, discharge_mw: Storages, shape (storages, periods).
        state_of_charge_mwh: Of storages at each period's end.
        renewable_mw: Taken from each plant, shape (plants, periods); those of a bus are curtailed alike.
        import_mw, export_mw: Exchanges, shape (exchanges, periods).
        shed_mw: Load not served, shape (buses, periods).
        branch_flow_mw: Shape (branches, periods).
        lmp: Price at every bus, shape (buses, periods). [money/MWh]
        violations: Every soft limit that was relaxed.
    """

    objective: float
    power_mw: FloatArray
    charge_mw: FloatArray
    discharge_mw: FloatArray
    state_of_charge_mwh: FloatArray
    renewable_mw: FloatArray
    import_mw: FloatArray
    export_mw: FloatArray
    shed_mw: FloatArray
    branch_flow_mw: FloatArray
    lmp: FloatArray
    violations: tuple[Violation, ...]


OfBuses = tuple[Sequence[int], FloatArray]
"""Positions of buses, and an amount for each in every period, shape (those buses, periods)."""


def relaxed(
    problem: DispatchProblem,
    *,
    shed_mw: OfBuses,
    surplus_mw: OfBuses,
    spilled_mw: OfBuses,
    of_network: Iterable[Violation],
    due_mwh: Sequence[FloatArray],
    end_mwh: Sequence[float],
) -> Iterator[Violation]:
    """Every soft limit that was relaxed, by kind, then period.

    Args:
        of_network: Those of branches and interfaces, and of losses.
        due_mwh, end_mwh: By storage, what is missing when it is due, and at the end.
    """
    prices, network = problem.penalties, problem.network
    for kind, (buses, amounts) in ((Limit.SHEDDING, shed_mw), (Limit.SURPLUS, surplus_mw), (Limit.SPILL, spilled_mw)):
        for row in _reported_rows(amounts):
            yield from reported(SoftLimit(kind, network.buses[buses[row]].bus_id), amounts[row], prices)
    yield from of_network
    for storage, due, end in zip(problem.storages, due_mwh, end_mwh, strict=True):
        yield from reported(SoftLimit(Limit.STORAGE_DUE, storage.storage_id), due, prices)
        yield from missing_at_end(storage, end, problem)


def _reported_rows(amounts_mw: FloatArray) -> list[int]:
    """Rows in which something is to be reported; on a large network almost none is."""
    rows: list[int] = np.flatnonzero((amounts_mw > REPORTED_MW).any(axis=1)).tolist()
    return rows
