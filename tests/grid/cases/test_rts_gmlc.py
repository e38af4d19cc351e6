"""Source folders in RTS-GMLC's format: what becomes of tables and series, published costs, and every fault at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from api.commands.source_folder import read_source_folder
from grid.cases import SourceSystem, read_rts_gmlc
from grid.dispatch import check_plan, plan_dispatch
from grid.faults import InputError
from grid.problem.costs import running_cost_per_hour

FOLDER = Path(__file__).parent / "two_area_source"
FILES = {path.relative_to(FOLDER).as_posix(): path.read_text() for path in FOLDER.rglob("*.csv")}
START = datetime(2020, 7, 10, tzinfo=UTC)


@pytest.fixture(scope="module")
def system() -> SourceSystem:
    return read_source_folder(FOLDER)


def faults_of(files: dict[str, str]) -> str:
    with pytest.raises(InputError) as raised:
        read_rts_gmlc(files)
    return str(raised.value)


def changed(file: str, old: str, new: str) -> dict[str, str]:
    """The folder's files with a passage of one replaced."""
    assert old in FILES[file]
    return {**FILES, file: FILES[file].replace(old, new, 1)}


def test_the_network_has_ratings_after_outages_taps_and_the_link(system: SourceSystem) -> None:
    network = system.source.network
    assert [(b.limit_mw, b.emergency_mw, b.tap_ratio) for b in network.branches] == [
        (175.0, 200.0, 1.0),
        (60.0, 80.0, 1.0),
        (None, None, 1.015),
    ]
    assert (network.dc_links[0].from_bus, network.dc_links[0].limit_mw) == ("102", 15.0)
    assert [bus.area for bus in network.buses] == ["1", "1", "2"]


def test_the_load_of_an_area_spreads_by_the_buses_loads(system: SourceSystem) -> None:
    problem = system.problem()
    assert (problem.axis.start, problem.axis.step, problem.axis.periods) == (START, timedelta(hours=6), 6)
    assert problem.load_mw[:, 0].tolist() == [30.5, 10.0, 20.0]  # with the shunt of bus 101
    assert problem.load_mw[2].tolist() == [20.0, 25.0, 30.0, 22.0, 20.0, 25.0]


def test_what_must_be_taken_is_told_from_what_may_be_curtailed(system: SourceSystem) -> None:
    problem = system.problem(periods=4)
    plants = {
        plant.plant_id: (plant.curtailable, mw.tolist())
        for plant, mw in zip(problem.renewable_plants, problem.available_mw, strict=True)
    }
    assert plants == {
        "201_WIND_1": (True, [20.0, 12.5, 5.0, 25.0]),
        "201_HYDRO_1": (False, [6.0, 8.0, 8.0, 6.0]),
        "102_HYDRO_2": (True, [3.0, 4.0, 5.0, 3.0]),
        "102_HYDRO_2 (minimum)": (False, [2.0, 2.0, 4.0, 2.0]),
        "201_CSP_1": (True, [0.0, 15.0, 20.0, 0.0]),
    }


def test_a_storage_has_its_smaller_power_and_ends_as_full_as_it_began(system: SourceSystem) -> None:
    (storage,) = system.storages
    assert (storage.power_mw, storage.energy_mwh, storage.initial_mwh, storage.end_minimum_mwh) == (
        8.0,
        50.0,
        20.0,
        20.0,
    )
    assert storage.charge_efficiency == storage.discharge_efficiency == 0.9


def test_reserves_are_the_scheduled_products_of_each_area(system: SourceSystem) -> None:
    day_ahead = system.problem(periods=5).requirements
    assert [(need.title, need.minutes, need.required_mw.tolist()) for need in day_ahead] == [
        ("Spin up in area 1", 10.0, [3.0] * 5),
        ("Spin up in area 2", 10.0, [1.0] * 5),
        ("Reg down", 5.0, [2.0, 3.0, 4.0, 2.0, 1.0]),
    ]
    assert system.simulations["REAL_TIME"].products == {"Spin_Up"}


def test_units_are_in_their_initial_state_only_where_the_folder_begins(system: SourceSystem) -> None:
    states = system.problem().initial
    assert (states["101_STEAM_1"].on, states["101_STEAM_1"].hours, states["101_STEAM_1"].power_mw) == (True, 20.0, 41.5)
    assert (states["102_CT_1"].on, states["102_CT_1"].hours) == (False, 9.0)
    assert system.problem(start=START + timedelta(hours=12), periods=2).initial == {}


def test_a_condenser_is_no_unit(system: SourceSystem) -> None:
    assert [unit.unit_id for unit in system.thermal_units] == ["101_STEAM_1", "102_CT_1"]


def test_the_plan_of_a_folder_is_sound(system: SourceSystem) -> None:
    plan = plan_dispatch(system.problem(secure=True), time_limit_seconds=10.0, relative_gap=0.0)
    assert check_plan(plan) == []
    assert {violation.what for violation in plan.violations} == set()


