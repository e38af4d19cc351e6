"""What the API gives about plans under uncertainty: price of changes, scenarios, shortfalls. Power in MW."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from api.schemas import Document


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
