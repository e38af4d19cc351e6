"""What an AC power flow needs of a source folder in RTS-GMLC's format: ``bus.csv``, ``branch.csv`` and ``gen.csv``.

A generator holds the voltage of its bus while it is on, where its reactive power has a range; a synchronous condenser
always does. The format tells no limits of voltages.

Reference: the README of RTS-GMLC's SourceData.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from grid.cases.ac_data import USUAL_PU, AcData
from grid.cases.case import Branches, Case, Costs, DcConvention, Generators, Links
from grid.cases.source_network import SourceNetwork, read_network
from grid.cases.source_tables import Row, read_table
from grid.faults import Fault, InputError

_BUS = ("Bus ID", "MW Load", "MVAR Load")
_BRANCH = ("UID", "B")
_GEN = ("GEN UID", "Bus ID", "Unit Type", "V Setpoint p.u.", "QMax MVAR", "QMin MVAR")
_CONDENSER = "SYNC_COND"


def read_source_ac(files: Mapping[str, str]) -> tuple[Case, AcData]:
    """The network of a folder that :func:`grid.cases.read_rts_gmlc` has accepted, and its AC data.

    Args:
        files: Text by name relative to the folder.

    Raises:
        InputError: With every column that is missing, number that is none, and pair of limits that is reversed.
    """
    faults: list[Fault] = []
    source = read_network(files, faults)
    bus_rows = read_table(files["bus.csv"], "bus.csv", faults, needs=_BUS, name="Bus ID")
    branch_rows = read_table(files["branch.csv"], "branch.csv", faults, needs=_BRANCH, name="UID")
    gen_rows = read_table(files["gen.csv"], "gen.csv", faults, needs=_GEN, name="GEN UID")
    shunt_mw = np.array([source.shunt_mw[bus.bus_id] for bus in source.network.buses])
    demand = np.array([row.number("MW Load", least=0.0) for row in bus_rows]) + shunt_mw
    reference = np.array([row.text("Bus Type", default="").lower() == "ref" for row in bus_rows], dtype=np.bool_)
    generators = _generators(gen_rows, source)
    most, least = (np.array([row.number(f"Q{end} MVAR") for row in gen_rows]) for end in ("Max", "Min"))
    for row, high, low in zip(gen_rows, most.tolist(), least.tolist(), strict=True):
        if low > high:
            row.fault("QMin MVAR", f"{low:g} is above QMax MVAR {high:g}", "exchange or correct them")
    buses = len(bus_rows)
    ac = AcData(
        reactive_load_mvar=np.array([row.number("MVAR Load") for row in bus_rows]),
        shunt_mw=shunt_mw,
        shunt_mvar=np.array([row.number("MVAR Shunt B", default=0.0) for row in bus_rows]),
        maximum_pu=np.full(buses, USUAL_PU[1]),
        minimum_pu=np.full(buses, USUAL_PU[0]),
        most_mvar=most,
        least_mvar=least,
        set_point_pu=np.array([row.number("V Setpoint p.u.", above=0.0) for row in gen_rows]),
        holds=most > least,
        condenser=np.array([row.text("Unit Type").upper() == _CONDENSER for row in gen_rows], dtype=np.bool_),
        charging_pu=np.array([complex(0.0, row.number("B")) for row in branch_rows], dtype=np.complex128),
        ratio=np.array([branch.tap_ratio for branch in source.network.branches]),
        shift_rad=np.zeros(len(branch_rows)),
    )
    if faults:
        raise InputError(faults)
    none, no_bus = np.zeros(0), np.zeros(0, dtype=np.int64)
    return Case(
        name="source folder",
        base_mva=source.network.base_mva,
        bus_ids=tuple(bus.bus_id for bus in source.network.buses),
        areas=tuple(bus.area for bus in source.network.buses),
        demand_mw=demand,
        reference=reference,
        isolated=np.zeros(buses, dtype=np.bool_),
        generators=generators,
        branches=_branches(source),
        links=Links((), no_bus, no_bus, none, none, none, none, np.zeros(0, dtype=np.bool_), Costs.none(0)),
        convention=DcConvention.TAPS_AND_SHIFTS,
    ), ac


def _generators(rows: list[Row], source: SourceNetwork) -> Generators:
    at = {bus.bus_id: i for i, bus in enumerate(source.network.buses)}
    return Generators(
        names=tuple(row.text("GEN UID") for row in rows),
        bus=np.array([at.get(row.text("Bus ID"), 0) for row in rows], dtype=np.int64),
        minimum_mw=np.zeros(len(rows)),
        maximum_mw=np.array([row.number("PMax MW", default=0.0) for row in rows]),
        in_service=np.ones(len(rows), dtype=np.bool_),
        costs=Costs.none(len(rows)),
    )


def _branches(source: SourceNetwork) -> Branches:
    at = {bus.bus_id: i for i, bus in enumerate(source.network.buses)}
    told, free = source.network.branches, np.full(len(source.network.branches), math.inf)
    limit = np.array([branch.limit_mw or math.inf for branch in told])
    return Branches(
        names=tuple(branch.branch_id for branch in told),
        from_bus=np.array([at.get(branch.from_bus, 0) for branch in told], dtype=np.int64),
        to_bus=np.array([at.get(branch.to_bus, 0) for branch in told], dtype=np.int64),
        resistance_pu=np.array([branch.resistance_pu for branch in told]),
        reactance_pu=np.array([branch.reactance_pu for branch in told]),
        limit_mw=limit,
        emergency_mw=np.maximum(np.array([branch.emergency_mw or 0.0 for branch in told]), limit),
        tap_ratio=np.array([branch.tap_ratio for branch in told]),
        shift_rad=np.zeros(len(told)),
        angle_minimum=-free,
        angle_maximum=free,
        in_service=np.ones(len(told), dtype=np.bool_),
    )
