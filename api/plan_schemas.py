"""What the API takes and gives about plans. Power in MW, energy in MWh, money in the plan's currency."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from api.plan_periods import (
    BranchPeriod,
    BusPeriod,
    ExchangePeriod,
    LinkPeriod,
    RenewablePeriod,
    ReservePeriod,
    StoragePeriod,
    SystemPeriod,
    UnitPeriod,
)
from api.schemas import Document, RequestDocument

Scale = Annotated[float, Field(ge=0.0, le=3.0)]
AssetName = Annotated[str, Field(min_length=1, max_length=200)]


class PlanAxis(Document):
    """The plan's intervals."""

    start: datetime = Field(description="Start of the first interval. RFC 3339, UTC.")
    step_minutes: float = Field(description="Length of each interval. [min]")
    periods: int = Field(description="How many intervals.")
    interval_starts: list[datetime] = Field(description="Start of each interval, in order.")


class PlanAsset(Document):
    """What an asset of the plan is."""

    kind: Literal["thermal", "solar", "wind", "hydro", "storage"] = Field(description="What it is.")
    bus_id: str = Field(description="The bus it stands at.")
    fuel: str | None = Field(default=None, description="Fuel of a thermal unit.")
    capacity_mw: float = Field(description="Highest output. [MW]")
    minimum_mw: float | None = Field(default=None, description="Lowest stable output of a thermal unit. [MW]")
    energy_mwh: float | None = Field(default=None, description="Capacity of a storage. [MWh]")


class PlanViolation(Document):
    """A soft limit that was relaxed."""

    what: str = Field(description="Which limit.")
    interval_start: datetime = Field(description="When. RFC 3339, UTC.")
    amount_mw: float = Field(description="By how much. [MW]")
    price_per_mwh: float = Field(description="What each MWh of it was priced at. [money/MWh]")


class PlanReason(Document):
    """Why an asset is where it is over a run of intervals."""

    from_: datetime = Field(alias="from", description="Start of the first interval.")
    to: datetime = Field(description="End of the last interval.")
    binding: list[str] = Field(description="The binding constraints, the dearest first.")
    shadow_price_per_mwh: float | None = Field(description="Value of 1 MW more of the first, for an hour.")
    runner_up_cost: float | None = Field(description="Extra cost of the next best alternative, where computed.")
    text: str = Field(description="The sentence an operator reads.")


class PlanInputs(Document):
    """What the plan was made from."""

    forecasts: list[dict[str, Any]] = Field(description="series_id, issued_at, model_id and degraded of each forecast.")
    reserve: dict[str, Any] = Field(description="How the reserve was sized.")
    scenarios: dict[str, Any] | None = Field(
        default=None, description="How many were drawn, by which seed, and from how many earlier issues."
    )
    changes: dict[str, Any] = Field(default={}, description="What a what-if changed; empty for any other plan.")


class PlanChange(Document):
    """An input or a set-point that changed one way over a run of intervals."""

    name: str = Field(description="Asset id, or which input of all together.")
    from_: datetime = Field(alias="from", description="Start of the first interval.")
    to: datetime = Field(description="End of the last interval.")
    change_mw: float = Field(description="Mean change. [MW]")
    change_mwh: float = Field(description="Change of energy over the run. [MWh]")
    text: str = Field(description="The sentence an operator reads.")


class PlanChanges(Document):
    """What changed against the plan before, in the intervals that both have."""

    since: str = Field(description="Id of the plan before.")
    price: str | None = Field(default=None, description="What changes were priced at and what was forgone, in words.")
    inputs: list[PlanChange] = Field(description="Load, available renewable power and required reserves.")
    assets: list[PlanChange] = Field(description="Set-points, the most energy first.")


class ChangePrice(Document):
    """What changing the plan before was priced at. It is part of the objective and no cost of production."""

    since: str = Field(description="Id of the plan before.")
    per_mwh: float = Field(description="Of a set-point's move. [money/MWh]")
    per_commitment_hour: float = Field(description="Of an hour on instead of off, or off instead of on. [money/h]")
    cost: float = Field(description="Of the changes that were made. [money]")
    forgone: float = Field(description="What moving set-points freely would save, with the same units on. [money]")


