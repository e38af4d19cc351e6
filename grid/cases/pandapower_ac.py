"""What an AC power flow needs of a network that pandapower wrote, in the rows of :func:`.pandapower.read_pandapower`.

Generators and external grids hold their voltages, within their reactive power where it has limits; everything else
stands at its reactive power, also where its active power is dispatched. Loads take the same power at every voltage. A
line that is open at one end is charged from the other.

Reference: the documentation of pandapower, "Electric Model".
"""

from __future__ import annotations

import math

import numpy as np

from grid.cases.ac_data import USUAL_PU, AcData
from grid.cases.pandapower import ALWAYS_FREE, Element, elements, shunt_at_nominal, standing
from grid.cases.pandapower_branches import read_branches, read_charging, read_open_charging
from grid.cases.pandapower_buses import NetBuses, read_buses
from grid.cases.pandapower_tables import NetTables
from grid.cases.source_tables import Row
from grid.faults import Fault, InputError
from grid.time_axis import FloatArray

_DEPENDENT = (
    "const_z_percent", "const_i_percent", "const_z_p_percent", "const_i_p_percent", "const_z_q_percent",
    "const_i_q_percent",
)  # fmt: skip


def read_pandapower_ac(text: str) -> AcData:
    """The AC data of a network that :func:`grid.cases.read_pandapower` has accepted.

    Raises:
        InputError: With every number that is none, limits that are reversed, and what only a DC power flow may pass by:
            loads that depend on the voltage, reactive power that depends on the active.
    """
    faults: list[Fault] = []
    tables = NetTables(text, faults)
    buses = read_buses(tables)
    base_mva = tables.scalar("sn_mva", default=1.0)
    reactive, shunt_mw, shunt_mvar = (np.zeros(len(buses.names)) for _ in range(3))
    machines: list[tuple[float, float, float, bool]] = []
    for element in elements(tables):
        row, holds = element.row, element.kind in ALWAYS_FREE
        if not holds and buses.alive(row):
            reactive[buses.at(row)] -= element.feeds * standing(row, "q_mvar", default=0.0)
            _require_plain(row)
        if element.dispatched:
            machines.append((*_limits(element, alive=holds and buses.alive(row)), holds))
    for _, row in tables.rows("shunt"):
        if buses.alive(row):
            shunt_mw[buses.at(row)] += shunt_at_nominal(row, buses, "p_mw")
            shunt_mvar[buses.at(row)] -= shunt_at_nominal(row, buses, "q_mvar")
    low, high = _voltages(tables, buses)
    branches = read_branches(tables, buses, base_mva)
    charging = read_charging(tables, buses, base_mva)
    shunt_mvar += base_mva * read_open_charging(tables, buses, base_mva)
    if faults:
        raise InputError(list(dict.fromkeys(faults)))
    most, least, set_point, holding = (np.array(column) for column in zip(*machines, strict=True))
    return AcData(
        reactive_load_mvar=reactive,
        shunt_mw=shunt_mw,
        shunt_mvar=shunt_mvar,
        maximum_pu=high,
        minimum_pu=low,
        most_mvar=most,
        least_mvar=least,
        set_point_pu=set_point,
        holds=holding.astype(np.bool_),
        condenser=np.zeros(len(machines), dtype=np.bool_),
        charging_pu=charging,
        ratio=branches.tap_ratio,
        shift_rad=branches.shift_rad,
    )


def _limits(element: Element, *, alive: bool) -> tuple[float, float, float]:
    """Most and least reactive power, without limit where none is told, and the voltage that is held."""
    row = element.row
    if not alive:
        return 0.0, 0.0, 1.0
    if row.flag("reactive_capability_curve", default=False):
        row.fault("reactive_capability_curve", "is not read", "give min_q_mvar and max_q_mvar instead")
    most, least = row.number("max_q_mvar", default=math.inf), row.number("min_q_mvar", default=-math.inf)
    if least > most:
        row.fault("min_q_mvar", f"{least:g} is above max_q_mvar {most:g}", "exchange or correct them")
    return most, least, row.number("vm_pu", default=1.0, above=0.0) or 1.0


def _require_plain(row: Row) -> None:
    for column in _DEPENDENT:
        if row.number(column, default=0.0):
            row.fault(column, "must be 0: a load that depends on the voltage is not read", "give its power as it is")


def _voltages(tables: NetTables, buses: NetBuses) -> tuple[FloatArray, FloatArray]:
    """Lower and upper limits; where busbars are one bus, the narrowest."""
    low, high = np.full(len(buses.names), -math.inf), np.full(len(buses.names), math.inf)
    for index, row in tables.rows("bus"):
        least = row.number("min_vm_pu", default=USUAL_PU[0])
        most = row.number("max_vm_pu", default=USUAL_PU[1])
        if least > most:
            row.fault("min_vm_pu", f"{least:g} is above max_vm_pu {most:g}", "exchange or correct them")
        place = buses.of(index)
        low[place], high[place] = max(low[place], least), min(high[place], most)
    return low, high
