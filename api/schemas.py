"""What the API takes and gives, apart from plans: sites, series, readings, forecasts, models, events."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

AssetKind = Literal["thermal", "solar", "wind", "hydro", "storage", "ev_fleet", "reservoir", "exchange"]
INTERVAL_START = "Start of the interval, inclusive; it ends where the next one begins. RFC 3339, UTC."


class Document(BaseModel):
    """Something the API gives; every field is documented."""

    model_config = ConfigDict(frozen=True)


class RequestDocument(BaseModel):
    """Something the API takes: nothing unknown, nothing coerced, no NaN."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class Freshness(Document):
    """How old the newest of something is, on the site's clock."""

    at: datetime | None = Field(description="Instant of the newest one; null if there is none. RFC 3339, UTC.")
    age_seconds: float | None = Field(description="The site's present minus `at`. [s]")
    received_at: datetime | None = Field(
        description="When the newest load reading came (wall clock); telemetry only. In a replay this tells whether "
        "load still flows."
    )
    state: Literal["fresh", "stale", "missing"] = Field(description="`stale` above the age that is usual for it.")


class SiteFreshness(Document):
    """Freshness of each link of the chain."""

    telemetry: Freshness = Field(description="End of the newest load interval received.")
    forecast: Freshness = Field(description="Newest primary forecast, by its issue.")
    plan: Freshness = Field(description="Newest plan that is no what-if, by its issue.")


class AssetDocument(Document):
    """One thing that is dispatched."""

    asset_id: str = Field(description="Unique within the site.")
    kind: AssetKind = Field(description="What it is.")
    bus_id: str = Field(description="The bus it stands at.")
    fuel: str = Field(description="Fuel of a thermal unit; empty otherwise.")
    capacity_mw: float = Field(description="Highest output. [MW]")
    minimum_mw: float = Field(
        description="Lowest stable output of a thermal unit; of an exchange the most it exports, negative. [MW]"
    )
    energy_mwh: float | None = Field(description="Capacity of a storage; null otherwise. [MWh]")
    series_id: str | None = Field(
        default=None, description="Of a plant: the series that its power is forecast by; null otherwise."
    )
    series_capacity_kw: float | None = Field(
        default=None, description="Of a plant: that series' value at which it yields `capacity_mw`. [kW]"
    )


class SiteDocument(Document):
    """The site that this service runs."""

    site_id: str = Field(description="Id from the site file.")
    name: str = Field(description="Name for people.")
    timezone: str = Field(description="IANA name of the site's time zone.")
    currency: str = Field(description="ISO 4217 code of every price and cost.")
    clock: Literal["wall", "telemetry"] = Field(
        description="`wall`: the present is now. `telemetry`: recorded data are replayed and the present is the end of "
        "the newest load interval."
    )
    present: datetime | None = Field(description="The site's present; null while a replay has not begun.")
    notes: list[str] = Field(description="What is real here, and what is mapped onto what.")
    assets: list[AssetDocument] = Field(description="What is dispatched.")
    buses: int = Field(description="Buses of the network.")
    branches: int = Field(description="Lines and transformers of the network.")
    freshness: SiteFreshness = Field(description="How old each link of the chain is.")


class SeriesDocument(Document):
    """A series that has readings, forecasts or both."""

    series_id: str = Field(description="`<owner>:<channel>`.", examples=["zone-1:load"])
    source: Literal["meter", "weather", "derived"] = Field(description="Who measures it; `derived` is a sum of others.")
    unit: str = Field(description="kW, kWh, degC, W/m2 or V.")
    kind: str | None = Field(description="How it is forecast: load, solar or external; null if it is not.")
    first: datetime | None = Field(description="Start of the oldest reading's interval.")
    last: datetime | None = Field(description="End of the newest reading's interval.")


class ReadingRow(Document):
    """One interval of a series."""

    interval_start: datetime = Field(description=INTERVAL_START)
    interval_minutes: int = Field(description="Length of the interval. [min]")
    value: float | None = Field(description="Mean over the interval, in `unit`; null where it is missing.")
    quality: int = Field(
        description="Bit mask of what the message said and what validation says; the README has the table. 0: not "
        "validated yet. Of readings brought to a resolution only whether they are missing (128)."
    )


class ReadingsDocument(Document):
    """Readings of one series."""

    series_id: str = Field(description="Which series.")
    unit: str = Field(description="Unit of every value.")
    resolution: str | None = Field(description="As asked for, ISO 8601; null for the intervals as they were measured.")
    as_of: datetime | None = Field(description="Nothing received later was used; null for all there is.")
    layer: Literal["raw", "validated"] = Field(description="As sent, or as validation takes it.")
    readings: list[ReadingRow] = Field(description="In order of time.")


class ForecastRow(Document):
    """One interval of a forecast."""

    interval_start: datetime = Field(description=INTERVAL_START)
    quantiles: list[float] = Field(description="One per level, never decreasing, in `unit`.")
    method: str = Field(description="How this interval was forecast.")
    model_id: str = Field(description="Which model spoke for this interval; the method's name where none was trained.")
    fallback_level: int | None = Field(
        description="0: who should speak; 1 the champion before it, 2 a regression fitted on the spot, 3 the seasonal "
        "naive, 4 neighbours or the sum of meters, 5 a short history, 6 capacity alone. Null where it was not noted."
    )


class InputsDocument(Document):
    """What was known of a series when it was forecast."""

    readings_until: datetime | None = Field(description="End of its newest reading; null without one.")
    weather_issued_at: datetime | None = Field(
        description="Issue of the newest forecast that somebody sent of it or of its weather; null without one."
    )
    completeness: float = Field(description="Share of the hours of the week before whose reading was known.")


