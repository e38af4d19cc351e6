"""The model of a dispatch problem and where everything stands in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from grid.formulation.injections import Injections
from grid.formulation.linear import IntArray, LinearModel
from grid.formulation.lines import Line, LineLimits
from grid.formulation.losses import Losses
from grid.formulation.reserves import Reserves
from grid.formulation.storages import StorageColumns
from grid.formulation.thermal import ThermalGroup
from grid.formulation.trade import ExchangeColumns
from grid.problem.dispatch_problem import DispatchProblem
from grid.time_axis import FloatArray

MOST_ENTRIES = 30_000_000
"""Of a linear program, all scenarios together. Each takes some 80 bytes while it is put together and handed over."""


class TooManyLinesError(RuntimeError):
    """More limits of branches come into a model than it may hold."""


@dataclass(slots=True, eq=False)
class DispatchModel:
    """The model and where everything stands in it; arrays of columns have the periods last.

    Attributes:
        groups: Positions of the thermal units of each group; ``thermal`` has their columns.
        renewable: Taken of the curtailable plants of one bus together, by bus.
        spill: Not taken of the plants of one bus that are not curtailable, by bus.
        shed, surplus: Priced, by bus.
        link: Flow of each HVDC link, shape (links, periods).
        balance_rows: Shape (periods,).
        bus: Position of each bus by id.
        losses: None in a lossless network.
    """

    problem: DispatchProblem
    linear: LinearModel
    lines: LineLimits
    groups: tuple[tuple[int, ...], ...]
    thermal: list[ThermalGroup]
    storages: list[StorageColumns]
    renewable: dict[int, IntArray]
    spill: dict[int, IntArray]
    shed: dict[int, IntArray]
    surplus: dict[int, IntArray]
    link: IntArray
    reserves: Reserves
    balance_rows: IntArray
    bus: dict[str, int]
    losses: Losses | None
    exchanges: list[ExchangeColumns]
    injections: Injections = field(init=False)

    def add_lines(self, lines: Iterable[Line]) -> None:
        """Put the limits of lines into the model; those that are there already are left alone.

        Raises:
            TooManyLinesError: If they are more than fit into memory.
        """
        for line in lines:
            self.lines.add(self.linear, line, self.injections)
            if self.linear.entry_count > MOST_ENTRIES:
                told = f"{len(self.lines.rows):,} limits of branches, each in {len(self.injections.buses):,} columns"
                raise TooManyLinesError(f"too many lines are full at once: {told}, are more than a model may hold")

    def add_violated(self, values: FloatArray) -> bool:
        """Put into the model what a solution of it breaks: limits of lines, tangents of losses. False if nothing."""
        violated = self.lines.violated(values, self.injections.mw(values))
        self.add_lines(violated)
        lossy = self.losses is not None and self.losses.add_missing(self.linear, self.injections, values)
        return bool(violated) or lossy
