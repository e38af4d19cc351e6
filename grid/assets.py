"""What stands on the network's buses: thermal units, renewable plants, storages. Power in MW, energy in MWh.

Money is in the site's currency; a price is money per MWh.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

DEMAND_RESPONSE = "demand response"
"""Fuel of a unit that is load which is not served at its price."""


@dataclass(frozen=True, slots=True)
class CostSegment:
    """``width_mw`` of output above the previous segment at ``cost_per_mwh``; segments of a unit never get cheaper."""

    width_mw: float
    cost_per_mwh: float


@dataclass(frozen=True, slots=True)
class StartCost:
    """A start after at least ``offline_hours`` off costs ``cost``; a unit's list increases in both."""

    offline_hours: float
    cost: float


@dataclass(frozen=True, slots=True)
class ThermalUnit:
    """A unit that must be committed before it produces.

    Attributes:
        minimum_mw: Lowest stable output while on.
        capacity_mw: Highest output.
        minimum_cost_per_hour: Cost of an hour at ``minimum_mw`` (no-load cost included).
        segments: Cost above ``minimum_mw``; their widths sum to ``capacity_mw - minimum_mw``.
        start_costs: At least one.
        ramp_up_mw_per_hour, ramp_down_mw_per_hour: While on. At a start or a stop, output is limited to
            ``start_ramp_mw`` and ``stop_ramp_mw``.
        must_run: On in every period.
        fuel: For reports.
    """

    unit_id: str
    bus_id: str
    minimum_mw: float
    capacity_mw: float
    minimum_cost_per_hour: float
    segments: tuple[CostSegment, ...]
    start_costs: tuple[StartCost, ...]
    minimum_up_hours: float
    minimum_down_hours: float
    ramp_up_mw_per_hour: float
    ramp_down_mw_per_hour: float
    start_ramp_mw: float
    stop_ramp_mw: float
    must_run: bool = False
    fuel: str = ""


class RenewableKind(StrEnum):
    """What a renewable plant runs on."""

    SOLAR = "solar"
    WIND = "wind"
    HYDRO = "hydro"


@dataclass(frozen=True, slots=True)
class RenewablePlant:
    """A plant whose available power is forecast or scheduled; what is not taken is curtailed.

    Attributes:
        series_id: The series whose forecast gives its available power.
        series_capacity_kw: The series' value at which the plant yields ``capacity_mw``.
        curtailable: False if its power must be taken (rooftop PV); it is then shed only as a priced violation.
    """

    plant_id: str
    bus_id: str
    kind: RenewableKind
    capacity_mw: float
    series_id: str
    series_capacity_kw: float
    curtailable: bool = True


@dataclass(frozen=True, slots=True)
class Storage:
    """A battery, pumped storage, or a demand response: what it takes out of the load now it puts back later.

    Attributes:
        charge_efficiency, discharge_efficiency: In (0, 1]; the former is greater in a demand response that puts back
            less than it took out.
        initial_mwh: State of charge at the start when no telemetry tells it.
        end_minimum_mwh: State of charge that the plan must leave at its end.
        cycle_cost_per_mwh: Wear, paid per MWh discharged.
        rebound_hours: Of a demand response: what it takes out must be put back within so many hours, infinite if at any
            time. None of a storage.
        standing_loss_per_hour: Share of what is in it that is lost in an hour, compounding; PyPSA's ``standing_loss``,
            and 1 less FlexMeasures' ``storage-efficiency`` of an hour. None of a demand response.
        end_value_per_mwh: What a MWh that the plan leaves in it is worth.
    """

    storage_id: str
    bus_id: str
    power_mw: float
    energy_mwh: float
    charge_efficiency: float
    discharge_efficiency: float
    initial_mwh: float
    end_minimum_mwh: float
    cycle_cost_per_mwh: float = 0.0
    rebound_hours: float | None = None
    standing_loss_per_hour: float = 0.0
    end_value_per_mwh: float = 0.0

    def kept_share(self, hours: float) -> float:
        """Share of what is in it that is still there so many hours later."""
        return float((1.0 - self.standing_loss_per_hour) ** hours)


@dataclass(frozen=True, slots=True)
class Reservoir:
    """Water behind a turbine; what it cannot hold is spilt.

    Attributes:
        inflow_mw: What flows in, as the mean power it could give.
        monthly_inflow_mw: The same for January to December, instead.
        initial_mwh: What is in it at the start when no plan before tells it.
        end_minimum_mwh: What the plan must leave at its end.
        cost_per_mwh: Paid per MWh that it gives.
        end_value_per_mwh: What the water of a MWh that the plan leaves is worth (the water value).
    """

    reservoir_id: str
    bus_id: str
    power_mw: float
    energy_mwh: float
    initial_mwh: float
    end_minimum_mwh: float
    inflow_mw: float = 0.0
    monthly_inflow_mw: tuple[float, ...] = ()
    cost_per_mwh: float = 0.0
    end_value_per_mwh: float = 0.0
