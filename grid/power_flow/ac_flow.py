"""AC power flow of a dispatch: Newton's method of lightsim2grid on MATPOWER's branch model.

A generator that is on holds its bus at its set-point as long as its reactive power lasts; beyond, the bus is held at
the limit of the reactive power instead. Losses, which the DC dispatch leaves out, are shared by the generators that are
on in proportion to what their capacity leaves free.

References:
    Zimmerman and Murillo-Sanchez, "MATPOWER User's Manual", version 8.0, 2024, chapter 3 (branch model).
    Donnot, "Lightsim2grid: a C++ backend for grid2op", https://github.com/Grid2op/lightsim2grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from lightsim2grid.algorithm import NR_KLU
from scipy.sparse import csc_matrix, csr_array, diags_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from grid.cases.ac_data import AcData, ComplexArray
from grid.cases.case import BoolArray, Case, IntArray
from grid.time_axis import FloatArray

_ITERATIONS = 30
_TOLERANCE_PU = 1e-8
_SWITCHES = 20
_LEAST_WEIGHT_MW = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class AcFlow:
    """The solution, or where the method had got to.

    Attributes:
        converged: Whether all islands with a generator were solved; if not, the numbers mean nothing.
        dark: Buses without a voltage: out of service, or in an island without a generator that is on.
        held: Buses that generators hold at their set-points, shape (buses,).
        voltage: Shape (buses,). [pu] Its angle is 0 at each island's reference bus, else at one that is held.
        from_mva, to_mva: Power into each branch at its ends, shape (branches,).
        losses_mw: In branches, all of them together.
    """

    converged: bool
    dark: BoolArray
    held: BoolArray
    voltage: ComplexArray
    from_mva: ComplexArray
    to_mva: ComplexArray
    losses_mw: float


def solve_ac(
    case: Case, ac: AcData, power_mw: FloatArray, injection_mw: FloatArray, on: BoolArray, reactive_scale: float = 1.0
) -> AcFlow:
    """Solve the AC power flow of one period.

    Args:
        power_mw: Output of each generator, shape (generators,).
        injection_mw: Net injection at each bus without shunts, shape (buses,).
        on: Generators that are on, shape (generators,); those that hold voltage are among them.
        reactive_scale: Reactive loads of the file are taken times this.
    """
    admittance, y_from, y_to = _admittances(case, ac)
    table, gens, buses = case.branches, case.generators, len(case.bus_ids)
    alive = on & ac.holds & gens.in_service & ~case.isolated[gens.bus]
    voltage = np.ones(buses, dtype=np.complex128)
    voltage[gens.bus[alive]] = ac.set_point_pu[alive]
    held = np.zeros(buses, dtype=np.bool_)
    held[gens.bus[alive]] = True
    most, least, room = (
        np.bincount(gens.bus[alive], values[alive], buses).astype(np.float64)
        for values in (ac.most_mvar, ac.least_mvar, np.maximum(gens.maximum_mw - power_mw, _LEAST_WEIGHT_MW))
    )
    reactive_load = ac.reactive_load_mvar * reactive_scale
    islands = _islands(case)
    converged, dark = True, case.isolated.copy()
    for island in range(int(islands.max(initial=-1)) + 1):
        members = np.flatnonzero((islands == island) & ~case.isolated)
        if not held[members].any():
            dark[members] = True
            continue
        anchor = members[np.argmax(2 * case.reference[members] + held[members])]
        voltage[members] *= np.exp(1j * _dc_angles(case, ac, injection_mw, members, anchor))
        part = csc_matrix(admittance[members, :][:, members])
        power = (injection_mw[members] - 1j * reactive_load[members]) / case.base_mva
        solved, voltage[members], held[members] = _solve_island(
            part, power.astype(np.complex128), voltage[members], held[members], room[members],
            least[members] / case.base_mva, most[members] / case.base_mva, reactive_load[members] / case.base_mva,
        )  # fmt: skip
        voltage[members] *= np.exp(-1j * np.angle(voltage[anchor]))
        converged = converged and solved
    from_mva = voltage[table.from_bus] * np.conj(y_from @ voltage) * case.base_mva
    to_mva = voltage[table.to_bus] * np.conj(y_to @ voltage) * case.base_mva
    return AcFlow(
        converged=converged,
        dark=dark,
        held=held,
        voltage=voltage,
        from_mva=np.where(table.in_service, from_mva, 0.0),
        to_mva=np.where(table.in_service, to_mva, 0.0),
        losses_mw=float((from_mva + to_mva)[table.in_service].real.sum()),
    )


def reactive_sensitivities(case: Case, ac: AcData, flow: AcFlow, buses: IntArray) -> FloatArray:
    """How much the voltage of each of ``buses`` rises with reactive power fed in there. [pu/MVAr]

    From the susceptances alone, as in the fast decoupled power flow; 0 at a bus that is held or dark.
    """
    free = np.flatnonzero(~flow.held & ~flow.dark)
    position = {int(bus): k for k, bus in enumerate(free)}
    wanted = [position[int(bus)] for bus in buses if int(bus) in position]
    found = np.zeros(len(case.bus_ids))
    if wanted:
        susceptance = -_admittances(case, ac)[0].imag
        unit = np.zeros((len(free), len(wanted)))
        unit[wanted, np.arange(len(wanted))] = 1.0
        lifted = splu(csc_matrix(susceptance[free, :][:, free])).solve(unit)
        found[free[wanted]] = lifted[wanted, np.arange(len(wanted))] / case.base_mva
    return np.asarray(found[buses])


def _solve_island(
    admittance: csc_matrix,
    power: ComplexArray,
    start: ComplexArray,
    held: BoolArray,
    room: FloatArray,
    least: FloatArray,
    most: FloatArray,
    reactive_load: FloatArray,
) -> tuple[bool, ComplexArray, BoolArray]:
    """Newton's method, again for as long as generators run out of reactive power. All in per unit of one island."""
    power, held, voltage = power.copy(), held.copy(), start
    weights = np.where(held, np.maximum(room, _LEAST_WEIGHT_MW), 0.0)
    for _ in range(_SWITCHES):
        slack = np.flatnonzero(held & (weights > 0.0))
        share = np.where(held, weights, 0.0) / weights[slack].sum()
        solver = NR_KLU()
        others = np.flatnonzero(~held)
        solver.solve(
            admittance, start.copy(), power, slack.astype(np.int32), share, np.zeros(0, dtype=np.int32),
            others.astype(np.int32), _ITERATIONS, _TOLERANCE_PU,
        )  # fmt: skip
        if not solver.converged():
            return False, start, held
        voltage = solver.get_Vm() * np.exp(1j * solver.get_Va())
        reactive = (voltage * np.conj(admittance @ voltage)).imag + reactive_load
        over, under = held & (reactive > most + _TOLERANCE_PU), held & (reactive < least - _TOLERANCE_PU)
        worst = over | under
        if not worst.any() or held.sum() == worst.sum():
            return True, voltage, held
        given = np.where(worst, np.where(over, most, least), 0.0)  # limits may be infinite
        power = np.where(worst, power.real + 1j * (given - reactive_load), power)
        held = held & ~worst
    return False, voltage, held


