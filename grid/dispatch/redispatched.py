"""What a re-dispatch finds: set-points, prices, and the soft limits that it relaxes."""

from __future__ import annotations

from dataclasses import dataclass

from grid.problem.soft_limits import Violation
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
