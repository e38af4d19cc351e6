"""Who holds how much reserve in a solved dispatch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from grid.formulation.prices import FixedDispatch
from grid.problem.dispatch_problem import DispatchProblem
from grid.problem.requirements import HeldReserve
from grid.time_axis import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class PlantShares:
    """How what the plants of a bus hold falls to each, upward and downward, both (plants, periods).

    By what each could give more and less; plants that cannot be curtailed have none. ``bus`` is that of each plant.
    """

    bus: tuple[int, ...]
    up: FloatArray
    down: FloatArray

    @classmethod
    def of(cls, problem: DispatchProblem, renewable_mw: FloatArray) -> PlantShares:
        """Of a dispatch that takes ``renewable_mw``, shape (plants, periods)."""
        position = {bus.bus_id: i for i, bus in enumerate(problem.network.buses)}
        at = tuple(position[plant.bus_id] for plant in problem.renewable_plants)
        free = np.array([plant.curtailable for plant in problem.renewable_plants], dtype=np.bool_)[:, None]
        more, less = (problem.available_mw - renewable_mw) * free, renewable_mw * free
        return cls(at, *(_shares(mw, at) for mw in (more, less)))

    def dealt(self, by_bus: Mapping[int, FloatArray], *, upward: bool) -> FloatArray:
        """What each plant holds of what those of its bus do, shape (plants, periods)."""
        shares = self.up if upward else self.down
        nothing = np.zeros(shares.shape[1])
        rows = [np.maximum(by_bus.get(i, nothing), 0.0) for i in self.bus]
        return np.asarray(shares * np.array(rows).reshape(shares.shape))


def _shares(mw: FloatArray, at: Sequence[int]) -> FloatArray:
    """Each row's part of the sum over the rows of its bus; of nothing each has nothing."""
    shares = np.zeros_like(mw)
    for bus in set(at):
        rows = [p for p, i in enumerate(at) if i == bus]
        total = mw[rows].sum(axis=0)
        shares[rows] = np.divide(mw[rows], total, out=np.zeros_like(mw[rows]), where=total > 0.0)
    return shares


def plant_reserves(dispatch: FixedDispatch, shares: PlantShares) -> tuple[FloatArray, FloatArray]:
    """Upward and downward reserve of each plant, both (plants, periods)."""
    x, reserves = dispatch.solution.values, dispatch.model.reserves
    up = shares.dealt({i: x[held.up] for i, held in reserves.plants.items()}, upward=True)
    if reserves.plants:
        return up, shares.dealt({i: x[held.down] for i, held in reserves.plants.items()}, upward=False)
    taken = {i: x[columns] for i, columns in dispatch.model.renewable.items()}
    total = np.sum([np.zeros(up.shape[1]), *taken.values()], axis=0)
    part = np.divide(x[reserves.renewable_down], total, out=np.zeros_like(total), where=total > 0.0)
    return up, shares.dealt({i: mw * part for i, mw in taken.items()}, upward=False)


def held_reserves(
    dispatch: FixedDispatch, headroom_mw: tuple[FloatArray, FloatArray], shares: PlantShares
) -> tuple[FloatArray, FloatArray, tuple[HeldReserve, ...]]:
    """Upward and downward reserve of each thermal unit, both (units, periods), and what is held of each product.

    Without products the units' share of the requirement, less what those that are off hold, is dealt out in proportion
    to what each could hold.

    Args:
        headroom_mw: How much more and less each unit could give, both (units, periods).
        shares: How what the plants of a bus hold falls to each.
    """
    model, x = dispatch.model, dispatch.solution.values
    problem, reserves = model.problem, model.reserves
    shape = (len(problem.thermal_units), problem.axis.periods)
    if problem.tells_reserve:
        up = np.array([x[unit.reserve_up] for unit in model.thermal]).reshape(shape)
        down = np.array([x[unit.reserve_down] for unit in model.thermal]).reshape(shape)
        plants = shape[0] + len(problem.storages)
        held = [
            HeldReserve(
                product,
                values[: shape[0]],
                values[shape[0] : plants],
                shares.dealt(dict(zip(reserves.plants, values[plants:], strict=True)), upward=product.upward),
            )
            for product, parts in reserves.parts.items()
            for values in [np.maximum(x[np.array(parts, dtype=np.int64).reshape(-1, shape[1])], 0.0)]
        ]
        return np.maximum(up, 0.0), np.maximum(down, 0.0), tuple(held)
    by_storages = [np.sum([x[s.reserve_up] for s in model.storages], axis=0)]
    by_storages += [np.sum([x[s.reserve_down] for s in model.storages], axis=0) + x[reserves.renewable_down]]
    by_starts = np.zeros(shape)
    for i, columns in reserves.starting.items():
        by_starts[i] = np.maximum(x[columns], 0.0)
    needed_up = problem.reserve_up_mw - x[reserves.short_up] - by_storages[0] - by_starts.sum(axis=0)
    needed_down = problem.reserve_down_mw - x[reserves.short_down] - by_storages[1]
    return _deal_out(needed_up, headroom_mw[0]) + by_starts, _deal_out(needed_down, headroom_mw[1]), ()


def _deal_out(needed: FloatArray, possible: FloatArray) -> FloatArray:
    total = possible.sum(axis=0)
    share = np.divide(np.maximum(needed, 0.0), total, out=np.zeros_like(total), where=total > 0.0)
    dealt: FloatArray = possible * np.minimum(share, 1.0)
    return dealt
