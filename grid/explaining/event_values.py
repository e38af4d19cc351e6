"""What being secure against events is worth: to the asset that may be lost, to those who hold reserve, and in all.

The rows by which an event must be answered have duals. By these a MW that is not produced saves what need not be made
up for, and a MW that is held saves what it answers with. Neither is part of the price at a bus.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grid.formulation.linear import IntArray
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
    """

    of: str
    loss: bool
    needed_mw: FloatArray
    less: FloatArray
    held: FloatArray

    @property
    def title(self) -> str:
        """Such as ``loss of A27``."""
        return f"loss of {self.of}" if self.loss else self.of


def event_values(dispatch: FixedDispatch) -> list[EventValue]:
    """The value of every event that a dispatch is secure against, those left out that cost nothing to be answered."""
    model, duals = dispatch.model, dispatch.solution.row_duals
    emergencies = [position for position, event in enumerate(model.lines.events) if event.emergency]
    covering = dict(zip(emergencies, model.reserves.coverage_rows, strict=True))
    binding = {position for position, rows in covering.items() if duals[rows].any()}
    binding |= {line.event for line, row in model.lines.rows.items() if line.event >= 0 and duals[row] != 0.0}
    binding |= {position for (position, _), response in model.lines.responses.items() if duals[response.met] != 0.0}
    return [_event_value(dispatch, position, covering.get(position)) for position in sorted(binding)]


def _event_value(dispatch: FixedDispatch, position: int, covering: IntArray | None) -> EventValue:
    model, duals, values = dispatch.model, dispatch.solution.row_duals, dispatch.solution.values
    lines, step, event = model.lines, model.problem.axis.step_hours, model.lines.events[position]
    holders = len(model.thermal) + len(model.storages) + len(model.reserves.plants)
    fed_in = np.zeros(model.problem.load_mw.shape)  # what a MW fed in at a bus after the event saves
    held = np.zeros((holders + 1, model.problem.axis.periods))  # the last is for responders that hold no reserve
    if covering is not None:
        fed_in += duals[covering]
        held += duals[covering]
        if event.barred >= 0:
            held[event.barred] = 0.0
    for (answered, t), response in lines.responses.items():
        if answered == position:
            fed_in[:, t] += event.sign * duals[response.met]
            held[event.responders.holders, t] -= duals[response.within]
    for line, row in lines.rows.items():
        if line.event == position:
            fed_in[:, line.period] += duals[row] * lines.factors(line)
    change = event.change.mw(values) if event.emergency else event.change.fixed_mw
    total = np.abs(change.sum(axis=0))
    less = np.divide(-(change * fed_in).sum(axis=0), total, out=np.zeros_like(total), where=total > 0.0)
    needed = event.needed_mw(values)
    return EventValue(event.of, event.emergency, needed, less / step, held[:holders] / step)
