"""Scenarios of stored forecasts under the site's sum checks: which hierarchies there are, and what is left over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from forecasting.site.joint import Joint, joint_scenarios, past_of
from grid.faults import InputError
from grid.forecasts import DEFAULT_LEVELS, Forecast
from grid.site import SumCheck
from grid.time_axis import TimeAxis

ISSUED = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def joint(level_kw: dict[str, float], measured_kw: dict[str, float], *checks: SumCheck) -> Joint:
    """Of series that are told and were measured steadily at so many kW."""
    axis = TimeAxis(ISSUED, HOUR, 24)
    spread = 0.1 * (np.array(DEFAULT_LEVELS) - 0.5)
    told = [
        Forecast(name, axis, ISSUED, DEFAULT_LEVELS, np.tile(level * (1.0 + spread), (24, 1)), "m", "lstm")
        for name, level in level_kw.items()
    ]
    known = past_of(told).axis
    kw = np.tile(np.array([measured_kw[name] for name in level_kw])[:, None], (1, known.periods))
    kw[:, known.periods - 24 :] = 1e6  # comes only after the issue
    return joint_scenarios(told, [], kw, checks=checks, count=20, seed=1)


@pytest.mark.parametrize("second", [("b", "c"), ("b", "a")])
def test_totals_that_share_a_part_are_refused_by_name(second: tuple[str, ...]) -> None:
    kw = {"main": 30.0, "check": 50.0, "a": 10.0, "b": 20.0, "c": 30.0}
    checks = SumCheck("main", ("a", "b")), SumCheck("check", second)
    with pytest.raises(InputError, match="main and check both hold b; leave check or main out of series_id"):
        joint(kw, kw, *checks)
    without = {name: level for name, level in kw.items() if name != "check"}
    assert set(joint(without, without, *checks).names) == {"main", "a", "b", "c"}


def test_what_a_total_measured_beyond_its_parts_is_a_rest_of_its_own() -> None:
    level = {"feeder": 60.0, "a": 10.0, "b": 20.0}
    check = SumCheck("feeder", ("a", "b"))
    found = joint(level, level, check)
    mean = dict(zip(found.names, found.mean.mean(axis=1), strict=True))
    assert mean == pytest.approx({"feeder": 60.0, "a": 10.0, "b": 20.0, "rest of feeder": 30.0})
    alone = joint(level, {"feeder": 30.0, "a": 10.0, "b": 20.0}, check)
    assert set(alone.names) == set(level)
