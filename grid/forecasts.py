"""The forecast noun: quantiles of mean power over each interval of a time axis."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np

from grid.time_axis import FloatArray, TimeAxis, ceil_to_step, require_utc

DEFAULT_LEVELS: tuple[float, ...] = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Voice:
    """Who speaks for an interval of a forecast.

    Attributes:
        method: How, such as ``lstm+regression`` or ``seasonal-naive``.
        model_id: Which model; the method's name where none was trained.
        fallback_level: 0 for the one who should speak; the higher, the more others could not. None: not noted.
    """

    method: str
    model_id: str
    fallback_level: int | None


@dataclass(frozen=True, slots=True)
class KnownInputs:
    """What was known of a series when it was forecast.

    Attributes:
        readings_until: End of its newest reading; None without one.
        weather_issued_at: Of the newest forecast that somebody sent of it or of its weather; None without one.
        completeness: Share of the hours of the last week whose reading was known. [1]
    """

    readings_until: datetime | None
    weather_issued_at: datetime | None
    completeness: float


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """Quantile forecast of one series, as issued at one instant.

    Attributes:
        series_id: Which series, such as ``zone-1:load``.
        axis: The intervals that are forecast.
        issued_at: No interval that ended later was used; earlier ones as they stood when it was made.
        levels: Probability levels, strictly increasing in (0, 1), 0.5 among them.
        quantiles: Shape (periods, levels), non-decreasing along levels. [kW]
        model_id: Which model spoke, of the first interval.
        method: How, such as ``lstm+regression`` or ``seasonal-naive``, of the first interval.
        degraded: True if a fallback or a substitute was used anywhere; ``reasons`` then says why.
        reasons: One sentence per substitute.
        spoken_by: The voice of every interval, shape (periods,); empty if nobody noted it.
        inputs: What was known; None if nobody noted it.
    """

    series_id: str
    axis: TimeAxis
    issued_at: datetime
    levels: tuple[float, ...]
    quantiles: FloatArray
    model_id: str
    method: str
    degraded: bool = False
    reasons: tuple[str, ...] = field(default=())
    spoken_by: tuple[Voice, ...] = field(default=())
    inputs: KnownInputs | None = None

    def __post_init__(self) -> None:
        require_utc(self.issued_at, name="issued_at")
        if self.quantiles.shape != (self.axis.periods, len(self.levels)):
            raise ValueError(
                f"quantiles must have shape ({self.axis.periods}, {len(self.levels)}), got {self.quantiles.shape}"
            )
        if self.spoken_by and len(self.spoken_by) != self.axis.periods:
            raise ValueError(f"spoken_by must name {self.axis.periods} voices, got {len(self.spoken_by)}")
        if not all(0.0 < level < 1.0 for level in self.levels) or list(self.levels) != sorted(set(self.levels)):
            raise ValueError(f"levels must increase strictly within (0, 1), got {self.levels}")
        if not np.all(np.isfinite(self.quantiles)):
            raise ValueError(f"every quantile of {self.series_id} must be finite")
        if np.any(np.diff(self.quantiles, axis=1) < 0):
            raise ValueError(f"quantiles of {self.series_id} cross; sort them where they are made")

    def quantile(self, level: float) -> FloatArray:
        """The quantile at ``level``, shape (periods,), linear between the stored levels. [kW]

        Raises:
            ValueError: If ``level`` lies outside the stored levels: a tail is not guessed.
        """
        if not self.levels[0] <= level <= self.levels[-1]:
            raise ValueError(f"level must lie in [{self.levels[0]}, {self.levels[-1]}], got {level}")
        upper = min(int(np.searchsorted(self.levels, level)), len(self.levels) - 1)
        lower = max(upper - 1, 0) if self.levels[upper] != level else upper
        if lower == upper:
            return self.quantiles[:, upper].copy()
        weight = (level - self.levels[lower]) / (self.levels[upper] - self.levels[lower])
        return (1.0 - weight) * self.quantiles[:, lower] + weight * self.quantiles[:, upper]

    def averaged(self, step: timedelta) -> Forecast:
        """The same forecast of longer periods, as mean power; itself where its own are no shorter.

        A period's quantiles are the means of those of its intervals, as if all were high or low together. A period that
        is not covered whole is left out.
        """
        axis = self.axis
        if axis.step >= step:
            return self
        each, first = step // axis.step, (ceil_to_step(axis.start, step) - axis.start) // axis.step
        longer = TimeAxis(axis.start + first * axis.step, step, max(axis.periods - first, 0) // each)
        whole = self.quantiles[first : first + longer.periods * each]
        means = whole.reshape(longer.periods, each, len(self.levels)).mean(axis=1)
        return replace(self, axis=longer, quantiles=np.sort(means, axis=1), spoken_by=())

    @property
    def median(self) -> FloatArray:
        """The 0.5 quantile, shape (periods,). [kW]"""
        return self.quantile(0.5)
