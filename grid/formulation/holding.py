"""Who holds how much reserve in a solved dispatch."""

from __future__ import annotations

import numpy as np

from grid.formulation.prices import FixedDispatch
from grid.problem.requirements import HeldReserve
from grid.time_axis import FloatArray


def held_reserves(
    dispatch: FixedDispatch, headroom_mw: tuple[FloatArray, FloatArray]
) -> tuple[FloatArray, FloatArray, tuple[HeldReserve, ...]]:
    """Upward and downward reserve of each thermal unit, both (units, periods), and what is held of each product.

    Without products the units' share of the requirement is dealt out in proportion to what each could hold.

    Args:
        headroom_mw: How much more and less each unit could give, both (units, periods).
    """
    model, x = dispatch.model, dispatch.solution.values
    problem, reserves = model.problem, model.reserves
    shape = (len(problem.thermal_units), problem.axis.periods)
    if problem.tells_reserve:
        up = np.array([x[unit.reserve_up] for unit in model.thermal]).reshape(shape)
        down = np.array([x[unit.reserve_down] for unit in model.thermal]).reshape(shape)
        held = [
            HeldReserve(product, values[: shape[0]], values[shape[0] :])
            for product, parts in reserves.parts.items()
            for values in [np.maximum(x[np.array(parts, dtype=np.int64).reshape(-1, shape[1])], 0.0)]
        ]
        return np.maximum(up, 0.0), np.maximum(down, 0.0), tuple(held)
    by_storages = [np.sum([x[s.reserve_up] for s in model.storages], axis=0)]
    by_storages += [np.sum([x[s.reserve_down] for s in model.storages], axis=0) + x[reserves.renewable_down]]
    needed_up = problem.reserve_up_mw - x[reserves.short_up] - by_storages[0]
    needed_down = problem.reserve_down_mw - x[reserves.short_down] - by_storages[1]
    return _deal_out(needed_up, headroom_mw[0]), _deal_out(needed_down, headroom_mw[1]), ()


def _deal_out(needed: FloatArray, possible: FloatArray) -> FloatArray:
    total = possible.sum(axis=0)
    share = np.divide(np.maximum(needed, 0.0), total, out=np.zeros_like(total), where=total > 0.0)
    dealt: FloatArray = possible * np.minimum(share, 1.0)
    return dealt
