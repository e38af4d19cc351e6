from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from api.demo.recordings import Recording
from api.demo.rts_gmlc import START, read_actuals, read_day_ahead
from api.demo.site import load_demo_site, share_out
from api.demo.telemetry import DEMO_START, DemoTelemetry, load_telemetry
from api.demo.wheels import RTS_GMLC_WHEEL
from grid.assets import RenewableKind
from grid.site import Site
from grid.site_file import parse_site, site_to_document


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
