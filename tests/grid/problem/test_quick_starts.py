"""What it costs when a reserve is called that units hold which are off, counted by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from grid.assets import CostSegment, StartCost, ThermalUnit
from grid.problem.quick_starts import QuickStarts, quick_start_faults

PEAK = ThermalUnit(
    unit_id="peak",
    bus_id="b",
    minimum_mw=10.0,
    capacity_mw=50.0,
    minimum_cost_per_hour=500.0,
    segments=(CostSegment(40.0, 50.0),),
    start_costs=(StartCost(0.0, 100.0), StartCost(5.0, 150.0)),
    minimum_up_hours=2.0,
    minimum_down_hours=3.0,
    ramp_up_mw_per_hour=100.0,
    ramp_down_mw_per_hour=100.0,
    start_ramp_mw=25.0,
    stop_ramp_mw=25.0,
)
PER_MWH = (500.0 + 40.0 * 50.0 + 150.0 / 2.0) / 50.0
"""A cold start for two hours at full output."""


def test_the_part_of_a_reserve_that_is_called_last_is_the_cheapest_to_hold() -> None:
    prices = QuickStarts(3.0, 0.05).prices([PEAK])

    reach = norm.ppf(0.95) * np.array([7, 5, 3, 1]) / 8.0
    assert prices == pytest.approx(PER_MWH * norm.sf(reach))
    assert 0.05 * PER_MWH < prices[0] < prices[-1] < 0.5 * PER_MWH


def test_only_units_that_may_start_and_stop_in_time_count() -> None:
    slow, always = replace(PEAK, minimum_up_hours=4.0), replace(PEAK, must_run=True)
    dear = replace(PEAK, minimum_cost_per_hour=1e6)
    quick = QuickStarts(3.0, 0.05)

    assert [quick.includes(unit) for unit in (PEAK, slow, always)] == [True, False, False]
    assert quick.prices([PEAK, replace(slow, minimum_cost_per_hour=1e6)]) == pytest.approx(quick.prices([PEAK]))
    assert (quick.prices([PEAK, dear]) > quick.prices([PEAK])).all()
    assert quick.prices([slow, always]) == pytest.approx([0.0] * 4)
    assert not quick.includes(replace(PEAK, minimum_mw=0.0, capacity_mw=0.0, segments=()))


@pytest.mark.parametrize("beyond", [float("nan"), 0.0, 0.5, 1.0])
def test_a_reserve_that_is_called_as_often_as_not_is_named(beyond: float) -> None:
    assert [fault.place for fault in quick_start_faults(QuickStarts(3.0, beyond))] == ["quick_starts"]
    assert list(quick_start_faults(QuickStarts(3.0, 0.05))) == list(quick_start_faults(None)) == []


@pytest.mark.parametrize("hours", [float("nan"), -1.0])
def test_hours_that_no_unit_could_keep_are_named(hours: float) -> None:
    (fault,) = quick_start_faults(QuickStarts(hours, 0.05))

    assert fault.place == "quick_starts"
    assert "must not be negative" in fault.problem
    assert list(quick_start_faults(QuickStarts(0.0, 0.05))) == []
