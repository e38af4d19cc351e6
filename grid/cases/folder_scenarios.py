"""The scenarios that ``periods.json`` asks to be planned for: those of its profiles, the k-th joint everywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from grid.cases.fields import Fields
from grid.cases.uncertain import Profile
from grid.problem.scenarios import Scenarios
from grid.time_axis import FloatArray

_ROUNDED = 0.011
"""How far probabilities may be from 1 together, as thirds of two digits are."""


def read_scenarios(
    top: Fields,
    profiles: Mapping[str, Profile],
    *,
    loads: Sequence[str],
    plants: Sequence[str],
    load_mw: FloatArray,
    available_mw: FloatArray,
) -> Scenarios | None:
    """The part ``uncertainty``; None without it, and where its scenarios cannot be read.

    Args:
        profiles: Of loads and of plants, under the names in ``loads`` and ``plants``; what has none is certain.
        load_mw, available_mw: What is planned for without scenarios, in the order of ``loads`` and ``plants``.
    """
    if not top.has("uncertainty"):
        return None
    told = top.object("uncertainty")
    told.unknown("method", "risk_weight", "risk_level", "most_scenarios", "probabilities")
    if (method := told.text("method")) not in ("two-stage", ""):
        told.fault("method", f"must be two-stage, got {method!r}", "leave uncertainty out to plan for one course")
    for name, profile in profiles.items():
        if len(profile.levels):
            told.fault(f"quantiles of {name}", "do not say what comes together", "give scenarios of it")
    counts = {len(profile.scenarios) for profile in profiles.values()} - {0}
    weight, level = told.number("risk_weight", default=0.0, least=0.0), told.number("risk_level", default=0.95)
    most = told.whole("most_scenarios", least=1, default=10)
    if not counts:
        told.fault("scenarios", "there are none", "give loads or renewables as scenarios")
    if len(counts) != 1:
        return None
    count = counts.pop()
    return Scenarios(
        load_mw=_courses(loads, profiles, load_mw, count),
        available_mw=_courses(plants, profiles, available_mw, count),
        weight=_probabilities(told, count),
        risk_weight=weight,
        risk_level=level,
        most=most,
    )


def _courses(names: Sequence[str], profiles: Mapping[str, Profile], certain: FloatArray, count: int) -> FloatArray:
    """Shape (scenarios, names, periods)."""
    courses = np.repeat(certain[None], count, axis=0)
    for i, name in enumerate(names):
        if name in profiles and len(profiles[name].scenarios):
            courses[:, i] = profiles[name].scenarios
    return courses


def _probabilities(told: Fields, count: int) -> FloatArray:
    """Equal, or as told but for rounding."""
    weight = told.series("probabilities", count, default=1.0 / count)
    if (weight < 0.0).any() or not abs(weight.sum() - 1.0) <= _ROUNDED:
        told.fault("probabilities", f"must not be negative and sum to 1, got {weight.sum():g}", "correct them")
        return np.full(count, 1.0 / count)
    return np.asarray(weight / weight.sum())
