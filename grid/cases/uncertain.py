"""Load and available power as a folder case gives them: plain numbers, quantiles or scenarios; and the reserve for it.

What is planned for is the median of quantiles and the mean of scenarios. The reserve of quantiles is the distance of
each source's quantile from its median, combined as independent sources are, by the root of the sum of squares. The
reserve of scenarios is a quantile of their net load, in which the sources are wrong together as the scenarios have it.

References:
    Holttinen et al., "Methodologies to Determine Operating Reserves Due to Increased Wind Power", IEEE Trans.
    Sustainable Energy 3(4), 2012 (independent sources in quadrature).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grid.cases.fields import Fields
from grid.problem.spread import NetLoadSpread
from grid.time_axis import FloatArray

_LEVELS = (0.6, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99)


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """One load (``sign`` +1 of net load) or one plant (-1).

    Attributes:
        central: What is planned for, shape (periods,). [MW]
        levels, quantiles: Ascending levels, shape (levels,), and their values, (levels, periods); none without.
        scenarios: Shape (scenarios, periods); no rows without.
    """

    sign: float
    central: FloatArray
    levels: FloatArray
    quantiles: FloatArray
    scenarios: FloatArray


def read_profile(fields: Fields, key: str, periods: int, *, sign: float) -> Profile:
    """The profile under ``key``: a number, a list, ``{"quantiles": {level: list}}`` or ``{"scenarios": [lists]}``."""
    none, empty = np.zeros(0), np.zeros((0, periods))
    if not fields.is_object(key):
        return Profile(sign, fields.series(key, periods), none, empty, empty)
    parts = fields.object(key)
    parts.unknown("quantiles", "scenarios")
    if parts.has("quantiles") == parts.has("scenarios"):
        fields.fault(key, "must have either quantiles or scenarios", "give one of them")
        return Profile(sign, np.zeros(periods), none, empty, empty)
    if parts.has("scenarios"):
        scenarios = parts.lists("scenarios", periods)
        return Profile(sign, scenarios.mean(axis=0) if len(scenarios) else np.zeros(periods), none, empty, scenarios)
    by_level = parts.object("quantiles")
    named = sorted((level, name) for name in by_level.names() if (level := _level(by_level, name)) is not None)
    levels = np.array([level for level, _ in named])
    values = np.array([by_level.series(name, periods) for _, name in named]).reshape(-1, periods)
    if 0.5 not in levels:
        parts.fault("quantiles", "must have the level 0.5", "give the median")
        return Profile(sign, np.zeros(periods), none, empty, empty)
    for t in np.flatnonzero((np.diff(values, axis=0) < 0.0).any(axis=0)).tolist():
        parts.fault("quantiles", f"cross in period {t}", "give higher values at higher levels")
    return Profile(sign, values[int(np.flatnonzero(levels == 0.5)[0])], levels, values, empty)


def net_load_reserve(profiles: Sequence[Profile], level: float, *, up: bool, periods: int) -> FloatArray:
    """Reserve that covers net load up to its quantile ``level`` (down to it, if not ``up``), shape (periods,). [MW]"""
    squares, joint = np.zeros(periods), np.zeros(periods)
    scenarios = [profile.sign * (profile.scenarios - profile.central) for profile in profiles if len(profile.scenarios)]
    if scenarios:
        net = np.sum(scenarios, axis=0)
        joint = np.quantile(net, level, axis=0) * (1.0 if up else -1.0)
    for profile in profiles:
        if len(profile.levels):
            own = level if profile.sign > 0.0 else 1.0 - level
            at = np.array([np.interp(own, profile.levels, column) for column in profile.quantiles.T])
            distance = profile.sign * (at - profile.central) * (1.0 if up else -1.0)
            squares += np.maximum(distance, 0.0) ** 2
    return np.asarray(np.sqrt(squares + np.maximum(joint, 0.0) ** 2))


def net_load_spread(profiles: Sequence[Profile], periods: int) -> NetLoadSpread | None:
    """How far net load may come out, at the levels that all quantiles reach; None where every profile is certain."""
    told = [profile for profile in profiles if len(profile.levels)]
    if not told and not any(len(profile.scenarios) for profile in profiles):
        return None
    reached = min((min(profile.levels[-1], 1.0 - profile.levels[0]) for profile in told), default=_LEVELS[-1])
    levels = [level for level in _LEVELS if level <= reached + 1e-9]
    if not levels:
        return None
    up, down = (
        np.maximum.accumulate([
            net_load_reserve(profiles, level if side else 1.0 - level, up=side, periods=periods) for level in levels
        ])
        for side in (True, False)
    )  # fmt: skip
    return NetLoadSpread(np.array(levels), up, down)


def check_together(profiles: dict[str, Profile], fields: Fields, levels: Sequence[float]) -> None:
    """Faults of profiles that do not fit one another, or the reserve's levels."""
    counts = {name: len(profile.scenarios) for name, profile in profiles.items() if len(profile.scenarios)}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{name} {count}" for name, count in counts.items())
        fields.fault("scenarios", f"must be as many everywhere, got {told}", "give joint scenarios: the k-th of all")
    for name, profile in profiles.items():
        for level in levels:
            own = level if profile.sign > 0.0 else 1.0 - level
            if len(profile.levels) and not profile.levels[0] - 1e-9 <= own <= profile.levels[-1] + 1e-9:
                told = f"{profile.levels[0]:g} to {profile.levels[-1]:g}"
                problem = f"must reach the level {own:g} that the reserve asks for, they are of {told}"
                fields.fault(f"quantiles of {name}", problem, "give that level, or a milder reserve level")


def _level(fields: Fields, name: str) -> float | None:
    try:
        level = float(name)
    except ValueError:
        level = -1.0
    if not 0.0 < level < 1.0:
        fields.fault(name, "must be a level between 0 and 1", 'write it as text, such as "0.9"')
        return None
    return level