class PlanScenario(Document):
    """One of the scenarios that a commitment was made for."""

    probability: float = Field(description="Of the scenario, and of those that it stands for.")
    cost: float = Field(description="What it costs with the plan's commitment, penalties included. [money]")
    unserved_mwh: float = Field(description="Load not served in it. [MWh]")


class PlanOutlook(Document):
    """What a commitment that was made for scenarios comes to in them."""

    method: Literal["two-stage"] = Field(description="One commitment for all, dispatch in each.")
    risk_weight: float = Field(description="How often the cost at risk counts beside the expected cost.")
    risk_level: float = Field(description="The cost at risk is the mean of the dearest `1 - risk_level` of outcomes.")
    drawn: int = Field(description="How many scenarios there were before they were reduced.")
    expected_cost: float = Field(description="Over the scenarios. [money]")
    cost_at_risk: float = Field(description="Conditional value at risk. [money]")
    central_objective: float = Field(description="What the commitment for the central forecast would come to. [money]")
    schedule_cost: float = Field(description="Of the plan's own set-points, for the central forecast. [money]")
    scenarios: list[PlanScenario] = Field(description="Those that it was made for.")


class ChanceOfAny(Document):
    """Probability that net load lies beyond reach in at least one interval."""

    at_least: float = Field(description="Lower bound; both are equal where scenarios tell it.")
    at_most: float = Field(description="Upper bound.")


class Shortfall(Document):
    """How far net load can be followed in one direction, and how probable it is that it lies beyond."""

    reach_mw: list[float] = Field(
        description="Per interval; negative where even the plan's own load is not served. [MW]"
    )
    probability: list[float] = Field(description="That net load lies beyond, per interval.")
    expected_periods: float = Field(description="Sum of the probabilities.")
    any: ChanceOfAny = Field(description="In at least one interval.")


class PlanShortfall(Document):
    """The promised probability that net load comes out beyond what the units that are on can follow."""

    net_load_mw: list[float] = Field(description="That is planned for, per interval. [MW]")
    up: Shortfall = Field(description="More net load.")
    down: Shortfall = Field(description="Less net load.")


class PlanDocument(Document):
    """A plan, whole."""

    plan_id: str = Field(description="Unique.")
    site_id: str = Field(description="The site it is for.")
    issued_at: datetime = Field(description="Nothing known later was used.")
    status: Literal["optimal", "feasible", "infeasible", "timeout", "rolled-on", "rule-based", "error"] = Field(
        description="How the solve ended. `rolled-on` is the previous plan carried on and `rule-based` merit order: "
        "what there is where the solver gave no answer; nothing is proven about its cost."
    )
    objective: float | None = Field(
        description="Cost with penalties and the price of changes, or what was minimised over scenarios. [money]"
    )
    best_bound: float | None = Field(description="No plan can cost less. [money]")
    gap: float | None = Field(description="(objective - best_bound) / objective.")
    build_seconds: float = Field(description="Time to build the problem. [s]")
    solve_seconds: float = Field(description="Time to solve it. [s]")
    currency: str = Field(description="ISO 4217 code of every price and cost.")
    message: str = Field(description="What the solver or the planner has to say; empty if nothing.")
    change_price: ChangePrice | None = Field(default=None, description="Null where changing was free.")
    outlook: PlanOutlook | None = Field(default=None, description="Where the plan was made for scenarios.")
    shortfall: PlanShortfall | None = Field(
        default=None, description="Null where nothing tells how uncertain net load is."
    )
    axis: PlanAxis = Field(description="The plan's intervals; every list below has one entry per interval.")
    assets: dict[str, PlanAsset] = Field(description="By asset id.")
    units: dict[str, list[UnitPeriod]] = Field(description="Thermal units by id.")
    renewables: dict[str, list[RenewablePeriod]] = Field(description="Plants by id.")
    storages: dict[str, list[StoragePeriod]] = Field(description="Storages by id.")
    exchanges: dict[str, list[ExchangePeriod]] = Field(default={}, description="Imports and exports by id.")
    buses: dict[str, list[BusPeriod]] = Field(description="Prices by bus.")
    branches: dict[str, list[BranchPeriod]] = Field(description="Lines and transformers by id.")
    interfaces: dict[str, list[BranchPeriod]] = Field(default={}, description="Groups of branches by id.")
    links: dict[str, list[LinkPeriod]] = Field(description="HVDC links by id.")
    reserves: dict[str, list[ReservePeriod]] = Field(default={}, description="Reserve products, by requirement.")
    system: list[SystemPeriod] = Field(description="The whole system.")
    violations: list[PlanViolation] = Field(description="Soft limits that were relaxed.")
    reasons: dict[str, list[PlanReason]] = Field(description="By asset id, in order of time.")
    inputs: PlanInputs = Field(description="The forecasts, the reserve and the changes it was made from.")
    changes: PlanChanges | None = Field(
        default=None, description="Against the plan before; null for a what-if or where no plan shares its intervals."
    )