def _dc_angles(case: Case, ac: AcData, injection_mw: FloatArray, members: IntArray, anchor: np.int64) -> FloatArray:
    """Where Newton's method begins: angles of an island by a DC power flow, 0 at ``anchor``; all 0 if it has none.

    From angles of 0 it may end at a solution of low voltages, or at none, where transformers shift the phase.
    """
    table, buses = case.branches, len(case.bus_ids)
    alive = np.flatnonzero(table.in_service)
    susceptance = 1.0 / (table.reactance_pu * ac.ratio)[alive]
    ends = np.tile(np.arange(len(alive)), 2), np.concatenate([table.from_bus[alive], table.to_bus[alive]])
    incidence = csr_array((np.repeat([1.0, -1.0], len(alive)), ends), shape=(len(alive), buses))
    pushed = incidence.T @ (susceptance * ac.shift_rad[alive])
    laplacian = csr_array(incidence.T @ diags_array(susceptance, shape=(len(alive), len(alive))) @ incidence)
    free, angles = members[members != anchor], np.zeros(buses)
    if len(free):
        try:
            factor = splu(csc_matrix(laplacian[free, :][:, free]))
        except RuntimeError:  # series capacitors cancel out
            return np.zeros(len(members))
        angles[free] = factor.solve((injection_mw / case.base_mva + pushed)[free])
    return np.asarray(angles[members])


def _admittances(case: Case, ac: AcData) -> tuple[csr_array, csr_array, csr_array]:
    """Bus admittance matrix, and those that give the currents into both ends of every branch. [pu]"""
    table, buses = case.branches, len(case.bus_ids)
    status = table.in_service.astype(np.float64)
    series = status / np.where(table.in_service, table.resistance_pu + 1j * table.reactance_pu, 1.0)
    tap = ac.ratio * np.exp(1j * ac.shift_rad)
    own = series + 0.5 * ac.charging_pu * status
    rows = np.arange(len(table.names))
    ends = (np.tile(rows, 2), np.concatenate([table.from_bus, table.to_bus]))
    shape = (len(rows), buses)
    y_from = csr_array((np.concatenate([own / np.abs(tap) ** 2, -series / np.conj(tap)]), ends), shape=shape)
    y_to = csr_array((np.concatenate([-series / tap, own]), ends), shape=shape)
    first = csr_array((np.ones(len(rows)), (rows, table.from_bus)), shape=shape)
    second = csr_array((np.ones(len(rows)), (rows, table.to_bus)), shape=shape)
    shunt = diags_array((ac.shunt_mw + 1j * ac.shunt_mvar) / case.base_mva)
    return csr_array(first.T @ y_from + second.T @ y_to + shunt), y_from, y_to


def _islands(case: Case) -> IntArray:
    table, buses = case.branches, len(case.bus_ids)
    alive = np.flatnonzero(table.in_service)
    graph = csr_array((np.ones(len(alive)), (table.from_bus[alive], table.to_bus[alive])), shape=(buses, buses))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)
