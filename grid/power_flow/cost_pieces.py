"""Convex costs as pieces of a linear program, refined around its solution until they are the curves themselves.

A machine with a curved cost is a sum of bounded pieces of rising slope. Piecewise-linear costs are exact at once.
Quadratic ones take the chords between breakpoints that crowd ever closer around the machine's own optimum at the prices
of the last solution; between two solutions only bounds and costs of columns change, so the next one starts warm.
"""

from __future__ import annotations

import numpy as np

from grid.cases.case import Costs, IntArray
from grid.time_axis import FloatArray

PIECES = 10
_SPREAD = np.array([1.0, 4.0, 16.0, 64.0])
_SHRINK = 8.0


def cost_of(costs: Costs, power_mw: FloatArray) -> FloatArray:
    """True cost of each machine at its power, shape (machines,). [money/h]"""
    total = costs.quadratic * power_mw**2 + costs.linear * power_mw + costs.constant
    for i, points in costs.curves.items():
        total[i] = _curve(points, power_mw[i])
    return np.asarray(total)


def marginal_cost_of(costs: Costs, power_mw: FloatArray) -> FloatArray:
    """Cost of one more MWh, shape (machines,); at a kink the cost above it. [money/MWh]"""
    marginal = 2.0 * costs.quadratic * power_mw + costs.linear
    for i, points in costs.curves.items():
        slopes = np.diff(points[:, 1]) / np.diff(points[:, 0])
        marginal[i] = slopes[np.searchsorted(points[1:-1, 0], power_mw[i] + 1e-9)]
    return np.asarray(marginal)


def cheapest(costs: Costs, low: FloatArray, high: FloatArray, price: FloatArray) -> tuple[FloatArray, FloatArray]:
    """What each machine would do at a price of its own, and what that costs it less what it earns.

    Args:
        low, high: Limits, shape (machines,). [MW]
        price: Of each machine's power, shape (machines,). [money/MWh]
    """
    slack = price - costs.linear
    with np.errstate(divide="ignore", invalid="ignore"):
        inner = slack / (2.0 * costs.quadratic)
    power = np.where(costs.quadratic > 0.0, np.clip(inner, low, high), np.where(slack > 0.0, high, low))
    for i, points in costs.curves.items():
        corners = np.clip(np.concatenate([points[:, 0], [low[i], high[i]]]), low[i], high[i])
        power[i] = corners[np.argmin([_curve(points, p) - price[i] * p for p in corners])]
    return power, cost_of(costs, power) - price * power


class Pieces:
    """The pieces of all machines with a curved cost.

    Attributes:
        machines: Which machines these are; the others' costs are plain columns.
        owner: Machine of each piece, as a position in ``machines``, shape (pieces,).
    """

    def __init__(self, costs: Costs, low: FloatArray, high: FloatArray) -> None:
        self._costs, self._low, self._high = costs, low, high
        ranged = high > low
        self._quadratic = np.flatnonzero((costs.quadratic > 0.0) & ranged)
        curves = [i for i in sorted(costs.curves) if ranged[i]]
        self.machines: IntArray = np.concatenate([self._quadratic, np.array(curves, dtype=np.int64)])
        self._fixed = [_curve_pieces(costs.curves[i], low[i], high[i]) for i in curves]
        of_curves = [np.full(len(widths), len(self._quadratic) + k) for k, (widths, _) in enumerate(self._fixed)]
        of_quadratic = np.repeat(np.arange(len(self._quadratic)), PIECES)
        self.owner: IntArray = np.concatenate([of_quadratic, *of_curves]).astype(np.int64)
        self._widest = self._step = (high - low)[self._quadratic] / PIECES
        steps = np.arange(PIECES + 1)
        self._breaks = low[self._quadratic, None] + self._step[:, None] * steps

    @property
    def exact(self) -> bool:
        """Whether no cost is quadratic."""
        return not len(self._quadratic)

    @property
    def widths(self) -> FloatArray:
        """Upper bound of each piece, shape (pieces,). [MW]"""
        return np.concatenate([np.diff(self._breaks, axis=1).ravel(), *(widths for widths, _ in self._fixed)])

    @property
    def slopes(self) -> FloatArray:
        """Cost of each piece, shape (pieces,). [money/MWh]"""
        a, b = self._costs.quadratic[self._quadratic, None], self._costs.linear[self._quadratic, None]
        chords = a * (self._breaks[:, :-1] + self._breaks[:, 1:]) + b
        return np.concatenate([chords.ravel(), *(slopes for _, slopes in self._fixed)])

    def price_error(self, power_mw: FloatArray, price: FloatArray) -> float:
        """The most by which a machine's marginal cost can differ from its price for the pieces' width. [money/MWh]

        Args:
            power_mw, price: A solution, of all machines, shape (machines,).
        """
        at = self._quadratic
        wish, _ = cheapest(self._costs, self._low, self._high, price)
        width = np.maximum(self._step, np.abs(wish - power_mw)[at])
        return float(np.max(2.0 * self._costs.quadratic[at] * width, initial=0.0))

    def refine(self, power_mw: FloatArray, price: FloatArray) -> None:
        """Crowd the breakpoints of quadratic costs around what each machine would do at ``price``.

        A machine whose wish lies near where it is gets narrower pieces; one that was misjudged gets wider ones again.

        Args:
            power_mw, price: Of all machines, shape (machines,).
        """
        at = self._quadratic
        wish, _ = cheapest(self._costs, self._low, self._high, price)
        away = np.abs(wish[at] - power_mw[at])
        near = away <= 1.5 * self._step
        centre = np.where(near, wish[at], power_mw[at])
        wider = np.minimum(np.maximum(2.0 * self._step, away / _SHRINK), self._widest)
        self._step = np.where(near, self._step / _SHRINK, wider)
        offsets = np.concatenate([-_SPREAD[::-1], [0.0], _SPREAD])
        inner = centre[:, None] + self._step[:, None] * offsets
        ends = self._low[at, None], self._high[at, None]
        self._breaks = np.concatenate([ends[0], np.clip(inner, *ends), ends[1]], axis=1)


def _curve(points: FloatArray, power: float) -> float:
    """A piecewise-linear curve at a power; the first and the last piece go on beyond the points."""
    slopes = np.diff(points[:, 1]) / np.diff(points[:, 0])
    k = int(np.searchsorted(points[1:-1, 0], power))
    return float(points[k, 1] + slopes[k] * (power - points[k, 0]))


def _curve_pieces(points: FloatArray, low: float, high: float) -> tuple[FloatArray, FloatArray]:
    """Widths and slopes of the pieces between two limits."""
    inner = points[1:-1, 0]
    breaks = np.concatenate([[low], inner[(inner > low) & (inner < high)], [high]])
    values = np.array([_curve(points, power) for power in breaks])
    return np.diff(breaks), np.diff(values) / np.diff(breaks)
