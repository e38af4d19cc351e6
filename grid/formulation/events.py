"""What may happen within a period, and the reserve that answers it: a loss, or net load as far out as reserve is held.

An event changes what is fed in at some buses; reserve makes up for it, each holder at most by what it holds. A plan is
secure against an event if there is a response that leaves every branch within its rating. Which one it is stays open:
the model has columns for the response to an event in a period only once a proportional one breaks a rating.

References:
    Chen, Gribik and Gardner, "Incorporating Post Zonal Reserve Deployment Transmission Constraints Into Energy and
    Ancillary Service Co-Optimization", IEEE Trans. Power Systems 29(2), 2014.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from grid.formulation.injections import Injections
from grid.formulation.linear import IntArray, LinearModel
from grid.time_axis import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Responders:
    """Who can answer: MW at each bus per MW of response, shape (buses, responders), and columns of what each holds.

    Attributes:
        held: Shape (responders, periods).
        holders: Position of each among the holders of reserve, shape (responders,); -1 where it is none of them.
    """

    feeds: FloatArray
    held: IntArray
    holders: IntArray


class Response(NamedTuple):
    """What answers an event in one period: columns of the response and rows that keep it within what is held, both of
    shape (responders,), and the row by which it is as much as is needed.
    """

    columns: IntArray
    within: IntArray
    met: int


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """Something that may happen in any period.

    Attributes:
        of: The asset that is lost, or the title of the reserve that is called.
        change: What it feeds in more at every bus; negative where it takes power away.
        upward: The direction of the reserve that answers.
        barred: The responder that is itself lost; -1 if none is.
        emergency: A loss: the flows after it must keep emergency ratings; those after a call the continuous ones.
    """

    of: str
    change: Injections
    upward: bool
    responders: Responders
    barred: int = -1
    emergency: bool = False

    @property
    def sign(self) -> float:
        return 1.0 if self.upward else -1.0

    def needed_mw(self, values: FloatArray) -> FloatArray:
        """Response that is needed at column values ``values``, shape (periods,)."""
        return np.asarray(-self.sign * self.change.mw(values).sum(axis=0))

    def proportional_mw(self, values: FloatArray) -> FloatArray:
        """Every responder in proportion to what it holds, shape (responders, periods)."""
        held = np.maximum(values[self.responders.held], 0.0)
        if self.barred >= 0:
            held[self.barred] = 0.0
        total = held.sum(axis=0)
        share = np.divide(self.needed_mw(values), total, out=np.zeros_like(total), where=total > 0.0)
        return np.asarray(held * np.clip(share, 0.0, 1.0))

    def injections_mw(self, values: FloatArray, response_mw: FloatArray) -> FloatArray:
        """What event and response together feed in more, shape (buses, periods)."""
        return self.change.mw(values) + self.sign * (self.responders.feeds @ response_mw)

    def add_response(self, linear: LinearModel, period: int) -> Response:
        """Add the response in one period, within what is held and as much as is needed."""
        held = self.responders.held[:, period]
        most = np.full(len(held), np.inf)
        if self.barred >= 0:
            most[self.barred] = 0.0
        response, within = linear.columns(len(held), upper=most), linear.rows(len(held), upper=0.0)
        linear.put(within, response, 1.0)
        linear.put(within, held, -1.0)
        fixed = float(self.change.fixed_mw[:, period].sum())
        met = linear.rows(1, lower=-self.sign * fixed, upper=-self.sign * fixed)
        linear.put(met, response, 1.0)
        linear.put(met, self.change.columns[:, period], self.sign * self.change.factors[:, period])
        return Response(response, within, int(met[0]))
