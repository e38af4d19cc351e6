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
from api.plan_risk_schemas import ChangePrice, PlanOutlook, PlanShortfall
from api.schemas import AssetKind, Document, RequestDocument

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

    kind: AssetKind = Field(description="What it is.")
    bus_id: str = Field(description="The bus it stands at.")
    fuel: str | None = Field(default=None, description="Fuel of a thermal unit.")
    capacity_mw: float = Field(description="Highest output. [MW]")
    minimum_mw: float | None = Field(
        default=None,
        description="Lowest stable output of a thermal unit; of an exchange the most it exports, negative. [MW]",
    )
    energy_mwh: float | None = Field(default=None, description="Capacity of a storage. [MWh]")


class PlanViolation(Document):
    """A soft limit that was relaxed."""

    what: str = Field(description="Which limit.")
    interval_start: datetime = Field(description="When. RFC 3339, UTC.")
    amount_mw: float = Field(description="By how much, in `unit`.")
    unit: Literal["MW", "MWh"] = Field(
        default="MW", description="`MWh` where energy is missing in a storage, when it is due or at the end."
    )
    energy_mwh: float | None = Field(
        default=None, description="What it comes to in the interval; null in plans that did not tell it. [MWh]"
    )
    price_per_mwh: float = Field(description="What each MWh of it was priced at. [money/MWh]")
    cost: float | None = Field(default=None, description="`energy_mwh` at that price. [money]")


class PlanReason(Document):
    """Why an asset is where it is over a run of intervals."""

    from_: datetime = Field(alias="from", description="Start of the first interval.")
    to: datetime = Field(description="End of the last interval.")
    binding: list[str] = Field(description="The binding constraints, the dearest first.")
    shadow_price_per_mwh: float | None = Field(description="Value of 1 MW more of the first, for an hour.")
    runner_up_cost: float | None = Field(
        description="What the next best alternative would have added to the plan's cost; of a unit's run, with all "
        "others on and off as they are. Null where it is not known: the text says why."
    )
    text: str = Field(description="The sentence an operator reads.")


class PlanUplift(Document):
    """What prices leave unpaid of the units' costs: make-whole payments over the plan's horizon."""

    total: float = Field(description="Of all units. [money]")
    units: dict[str, float] = Field(
        description="By thermal unit: production and start cost less what energy, reserves and products earn at the "
        "plan's prices, 0 where they earn more. [money]"
    )


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
        description="Cost with penalties and the price of changes less `end_value`, or what was minimised over "
        "scenarios. [money]"
    )
    best_bound: float | None = Field(description="No plan can cost less. [money]")
    gap: float | None = Field(
        description="(objective - best_bound) / objective; with end values the divisor has added to it what storages "
        "would hold at the end if they only took in, at their `end_value_per_mwh`."
    )
    build_seconds: float = Field(description="Time to build the problem. [s]")
    solve_seconds: float = Field(description="Time to solve it, without that for prices and reasons. [s]")
    currency: str = Field(description="ISO 4217 code of every price and cost.")
    message: str = Field(description="What the solver or the planner has to say; empty if nothing.")
    change_price: ChangePrice | None = Field(default=None, description="Null where changing was free.")
    outlook: PlanOutlook | None = Field(default=None, description="Where the plan was made for scenarios.")
    shortfall: PlanShortfall | None = Field(
        default=None, description="Null where nothing tells how uncertain net load is."
    )
    uplift: PlanUplift | None = Field(default=None, description="Null where there is no schedule.")
    end_value: float = Field(
        default=0.0, description="What storages and reservoirs hold at the end, at their `end_value_per_mwh`. [money]"
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
    unsecured: list[str] = Field(
        default=[], description="With `n_1`: branches whose outage would split the network, which nothing secures."
    )
    reasons: dict[str, list[PlanReason]] = Field(description="By asset id, or name of a reserve, in order of time.")
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
    reasons: dict[str, list[PlanReason]] = Field(description="By asset id, or name of a reserve, in order of time.")


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
        default={}, description="Set-point by asset id, for an override only; charging and exporting are negative. [MW]"
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
