"""Units of a source folder: costs from heat rates, start costs from heats, and what is wrong by column."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grid.assets import CostSegment, StartCost, ThermalUnit
from grid.cases.source_tables import Row
from grid.cases.source_units import convex_segments, start_costs, thermal_unit
from grid.faults import Fault

# 101_STEAM_3 of gen.csv, with rounder numbers.
COAL = {
    "GEN UID": "101_STEAM_3",
    "Unit Type": "STEAM",
    "Bus ID": 101,
    "Category": "Coal",
    "Fuel": "Coal",
    "PMax MW": 100.0,
    "PMin MW": 40.0,
    "Fuel Price $/MMBTU": 2.0,
    "VOM": 1.0,
    "HR_avg_0": 12_000.0,
    "Output_pct_0": 0.4,
    "Output_pct_1": 0.7,
    "Output_pct_2": 1.0,
    "Output_pct_3": float("nan"),
    "Output_pct_4": float("nan"),
    "HR_incr_1": 9_000.0,
    "HR_incr_2": 10_000.0,
    "HR_incr_3": float("nan"),
    "HR_incr_4": float("nan"),
    "Min Up Time Hr": 8.0,
    "Min Down Time Hr": 4.0,
    "Ramp Rate MW/Min": 2.0,
    "Start Time Hot Hr": 3.0,
    "Start Time Warm Hr": 10.0,
    "Start Time Cold Hr": 12.0,
    "Start Heat Hot MBTU": 3_000.0,
    "Start Heat Warm MBTU": 4_000.0,
    "Start Heat Cold MBTU": 5_000.0,
    "Non Fuel Start Cost $": 50.0,
}


def read(cells: dict[str, object], faults: list[Fault] | None = None) -> ThermalUnit:
    return thermal_unit(Row(cells, "gen.csv line 2", [] if faults is None else faults))


def test_heat_rates_become_costs() -> None:
    unit = read(COAL)
    assert unit.minimum_cost_per_hour == pytest.approx(40 * (12 * 2 + 1))
    assert [(s.width_mw, s.cost_per_mwh) for s in unit.segments] == [
        (pytest.approx(30), pytest.approx(19)),
        (pytest.approx(30), pytest.approx(21)),
    ]
    assert unit.ramp_up_mw_per_hour == 120.0
    assert unit.start_costs == (StartCost(0.0, 6_050.0), StartCost(10.0, 8_050.0), StartCost(12.0, 10_050.0))
    assert not unit.must_run


def test_states_passed_within_the_minimum_down_time_never_price_a_start() -> None:
    assert start_costs({0.5: 10.0, 1.0: 20.0, 2.0: 30.0}, minimum_down_hours=4.5) == (StartCost(0.0, 30.0),)
    assert start_costs({8.0: 10.0, 12.0: 20.0, 96.0: 30.0}, minimum_down_hours=48.0) == (
        StartCost(0.0, 20.0),
        StartCost(96.0, 30.0),
    )


def test_falling_heat_rate_is_averaged_with_its_neighbour() -> None:
    assert convex_segments([10.0, 30.0, 5.0], [20.0, 12.0, 30.0]) == (CostSegment(40.0, 14.0), CostSegment(5.0, 30.0))


@given(st.lists(st.tuples(st.floats(0.1, 100), st.floats(0, 200)), min_size=1, max_size=8))
def test_made_convex_a_curve_keeps_its_width_and_the_cost_of_full_output(steps: list[tuple[float, float]]) -> None:
    widths, costs = zip(*steps, strict=True)
    segments = convex_segments(widths, costs)
    assert sum(s.width_mw for s in segments) == pytest.approx(sum(widths))
    paid = sum(s.width_mw * s.cost_per_mwh for s in segments)
    assert paid == pytest.approx(sum(w * c for w, c in steps))
    assert all(a.cost_per_mwh <= b.cost_per_mwh for a, b in pairwise(segments))


def test_output_points_are_rounded_to_a_tenth_of_a_megawatt() -> None:
    unit = read({**COAL, "PMax MW": 76.0, "PMin MW": 30.0, "Output_pct_1": 0.596491228})
    assert [segment.width_mw for segment in unit.segments] == pytest.approx([15.3, 30.7])


def test_a_state_without_a_start_heat_is_left_out() -> None:
    """Gas turbines of Prescient's week have one state and empty cells for the others."""
    blank = {f"Start {what} {state}": "" for what in ("Time", "Heat") for state in ("Warm Hr", "Cold Hr")}
    blank |= {"Start Heat Warm MBTU": "", "Start Heat Cold MBTU": "NA"}
    assert read({**COAL, **blank}).start_costs == (StartCost(0.0, 6_050.0),)
    assert read({**COAL, **blank, "Start Heat Hot MBTU": ""}).start_costs == (StartCost(0.0, 50.0),)


def test_every_fault_of_a_unit_comes_with_its_column() -> None:
    faults: list[Fault] = []
    wrong = {"PMin MW": 400.0, "HR_incr_2": "much", "Ramp Rate MW/Min": 0.0, "Non Fuel Shutdown Cost $": 9.0,
             "Min Up Time Hr": -1.0, "HR_avg_0": ""}  # fmt: skip
    read({**COAL, **wrong}, faults)
    assert {fault.place.removeprefix("gen.csv line 2: ") for fault in faults} >= set(wrong)
