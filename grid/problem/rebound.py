"""What a demand response with a rebound took out of its loads, when, and until when it may still be owed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from grid.assets import Storage
from grid.time_axis import FloatArray, TimeAxis

Taken = tuple[tuple[float, float], ...]
"""The hours since each period of late began, and the energy that was taken out in it. [h, MWh]"""

_ROUNDING_HOURS = 1e-9
_ROUNDING_MWH = 1e-3


def taken_after(
    before: Mapping[str, Taken], discharges_mw: Iterable[tuple[Storage, FloatArray]], *, step_hours: float
) -> dict[str, Taken]:
    """What was taken out and may still be owed when some more periods are done, by id of each that has a rebound.

    Args:
        before: The same when they began.
        discharges_mw: Of each storage in those periods, shape (periods,).
    """
    after = {}
    for storage, mw in discharges_mw:
        hours = storage.rebound_hours or math.inf
        if math.isinf(hours):
            continue
        old = ((age + len(mw) * step_hours, mwh) for age, mwh in before.get(storage.storage_id, ()))
        energy = (np.asarray(mw, dtype=np.float64) * step_hours / storage.discharge_efficiency).tolist()
        new = (((len(mw) - t) * step_hours, mwh) for t, mwh in enumerate(energy))
        after[storage.storage_id] = tuple((age, mwh) for age, mwh in (*old, *new) if age < hours and mwh > 0.0)
    return after


def owed_mwh(taken: Mapping[str, Taken], storages: Sequence[Storage], axis: TimeAxis) -> dict[str, FloatArray]:
    """What may still be owed of what was taken out before, at the end of each period of an ``axis`` from there.

    It is rounded up, the nearer the more: what could just be put back stays in reach from one plan to the next, whose
    documents round power and energy.
    """
    count = 1 + np.arange(axis.periods)
    owed = {}
    for storage in storages:
        hours = storage.rebound_hours or math.inf
        if math.isfinite(hours):
            ages, energy = np.array(taken.get(storage.storage_id, ())).reshape(-1, 2).T
            in_time = ages[:, None] + axis.step_hours * count <= hours + _ROUNDING_HOURS
            nearer = np.maximum(hours / axis.step_hours + 1.0 - count, 0.0)
            owed[storage.storage_id] = energy @ in_time + nearer * _ROUNDING_MWH / storage.discharge_efficiency
    return owed
