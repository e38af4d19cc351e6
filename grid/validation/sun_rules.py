"""What the sun allows: no generation at night, little more than the clear sky gives, its middle at the sun's noon.

Only this module imports pvlib. The sun's position comes from Spencer's series, good to a quarter of a degree and a
minute, which is far finer than any bound here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pvlib

from grid.time_axis import FloatArray
from grid.units import Channel
from grid.validation.lattice import DAY_US, HOUR_US, MINUTE_US, BoolArray, Lattice, day_windows, in_runs
from grid.validation.nouns import ChannelProfile
from grid.validation.settings import SunRule

_DOWN = -0.02  # 1.1 degrees below the horizon: half the sun's disc, refraction, and the series' error
_RISEN = 0.01
_DEEP_NIGHT = -0.3  # the sun an hour or more below the horizon
_ALBEDO = 0.2
_DARK_DAYS = 5
_DRIFT_DAYS = 7
_DRIFT_DAYS_NEEDED = 4
_LIT = 0.005  # of the highest value of the days around
_SOLAR_CONSTANT_WM2 = 1361.0
_TWILIGHT_WM2 = 25.0


@dataclass(frozen=True, slots=True, eq=False)
class Sky:
    """The clear sky over the slots of one channel, each shape (slots,).

    Attributes:
        height: Sine of the sun's highest elevation within the slot.
        most: The most light that a clear sky gives within the slot, facing the sun if the plane is not known. [W/m2]
        mean: What it gives over the slot, on the level if the plane is not known. [W/m2]
    """

    height: FloatArray
    most: FloatArray
    mean: FloatArray

    @property
    def down(self) -> BoolArray:
        """The sun is down for the whole slot."""
        below: BoolArray = self.height < _DOWN
        return below


def clear_sky(lattice: Lattice, profile: ChannelProfile) -> Sky:
    """The clear sky at the profile's place, which must be known.

    References:
        Sun: Spencer, "Fourier series representation of the position of the sun", Search 2(5), 1971.
        Sky: Haurwitz, "Insolation in relation to cloudiness and cloud density", J. Meteorology 2, 1945.
        Beam: Meinel and Meinel, "Applied Solar Energy", 1976; air mass: Kasten and Young, Applied Optics 28, 1989.
    """
    begin, middle, end = (_sun_and_light(lattice, profile, at=at) for at in (0.0, 0.5, 1.0))
    height = np.maximum(np.maximum(begin[0], middle[0]), end[0])
    most = np.maximum(np.maximum(begin[1], middle[1]), end[1])
    light = [at[1] if _plane_known(profile) else _haurwitz(at[0]) for at in (begin, middle, end)]
    return Sky(height, most, (light[0] + 4.0 * light[1] + light[2]) / 6.0)  # Simpson's rule


def night_generation(values: FloatArray, sky: Sky, *, largest: FloatArray, rule: SunRule) -> BoolArray:
    """Generation while the sun is down.

    Args:
        largest: The capacity, or the usual peak, at each slot.
    """
    at_night: BoolArray = sky.down & (values > rule.night_share * largest)
    return at_night


def above_clear_sky(values: FloatArray, sky: Sky, profile: ChannelProfile, rule: SunRule) -> BoolArray:
    """More than a clear sky can give.

    For irradiance the bound is that of the Baseline Surface Radiation Network for what is extremely rare: 1.2 times
    the beam outside the atmosphere, by the sine of the sun's elevation to the power 1.2, and 50 W/m2. A sensor that is
    not known to lie level may face the sun, so that one power of the sine is left out.

    References:
        Long and Dutton, "BSRN Global Network recommended QC tests, V2.0", 2002.
    """
    if profile.channel is Channel.IRRADIANCE:
        power = 1.2 if profile.tilt_deg == 0 else 0.2
        rare: BoolArray = values > 1.2 * _SOLAR_CONSTANT_WM2 * np.maximum(sky.height, 0.0) ** power + 50.0
        return rare
    if profile.capacity is None:
        return np.zeros(len(values), dtype=np.bool_)
    most = profile.capacity * (rule.night_share + rule.times_clear_sky * (sky.most + _TWILIGHT_WM2) / 1000.0)
    above: BoolArray = ~sky.down & (values > most)
    return above


def dark_days(lattice: Lattice, values: FloatArray, sky: Sky, *, largest: FloatArray, rule: SunRule) -> BoolArray:
    """Daylight of days in a row with next to no energy: snow perhaps, a dead sensor more likely.

    Args:
        largest: The capacity, or what the sensor shows at 1000 W/m2, at each slot.
    """
    n = lattice.per_day
    known = ~np.isnan(values)
    got = np.where(known, values, 0.0).reshape(-1, n).sum(axis=1)
    given = np.where(known, sky.mean * largest / 1000.0, 0.0).reshape(-1, n).sum(axis=1)
    dark = in_runs((given > 0) & (got < rule.dark_share * given), at_least=_DARK_DAYS)
    daylight: BoolArray = np.repeat(dark, n) & known & ~sky.down
    return daylight


def clock_drift(lattice: Lattice, values: FloatArray, sky: Sky, profile: ChannelProfile, rule: SunRule) -> BoolArray:
    """Days around which the lit hours lie off the sun's: a clock that runs wrong or follows another zone.

    The energy of a day has its middle where its clouds, its shade and the plane of the array put it; that it grows
    light and dark does not depend on them. Of two weeks the median is taken.

    Args:
        values: NaN where missing or rejected, shape (slots,).
    """
    shifts = day_windows(_daily_shift(lattice, values, sky, profile), back=_DRIFT_DAYS, ahead=_DRIFT_DAYS)
    told = np.count_nonzero(~np.isnan(shifts), axis=1) >= _DRIFT_DAYS_NEEDED
    drifting = np.zeros(len(shifts), dtype=np.bool_)
    drifting[told] = np.abs(np.nanmedian(shifts[told], axis=1)) > rule.drift_minutes
    return np.repeat(drifting, lattice.per_day)


def _daily_shift(lattice: Lattice, values: FloatArray, sky: Sky, profile: ChannelProfile) -> FloatArray:
    """By how many minutes the middle of each solar day's lit hours comes later than a clear sky's, shape (days,).

    NaN on a day with a gap in daylight, or lit for less than half of it. Days run from midnight to midnight of the sun
    there; what glitters in the depth of the night is no daylight.
    """
    n = lattice.per_day
    turn = round((profile.longitude or 0.0) / 360.0 * DAY_US / lattice.step_us)  # slots by which the sun's day is ahead
    light = _delayed(sky.mean, turn, fill=0.0).reshape(-1, n)
    power = _delayed(np.where(sky.height > _DEEP_NIGHT, values, 0.0), turn, fill=np.nan).reshape(-1, n)
    whole = ~np.isnan(np.where(light > 0, power, 0.0)).any(axis=1)
    (begins, ends), (sunrise, sunset) = _lit_hours(np.nan_to_num(power)), _lit_hours(light)
    shift = (begins + ends - sunrise - sunset) / 2.0 * lattice.step_us / MINUTE_US
    return np.where(whole & (ends - begins > (sunset - sunrise) / 2.0), shift, np.nan)


def _lit_hours(by_day: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Where each day first rises above a small share of the highest of the days around, and where it last falls below.

    Args:
        by_day: Shape (days, slots of a day).

    Returns:
        Each in slots, between the middles of slots along the line, shape (days,). NaN on a day that is never above,
        or from its first or to its last slot.
    """
    days, n = np.arange(len(by_day)), by_day.shape[1]
    highest = np.fmax.reduce(day_windows(by_day.max(axis=1), back=_DRIFT_DAYS, ahead=_DRIFT_DAYS), axis=1)
    share = by_day / np.where(highest > 0, highest, np.inf)[:, None] - _LIT
    lit = share > 0
    first, last = lit.argmax(axis=1), n - 1 - lit[:, ::-1].argmax(axis=1)
    inside = lit.any(axis=1) & (first > 0) & (last < n - 1)
    edges = []
    for bright, dark in ((first, first - 1), (last, (last + 1) % n)):
        above, below = share[days, bright], np.clip(share[days, dark], -_LIT, 0.0)
        across = np.where(inside, above / np.where(inside, above - below, 1.0), np.nan)
        edges.append(bright + across * (dark - bright))
    return edges[0], edges[1]