def test_hours_beyond_the_series_are_told_once(system: SourceSystem) -> None:
    with pytest.raises(InputError) as raised:
        system.problem(start=START + timedelta(days=1), periods=5)
    (fault,) = raised.value.faults
    assert "2020-07-10 00:00 to 2020-07-12 00:00" in fault.problem


@pytest.mark.parametrize(
    ("start", "periods", "told"),
    [
        (datetime(9999, 12, 31, tzinfo=UTC), 5, "must lie in the years 1900 to 2199, got 5 periods from 9999-12-31"),
        (datetime(1, 1, 1, tzinfo=UTC), 5, "must lie in the years 1900 to 2199"),
        (START, 100_000_000, "must be 1 to 100000 periods, got 100000000"),
        (START, 0, "must be 1 to 100000 periods, got 0"),
    ],
)
def test_hours_that_no_series_has_are_refused(system: SourceSystem, start: datetime, periods: int, told: str) -> None:
    with pytest.raises(InputError, match=told):
        system.problem(start=start, periods=periods)


def test_powers_are_as_the_series_have_them_whatever_they_are_normalised_by(system: SourceSystem) -> None:
    """RTS-GMLC's series are in MW, and its scaling factors their maxima."""
    read = read_rts_gmlc(changed("timeseries_pointers.csv", "MW Load,1,", "MW Load,2850,"))
    assert np.array_equal(read.problem().load_mw, system.problem().load_mw)


def test_a_simulation_without_the_series_of_a_plant_is_refused(system: SourceSystem) -> None:
    with pytest.raises(InputError) as raised:
        system.problem(simulation="REAL_TIME")
    places = [fault.place.removeprefix("timeseries_pointers.csv: ") for fault in raised.value.faults]
    plants = ("201_WIND_1", "201_HYDRO_1", "102_HYDRO_2", "201_CSP_1")
    assert places == [f"PMax MW of Generator {name} in REAL_TIME" for name in plants]


def test_series_may_come_from_one_table(tmp_path: Path, system: SourceSystem) -> None:
    """Parquet beside the tables, in place of the files that the pointers name."""
    for file, text in FILES.items():
        if "/" not in file:
            (tmp_path / file).write_text(text)
    columns = {"load_area1": [40.0, 60.0], "load_area2": [20.0, 25.0], "201_WIND_1": [20.0, 12.5],
               "201_HYDRO_1": [6.0, 8.0], "102_HYDRO_2": [5.0, 6.0], "201_CSP_1": [0.0, 15.0],
               "Reg_Down": [2.0, 3.0]}  # fmt: skip
    times = pd.date_range("2020-07-10", periods=2, freq="6h", name="timestamp")
    pd.DataFrame(columns, index=times).reset_index().to_parquet(tmp_path / "day_ahead_all.parquet")
    read = read_source_folder(tmp_path, simulations=("DAY_AHEAD",)).problem(periods=2)
    assert np.array_equal(read.load_mw, system.problem(periods=2).load_mw)
    with pytest.raises(InputError, match=r"there is no file series/real_time_load\.csv"):
        read_source_folder(tmp_path)


