"""What being secure against events is worth: to the asset that may be lost, to those who hold reserve, and in all.

The rows by which an event must be answered have duals. By these a MW that is not produced saves what need not be made
up for, and a MW that is held saves what it answers with. Neither is part of the price at a bus.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grid.formulation.prices import FixedDispatch
from grid.time_axis import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class EventValue:
    """What the answer to one event is worth.

    Attributes:
        of: The asset that is lost, or the title of the reserve that is called.
        loss: Whether it is a loss.
        needed_mw: What must be made up for, shape (periods,). [MW]
        less: What a MW less of that saves, shape (periods,). [money/MWh]
        held: What a MW more of each holder of reserve saves, shape (holders, periods): thermal units, storages, then
            plants by bus. [money/MWh]
        barred: The holder that is itself lost, by position; -1 if none is.
    """

    of: str
    loss: bool
    needed_mw: FloatArray
    less: FloatArray
    held: FloatArray
    barred: int

    @property
    def title(self) -> str:
        """Such as ``loss of A27``."""
        return f"loss of {self.of}" if self.loss else self.of


def event_values(dispatch: FixedDispatch) -> list[EventValue]:
    """The value of every event that a dispatch is secure against."""
    model, duals, values = dispatch.model, dispatch.solution.row_duals, dispatch.solution.values
    lines, step, shape = model.lines, model.problem.axis.step_hours, model.problem.load_mw.shape
    holders = len(model.thermal) + len(model.storages) + len(model.reserves.plants)
    losses = [position for position, event in enumerate(lines.events) if event.emergency]
    fed_in = [np.zeros(shape) for _ in lines.events]  # what a MW fed in at a bus after the event saves
    held = [np.zeros((holders + 1, shape[1])) for _ in lines.events]  # the last is for responders that hold no reserve
    for position, rows in zip(losses, model.reserves.coverage_rows, strict=True):
        fed_in[position] += duals[rows]
        held[position] += duals[rows]
        if lines.events[position].barred >= 0:
            held[position][lines.events[position].barred] = 0.0
    for (position, t), response in lines.responses.items():
        event = lines.events[position]
        fed_in[position][:, t] += event.sign * duals[response.met]
        held[position][event.responders.holders, t] -= duals[response.within]
    for line, row in lines.rows.items():
        if line.event >= 0:
            fed_in[line.event][:, line.period] += duals[row] * lines.factors(line)
    found = []
    for position, event in enumerate(lines.events):
        change = event.change.mw(values) if event.emergency else event.change.fixed_mw
        total = np.abs(change.sum(axis=0))
        less = np.divide(-(change * fed_in[position]).sum(axis=0), total, out=np.zeros_like(total), where=total > 0.0)
        needed = event.needed_mw(values)
        found.append(
            EventValue(event.of, event.emergency, needed, less / step, held[position][:holders] / step, event.barred)
        )
    return found