def _delayed(values: FloatArray, slots: int, *, fill: float) -> FloatArray:
    """``values`` moved to so many slots later, or earlier if negative; ``fill`` where nothing moves to."""
    moved = np.full(len(values), fill)
    if abs(slots) < len(values):
        moved[max(slots, 0) : len(values) + min(slots, 0)] = values[max(-slots, 0) : len(values) - max(slots, 0)]
    return moved


def _sun_and_light(lattice: Lattice, profile: ChannelProfile, *, at: float) -> tuple[FloatArray, FloatArray]:
    """Sine of the sun's elevation, and the clear sky's light [W/m2], at a point of every slot, each shape (slots,)."""
    instants = lattice.starts_us + int(at * lattice.step_us)
    days = instants[:: lattice.per_day].astype("datetime64[us]").astype("datetime64[D]")
    day_of_year = (days - days.astype("datetime64[Y]")).astype(np.int64) + 1
    declination = np.repeat(pvlib.solarposition.declination_spencer71(day_of_year), lattice.per_day)
    equation = np.repeat(pvlib.solarposition.equation_of_time_spencer71(day_of_year), lattice.per_day)
    turned = 15.0 * (instants % DAY_US / HOUR_US - 12.0) + (profile.longitude or 0.0) + equation / 4.0
    hour_angle = np.radians((turned + 180.0) % 360.0 - 180.0)
    latitude = np.radians(profile.latitude or 0.0)
    zenith = pvlib.solarposition.solar_zenith_analytical(latitude, hour_angle, declination)
    return np.cos(zenith), _clear_sky_light(zenith, hour_angle, declination, latitude, profile)