FAULTS: list[tuple[str, str, str, str]] = [
    ("bus.csv", "138,Ref,30", "138,Ref,thirty", "bus.csv line 2 101: MW Load: must be a finite number"),
    ("bus.csv", "102,Adams", "101,Adams", "bus.csv line 3: Bus ID: '101' must be unique"),
    ("branch.csv", "0.211,0.057,60,0,80", "0.211,0.057,60,0,50", "branch.csv line 3 A2: STE Rating: 50 is below"),
    ("branch.csv", "A3,101,201,0.002,0.084", "A3,101,999,0.002,0", "branch.csv line 4 A3: X: must not be 0"),
    ("branch.csv", "A3,101,201", "A3,101,999", "branch.csv line 4 A3: To Bus: there is no bus '999'"),
    ("dc_branch.csv", "DC1,102,201,Power,15", "DC1,102,201,Power,", "dc_branch.csv line 2 DC1: MW Load: is missing"),
    ("gen.csv", "102_CT_1,102,", "102_CT_1,7,", "gen.csv line 3 102_CT_1: Bus ID: there is no bus '7'"),
    ("gen.csv", ",HR_avg_0,", ",HR_average,", "gen.csv: HR_avg_0: there is no such column"),
    ("storage.csv", "201_STORAGE_1,201_HEAD", "201_STORE_1,201_HEAD", "201_STORAGE_1: GEN UID: is a storage that"),
    ("reserves.csv", "3,1,(Gen", "3,9,(Gen", "reserves.csv line 2 Spin_Up_R1: Eligible Regions: there is no area '9'"),
    ("simulation_objects.csv", "7/10/20 0:00", "today", "simulation_objects.csv line 4: DAY_AHEAD: must be a date"),
    ("simulation_objects.csv", "Period_Resolution", "Resolution", "has no line Period_Resolution"),
    ("timeseries_pointers.csv", "series/inflow.csv", "sun.csv", "line 9: Data File: there is no file sun.csv"),
    ("timeseries_pointers.csv", "DAY_AHEAD,Area,2", "DAY_AHEAD,Area,3", "Object: series/load.csv has no column 3"),
    ("series/load.csv", "10,2,60,25", "10,2,60,", "series/load.csv line 3: 2: must be a finite number"),
    ("series/load.csv", "10,2,60,25", "10,2,many,25", "series/load.csv line 3: 1: must be a finite number"),
    ("series/load.csv", "10,3,72", "10,4,72", "series/load.csv line 4: must follow the line before by 6:00:00"),
    ("series/load.csv", "Year,", "Jahr,", "series/load.csv: Year: there is no such column"),
    ("series/load.csv", "10,2,60,25", "10,2,60,25,7", "series/load.csv: cannot be read"),
    ("series/reg_down.csv", ",3,4\n", ",3\n", "must have a column per 6:00:00 of a day"),
    ("initial_status.csv", "41.5", "80", "initial_status.csv line 3: 101_STEAM_1: 80 MW lie outside"),
    ("series/load.csv", "2020,7,10,1", "-0.0001,7,10,1", "series/load.csv line 2: Year: must be a whole number from"),
    ("series/load.csv", "2020,7,10,2", "2020,7,10,2.5", "series/load.csv line 3: Period: must be a whole number from"),
    ("simulation_objects.csv", "seconds,21600", "seconds,1e9", "line 3: DAY_AHEAD: must be at most a day"),
]


@pytest.mark.parametrize(("file", "old", "new", "told"), FAULTS)
def test_a_fault_is_told_with_file_line_and_column(file: str, old: str, new: str, told: str) -> None:
    files = changed(file, old, new)
    if file == "series/reg_down.csv":
        files[file] = "\n".join(line.rsplit(",", 1)[0] for line in FILES[file].splitlines())
    assert told in faults_of(files)


def test_faults_of_all_files_come_at_once_and_missing_files_first() -> None:
    files = dict(FILES)
    for file, old, new, _ in (FAULTS[0], FAULTS[4], FAULTS[15], FAULTS[20]):
        files[file] = files[file].replace(old, new, 1)
    told = faults_of(files)
    assert all(FAULTS[i][3] in told for i in (0, 4, 15, 20))
    assert faults_of({"bus.csv": FILES["bus.csv"]}).startswith("branch.csv: there is no such file")


def test_costs_are_those_that_prescient_publishes(shared_data: Path) -> None:
    """To the cent: in the hour of a start the cost of one of its states comes on top."""
    folder = shared_data / "prescient_24bus"
    units = {unit.unit_id: unit for unit in read_source_folder(folder / "case").thermal_units}
    table = pd.read_csv(folder / "published" / "thermal_detail.csv")
    starts = 0
    for name, hours in table.groupby("Generator"):
        unit, on = units[str(name)], hours["Unit State"].to_numpy()
        extra = hours["Unit Cost"].to_numpy() - np.where(
            on, running_cost_per_hour(unit, hours["Dispatch"].to_numpy()), 0.0
        )
        started = on & ~np.append(True, on[:-1])
        assert np.abs(extra[~started]).max(initial=0.0) < 0.01, name
        states = np.array([start.cost for start in unit.start_costs])
        assert np.abs(extra[started, None] - states).min(axis=1, initial=np.inf).max(initial=0.0) < 0.01, name
        starts += int(started.sum())
    assert starts > 20


def test_costs_are_those_that_plexos_publishes(shared_data: Path) -> None:
    """To the cent while on, but for the nuclear unit, whose heat rate above its minimum is 0 in the source."""
    folder = shared_data / "rts_gmlc"
    units = read_source_folder(folder / "source", simulations=("DAY_AHEAD",)).thermal_units
    power, paid, on = (
        pd.read_csv(folder / "plexos_day_ahead" / f"PLEXOS_DA_solution_{part}.csv")
        for part in ("generation", "cost", "commitment")
    )
    compared = 0
    for unit in units:
        if unit.unit_id not in on or unit.fuel == "Nuclear":
            continue
        kept = (on[unit.unit_id] > 0) & (on[unit.unit_id].shift(fill_value=0) > 0)
        ours = running_cost_per_hour(unit, power.loc[kept, unit.unit_id].to_numpy(dtype=np.float64))
        assert paid.loc[kept, unit.unit_id].to_numpy() == pytest.approx(ours, abs=0.01), unit.unit_id
        compared += int(kept.sum())
    assert compared > 7_000