class PlanSummary(Document):
    """A plan in one line."""

    plan_id: str = Field(description="Unique.")
    issued_at: datetime = Field(description="Nothing known later was used.")
    created_at: datetime = Field(description="When it was stored (wall clock).")
    what_if: bool = Field(description="True if its inputs were changed by hand.")
    status: str = Field(description="How the solve ended.")
    objective: float | None = Field(description="Total cost. [money]")
    gap: float | None = Field(description="Proven relative gap.")
    decision: Literal["accept", "reject", "override"] | None = Field(
        description="The latest decision about it, if any."
    )


class PlanExplanation(Document):
    """Why the plan is what it is."""

    plan_id: str = Field(description="Which plan.")
    issued_at: datetime = Field(description="Nothing known later was used.")
    status: str = Field(description="How the solve ended.")
    gap: float | None = Field(description="Proven relative gap.")
    currency: str = Field(description="ISO 4217 code of every price and cost.")
    message: str = Field(description="What the solver or the planner has to say.")
    reserve: dict[str, Any] = Field(description="How the reserve was sized.")
    violations: list[PlanViolation] = Field(description="Soft limits that were relaxed.")
    reasons: dict[str, list[PlanReason]] = Field(description="By asset id, in order of time.")


class RealisedShortfall(Document):
    """What plans had promised of net load beyond their reach, and what came."""

    direction: Literal["up", "down"] = Field(description="More net load than a plan could follow, or less.")
    periods: int = Field(description="Hours that a plan in force had told of and that are known by now.")
    promised: float = Field(description="How many of them were expected to lie beyond reach.")
    came: int = Field(description="How many did.")
    luck: float = Field(
        description="How probable so many or more are if the promises are right and hours independent; a small one "
        "speaks against the promises."
    )


class PlanRequest(RequestDocument):
    """Plan now. With any input changed the plan is a what-if: stored, but never the latest plan."""

    load_scale: Scale = Field(default=1.0, description="Every load times this.")
    solar_scale: Scale = Field(default=1.0, description="Available solar power times this.")
    wind_scale: Scale = Field(default=1.0, description="Available wind power times this.")
    hydro_scale: Scale = Field(default=1.0, description="Available hydro power times this.")
    unavailable_units: Annotated[list[AssetName], Field(max_length=500)] = Field(
        default=[], description="Assets that cannot run in the whole horizon.", examples=[["123_STEAM_3"]]
    )
    unavailable_branches: Annotated[list[AssetName], Field(max_length=50)] = Field(
        default=[], description="Lines and transformers that are out for the whole horizon.", examples=[["A27"]]
    )

    @property
    def is_what_if(self) -> bool:
        return self != PlanRequest()


class DecisionRequest(RequestDocument):
    """What an operator decides about a plan."""

    decision: Literal["accept", "reject", "override"] = Field(description="`override` changes set-points by hand.")
    reason: Annotated[str, Field(min_length=3, max_length=2000, pattern=r"^[^\x00]*\S[^\x00]*$")] = Field(
        description="Why, in the operator's words.", examples=["line A27 returns at noon"]
    )
    overrides: Annotated[dict[AssetName, float], Field(max_length=500)] = Field(
        default={}, description="Set-point by asset id, for an override only; charging is negative. [MW]"
    )


class DecisionDocument(Document):
    """A decision about a plan; kept for ever."""

    decision_id: int = Field(description="Unique.")
    plan_id: str = Field(description="Which plan.")
    decision: Literal["accept", "reject", "override"] = Field(description="What was decided.")
    reason: str = Field(description="Why.")
    overrides: dict[str, float] = Field(description="Set-point by asset id. [MW]")
    decided_by: str = Field(description="Name of the key that decided.")
    decided_at: datetime = Field(description="When (wall clock).")