def _plane_known(profile: ChannelProfile) -> bool:
    return profile.channel is Channel.IRRADIANCE or None not in (profile.tilt_deg, profile.azimuth_deg)


def _haurwitz(height: FloatArray) -> FloatArray:
    """The clear sky's light on the level at the sine of the sun's elevation. [W/m2]"""
    up = height > _RISEN
    height = np.where(up, height, 1.0)
    return np.where(up, 1098.0 * height * np.exp(-0.059 / height), 0.0)


def _clear_sky_light(
    zenith: FloatArray, hour_angle: FloatArray, declination: FloatArray, latitude: float, profile: ChannelProfile
) -> FloatArray:
    """Light at sun positions [radians]: Haurwitz on the level; beam, sky and ground on a plane. [W/m2]

    On the level for irradiance, on the array's plane for generation; a plane that is not known could face the sun.
    """
    level = _haurwitz(np.cos(zenith))
    if profile.channel is Channel.IRRADIANCE:
        return level
    up = np.cos(zenith) > _RISEN
    height = np.where(up, np.cos(zenith), 1.0)
    air_mass = 1.0 / (height + 0.50572 * (96.07995 - np.degrees(np.arccos(height))) ** -1.6364)
    beam = np.where(up, 1353.0 * 0.7 ** (air_mass**0.678), 0.0)
    diffuse = np.maximum(level - beam * height, 0.1 * level)
    if profile.tilt_deg is None or profile.azimuth_deg is None:
        return np.asarray(beam + diffuse)
    azimuth = pvlib.solarposition.solar_azimuth_analytical(latitude, hour_angle, declination, zenith)
    facing = pvlib.irradiance.aoi_projection(
        profile.tilt_deg, profile.azimuth_deg, np.degrees(zenith), np.degrees(azimuth)
    )
    tilt = np.cos(np.radians(profile.tilt_deg))
    sky, ground = diffuse * (1.0 + tilt) / 2.0, level * _ALBEDO * (1.0 - tilt) / 2.0
    return np.asarray(beam * np.maximum(facing, 0.0) + sky + ground)
