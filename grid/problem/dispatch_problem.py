"""What is planned, from which state, within which limits. Power in MW, money in the site's currency."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from grid.assets import RenewablePlant, Storage, ThermalUnit
from grid.network import Network
from grid.problem.earlier import EarlierPlan
from grid.problem.exchanges import Exchange
from grid.problem.quick_starts import QuickStarts
from grid.problem.requirements import ReserveRequirement
from grid.problem.scenarios import Scenarios
from grid.problem.soft_limits import Penalties
from grid.problem.spread import NetLoadSpread
from grid.problem.storage_profiles import StorageProfile
from grid.time_axis import FloatArray, TimeAxis

_TOLD_BY_WEEKDAY = timedelta(days=6)


@dataclass(frozen=True, slots=True)
class UnitState:
    """A thermal unit just before the plan begins: on or off, for how long, and at what output.

    ``within_mw`` is how far the output may lie from what is told, where it was rounded; its first ramp has that slack.
    """

    on: bool
    hours: float
    power_mw: float
    within_mw: float = 0.0


class StartRule(StrEnum):
    """What a start costs.

    ``time_off``: by the time since the unit stopped. ``pglib_uc``: as that library's model states it, which counts some
    warm starts as colder ones: a unit that was off when the plan began cannot start in a category that ends after
    ``n`` periods off in the plan's periods up to ``n - 1``, unless its time off since before the plan falls into it.
    """

    TIME_OFF = "time_off"
    PGLIB_UC = "pglib_uc"


@dataclass(frozen=True, slots=True, eq=False)
class DispatchProblem:
    """What to plan.

    Attributes:
        load_mw: Shape (buses, periods), in the order of ``network.buses``.
        available_mw: Shape (plants, periods), in the order of ``renewable_plants``.
        reserve_up_mw, reserve_down_mw: What the system must hold for net load, shape (periods,).
        requirements: Reserve products beside it, by area.
        initial: State of each thermal unit by id; a unit not named is free at the start.
        initial_mwh: State of charge by storage id; a storage not named starts at its ``initial_mwh``.
        owed_mwh: By id of a demand response with a rebound: what it took out before the first period and may still owe
            at the end of each, shape (periods,); one not named owes nothing from before.
        currency: For the texts of reasons; every cost and price is in it.
        timezone: For the texts of reasons; IANA name of the clock that the operators look at. Empty if the periods have
            no date: texts then count them.
        start_rule: What a start costs after which time off.
        secure: Every branch must stay within its emergency rating after the outage of any one other branch (N-1),
            before anything is re-dispatched. Outages that would split the network are left out.
        secure_units: Whatever thermal unit, curtailable plant or link is lost, the upward reserve of all others must
            make up for it, and some response of theirs must leave every branch within its emergency rating.
        deliverable: When the reserve for net load, or that of a requirement, is called in full, some response of those
            who hold it must leave every branch within its rating. The call is spread as the load of its areas is.
        reserve_from_plants: Plants that can be curtailed may hold any reserve: upward what they could give beyond what
            is taken of them, downward what is taken. Otherwise they only hold downward reserve for net load.
        quick_starts: Which units hold upward reserve for net load while off, too. Not where it matters who holds
            reserve (``tells_reserve``). None: no unit.
        losses: Whether branches lose ``resistance * flow²``; else the network is lossless.
        storage_profiles: By storage id, what changes from period to period; a storage not named has its ratings.
        exchanges: Trade with the outside at a tariff.
        earlier: What an earlier plan says of the same periods, and what changing it costs; None if that is free.
        spread: How far net load may come out from what is planned for; None where nothing tells.
        scenarios: What may come instead of ``load_mw`` and ``available_mw``; the commitment is then made for all of
            them, and they take the place of the reserve for net load.
    """

    axis: TimeAxis
    network: Network
    thermal_units: tuple[ThermalUnit, ...]
    renewable_plants: tuple[RenewablePlant, ...]
    storages: tuple[Storage, ...]
    load_mw: FloatArray
    available_mw: FloatArray
    reserve_up_mw: FloatArray
    reserve_down_mw: FloatArray
    initial: dict[str, UnitState]
    initial_mwh: dict[str, float]
    owed_mwh: Mapping[str, FloatArray] = field(default_factory=dict)
    penalties: Penalties = field(default_factory=Penalties)
    currency: str = "USD"
    timezone: str = "UTC"
    start_rule: StartRule = StartRule.TIME_OFF
    secure: bool = False
    secure_units: bool = False
    deliverable: bool = False
    reserve_from_plants: bool = False
    quick_starts: QuickStarts | None = None
    losses: bool = False
    storage_profiles: Mapping[str, StorageProfile] = field(default_factory=dict)
    exchanges: tuple[Exchange, ...] = ()
    requirements: tuple[ReserveRequirement, ...] = ()
    earlier: EarlierPlan | None = None
    spread: NetLoadSpread | None = None
    scenarios: Scenarios | None = None

    def profile_of(self, storage: Storage) -> StorageProfile:
        """What a storage can do in each period: its profile, or else its ratings."""
        told = self.storage_profiles.get(storage.storage_id)
        return StorageProfile.constant(storage, periods=self.axis.periods) if told is None else told

    def clock(self, period: int) -> str:
        """When a period begins (or the horizon ends), on the site's wall clock with its zone, or as its number.

        The date stands with it where a day of the week may come twice.
        """
        if not self.timezone:
            return f"period {period}"
        instant = self.axis.start + period * self.axis.step
        day = "%a %d %b" if self.axis.periods * self.axis.step > _TOLD_BY_WEEKDAY else "%a"
        return f"{instant.astimezone(ZoneInfo(self.timezone)):{day} %H:%M %Z}"

    def between(self, first: int, last: int) -> str:
        """In words, from when to when some periods last; ``last`` is one of them."""
        if self.timezone:
            return f"between {self.clock(first)} and {self.clock(last + 1)}"
        return f"in period {first}" if first == last else f"in periods {first} to {last}"

    @property
    def tells_reserve(self) -> bool:
        """Whether it matters who holds how much reserve, and not only how much all hold together."""
        return bool(self.requirements) or self.secure_units or self.deliverable or self.reserve_from_plants

    def holds_while_off(self, unit: ThermalUnit) -> bool:
        """Whether a unit holds upward reserve while it is off."""
        return not self.tells_reserve and self.quick_starts is not None and self.quick_starts.includes(unit)
