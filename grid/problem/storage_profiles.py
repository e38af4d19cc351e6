"""What changes from period to period in a storage: cars that come and go, water that flows in.

A fleet of cars is one storage: what its chargers can take, what its batteries hold, the charge that arrives with cars
and the charge that is due when they leave. That is the usual aggregate; it lets cars share what is in them. Cars that
leave take along, free of value, whatever they hold beyond what is due. A reservoir
is a storage that cannot be charged; its water, or the energy it may give over the horizon, is what it begins with and
what flows in.

References:
    Hao, Sanandaji, Poolla and Vincent, "Aggregate Flexibility of Thermostatically Controlled Loads", IEEE Trans. Power
    Systems 30(1), 2015 (loads as one battery with limits that change).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from grid.assets import Storage
from grid.faults import Fault
from grid.time_axis import FloatArray

_ROUNDING_MWH = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class StorageProfile:
    """What a storage can do in each period, in place of its ratings. Arrays of shape (periods,).

    Attributes:
        charge_mw, discharge_mw: Most that goes in and out.
        energy_mwh: Most that it holds at the period's end.
        inflow_mwh: What comes into it besides.
        due_mwh: What must leave it besides; what is missing of it is priced as a storage left too low.
        spills: Whether it may let energy go unused in any period.
        leaves: In which periods cars leave, besides those in which energy is due or less can be held than before.
    """

    charge_mw: FloatArray
    discharge_mw: FloatArray
    energy_mwh: FloatArray
    inflow_mwh: FloatArray
    due_mwh: FloatArray
    spills: bool = False
    leaves: npt.NDArray[np.bool_] | None = None

    @classmethod
    def constant(cls, storage: Storage, *, periods: int) -> StorageProfile:
        """A storage's ratings in every period."""
        power, energy, nothing = (np.full(periods, x) for x in (storage.power_mw, storage.energy_mwh, 0.0))
        return cls(power, power, energy, nothing, nothing)

    def unused_mwh(self, initial_mwh: float) -> FloatArray:
        """Most that may leave besides and unused, shape (periods,): without limit of what spills, else with cars.

        Cars leave where they are said to, where energy is due and where the fleet can hold less than before, or than
        ``initial_mwh``; with them goes what those that stay could not hold.
        """
        if self.spills:
            return np.full(len(self.energy_mwh), np.inf)
        before = np.concatenate([[initial_mwh], self.energy_mwh[:-1]])
        departures = (self.due_mwh > 0.0) | (self.energy_mwh < before)
        if self.leaves is not None:
            departures |= self.leaves
        beyond = before + self.inflow_mwh - self.due_mwh - self.energy_mwh
        return np.where(departures, np.maximum(beyond, 0.0), 0.0)


def profile_faults(
    profiles: Mapping[str, StorageProfile],
    storages: Sequence[Storage],
    initial_mwh: Mapping[str, float],
    *,
    periods: int,
    step_hours: float,
) -> Iterator[Fault]:
    """What is wrong with profiles of ``storages``, some of which begin with ``initial_mwh``."""
    known = {storage.storage_id: storage for storage in storages}
    for name, profile in profiles.items():
        place = f"profile of {name}"
        faults = list(_array_faults(place, profile, periods))
        yield from faults
        if name not in known:
            yield Fault(place, "there is no storage of this name", "correct the id or drop it")
        elif not faults and known[name].discharge_efficiency > 0.0:
            initial = initial_mwh.get(name, known[name].initial_mwh)
            yield from _overflow(place, profile, known[name], initial, step_hours)


def _array_faults(place: str, profile: StorageProfile, periods: int) -> Iterator[Fault]:
    for field in fields(profile):
        values = getattr(profile, field.name)
        if field.name == "spills" or values is None:
            continue
        if values.shape != (periods,):
            yield Fault(place, f"{field.name} must have shape {(periods,)}, got {values.shape}", "one per period")
        elif not (np.isfinite(values).all() and (values >= 0.0).all()):
            yield Fault(place, f"{field.name} must be finite and not negative", "correct it")


def _overflow(
    place: str, profile: StorageProfile, storage: Storage, initial_mwh: float, step_hours: float
) -> Iterator[Fault]:
    """The first period whose end finds more inside than there is room for, though all has left that may."""
    out_mwh = profile.discharge_mw * step_hours / storage.discharge_efficiency
    leaves, least, kept = profile.unused_mwh(initial_mwh), initial_mwh, storage.kept_share(step_hours)
    for t, room in enumerate(profile.energy_mwh.tolist()):
        least = max(kept * least + float(profile.inflow_mwh[t] - profile.due_mwh[t] - out_mwh[t]), 0.0)
        least = max(least - float(leaves[t]), min(least, room))
        if least > room + _ROUNDING_MWH:
            told = f"in period {t} at least {least:g} MWh would be in it, energy_mwh allows {room:g}"
            yield Fault(place, told, "let less come in, or more leave")
            return
