"""Dispatch nouns: the problem that is solved and the plan that comes out. Power in MW, money in the site's currency."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from grid.assets import RenewablePlant, Storage, ThermalUnit
from grid.network import Network
from grid.problem.earlier import EarlierPlan
from grid.problem.exchanges import Exchange
from grid.problem.quick_starts import QuickStarts
from grid.problem.requirements import HeldReserve, ReserveRequirement
from grid.problem.scenarios import Outlook, Scenarios
from grid.problem.soft_limits import Penalties, SoftLimit, Violation
from grid.problem.spread import NetLoadSpread
from grid.problem.storage_profiles import StorageProfile
from grid.time_axis import FloatArray, TimeAxis


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

    @property
    def tells_reserve(self) -> bool:
        """Whether it matters who holds how much reserve, and not only how much all hold together."""
        return bool(self.requirements) or self.secure_units or self.deliverable or self.reserve_from_plants

    def holds_while_off(self, unit: ThermalUnit) -> bool:
        """Whether a unit holds upward reserve while it is off."""
        return not self.tells_reserve and self.quick_starts is not None and self.quick_starts.includes(unit)


class Status(StrEnum):
    """How a solve ended.

    ``optimal`` is within the target gap; ``feasible`` has a proven gap above it; ``timeout`` had no time for a search,
    its plan is a heuristic one (its gap is proven too). Without a solver's answer the plan is the previous one
    ``rolled-on``, or a ``rule-based`` one: sound, but nothing is proven about its cost.
    """

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"
    INFEASIBLE = "infeasible"
    TIMEOUT = "timeout"
    ROLLED_ON = "rolled-on"
    RULE_BASED = "rule-based"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an asset is where it is over a run of periods.

    Attributes:
        first_period, last_period: Inclusive.
        binding: Names of the binding constraints, such as ``capacity`` or ``branch A27 limit``.
        shadow_price_per_mwh: Value of relaxing the first of them by 1 MW for an hour; None where nothing binds.
        runner_up_cost: Extra cost of the next best alternative for this asset, where it was computed.
        text: The sentence an operator reads.
    """

    asset_id: str
    first_period: int
    last_period: int
    binding: tuple[str, ...]
    shadow_price_per_mwh: float | None
    runner_up_cost: float | None
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class DispatchPlan:
    """A plan, every array with the periods of ``axis`` last.

    Attributes:
        objective: Total cost of the plan, ``change_cost`` included, or with scenarios what was minimised over them;
            ``best_bound`` is proven, ``gap`` = (objective - bound) / objective.
        on: Thermal commitment, shape (units, periods).
        power_mw, reserve_up_mw, reserve_down_mw: Thermal output and reserve, shape (units, periods).
        renewable_mw: Taken from each plant, shape (plants, periods); the rest of ``available_mw`` is curtailed.
        renewable_reserve_up_mw, renewable_reserve_down_mw: Plants, shape (plants, periods).
        charge_mw, discharge_mw, state_of_charge_mwh: Storages, shape (storages, periods); charge at interval end.
        storage_reserve_up_mw, storage_reserve_down_mw: Storages, shape (storages, periods).
        shed_mw, surplus_mw: Load not served and production nobody takes, shape (buses, periods); zero unless reported.
        import_mw, export_mw: Exchanges, shape (exchanges, periods).
        link_flow_mw: HVDC links, shape (links, periods).
        branch_flow_mw, branch_shadow_price: Branches, shape (branches, periods); the price is per MW of limit and hour,
            >= 0.
        interface_flow_mw, interface_shadow_price: Likewise of interfaces, shape (interfaces, periods).
        lmp, energy_price, congestion_price, loss_price: Shape (buses, periods); ``lmp`` is the sum of the three others.
            [money/MWh]
            The energy price is the same at every bus: the mean price weighted by load.
        losses_mw: In branches, drawn by the loads in proportion, shape (periods,).
        reserve_up_price, reserve_down_price: Of the reserve for net load, shape (periods,). [money/MW and hour]
        products: What is held of each reserve product; it is part of ``reserve_up_mw`` and the like.
        requirement_prices: Of each of the problem's requirements, shape (requirements, periods). [money/MW and hour]
        change_cost: What its changes of the problem's earlier plan are priced at; no cost of production. [money]
        forgone: What the same commitment would cost less if set-points moved freely. [money]
        outlook: Of a problem with scenarios.
    """

    status: Status
    problem: DispatchProblem
    objective: float
    best_bound: float
    gap: float
    build_seconds: float
    solve_seconds: float
    on: npt.NDArray[np.bool_]
    power_mw: FloatArray
    reserve_up_mw: FloatArray
    reserve_down_mw: FloatArray
    renewable_mw: FloatArray
    renewable_reserve_up_mw: FloatArray
    renewable_reserve_down_mw: FloatArray
    charge_mw: FloatArray
    discharge_mw: FloatArray
    state_of_charge_mwh: FloatArray
    storage_reserve_up_mw: FloatArray
    storage_reserve_down_mw: FloatArray
    shed_mw: FloatArray
    surplus_mw: FloatArray
    import_mw: FloatArray
    export_mw: FloatArray
    link_flow_mw: FloatArray
    branch_flow_mw: FloatArray
    branch_shadow_price: FloatArray
    interface_flow_mw: FloatArray
    interface_shadow_price: FloatArray
    lmp: FloatArray
    energy_price: FloatArray
    congestion_price: FloatArray
    loss_price: FloatArray
    losses_mw: FloatArray
    reserve_up_price: FloatArray
    reserve_down_price: FloatArray
    violations: tuple[Violation, ...]
    reasons: tuple[Reason, ...]
    message: str = ""
    products: tuple[HeldReserve, ...] = ()
    requirement_prices: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))
    change_cost: float = 0.0
    forgone: float = 0.0
    outlook: Outlook | None = None

    @property
    def schedule_cost(self) -> float:
        """Of the set-points. [money]"""
        return self.objective if self.outlook is None else self.outlook.schedule_cost

    def relaxed_mw(self, limit: SoftLimit) -> FloatArray:
        """By how much one limit was relaxed, shape (periods,). [MW]"""
        relaxed = np.zeros(self.problem.axis.periods)
        for violation in self.violations:
            if violation.limit == limit:
                relaxed[violation.period] += violation.amount_mw
        return relaxed
