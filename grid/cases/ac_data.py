"""What an AC power flow needs beyond a DC case: reactive power, voltages, shunts; and how a MATPOWER file tells it.

The rows are those of :class:`grid.cases.case.Case`, in their order; a file is read by both. Columns that a DC case does
not need may be missing their numbers there: here they are faults. Networks of pandapower are read by
:mod:`.pandapower_ac`, source folders by :mod:`.source_ac`.

References:
    Zimmerman and Murillo-Sanchez, "MATPOWER User's Manual", version 8.0, 2024, appendix B and chapter 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from grid.cases.case import BoolArray
from grid.cases.matpower_tables import read_tables
from grid.faults import Fault, InputError
from grid.time_axis import FloatArray

ComplexArray = npt.NDArray[np.complex128]

USUAL_PU = (0.9, 1.1)
"""Limits of a bus's voltage where a file tells none."""

_BUS = {"Qd": 3, "Gs": 4, "Bs": 5, "Vmax": 11, "Vmin": 12}
_GEN = {"Qmax": 3, "Qmin": 4, "Vg": 5}
_BRANCH = {"r": 2, "x": 3, "b": 4, "ratio": 8, "angle": 9}


@dataclass(frozen=True, slots=True, eq=False)
class AcData:
    """Columns of the file's tables.

    Attributes:
        reactive_load_mvar, shunt_mw, shunt_mvar, maximum_pu, minimum_pu: Of the buses, shape (buses,); a shunt feeds in
            ``shunt_mvar``, and takes ``shunt_mw``, at nominal voltage.
        most_mvar, least_mvar, set_point_pu: Of the generators, shape (generators,).
        holds: Which generators hold the voltage of their bus while they are on, same shape.
        condenser: Which of them are on whatever is planned, since they give no active power, same shape.
        charging_pu: Shunt admittance of the branches, half of it at either end, shape (branches,).
        ratio, shift_rad: Of the branches, shape (branches,); ``ratio`` is 1 for a line.
    """

    reactive_load_mvar: FloatArray
    shunt_mw: FloatArray
    shunt_mvar: FloatArray
    maximum_pu: FloatArray
    minimum_pu: FloatArray
    most_mvar: FloatArray
    least_mvar: FloatArray
    set_point_pu: FloatArray
    holds: BoolArray
    condenser: BoolArray
    charging_pu: ComplexArray
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
        holds=np.ones(len(gen), dtype=np.bool_),
        condenser=np.zeros(len(gen), dtype=np.bool_),
        charging_pu=np.array(1j * branch[:, 4], dtype=np.complex128),
        ratio=np.where(branch[:, 8] == 0.0, 1.0, branch[:, 8]),
        shift_rad=np.radians(branch[:, 9]),
    )


def _table(tables: dict[str, FloatArray | None], name: str) -> FloatArray:
    table = tables.get(name)
    if table is None:
        raise InputError([Fault(f"mpc.{name}", "is missing or cannot be read", "add the table")])
    return table
