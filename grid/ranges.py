"""Which values the numbers of a site may take, and the faults of those that do not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from grid.assets import CostSegment, RenewablePlant, Reservoir, StartCost, Storage, ThermalUnit
from grid.faults import Fault
from grid.fleets import EvFleet, Stay
from grid.forecasts import DEFAULT_LEVELS
from grid.network import Branch, Bus, DcLink, Interface
from grid.site import (
    BusLoad,
    ChangePrices,
    Meter,
    ProductPolicy,
    PromotionPolicy,
    ReservePolicy,
    ScenarioPolicy,
    SumCheck,
)
from grid.tariffs import TariffExchange
from grid.validation.settings import EstimationRule, RangeRule, RunRule, SpikeRule, StampRule, SumRule, SunRule


class _Range(NamedTuple):
    low: float = 0.0
    high: float = float("inf")
    above: bool = False  # the low end itself is not allowed

    def problem(self, value: float) -> str | None:
        if (value > self.low if self.above else value >= self.low) and value <= self.high:
            return None
        low = f"above {self.low:g}" if self.above else f"at least {self.low:g}"
        return f"must be {low}{'' if self.high == float('inf') else f' and at most {self.high:g}'}, got {value:g}"


_POSITIVE, _NOT_NEGATIVE, _SHARE = _Range(above=True), _Range(), _Range(high=1.0, above=True)
_RANGES: dict[type, dict[str, _Range]] = {
    Meter: {
        "interval_minutes": _Range(1, 1440),
        "capacity_kw": _POSITIVE,
        "latitude": _Range(-90, 90),
        "longitude": _Range(-180, 180),
        "tilt_deg": _Range(0, 90),
        "azimuth_deg": _Range(0, 360),
        "register_kwh": _POSITIVE,
    },
    SumCheck: {"tolerance": _Range(high=1.0)},
    RangeRule: {
        "times_capacity": _POSITIVE,
        "times_usual": _POSITIVE,
        "times_usual_voltage": _POSITIVE,
        "own_use_share": _Range(high=1.0),
    },
    SpikeRule: {"times_change": _POSITIVE, "times_usual": _NOT_NEGATIVE},
    RunRule: {
        "flat_hours": _Range(high=48.0, above=True),
        "flat_share_of_usual": _Range(high=1.0),
        "zero_hours": _Range(high=48.0, above=True),
        "zero_usual_share": _Range(high=1.0),
    },
    StampRule: {"future_minutes": _NOT_NEGATIVE, "late_hours": _NOT_NEGATIVE},
    SunRule: {
        "night_share": _Range(high=1.0),
        "times_clear_sky": _POSITIVE,
        "dark_share": _Range(high=1.0),
        "drift_minutes": _POSITIVE,
    },
    SumRule: {"share": _Range(high=1.0), "share_of_usual": _Range(high=1.0)},
    EstimationRule: {
        "linear_hours": _Range(high=168.0),
        "reference_days_hours": _Range(high=168.0),
    },
    BusLoad: {"mw_per_kw": _POSITIVE},
    Bus: {"base_kv": _POSITIVE, "latitude": _Range(-90, 90), "longitude": _Range(-180, 180)},
    Branch: {"limit_mw": _POSITIVE, "tap_ratio": _POSITIVE, "resistance_pu": _NOT_NEGATIVE},
    DcLink: {"limit_mw": _POSITIVE},
    Interface: {"limit_mw": _NOT_NEGATIVE},
    ThermalUnit: {
        "minimum_mw": _NOT_NEGATIVE,
        "capacity_mw": _POSITIVE,
        "minimum_cost_per_hour": _NOT_NEGATIVE,
        "minimum_up_hours": _NOT_NEGATIVE,
        "minimum_down_hours": _NOT_NEGATIVE,
        "ramp_up_mw_per_hour": _POSITIVE,
        "ramp_down_mw_per_hour": _POSITIVE,
        "start_ramp_mw": _POSITIVE,
        "stop_ramp_mw": _POSITIVE,
    },
    CostSegment: {"width_mw": _POSITIVE},
    StartCost: {"offline_hours": _NOT_NEGATIVE, "cost": _NOT_NEGATIVE},
    RenewablePlant: {"capacity_mw": _POSITIVE, "series_capacity_kw": _POSITIVE},
    Storage: {
        "power_mw": _POSITIVE,
        "energy_mwh": _POSITIVE,
        "charge_efficiency": _SHARE,
        "discharge_efficiency": _SHARE,
        "initial_mwh": _NOT_NEGATIVE,
        "end_minimum_mwh": _NOT_NEGATIVE,
        "cycle_cost_per_mwh": _NOT_NEGATIVE,
        "rebound_hours": _POSITIVE,
        "standing_loss_per_hour": _Range(high=0.999),
        "end_value_per_mwh": _NOT_NEGATIVE,
    },
    TariffExchange: {"import_mw": _NOT_NEGATIVE, "export_mw": _NOT_NEGATIVE},
    EvFleet: {
        "vehicles": _Range(1, 1_000_000),
        "charger_kw": _POSITIVE,
        "battery_kwh": _POSITIVE,
        "discharge_kw": _NOT_NEGATIVE,
        "charge_efficiency": _SHARE,
        "discharge_efficiency": _SHARE,
        "cost_per_mwh": _NOT_NEGATIVE,
    },
    Stay: {
        "vehicles": _Range(1, 1_000_000),
        "arrives_kwh": _NOT_NEGATIVE,
        "due_kwh": _NOT_NEGATIVE,
        "nights": _Range(high=6),
    },
    Reservoir: {
        "power_mw": _POSITIVE,
        "energy_mwh": _POSITIVE,
        "initial_mwh": _NOT_NEGATIVE,
        "end_minimum_mwh": _NOT_NEGATIVE,
        "inflow_mw": _NOT_NEGATIVE,
        "cost_per_mwh": _NOT_NEGATIVE,
        "end_value_per_mwh": _NOT_NEGATIVE,
    },
    ChangePrices: {"per_mwh": _NOT_NEGATIVE, "per_commitment_hour": _NOT_NEGATIVE},
    ProductPolicy: {"minutes": _POSITIVE, "mw": _NOT_NEGATIVE, "load_share": _NOT_NEGATIVE},
    ScenarioPolicy: {
        "drawn": _Range(high=1000),
        "most": _Range(1, 50),
        "risk_weight": _NOT_NEGATIVE,
        "risk_level": _Range(high=0.999),
    },
    PromotionPolicy: {"days": _Range(8, 42)},
    ReservePolicy: {
        "up_level": _Range(0.5, DEFAULT_LEVELS[-1]),
        "down_level": _Range(DEFAULT_LEVELS[0], 0.5),
    },
}


def range_faults(place: str, record: object) -> Iterator[Fault]:
    """The numbers of ``record`` that lie outside their ranges."""
    for field, allowed in _RANGES[type(record)].items():
        value = getattr(record, field)
        problem = None if value is None else allowed.problem(value)
        if problem:
            yield Fault(f"{place}: {field}", problem, "correct it")
