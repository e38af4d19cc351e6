"""What the judgement of a channel rests on, as the site file tells it: profile, rules, register, parts, donors."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from grid.readings import Source
from grid.site import Meter, Site, SumCheck
from grid.units import STORED_UNIT, Channel
from grid.validation.nouns import ChannelProfile
from grid.validation.settings import Rules, RulesByKind

_ChannelId = tuple[Source, str, Channel]

REGISTER_OF = {
    Channel.IMPORT: Channel.IMPORT_REGISTER,
    Channel.EXPORT: Channel.EXPORT_REGISTER,
    Channel.GENERATION: Channel.GENERATION_REGISTER,
}
"""Which of a meter's registers counts the energy of a channel."""
_COUNTED_BY = {register: channel for channel, register in REGISTER_OF.items()}


@dataclass(frozen=True, slots=True)
class Basis:
    """What one channel is judged by. Two equal ones give the same verdicts on the same readings.

    Attributes:
        register: Counts the channel's energy, if the meter has one.
        parts: Channels that should add up to this one; empty unless it is a check meter's.
        donors: Channels whose course its short gaps may follow.
    """

    profile: ChannelProfile
    rules: Rules
    register: _ChannelId | None
    parts: tuple[_ChannelId, ...]
    donors: tuple[_ChannelId, ...] = ()

    @property
    def rests_on(self) -> tuple[_ChannelId, ...]:
        """Other channels that must be known."""
        register = () if self.register is None else (self.register,)
        return (*register, *self.parts, *self.donors)


@dataclass(frozen=True, slots=True)
class SiteBasis:
    """The basis of every channel of a site, those that the site file does not name included."""

    timezone: str
    rules: RulesByKind
    meters: Mapping[tuple[str, str], Meter]
    register_kwh: Mapping[str, float]
    checks: Mapping[_ChannelId, SumCheck]
    donors: Mapping[_ChannelId, tuple[_ChannelId, ...]]

    def of(self, channel: _ChannelId) -> Basis:
        """What ``channel`` is judged by."""
        source, owner, measured = channel
        meter = self.meters.get((owner, measured.value)) if source is Source.METER else None
        profile = ChannelProfile(measured, timezone=self.timezone, register_kwh=self.register_kwh.get(owner))
        if meter is not None:
            profile = dataclasses.replace(
                profile,
                kind=meter.kind if meter.kind in {"load", "solar"} else "generic",
                capacity=meter.capacity_kw,
                latitude=meter.latitude,
                longitude=meter.longitude,
                tilt_deg=meter.tilt_deg,
                azimuth_deg=meter.azimuth_deg,
            )
        rules = self.rules.for_kind(profile.kind)
        check = self.checks.get(channel)
        if check is not None:
            rules = dataclasses.replace(rules, sums=dataclasses.replace(rules.sums, share=check.tolerance))
        register = REGISTER_OF.get(measured) if source is Source.METER else None
        return Basis(
            profile,
            rules,
            None if register is None else (source, owner, register),
            tuple(_channel(part) for part in check.parts) if check else (),
            self.donors.get(channel, ()),
        )

    def dependents(self, channel: _ChannelId) -> list[_ChannelId]:
        """Channels whose verdicts rest on this one's readings."""
        source, owner, measured = channel
        counted = _COUNTED_BY.get(measured) if source is Source.METER else None
        found: list[_ChannelId] = [] if counted is None else [(source, owner, counted)]
        found += [total for total, check in self.checks.items() if channel in map(_channel, check.parts)]
        return found + [follower for follower, donors in self.donors.items() if channel in donors]


def site_basis(site: Site | None) -> SiteBasis:
    """The basis of a site's channels; without a site everything has the defaults."""
    if site is None:
        return SiteBasis("UTC", RulesByKind(), {}, {}, {}, {})
    return SiteBasis(
        timezone=site.timezone,
        rules=site.validation,
        meters={
            (meter.meter_id, meter.channel): meter
            for meter in site.meters
            if STORED_UNIT[Channel(meter.channel)] == "kW"
        },
        register_kwh={meter.meter_id: meter.register_kwh for meter in site.meters if meter.register_kwh is not None},
        checks={_channel(check.total): check for check in site.sum_checks},
        donors={
            (Source.METER, meter.meter_id, Channel(meter.channel)): donors
            for meter in site.meters
            if (donors := _donors(meter))
        },
    )


def _donors(meter: Meter) -> tuple[_ChannelId, ...]:
    """What a meter's short gaps may follow: the light on a solar plant, and what the site file names."""
    named = tuple(_channel(series) for series in meter.donors)
    if meter.kind != "solar":
        return named
    own = (Source.METER, meter.meter_id, Channel.IRRADIANCE)
    if meter.weather_site_id is None:
        return (own, *named)
    return (own, (Source.WEATHER, meter.weather_site_id, Channel.IRRADIANCE), *named)


def _channel(series: str) -> _ChannelId:
    owner, _, channel = series.rpartition(":")
    return Source.METER, owner, Channel(channel)
