"""The schedule: what every asset does and what flows where, period by period. Power in MW."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from grid.problem.dispatch_problem import DispatchProblem
from grid.problem.requirements import HeldReserve
from grid.time_axis import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """Set-points and what follows from them, every array with the periods of the problem's axis last.

    Attributes:
        on: Thermal commitment, shape (units, periods).
        power_mw, reserve_up_mw, reserve_down_mw: Thermal output and reserve, shape (units, periods).
        renewable_mw: Taken from each plant, shape (plants, periods); the rest of ``available_mw`` is curtailed.
        renewable_reserve_up_mw, renewable_reserve_down_mw: Plants, shape (plants, periods).
        charge_mw, discharge_mw, state_of_charge_mwh: Storages, shape (storages, periods); charge at interval end.
        storage_reserve_up_mw, storage_reserve_down_mw: Storages, shape (storages, periods).
        shed_mw, surplus_mw: Load not served and production nobody takes, shape (buses, periods); zero unless reported.
        import_mw, export_mw: Exchanges, shape (exchanges, periods).
        link_flow_mw: HVDC links, shape (links, periods).
        branch_flow_mw, interface_flow_mw: Shape (branches, periods) and (interfaces, periods).
        losses_mw: In branches, drawn by the loads in proportion, shape (periods,).
        products: What is held of each reserve product; it is part of ``reserve_up_mw`` and the like.
    """

    on: npt.NDArray[np.bool_]
    power_mw: FloatArray
    reserve_up_mw: FloatArray
    reserve_down_mw: FloatArray
    renewable_mw: FloatArray
    renewable_reserve_up_mw: FloatArray
    renewable_reserve_down_mw: FloatArray
    charge_mw: FloatArray
    discharge_mw: FloatArray
    state_of_charge_mwh: FloatArray
    storage_reserve_up_mw: FloatArray
    storage_reserve_down_mw: FloatArray
    shed_mw: FloatArray
    surplus_mw: FloatArray
    import_mw: FloatArray
    export_mw: FloatArray
    link_flow_mw: FloatArray
    branch_flow_mw: FloatArray
    interface_flow_mw: FloatArray
    losses_mw: FloatArray
    products: tuple[HeldReserve, ...] = ()

    @classmethod
    def idle(cls, problem: DispatchProblem) -> Schedule:
        """Nothing runs and nothing flows: what an infeasible problem's plan has."""
        periods = problem.axis.periods

        def zeros(assets: Sized) -> FloatArray:
            return np.zeros((len(assets), periods))

        units, plants, storages = (
            zeros(a) for a in (problem.thermal_units, problem.renewable_plants, problem.storages)
        )
        buses, exchanges = zeros(problem.network.buses), zeros(problem.exchanges)
        return cls(
            on=units > 0.0,
            power_mw=units,
            reserve_up_mw=units,
            reserve_down_mw=units,
            renewable_mw=plants,
            renewable_reserve_up_mw=plants,
            renewable_reserve_down_mw=plants,
            charge_mw=storages,
            discharge_mw=storages,
            state_of_charge_mwh=storages,
            storage_reserve_up_mw=storages,
            storage_reserve_down_mw=storages,
            shed_mw=buses,
            surplus_mw=buses,
            import_mw=exchanges,
            export_mw=exchanges,
            link_flow_mw=zeros(problem.network.dc_links),
            branch_flow_mw=zeros(problem.network.branches),
            interface_flow_mw=zeros(problem.network.interfaces),
            losses_mw=np.zeros(periods),
        )