class ForecastDocument(Document):
    """Quantiles of one series, as issued at one instant."""

    series_id: str = Field(description="Which series.")
    role: Literal["primary", "baseline"] = Field(description="`baseline` is the seasonal-naive one.")
    issued_at: datetime = Field(description="Nothing that ended later was used; readings before it as they stood.")
    unit: str = Field(description="Unit of every quantile.")
    interval_minutes: int = Field(description="Length of each interval. [min]")
    model_id: str = Field(description="Which model spoke for the first interval.")
    method: str = Field(description="How the first interval was forecast, such as lstm+regression or seasonal-naive.")
    degraded: bool = Field(description="True if a fallback or substitute was used anywhere.")
    reasons: list[str] = Field(description="One sentence per substitute.")
    inputs: InputsDocument | None = Field(description="What was known; null where it was not noted.")
    levels: list[float] = Field(description="Probability levels of the quantiles, increasing.")
    intervals: list[ForecastRow] = Field(description="In order of time.")


class DriftDocument(Document):
    """A champion's forecasts of the last week, as issued, against what its backtest promised; means over its series."""

    checked_at: datetime = Field(description="On the site's clock.")
    declared: bool = Field(description="It no longer does what its backtest promised; a retraining is due.")
    reason: str = Field(description="A sentence.")
    days: int = Field(description="Scored days of the last week.")
    loss: float | None = Field(description="Mean daily pinball loss as a share of mean power; null without a day.")
    promised_loss: float = Field(description="By the backtest.")
    missed: float | None = Field(description="Share of values outside the central 90 % band; null without a day.")
    promised_missed: float = Field(description="By the backtest.")
    drifted_series: list[str] = Field(description="Those that drift on their own.")


class ModelDocument(Document):
    """A trained model."""

    model_id: str = Field(description="Unique.")
    kind: str = Field(description="What it forecasts: load or solar.")
    status: Literal["challenger", "champion", "retired"] = Field(description="The champion of a kind is the one used.")
    created_at: datetime = Field(description="When it was stored.")
    promoted_at: datetime | None = Field(
        description="When it became champion; null if never, or if it was retired by hand."
    )
    manifest: dict[str, Any] = Field(
        description="Data window, features, hash of the weights; scores, comparison with the champion (and what errors "
        "cost, `regret`, where that decides) and verdict."
    )
    drift: DriftDocument | None = Field(None, description="Of a champion that is watched; null otherwise.")


class MessageResult(Document):
    """What became of one message."""

    index: int = Field(description="Position in the request, from 0.")
    accepted: bool = Field(description="True if it was handed to the stream.")
    values: int = Field(description="How many readings it carries; 0 if it was refused.")
    error_class: str = Field(default="", description="Stable short code of the fault; empty if accepted.")
    field: str = Field(default="", description="The field at fault.")
    detail: str = Field(default="", description="What must hold, what came, and what to do.")


class SendResult(Document):
    """What became of the messages of one request."""

    accepted: int = Field(description="Messages handed to the stream.")
    refused: int = Field(description="Messages refused; nothing of them is kept.")
    results: list[MessageResult] = Field(description="One per message, in order.")


class _TelemetryMessage(RequestDocument):
    channel: Literal[
        "import",
        "export",
        "generation",
        "load",
        "import_register",
        "export_register",
        "generation_register",
        "state_of_charge",
        "voltage",
        "air_temperature",
        "irradiance",
    ] = Field(description="What was measured.")
    unit: str = Field(description="One that the channel accepts, such as kWh, kW, V, degC or W/m2.", examples=["kWh"])
    interval: str = Field(description="Length of each interval, ISO 8601.", examples=["PT15M"])
    start: AwareDatetime | None = Field(None, description="Start of the first interval.")
    values: list[float | None] | None = Field(None, description="One per interval; null where missing.")
    readings: list[tuple[AwareDatetime, float | None]] | None = Field(
        None, description="Pairs of interval start and value, for irregular readings."
    )
    revision: int = Field(0, description="The higher one wins for the same meter, channel and interval.")
    quality: (
        list[Literal["edited", "estimated_by_reference_days", "estimated_linearly", "questionable", "derived"]] | None
    ) = Field(None, description="What the sender says of all of the values; nothing if they were measured.")
    sent_at: AwareDatetime | None = Field(None, description="When it was sent.")


class ReadingMessage(_TelemetryMessage):
    """A message of topic gridpilot.readings.v1: either `start` and `values`, or `readings`."""

    meter_id: str = Field(description="Who measured.", examples=["m-17"])


class WeatherMessage(_TelemetryMessage):
    """A message of topic gridpilot.weather.v1, observed or forecast: either `start` and `values`, or `readings`."""

    site_id: str = Field(description="Of which place.", examples=["town"])
    issued_at: AwareDatetime | None = Field(None, description="When a forecast was issued; nothing if it was observed.")


class Alive(Document):
    """The process answers."""

    status: Literal["alive"] = Field(default="alive", description="Always `alive`.")


class Check(Document):
    """One thing that the service needs."""

    name: str = Field(description="database, schema, site, telemetry, validation, forecast, plan or broker.")
    state: Literal["ok", "stale", "missing", "failed"] = Field(description="`failed` alone makes it unready.")
    detail: str = Field(description="What was found, and what to do.")


class Ready(Document):
    """Whether the service can do its work, and how fresh its data are."""

    ready: bool = Field(description="True if nothing failed; stale data do not make a service unready.")
    checks: list[Check] = Field(description="One per thing that it needs.")
