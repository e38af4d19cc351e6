"""What the API gives about a re-dispatch: a plan's set-points for newer forecasts. Power in MW, energy in MWh."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from api.plan_periods import ExchangePeriod, RenewablePeriod, StoragePeriod
from api.plan_schemas import PlanAxis, PlanChanges, PlanViolation
from api.schemas import Document


class RedispatchedUnit(Document):
    """A thermal unit in one interval."""

    on: bool = Field(description="Committed, as the plan has it.")
    power_mw: float = Field(description="Mean output. [MW]")


class RedispatchedBus(Document):
    """A bus in one interval."""

    lmp: float = Field(description="Locational marginal price. [money/MWh]")
    load_mw: float = Field(description="Load by the newest forecasts. [MW]")


class RedispatchedBranch(Document):
    """A line or transformer in one interval."""

    flow_mw: float = Field(description="Flow, positive in the branch's direction. [MW]")
    limit_mw: float | None = Field(description="Continuous rating; null if unlimited. [MW]")


class RedispatchedSystem(Document):
    """The whole system in one interval."""

    load_mw: float = Field(description="Load by the newest forecasts. [MW]")
    curtailed_mw: float = Field(description="Renewable power not taken. [MW]")
    production_cost: float = Field(description="Cost of the interval. [money]")
    exchange_cost: float = Field(description="What imports cost less what exports earn. [money]")


class RedispatchDocument(Document):
    """The plan in force dispatched again for the newest forecasts, with its commitment held."""

    plan_id: str = Field(description="The plan in force, whose commitment is held.")
    issued_at: datetime = Field(description="Of the newest forecasts; nothing known later was used.")
    objective: float = Field(
        description="Cost of what is left of the plan, relaxed limits included, less `end_value`. [money]"
    )
    end_value: float = Field(description="What storages hold at the end, at their `end_value_per_mwh`. [money]")
    currency: str = Field(description="ISO 4217 code of every price and cost.")
    released: list[str] = Field(
        description="What the plan was to keep ready and is there to be used now: reserves, and `N-1 of units`."
    )
    warm: bool = Field(description="Whether it went on from the last call's basis.")
    solve_seconds: float = Field(description="From reading the forecasts to the answer. [s]")
    axis: PlanAxis = Field(description="What is left of the plan's intervals.")
    units: dict[str, list[RedispatchedUnit]] = Field(description="Thermal units by id.")
    renewables: dict[str, list[RenewablePeriod]] = Field(description="Plants by id.")
    storages: dict[str, list[StoragePeriod]] = Field(description="Storages by id.")
    exchanges: dict[str, list[ExchangePeriod]] = Field(description="Imports and exports by id.")
    buses: dict[str, list[RedispatchedBus]] = Field(description="Prices by bus.")
    branches: dict[str, list[RedispatchedBranch]] = Field(description="Lines and transformers by id.")
    system: list[RedispatchedSystem] = Field(description="The whole system.")
    violations: list[PlanViolation] = Field(description="Soft limits that were relaxed.")
    changes: PlanChanges | None = Field(description="Against the plan in force: inputs, and set-points by asset.")
