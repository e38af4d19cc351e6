"""Lines and transformers of a pandapower network as branches, per unit on the network's base.

A transformer is pandapower's T model: half of the leakage impedance on either side of the magnetising admittance, so
that the reactance between its ends is a little more. Taps change the voltage of their side; with a step angle, the
phase too.

Reference: Thurner et al., "pandapower: an open-source Python tool for convenient modeling, analysis and optimization of
electric power systems", IEEE Transactions on Power Systems 33(6), 2018; its documentation, "Electric Model".
"""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass

import numpy as np

from grid.cases.ac_data import ComplexArray
from grid.cases.case import Branches
from grid.cases.pandapower_buses import NetBuses
from grid.cases.pandapower_tables import NetTables
from grid.cases.source_tables import Row
from grid.time_axis import FloatArray

_NO_ANGLE_LIMIT = 2.0 * math.pi
_VOLTAGE_TAPS = ("Ratio", "Symmetrical")
_MOST_TAP_PERCENT = 100.0


@dataclass(frozen=True, slots=True)
class _Branch:
    """What lies between two buses; ``limit_mw`` is infinite where there is none.

    ``charging_pu`` is the shunt admittance, half of it at either end.
    """

    name: str
    from_bus: int
    to_bus: int
    impedance_pu: complex
    tap_ratio: float
    shift_rad: float
    limit_mw: float
    in_service: bool
    charging_pu: complex


def read_branches(tables: NetTables, buses: NetBuses, base_mva: float) -> Branches:
    """The branches of a network, lines first; one with an open switch at an end is out of service."""
    all_of = _branches(tables, buses, base_mva)
    limit = np.array([branch.limit_mw for branch in all_of])
    return Branches(
        names=tuple(branch.name for branch in all_of),
        from_bus=np.array([branch.from_bus for branch in all_of], dtype=np.int64),
        to_bus=np.array([branch.to_bus for branch in all_of], dtype=np.int64),
        resistance_pu=np.array([branch.impedance_pu.real for branch in all_of]),
        reactance_pu=np.array([branch.impedance_pu.imag for branch in all_of]),
        limit_mw=limit,
        emergency_mw=limit,
        tap_ratio=np.array([branch.tap_ratio for branch in all_of]),
        shift_rad=np.array([branch.shift_rad for branch in all_of]),
        angle_minimum=np.full(len(all_of), -_NO_ANGLE_LIMIT),
        angle_maximum=np.full(len(all_of), _NO_ANGLE_LIMIT),
        in_service=np.array([branch.in_service for branch in all_of], dtype=bool),
    )


def read_charging(tables: NetTables, buses: NetBuses, base_mva: float) -> ComplexArray:
    """Shunt admittances of the same branches, half at either end. [pu]"""
    return np.array([branch.charging_pu for branch in _branches(tables, buses, base_mva)], dtype=np.complex128)


def read_open_charging(tables: NetTables, buses: NetBuses, base_mva: float) -> FloatArray:
    """Susceptance, by bus, of the lines that are open at their other end, shape (buses,). [pu]"""
    total = np.zeros(len(buses.names))
    for (index, row), line in zip(tables.rows("line"), _branches(tables, buses, base_mva), strict=False):
        ends = (("from_bus", line.from_bus), ("to_bus", line.to_bus))
        joined = [
            place
            for column, place in ends
            if buses.in_service[place] and ("l", index, int(row.number(column))) not in buses.opened
        ]
        if row.flag("in_service", default=True) and len(joined) == 1 and line.charging_pu:
            far = 1.0 / (line.impedance_pu + 2.0 / line.charging_pu)
            total[joined[0]] += (line.charging_pu / 2.0 + far).imag
    return total


def _branches(tables: NetTables, buses: NetBuses, base_mva: float) -> list[_Branch]:
    opened, hertz = {(kind, index) for kind, index, _ in buses.opened}, tables.scalar("f_hz", default=50.0)
    lines = [_line(i, row, buses, base_mva, hertz, is_open=("l", i) in opened) for i, row in tables.rows("line")]
    trafos = [_transformer(i, row, buses, base_mva, is_open=("t", i) in opened) for i, row in tables.rows("trafo")]
    return [*lines, *trafos]


def _line(index: int, row: Row, buses: NetBuses, base_mva: float, hertz: float, *, is_open: bool) -> _Branch:
    ends = buses.ends(row, "from_bus", "to_bus")
    kilovolt = buses.base_kv(row, "from_bus")
    parallel = row.number("parallel", default=1.0, above=0.0) or 1.0
    length = row.number("length_km", above=0.0)
    ohm = complex(row.number("r_ohm_per_km"), row.number("x_ohm_per_km")) * length
    capacitive = 2.0 * math.pi * hertz * 1e-9 * row.number("c_nf_per_km", default=0.0)
    siemens = complex(1e-6 * row.number("g_us_per_km", default=0.0), capacitive) * length
    rating = math.sqrt(3.0) * kilovolt * row.number("max_i_ka", default=math.inf, least=0.0)
    rating *= row.number("df", default=1.0, above=0.0) * parallel
    alive = buses.alive(row, "from_bus", "to_bus") and not is_open
    if alive and ohm.imag == 0.0:
        row.fault("x_ohm_per_km", "must not be 0", "give its reactance, or a closed switch between the buses")
    impedance = ohm * base_mva / kilovolt**2 / parallel
    charging = siemens * kilovolt**2 / base_mva * parallel
    return _Branch(f"line-{index}", *ends, impedance, 1.0, 0.0, _loaded(row, rating), alive, charging)


