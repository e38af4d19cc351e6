"""A site's series as they were known at earlier instants: what was corrected since is as it stood then."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from forecasting.nouns import IndexArray
from forecasting.series.request import FileSeries
from forecasting.site.data import meter_series, site_load_kw
from grid.readings import Source
from grid.site import SITE_LOAD, Site
from grid.time_axis import FloatArray
from grid.units import Channel

SourceChannel = tuple[Source, str, Channel]
Undone = Mapping[SourceChannel, tuple[IndexArray, FloatArray]]
"""By channel: positions whose value was another, and that value."""


@dataclass(frozen=True, slots=True, eq=False)
class AsKnown:
    """Series of one axis, and what was corrected in them since an instant.

    Attributes:
        series: As they stand now.
        undone_at: What the channels of :func:`channels_read` were taken for at an instant, if it has changed since: of
            meters on the series' axis, of weather on its hours.
    """

    site: Site
    series: Sequence[FileSeries]
    undone_at: Callable[[datetime], Undone]

    def at(self, instant: datetime) -> Sequence[FileSeries] | None:
        """The series as they were known at an instant; None if that is as they stand now."""
        undone = self.undone_at(instant)
        if not undone:
            return None
        meters, made = _meter_channels(self.site), {}
        for one in self.series:
            covariates = dict(one.covariates)
            for channel in _weather_channels(one):
                covariates[channel[1]] = _patched(covariates[channel[1]], undone.get(channel), each=one.parts)
            values = one.values
            if one.series_id in meters:
                values = _patched(values, undone.get(meters[one.series_id]))
            made[one.series_id] = replace(one, values=values, covariates=covariates)
        if SITE_LOAD in made:
            parts = [name for name in made if name != SITE_LOAD]
            total = site_load_kw(self.site, parts, np.stack([made[name].values for name in parts]))
            made[SITE_LOAD] = replace(made[SITE_LOAD], values=total)
        return list(made.values())


def channels_read(site: Site, series: Sequence[FileSeries]) -> list[SourceChannel]:
    """The channels that series, and the temperatures beside them, are made of."""
    meters = _meter_channels(site)
    found = {meters[one.series_id] for one in series if one.series_id in meters}
    return sorted(found | {channel for one in series for channel in _weather_channels(one)})


def _meter_channels(site: Site) -> dict[str, SourceChannel]:
    """By series."""
    return {meter_series(one): (Source.METER, one.meter_id, Channel(one.channel)) for one in site.meters}


def _weather_channels(one: FileSeries) -> list[SourceChannel]:
    """Of its covariates that a weather site of their name measures."""
    return [(Source.WEATHER, site, Channel.AIR_TEMPERATURE) for site in one.meaning("air_temperature")]


def _patched(values: FloatArray, undone: tuple[IndexArray, FloatArray] | None, *, each: int = 1) -> FloatArray:
    """Values with some undone; each position stands for so many values."""
    if undone is None:
        return values
    made = values.copy()
    made.reshape(-1, each)[undone[0]] = undone[1][:, None]
    return made
