"""What an AC power flow needs of a MATPOWER file beyond the tables of a DC case: reactive power, voltages, shunts.

The rows are those of :class:`grid.cases.case.Case`, in their order; a file is read by both. Columns that a DC case does
not need may be missing their numbers there: here they are faults.

References:
    Zimmerman and Murillo-Sanchez, "MATPOWER User's Manual", version 8.0, 2024, appendix B and chapter 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grid.cases.matpower_tables import read_tables
from grid.faults import Fault, InputError
from grid.time_axis import FloatArray

_BUS = {"Qd": 3, "Gs": 4, "Bs": 5, "Vmax": 11, "Vmin": 12}
_GEN = {"Qmax": 3, "Qmin": 4, "Vg": 5}
_BRANCH = {"r": 2, "x": 3, "b": 4, "ratio": 8, "angle": 9}


@dataclass(frozen=True, slots=True, eq=False)
class AcData:
    """Columns of the file's tables.

    Attributes:
        reactive_load_mvar, shunt_mw, shunt_mvar, maximum_pu, minimum_pu: Of the buses, shape (buses,).
        most_mvar, least_mvar, set_point_pu: Of the generators, shape (generators,).
        charging_pu, ratio, shift_rad: Of the branches, shape (branches,); ``ratio`` is 1 for a line.
    """

    reactive_load_mvar: FloatArray
    shunt_mw: FloatArray
    shunt_mvar: FloatArray
    maximum_pu: FloatArray
    minimum_pu: FloatArray
    most_mvar: FloatArray
    least_mvar: FloatArray
    set_point_pu: FloatArray
    charging_pu: FloatArray
    ratio: FloatArray
    shift_rad: FloatArray


def read_ac_data(text: str) -> AcData:
    """The AC columns of a file that :func:`grid.cases.read_matpower` has accepted.

    Raises:
        InputError: With every number that is none, and every pair of voltage limits that is reversed.
    """
    faults: list[Fault] = []
    tables = read_tables(text, faults).tables
    bus, gen, branch = (_table(tables, name) for name in ("bus", "gen", "branch"))
    for name, table, columns in (("bus", bus, _BUS), ("gen", gen, _GEN), ("branch", branch, _BRANCH)):
        for title, column in columns.items():
            wrong = np.isnan(table[:, column])
            faults += [
                Fault(f"mpc.{name} row {i + 1}", f"{title} must be a number for an AC power flow, got nan", "give it")
                for i in np.flatnonzero(wrong).tolist()
            ]
    for i in np.flatnonzero(bus[:, 12] > bus[:, 11]).tolist():
        problem = f"Vmin and Vmax are reversed: {bus[i, 12]:g} is above {bus[i, 11]:g}"
        faults.append(Fault(f"mpc.bus row {i + 1}", problem, "exchange or correct them"))
    if faults:
        raise InputError(faults)
    return AcData(
        reactive_load_mvar=bus[:, 3],
        shunt_mw=bus[:, 4],
        shunt_mvar=bus[:, 5],
        maximum_pu=bus[:, 11],
        minimum_pu=bus[:, 12],
        most_mvar=gen[:, 3],
        least_mvar=gen[:, 4],
        set_point_pu=gen[:, 5],
        charging_pu=branch[:, 4],
        ratio=np.where(branch[:, 8] == 0.0, 1.0, branch[:, 8]),
        shift_rad=np.radians(branch[:, 9]),
    )


def _table(tables: dict[str, FloatArray | None], name: str) -> FloatArray:
    table = tables.get(name)
    if table is None:
        raise InputError([Fault(f"mpc.{name}", "is missing or cannot be read", "add the table")])
    return table
