"""What a forecast from a file is asked for: SERIES.json checked, and every series of FILE on its own regular axis.

Nothing is repaired quietly: whatever is wrong is listed, with its rows, and all of it at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo

import holidays as holiday_calendars
import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from forecasting.series.sent import SentForecast
from grid.faults import Fault, InputError
from grid.records import parse_json
from grid.time_axis import FloatArray, TimeAxis

Kind = Literal["load", "solar", "generic"]
DEFAULTS = "*"
"""The entry of SERIES.json whose settings every series has that does not state its own."""
REQUIRED = ("series_id", "time", "value")
"""The columns of FILE that are no covariates."""
MINUTES = (5, 10, 15, 20, 30, 60)
MEANINGS = ("air_temperature", "ghi", "clear_sky_ghi", "solar_zenith")
"""What a covariate may mean that is read as such; any other word tells people what a column is."""


class Covariate(BaseModel):
    """What a column means."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    means: str = Field(default="", max_length=100)
    unit: str = Field(default="", max_length=50)


class SeriesSettings(BaseModel):
    """One entry of SERIES.json, its defaults filled in."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    kind: Kind
    interval_minutes: int
    unit: str = Field(default="", max_length=50)
    timezone: str = "UTC"
    holidays: str = ""
    capacity: float | None = Field(default=None, gt=0.0)
    latitude: float | None = Field(default=None, ge=-90.0, le=90.0)
    longitude: float | None = Field(default=None, ge=-180.0, le=180.0)
    tilt_deg: float | None = Field(default=None, ge=0.0, le=180.0)
    azimuth_deg: float | None = Field(default=None, ge=0.0, le=360.0)
    covariates: dict[str, Covariate] = Field(default_factory=dict)
    parent: str | None = Field(default=None, max_length=250)

    @field_validator("interval_minutes")
    @classmethod
    def _divides_the_hour(cls, minutes: int) -> int:
        if minutes not in MINUTES:
            raise ValueError(f"must be one of {', '.join(map(str, MINUTES))}")
        return minutes

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, OSError, ValueError) as error:
            raise ValueError("must be an IANA zone such as America/New_York") from error
        return name

    @field_validator("holidays")
    @classmethod
    def _is_a_country(cls, country: str) -> str:
        if country and country not in holiday_calendars.list_supported_countries():
            raise ValueError("must be a country code such as US, or empty")
        return country

    @field_validator("covariates")
    @classmethod
    def _are_columns_of_their_own(cls, covariates: dict[str, Covariate]) -> dict[str, Covariate]:
        if taken := [name for name in REQUIRED if name in covariates]:
            raise ValueError(f"{', '.join(taken)} cannot be a covariate")
        return covariates

    @model_validator(mode="after")
    def _is_a_whole_place(self) -> Self:
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("latitude and longitude must both be given, or neither")
        if self.latitude is None and (self.tilt_deg is not None or self.azimuth_deg is not None):
            raise ValueError("tilt_deg and azimuth_deg need latitude and longitude")
        return self


@dataclass(frozen=True, slots=True, eq=False)
class FileSeries:
    """One series of a file on a regular axis that ends with its horizon.

    Attributes:
        axis: From its first row to the last of its horizon.
        values: Shape (periods,), in the file's unit. NaN where unknown, and over the horizon.
        origin: Position of the first interval to forecast.
        asked: Positions of the horizon's rows; between them rows may be left out.
        covariates: Numbers by column, each of shape (periods,). NaN where unknown.
        sent: By meaning, ``air_temperature`` or ``ghi``: forecasts that somebody sent, by instant of issue, on
            the hours of ``axis``, whatever its own intervals.
    """

    series_id: str
    settings: SeriesSettings
    axis: TimeAxis
    values: FloatArray
    origin: int
    asked: np.typing.NDArray[np.int64]
    covariates: Mapping[str, FloatArray]
    sent: Mapping[str, tuple[SentForecast, ...]] = field(default_factory=dict)

    def meaning(self, what: str) -> list[str]:
        """The columns that mean ``what``, such as ``air_temperature``."""
        return [name for name, about in self.settings.covariates.items() if about.means == what]

    @property
    def parts(self) -> int:
        """Intervals in an hour."""
        return 60 // self.settings.interval_minutes

    @property
    def bounds(self) -> tuple[float, float]:
        """Within which values it lies: the sun's from 0 to capacity, others from 0 if they never fell below."""
        if self.settings.kind == "solar":
            return 0.0, self.settings.capacity or np.inf
        return (-np.inf if (self.values < 0.0).any() else 0.0), np.inf


def read_settings_file(path: Path) -> dict[str, dict[str, Any]]:
    """The entries of SERIES.json as they stand.

    Raises:
        InputError: If it cannot be read, or holds no entries as docs/forecast-files.md says.
    """
    try:
        document = parse_json(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(
            [Fault(path.name or str(path), f"cannot be read: {error.strerror}", "name another file")]
        ) from None
    except ValueError as error:
        raise InputError([Fault(path.name, f"is no JSON: {error}", "correct it")]) from None
    entries = document.get("series") if isinstance(document, dict) else None
    if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
        remedy = 'write {"series": {"<id>": {"kind": "load", "interval_minutes": 60}}}'
        raise InputError([Fault(path.name, 'must hold an object "series" with an object per series', remedy)])
    return entries


def settings_of(series_id: str, entries: Mapping[str, dict[str, Any]]) -> SeriesSettings | list[Fault]:
    """The settings of one series with the defaults filled in, or every fault of them."""
    if series_id not in entries and DEFAULTS not in entries:
        remedy = f'add an entry for it, or "{DEFAULTS}" for all series'
        return [Fault(f"series {series_id}", "is not in SERIES.json", remedy)]
    merged = {**entries.get(DEFAULTS, {}), **entries.get(series_id, {})}
    try:
        return SeriesSettings.model_validate(merged)
    except ValidationError as error:
        return [
            Fault(
                f"SERIES.json {series_id}: {'.'.join(map(str, entry['loc'])) or 'entry'}",
                f"{entry['msg'].removeprefix('Value error, ')}; got {str(entry['input'])[:80]!r}",
                "correct the entry" if entry["type"] != "extra_forbidden" else "remove it, or correct its name",
            )
            for entry in error.errors()
        ]


def parse_levels(text: str, *, place: str = "--quantiles") -> tuple[float, ...]:
    """Levels such as ``0.1,0.5,0.9``, put in order.

    Args:
        place: What the option is called where it was given.

    Raises:
        InputError: If they are no numbers in (0, 1) whose columns have distinct names.
    """
    try:
        levels = sorted(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        levels = []
    if (
        not levels
        or len({level_name(level) for level in levels}) < len(levels)
        or not all(0.0 < level < 1.0 for level in levels)
    ):
        remedy = "give numbers between 0 and 1 that differ in six digits, such as 0.1,0.5,0.9"
        raise InputError([Fault(place, f"cannot be {text[:80]!r}", remedy)])
    return tuple(levels)


def level_name(level: float) -> str:
    """The column of a level, such as ``q0.05``."""
    return f"q{level:g}"
