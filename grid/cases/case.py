"""One operating point of a network as tables: buses, generators with costs, branches, HVDC links. Power in MW.

Columns instead of one object per row, because cases have tens of thousands of rows. Every row of the file keeps its
place, so that results can be laid beside it; what is out of service says so in ``in_service``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from grid.time_axis import FloatArray

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]


class DcConvention(StrEnum):
    """What a DC power flow takes for the susceptance of a branch.

    ``series``: x / (r² + x²), as PowerModels has it; turns ratios and phase shifts do not count.
    ``taps_and_shifts``: 1 / (x × turns ratio) and the phase shifts, as MATPOWER and pandapower have it.
    """

    SERIES = "series"
    TAPS_AND_SHIFTS = "taps_and_shifts"


@dataclass(frozen=True, slots=True, eq=False)
class Costs:
    """Convex cost per hour of a power, ``quadratic p² + linear p + constant`` or a piecewise-linear curve instead.

    Attributes:
        quadratic, linear, constant: Shape (rows,). [money/MW²h, money/MWh, money/h] ``quadratic`` >= 0.
        curves: By row: points of shape (points, 2), power [MW] ascending and cost [money/h], slopes never falling. The
            first and the last piece go on beyond the points. The polynomial of such a row is 0.
    """

    quadratic: FloatArray
    linear: FloatArray
    constant: FloatArray
    curves: dict[int, FloatArray]

    @classmethod
    def none(cls, rows: int) -> Costs:
        """Costs of nothing."""
        return cls(np.zeros(rows), np.zeros(rows), np.zeros(rows), {})


@dataclass(frozen=True, slots=True, eq=False)
class Generators:
    """Generators; arrays of shape (generators,), ``bus`` is a position among the case's buses."""

    names: tuple[str, ...]
    bus: IntArray
    minimum_mw: FloatArray
    maximum_mw: FloatArray
    in_service: BoolArray
    costs: Costs


@dataclass(frozen=True, slots=True, eq=False)
class Branches:
    """AC lines and transformers; flow is positive from ``from_bus`` to ``to_bus``. Arrays of shape (branches,).

    Attributes:
        resistance_pu, reactance_pu: Of the series impedance; the reactance is not zero, but may be negative.
        limit_mw: Rating in both directions, infinite where there is none.
        emergency_mw: Rating after an outage (``rateC``, else ``rateB``), at least ``limit_mw``.
        tap_ratio: Off-nominal turns ratio; 1 for a line.
        shift_rad: How far a transformer holds the angle at ``from_bus`` ahead, without flow.
        angle_minimum, angle_maximum: Limits of the angle at ``from_bus`` less that at ``to_bus``. [rad]
    """

    names: tuple[str, ...]
    from_bus: IntArray
    to_bus: IntArray
    resistance_pu: FloatArray
    reactance_pu: FloatArray
    limit_mw: FloatArray
    emergency_mw: FloatArray
    tap_ratio: FloatArray
    shift_rad: FloatArray
    angle_minimum: FloatArray
    angle_maximum: FloatArray
    in_service: BoolArray


@dataclass(frozen=True, slots=True, eq=False)
class Links:
    """HVDC links. Of the ``p`` MW taken at ``from_bus``, ``(1 - loss_share) p - loss_mw`` arrive at ``to_bus``.

    Attributes:
        minimum_mw, maximum_mw: Limits of ``p``, shape (links,).
        loss_share, loss_mw: Proportional and constant part of the losses, shape (links,).
    """

    names: tuple[str, ...]
    from_bus: IntArray
    to_bus: IntArray
    minimum_mw: FloatArray
    maximum_mw: FloatArray
    loss_share: FloatArray
    loss_mw: FloatArray
    in_service: BoolArray
    costs: Costs


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A network with its load, at one instant.

    Attributes:
        bus_ids, areas: The file's numbers of buses, and of the area of each, as text.
        demand_mw: Load and shunt conductance at nominal voltage, shape (buses,); negative feeds in.
        reference: Buses of a given angle, shape (buses,).
        isolated: Buses out of service, shape (buses,); all that stands at them is out of service too.
    """

    name: str
    base_mva: float
    bus_ids: tuple[str, ...]
    areas: tuple[str, ...]
    demand_mw: FloatArray
    reference: BoolArray
    isolated: BoolArray
    generators: Generators
    branches: Branches
    links: Links
    convention: DcConvention
