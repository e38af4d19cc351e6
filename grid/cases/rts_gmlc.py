"""A source folder in RTS-GMLC's format, as Egret and Prescient read it too: tables of a system, and series by pointers.

The concentrating solar plant gives its inflow as it comes, up to its capacity: its heat store is not used. A storage
has one power for both directions, the smaller of pump and turbine, and ends as full as it began. Hydro follows its
series. Synchronous condensers give no active power. ``docs/dispatch-files.md`` lists what is read.

References:
    Barrows et al., "The IEEE Reliability Test System: A Proposed 2019 Update", IEEE Transactions on Power Systems
    35(1), 2020; the README of RTS-GMLC's SourceData; Prescient's documentation, "The CSV Input File Format".
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from grid.assets import RenewableKind, RenewablePlant, Storage, ThermalUnit
from grid.cases.source_network import read_network
from grid.cases.source_series import SeriesTable, read_pointers, read_series
from grid.cases.source_system import Series, SeriesKey, Simulation, SourceReserve, SourceSystem
from grid.cases.source_tables import Row, read_table
from grid.cases.source_units import thermal_unit
from grid.faults import Fault, InputError
from grid.problem.dispatch_problem import UnitState
from grid.problem.requirements import Product
from grid.time_axis import EPOCH

REQUIRED = ("bus.csv", "branch.csv", "gen.csv", "simulation_objects.csv", "timeseries_pointers.csv")
OPTIONAL = ("dc_branch.csv", "storage.csv", "reserves.csv", "initial_status.csv")

SIMULATIONS = ("DAY_AHEAD", "REAL_TIME")
_KINDS = {
    "PV": RenewableKind.SOLAR,
    "RTPV": RenewableKind.SOLAR,
    "CSP": RenewableKind.SOLAR,
    "WIND": RenewableKind.WIND,
    "HYDRO": RenewableKind.HYDRO,
    "ROR": RenewableKind.HYDRO,
}
_GEN = ("GEN UID", "Bus ID", "Unit Type", "Fuel", "PMax MW", "PMin MW", "Fuel Price $/MMBTU", "HR_avg_0",
        "Ramp Rate MW/Min", "Min Up Time Hr", "Min Down Time Hr", "Output_pct_1", "HR_incr_1")  # fmt: skip
_STORAGE = ("GEN UID", "Storage", "Max Volume GWh", "Initial Volume GWh", "Rating MVA")
_RESERVE = ("Reserve Product", "Requirement (MW)")
_DAY_SECONDS = 86_400.0
_CLOCKS = ("%m/%d/%y %H:%M", "%m/%d/%Y %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d")


def read_rts_gmlc(
    files: Mapping[str, str],
    *,
    simulations: Collection[str] = SIMULATIONS,
    tables: Mapping[str, SeriesTable] | None = None,
) -> SourceSystem:
    """The system that a source folder describes; :meth:`SourceSystem.problem` makes a problem of some of its hours.

    Series are powers as they stand: a ``Scaling Factor`` of the pointers is what some readers normalise by.

    Args:
        files: Text by name relative to the folder: ``REQUIRED``, what there is of ``OPTIONAL``, and what
            :func:`grid.cases.source_series.data_files` says of the pointers.
        simulations: Whose series are read, of ``SIMULATIONS``.
        tables: By simulation, where the files that its pointers name are not there: one table of all its series.

    Raises:
        InputError: With every fault of all files, each with file, line and column.
    """
    faults = [
        Fault(name, "there is no such file", "add it: a source folder needs it")
        for name in REQUIRED
        if name not in files
    ]
    if faults:
        raise InputError(faults)
    source = read_network(files, faults)
    rows = read_table(files["gen.csv"], "gen.csv", faults, needs=_GEN, name="GEN UID")
    buses = {bus.bus_id for bus in source.network.buses}
    for row in rows:
        if row.has("Bus ID") and row.text("Bus ID") not in buses:
            row.fault("Bus ID", f"there is no bus {row.text('Bus ID')!r}", "add it to bus.csv, or correct the number")
    units = tuple(thermal_unit(row) for row in rows if _is_thermal(row))
    parameters = _simulations(files["simulation_objects.csv"], simulations, faults)
    stores = _storage_rows(files, faults)
    pointers = read_pointers(files["timeseries_pointers.csv"], faults)
    pointers = [row for row in pointers if row.text("Simulation") in parameters]
    series = _series(files, tables or {}, pointers, parameters, stores, faults)
    system = SourceSystem(
        source=source,
        thermal_units=units,
        plants=tuple(_plant(row, series) for row in rows if row.text("Unit Type", default="") in _KINDS),
        storages=tuple(
            _storage(row, stores[row.text("GEN UID")]) for row in rows if _is_storage(row) and _known(row, stores)
        ),
        reserves=tuple(_reserves(files, pointers, {bus.area for bus in source.network.buses}, faults)),
        initial=_initial(files.get("initial_status.csv", ""), units, faults),
        simulations=parameters,
        series=series,
    )
    if faults:
        raise InputError(faults)
    return system


def _is_storage(row: Row) -> bool:
    return row.text("Unit Type") == "STORAGE"


def _is_thermal(row: Row) -> bool:
    kind = row.text("Unit Type").upper()
    return kind not in _KINDS and kind not in ("STORAGE", "SYNC_COND")


def _plant(row: Row, series: Mapping[SeriesKey, Series]) -> RenewablePlant:
    """A plant; without ``PMax MW`` it is as large as its series ever is."""
    name, kind = row.text("GEN UID"), _KINDS[row.text("Unit Type")]
    most = [float(told.values.max()) for key, told in series.items() if key[1:] == ("Generator", name, "PMax MW")]
    capacity = row.number("PMax MW", default=max(most, default=None), least=0.0)
    return RenewablePlant(name, row.text("Bus ID"), kind, capacity, name, 1.0)


def _storage_rows(files: Mapping[str, str], faults: list[Fault]) -> dict[str, Row]:
    """The lines of ``storage.csv`` by generator, those of tail reservoirs left out."""
    text = files.get("storage.csv", "")
    rows = read_table(text, "storage.csv", faults, needs=_STORAGE if text else ())
    return {row.text("GEN UID"): row for row in rows if row.text("position", default="head") != "tail"}


def _known(row: Row, stores: Mapping[str, Row]) -> bool:
    if row.text("GEN UID") not in stores:
        row.fault("GEN UID", "is a storage that storage.csv does not have", "add its reservoir")
    return row.text("GEN UID") in stores


def _storage(unit: Row, store: Row) -> Storage:
    energy = 1000.0 * store.number("Max Volume GWh", least=0.0)
    initial = 1000.0 * store.number("Initial Volume GWh", least=0.0)
    ratings = [unit.number(column, default=0.0) for column in ("PMax MW", "Pump Load MW")]
    powers = (store.number("Rating MVA", least=0.0), *ratings)
    efficiency = math.sqrt(unit.number("Storage Roundtrip Efficiency", default=100.0, above=0.0) / 100.0)
    return Storage(
        storage_id=unit.text("GEN UID"),
        bus_id=unit.text("Bus ID"),
        power_mw=min((power for power in powers if power > 0.0), default=0.0),
        energy_mwh=energy,
        charge_efficiency=store.number("Charge Efficiency", default=efficiency, above=0.0),
        discharge_efficiency=store.number("Discharge Efficiency", default=efficiency, above=0.0),
        initial_mwh=initial,
        end_minimum_mwh=energy * store.number("End State of Charge", default=initial / (energy or 1.0), least=0.0),
        cycle_cost_per_mwh=store.number("Discharge Cost", default=0.0),
    )


def _reserves(
    files: Mapping[str, str], pointers: list[Row], areas: set[str], faults: list[Fault]
) -> Iterator[SourceReserve]:
    """The lines of ``reserves.csv``, and what only has a series.

    Direction and areas are told by the name (``Spin_Up_R1``) where the columns are not there.
    """
    text = files.get("reserves.csv", "")
    rows = read_table(text, "reserves.csv", faults, needs=_RESERVE if text else (), name="Reserve Product")
    listed = {row.text("Reserve Product") for row in rows}
    pointed = {row.text("Object") for row in pointers if row.text("Category") == "Reserve"}
    rows += [Row({"Reserve Product": name, "Requirement (MW)": 0.0}, name, faults) for name in sorted(pointed - listed)]
    for row in rows:
        name = row.text("Reserve Product")
        kind, _, area = name.partition("_R")
        kind, area = (kind, area) if area in areas else (name, "")
        regions = row.text("Eligible Regions", default=area or ",".join(sorted(areas)))
        eligible = tuple(region.strip() for region in regions.strip("()").split(","))
        for region in sorted(set(eligible) - areas):
            row.fault("Eligible Regions", f"there is no area {region!r}", "correct it, or bus.csv")
        upward = row.text("Direction", default="Down" if "Down" in kind else "Up") == "Up"
        yield SourceReserve(
            name=name,
            kind=kind,
            product=Product(kind.removesuffix("_Up").removesuffix("_Down"), upward),
            minutes=row.number("Timeframe (sec)", default=600.0, above=0.0) / 60.0,
            areas=() if areas <= set(eligible) else eligible,
            requirement_mw=row.number("Requirement (MW)", least=0.0),
        )


def _initial(text: str, units: tuple[ThermalUnit, ...], faults: list[Fault]) -> dict[str, UnitState]:
    """States before the first hour: hours on (off if negative) in the first line, output in the second."""
    rows = read_table(text, "initial_status.csv", faults, needs=())
    if not rows:
        return {}
    states = {}
    for unit in units:
        if not rows[0].has(unit.unit_id):
            continue
        hours = rows[0].number(unit.unit_id)
        power = rows[1].number(unit.unit_id, default=unit.minimum_mw) if len(rows) > 1 else unit.minimum_mw
        if hours > 0.0 and not unit.minimum_mw - 0.1 <= power <= unit.capacity_mw + 0.1:
            rows[-1].fault(unit.unit_id, f"{power:g} MW lie outside the unit's limits", "correct it, or the hours")
        states[unit.unit_id] = UnitState(hours > 0.0, abs(hours), power if hours > 0.0 else 0.0)
    return states


def _simulations(text: str, names: Collection[str], faults: list[Fault]) -> dict[str, Simulation]:
    file = "simulation_objects.csv"
    rows = read_table(text, file, faults, needs=("Simulation_Parameters", *names))
    by_parameter = {row.text("Simulation_Parameters"): row for row in rows}
    needed = ("Periods_per_Step", "Period_Resolution", "Date_From")
    missing = [name for name in needed if name not in by_parameter]
    faults += [Fault(file, f"has no line {name}", "add it") for name in missing]
    if missing:
        return {}
    none = Row({}, file, faults)
    simulations = {}
    for name in names:
        seconds = by_parameter["Period_Resolution"].number(name, least=1.0)
        if seconds > _DAY_SECONDS:
            by_parameter["Period_Resolution"].fault(name, f"must be at most a day, got {seconds:g} s", "correct it")
        step = timedelta(seconds=min(max(seconds, 1.0), _DAY_SECONDS))
        periods = by_parameter["Periods_per_Step"].number(name, least=1.0)
        periods += by_parameter.get("Look_Ahead_Periods_per_Step", none).number(name, default=0.0, least=0.0)
        products = by_parameter.get("Reserve_Products", none).text(name, default="")
        scheduled = frozenset(product.strip() for product in products.strip("()").split(",")) if products else None
        simulations[name] = Simulation(step, _instant(by_parameter["Date_From"], name), int(periods), scheduled)
    return simulations


def _instant(row: Row, column: str) -> datetime:
    for clock in _CLOCKS:
        try:
            return datetime.strptime(row.text(column), clock).replace(tzinfo=UTC)
        except ValueError:
            continue
    row.fault(column, f"must be a date, got {row.text(column)!r}", "such as 7/10/2020 0:00")
    return EPOCH


def _series(
    files: Mapping[str, str],
    tables: Mapping[str, SeriesTable],
    pointers: list[Row],
    simulations: Mapping[str, Simulation],
    stores: Mapping[str, Row],
    faults: list[Fault],
) -> dict[SeriesKey, Series]:
    """Every series that the pointers name; the inflow of a reservoir is told of its plant."""
    plant_of = {row.text("Storage"): plant for plant, row in stores.items()}
    read: dict[tuple[str, str], SeriesTable | None] = {}
    found: dict[SeriesKey, Series] = {}
    for row in pointers:
        simulation, name, parameter = row.text("Simulation"), row.text("Object"), row.text("Parameter")
        file = row.text("Data File")
        if parameter == "Natural_Inflow":
            name = plant_of.get(name, name)
        if (simulation, file) not in read:
            table = tables.get(simulation)
            if file in files:
                table = read_series(files[file], file, simulations[simulation].step, faults)
            elif table is None:
                row.fault("Data File", f"there is no file {file}", "add it, or correct the name")
            read[simulation, file] = table
        table = read[simulation, file]
        values = None if table is None else table.column(name)
        if table is not None and values is not None:
            found[SeriesKey(simulation, row.text("Category"), name, parameter)] = Series(table.axis, values)
        elif table is not None:
            row.fault("Object", f"{file} has no column {name}", "add it, or correct the name")
    return found