def _transformer(index: int, row: Row, buses: NetBuses, base_mva: float, *, is_open: bool) -> _Branch:
    ends = buses.ends(row, "hv_bus", "lv_bus")
    bus_hv, bus_lv = buses.base_kv(row, "hv_bus"), buses.base_kv(row, "lv_bus")
    parallel = row.number("parallel", default=1.0, above=0.0) or 1.0
    rated = row.number("sn_mva", above=0.0) or 1.0
    high, low, shift = _tapped(row)
    base_ohm = base_mva / bus_lv**2
    vk, vkr = row.number("vk_percent"), row.number("vkr_percent", default=0.0)
    if abs(vkr) > abs(vk) or vk == 0.0:
        row.fault("vk_percent", f"must be above vkr_percent {vkr:g} in size, got {vk:g}", "correct one of the two")
    reactance = math.copysign(math.sqrt(max(vk**2 - vkr**2, 0.0)), vk)
    series = complex(vkr, reactance) / 100.0 * low**2 / rated * base_ohm / parallel
    iron_mw = row.number("pfe_kw", default=0.0) / 1000.0
    magnetising = max((row.number("i0_percent", default=0.0) / 100.0 * rated) ** 2 - iron_mw**2, 0.0)
    shunt = complex(iron_mw, -math.sqrt(magnetising)) * parallel / (base_ohm * low**2)
    rating = rated * row.number("df", default=1.0, above=0.0) * parallel
    ratio = high / low * bus_lv / bus_hv
    alive = buses.alive(row, "hv_bus", "lv_bus") and not is_open
    for column in ("leakage_resistance_ratio_hv", "leakage_reactance_ratio_hv"):
        if row.number(column, default=0.5) != 0.5:
            row.fault(column, "must be 0.5: leakage that is not alike on both sides is not read", "correct it")
    through, charging = series + series**2 / 4.0 * shunt, shunt / (1.0 + series * shunt / 4.0)
    return _Branch(f"trafo-{index}", *ends, through, ratio, shift, _loaded(row, rating), alive, charging)


def _tapped(row: Row) -> tuple[float, float, float]:
    """Rated voltages of both sides at the tap's position [kV], and the phase shift [rad]."""
    volts = {"hv": row.number("vn_hv_kv", above=0.0) or 1.0, "lv": row.number("vn_lv_kv", above=0.0) or 1.0}
    shift = math.radians(row.number("shift_degree", default=0.0))
    for column in ("tap_dependency_table", "tap2_pos"):
        if row.flag(column, default=False) if column == "tap_dependency_table" else row.has(column):
            row.fault(column, "is not read", "give the transformer as it is at its position")
    side = row.text("tap_side", default="")
    if not row.has("tap_pos") or side not in volts:
        return volts["hv"], volts["lv"], shift
    direction = 1.0 if side == "hv" else -1.0
    steps = row.number("tap_pos") - row.number("tap_neutral", default=0.0)
    percent, degree = row.number("tap_step_percent", default=0.0), row.number("tap_step_degree", default=0.0)
    kind = row.text("tap_changer_type", default="")
    if not row.knows("tap_changer_type"):  # before pandapower 3
        kind = "Ideal" if row.flag("tap_phase_shifter", default=False) else "Ratio"
    if kind in ("Ideal", *_VOLTAGE_TAPS) and not abs(steps * percent) < _MOST_TAP_PERCENT:
        row.fault("tap_pos", f"turns the voltage by {steps * percent:g} %", "correct it, or tap_step_percent")
    elif kind == "Ideal":
        angle = math.radians(steps * degree) if degree else 2.0 * math.asin(steps * percent / 200.0)
        return volts["hv"], volts["lv"], shift + direction * angle
    elif kind in _VOLTAGE_TAPS:
        turned = 1.0 + cmath.rect(steps * percent / 100.0, math.radians(degree))
        volts[side] *= abs(turned)
        shift += direction * cmath.phase(turned)
    elif kind:
        row.fault("tap_changer_type", f"must be Ratio, Symmetrical or Ideal, got {kind!r}", "correct it")
    return volts["hv"], volts["lv"], shift


def _loaded(row: Row, rating_mva: float) -> float:
    """The limit that ``max_loading_percent`` sets; infinite without one. [MW]"""
    if not row.has("max_loading_percent") or math.isinf(rating_mva):
        return math.inf
    return row.number("max_loading_percent", least=0.0) / 100.0 * rating_mva
