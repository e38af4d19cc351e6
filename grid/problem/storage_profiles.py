"""What changes from period to period in a storage: cars that come and go, water that flows in.

A fleet of cars is one storage: what its chargers can take, what its batteries hold, the charge that arrives with cars
and the charge that is due when they leave. That is the usual aggregate; it lets cars share what is in them. A reservoir
is a storage that cannot be charged; its water, or the energy it may give over the horizon, is what it begins with and
what flows in.

References:
    Hao, Sanandaji, Poolla and Vincent, "Aggregate Flexibility of Thermostatically Controlled Loads", IEEE Trans. Power
    Systems 30(1), 2015 (loads as one battery with limits that change).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from grid.assets import Storage
from grid.faults import Fault
from grid.time_axis import FloatArray

if TYPE_CHECKING:
    from grid.problem.plan import DispatchProblem


@dataclass(frozen=True, slots=True, eq=False)
class StorageProfile:
    """What a storage can do in each period, in place of its ratings. Arrays of shape (periods,).

    Attributes:
        charge_mw, discharge_mw: Most that goes in and out.
        energy_mwh: Most that it holds at the period's end.
        inflow_mwh: What comes into it besides.
        due_mwh: What must leave it besides; what is missing of it is priced as a storage left too low.
        spills: Whether it may let energy go unused.
    """

    charge_mw: FloatArray
    discharge_mw: FloatArray
    energy_mwh: FloatArray
    inflow_mwh: FloatArray
    due_mwh: FloatArray
    spills: bool = False


def profile_of(problem: DispatchProblem, storage: Storage) -> StorageProfile:
    """The profile of a storage; of one without, its ratings in every period."""
    if (told := problem.storage_profiles.get(storage.storage_id)) is not None:
        return told
    power, energy = (np.full(problem.axis.periods, rating) for rating in (storage.power_mw, storage.energy_mwh))
    nothing = np.zeros(problem.axis.periods)
    return StorageProfile(power, power, energy, nothing, nothing)


def profile_faults(profiles: Mapping[str, StorageProfile], names: set[str], *, periods: int) -> Iterator[Fault]:
    """What is wrong with profiles of the storages ``names``."""
    for name, profile in profiles.items():
        place = f"profile of {name}"
        if name not in names:
            yield Fault(place, "there is no storage of this name", "correct the id or drop it")
        for field in fields(profile):
            values = getattr(profile, field.name)
            if field.name == "spills":
                continue
            if values.shape != (periods,):
                yield Fault(place, f"{field.name} must have shape {(periods,)}, got {values.shape}", "one per period")
            elif not (np.isfinite(values).all() and (values >= 0.0).all()):
                yield Fault(place, f"{field.name} must be finite and not negative", "correct it")
