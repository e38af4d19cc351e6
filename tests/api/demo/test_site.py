from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.demo.recordings import Recording
from api.demo.rts_gmlc import START, read_actuals, read_day_ahead
from api.demo.rts_units import convex_segments, start_costs, thermal_unit
from api.demo.site import load_demo_site, share_out
from api.demo.telemetry import DEMO_START, DemoTelemetry, load_telemetry
from api.demo.wheels import RTS_GMLC_WHEEL
from grid.assets import CostSegment, RenewableKind, StartCost
from grid.site import Site
from grid.site_file import parse_site, site_to_document

# 101_STEAM_3 of gen.csv, with rounder numbers.
COAL = {
    "GEN UID": "101_STEAM_3",
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


def test_heat_rates_become_costs() -> None:
    unit = thermal_unit(COAL)
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


def test_zones_are_matched_with_groups_of_neighbouring_buses_by_size() -> None:
    bus = pd.DataFrame({"Bus ID": [1, 2, 3, 4, 5], "Area": [1, 1, 1, 2, 2], "MW Load": [60.0, 40.0, 90.0, 0.0, 200.0]})
    loads = share_out(bus, {"small": 1_000.0, "middle": 5_000.0, "large": 20_000.0})
    assert {load.bus_id: load.series_id for load in loads} == {
        "1": "middle:load",
        "2": "middle:load",
        "3": "small:load",
        "5": "large:load",
    }
    assert {load.bus_id: load.mw_per_kw for load in loads} == {"1": 0.012, "2": 0.008, "3": 0.09, "5": 0.01}


@pytest.fixture(scope="module")
def telemetry(demo_cache: Path) -> DemoTelemetry:
    return load_telemetry(demo_cache)


@pytest.fixture(scope="module")
def site(demo_cache: Path, telemetry: DemoTelemetry) -> Site:
    return load_demo_site(demo_cache, telemetry)


def test_demo_site_passes_every_check_of_a_site_file(site: Site) -> None:
    assert parse_site(site_to_document(site)) == site


def test_demo_site_has_the_published_size(site: Site) -> None:
    assert len(site.network.buses) == 73
    assert len(site.network.branches) == 120
    assert len(site.thermal_units) == 73
    assert sum(unit.capacity_mw for unit in site.thermal_units) == pytest.approx(8076)
    kinds = defaultdict(float)
    for plant in site.renewable_plants:
        kinds[plant.kind] += plant.capacity_mw
    assert kinds[RenewableKind.WIND] == pytest.approx(2507.9)
    assert kinds[RenewableKind.SOLAR] == pytest.approx(1554.5 + 1161.4, abs=0.2)
    assert kinds[RenewableKind.HYDRO] == pytest.approx(1000)
    battery = site.storages[0]
    assert battery.charge_efficiency * battery.discharge_efficiency == pytest.approx(0.85)


def test_each_zone_peaks_at_its_buses_load_and_all_zones_are_used(site: Site, telemetry: DemoTelemetry) -> None:
    loads = {f"{r.owner_id}:load": r.between(r.axis.start, DEMO_START) for r in telemetry.observed}
    factor = defaultdict(float)
    for load in site.loads:
        factor[load.series_id] += load.mw_per_kw
    assert len(factor) == 19
    assert len({load.bus_id for load in site.loads}) == 51
    peaks = [factor[series] * np.nanmax(loads[series].values) for series in factor]
    assert sum(peaks) == pytest.approx(8550)


def test_every_series_of_the_site_is_sent(site: Site, telemetry: DemoTelemetry) -> None:
    sent = {(r.owner_id, r.channel.value) for r in telemetry.observed}
    assert {(meter.meter_id, meter.channel) for meter in site.meters} <= sent
    assert {meter.weather_site_id for meter in site.meters} - {None} <= {r.owner_id for r in telemetry.observed}
    external = {meter.meter_id for meter in site.meters if meter.kind == "external"}
    assert external == {r.owner_id for r in telemetry.day_ahead}


def test_wind_and_hydro_never_exceed_their_plants(site: Site, demo_cache: Path) -> None:
    capacity_mw = {plant.series_id.split(":")[0]: plant.capacity_mw for plant in site.renewable_plants}
    wheel = demo_cache / RTS_GMLC_WHEEL.filename
    for recording in (*read_actuals(wheel), *read_day_ahead(wheel)):
        assert recording.axis.start == START
        assert recording.axis.periods == 8784
        assert np.min(recording.values) >= 0.0
        assert np.max(recording.values) <= capacity_mw[recording.owner_id]


def test_hourly_actuals_are_means_of_twelve_five_minute_values(demo_cache: Path) -> None:
    actuals: dict[str, Recording] = {r.owner_id: r for r in read_actuals(demo_cache / RTS_GMLC_WHEEL.filename)}
    assert actuals["wind-309_WIND_1"].values[0] == pytest.approx(145.3, abs=2.0)
