"""The site: which meters exist, how their series map onto the network, and what is dispatched."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from grid.assets import RenewablePlant, Reservoir, Storage, ThermalUnit
from grid.fleets import EvFleet
from grid.network import Network
from grid.tariffs import TariffExchange
from grid.validation.settings import DEFAULT_RULES, RulesByKind

SITE_LOAD = "site:load"
"""Series of the whole site's load on the network's scale: every bus's load together. [kW]"""


@dataclass(frozen=True, slots=True)
class Meter:
    """A meter whose channel is forecast.

    Attributes:
        channel: One of :class:`grid.units.Channel`'s values, such as ``load`` or ``generation``.
        kind: Which forecaster: ``load``, ``solar``, or ``external`` (somebody sends us its forecasts).
        capacity_kw: For solar: nameplate. None if unknown.
        weather_site_id: The weather site whose channels are its covariates; None if it has none.
        latitude, longitude: Where it stands (solar geometry). [degrees]
        tilt_deg, azimuth_deg: Plane of the array; None if unknown.
        register_kwh: Where the meter's register wraps to zero, such as 100000; None if unknown. [kWh]
        donors: Other series of power whose course its short gaps may follow. A solar meter may always follow the
            irradiance that it sends itself, and that of its weather site.
    """

    meter_id: str
    channel: str
    kind: str
    interval_minutes: int
    capacity_kw: float | None = None
    weather_site_id: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    tilt_deg: float | None = None
    azimuth_deg: float | None = None
    register_kwh: float | None = None
    donors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SumCheck:
    """A check meter and what must add up to it; the difference is flagged on the check meter's readings.

    Attributes:
        total: Series of the check meter.
        parts: Series that it measures together; all with its interval length.
        tolerance: Share of the larger of the two by which they may differ.
    """

    total: str
    parts: tuple[str, ...]
    tolerance: float = 0.02


@dataclass(frozen=True, slots=True)
class BusLoad:
    """The load at one bus: ``mw_per_kw`` times the load series of a meter. [MW per kW]"""

    bus_id: str
    series_id: str
    mw_per_kw: float


class ReserveDirection(StrEnum):
    """Whether a reserve can raise or lower what is fed in."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class ProductPolicy:
    """How much of a reserve product some areas, or all, must hold: ``mw`` and ``load_share`` of their load together.

    Attributes:
        product: Such as ``regulation`` or ``spinning``.
        minutes: Within how many minutes it must be there; the same wherever the product is required.
        areas: Areas of the buses whose assets may hold it; none: all.
    """

    product: str
    direction: ReserveDirection = ReserveDirection.UP
    minutes: float = 10.0
    areas: tuple[str, ...] = ()
    mw: float = 0.0
    load_share: float = 0.0


class Contingency(StrEnum):
    """What may fail, one at a time: a branch; or a thermal unit, a plant or an HVDC link."""

    BRANCHES = "branches"
    UNITS = "units"


@dataclass(frozen=True, slots=True)
class ReservePolicy:
    """How much reserve a plan keeps.

    Attributes:
        up_level: Upward reserve covers net load up to this quantile, such as 0.95.
        down_level: Downward reserve covers net load down to this quantile, such as 0.05.
        deliverable: Whether branches must stay within their ratings when a reserve is called in full.
        from_plants: Whether plants that can be curtailed hold any reserve, upward by what is curtailed of them,
            downward by what they give; if not, downward reserve for net load only.
        requirements: Products beside the reserve for net load.
    """

    up_level: float = 0.95
    down_level: float = 0.05
    deliverable: bool = False
    from_plants: bool = False
    requirements: tuple[ProductPolicy, ...] = ()


@dataclass(frozen=True, slots=True)
class ChangePrices:
    """What changing the plan before must at least save; it is no cost of production. 0 leaves changes free.

    Attributes:
        per_mwh: Of moving a thermal unit's or a storage's set-point. [money/MWh]
        per_commitment_hour: Of an hour on instead of off, or off instead of on, of a thermal unit. [money/h]
    """

    per_mwh: float = 0.2
    per_commitment_hour: float = 10.0


@dataclass(frozen=True, slots=True)
class ScenarioPolicy:
    """Whether units are committed for joint scenarios of the forecasts instead of their medians and a reserve.

    Attributes:
        drawn: How many are drawn; 0 plans for the medians.
        most: So many of them, at most, stand for all.
        risk_weight: How often the conditional value at risk of cost counts beside its expectation.
        risk_level: It is the mean of the dearest ``1 - risk_level`` of outcomes.
    """

    drawn: int = 0
    most: int = 10
    risk_weight: float = 0.0
    risk_level: float = 0.95


class PromotionCriterion(StrEnum):
    """What decides whether a newly trained model speaks: the loss of its quantiles, or what its errors cost."""

    PINBALL = "pinball"
    REGRET = "regret"


@dataclass(frozen=True, slots=True)
class PromotionPolicy:
    """How a newly trained model becomes champion.

    Attributes:
        criterion: Regret is told beside the pinball loss where it decides; it takes three plans for every day.
        days: Over how many days, the last ones of a contest, regret is counted at most.
    """

    criterion: PromotionCriterion = PromotionCriterion.PINBALL
    days: int = 14


@dataclass(frozen=True, slots=True)
class ForecastPolicy:
    """How the site's series are forecast.

    Attributes:
        interval_minutes: Of every series' forecast: 60, 30 or 15.
    """

    interval_minutes: int = 60


@dataclass(frozen=True, slots=True)
class Site:
    """One operator's system, as its site file tells it.

    Attributes:
        timezone: IANA name; local days and calendar features follow it.
        holidays: Country code of the holiday calendar, such as ``US``; "" for none.
        currency: ISO 4217 code of every price and cost.
        n_1: What a plan must survive the failure of.
        losses: Whether a plan counts what branches lose, by their resistances.
        sum_checks: Which series must add up to which.
        validation: Parameters of the validation rules by kind of channel.
        notes: Sentences shown on the dashboard: what is real and what is mapped onto what.
    """

    site_id: str
    name: str
    timezone: str
    holidays: str
    currency: str
    meters: tuple[Meter, ...]
    loads: tuple[BusLoad, ...]
    network: Network
    thermal_units: tuple[ThermalUnit, ...]
    renewable_plants: tuple[RenewablePlant, ...]
    storages: tuple[Storage, ...]
    exchanges: tuple[TariffExchange, ...] = ()
    ev_fleets: tuple[EvFleet, ...] = ()
    reservoirs: tuple[Reservoir, ...] = ()
    reserve: ReservePolicy = ReservePolicy()
    n_1: tuple[Contingency, ...] = ()
    losses: bool = False
    change_prices: ChangePrices = ChangePrices()
    scenarios: ScenarioPolicy = ScenarioPolicy()
    forecasts: ForecastPolicy = ForecastPolicy()
    promotion: PromotionPolicy = PromotionPolicy()
    sum_checks: tuple[SumCheck, ...] = ()
    validation: RulesByKind = DEFAULT_RULES
    notes: tuple[str, ...] = ()
