"""``actuals.json`` beside a folder case: what really happened in the periods that were forecast."""

from __future__ import annotations

from dataclasses import replace

from grid.cases.fields import Fields
from grid.faults import Fault, InputError
from grid.problem.dispatch_problem import DispatchProblem
from grid.records import parse_json
from grid.time_axis import FloatArray

FILE = "actuals.json"


def read_actuals(text: str, forecast: DispatchProblem) -> DispatchProblem:
    """What happened, where ``forecast`` was expected: ``loads`` by bus, ``renewables`` by plant, a value per period.

    What is not told was as forecast.

    Raises:
        InputError: With every fault of the file.
    """
    faults: list[Fault] = []
    try:
        top = Fields(parse_json(text), "", faults)
    except ValueError as error:
        raise InputError([Fault(FILE, f"is no JSON: {error}", "correct it")]) from None
    top.unknown("loads", "renewables")
    buses = [bus.bus_id for bus in forecast.network.buses]
    plants = [plant.plant_id for plant in forecast.renewable_plants]
    actual = replace(
        forecast,
        load_mw=_happened(top.object("loads"), buses, forecast.load_mw, "bus"),
        available_mw=_happened(top.object("renewables"), plants, forecast.available_mw, "plant"),
    )
    if faults:
        raise InputError([replace(fault, place=f"{FILE}: {fault.place}") for fault in faults])
    return actual


def _happened(told: Fields, names: list[str], expected: FloatArray, kind: str) -> FloatArray:
    happened = expected.copy()
    for name in told.names():
        if name not in names:
            told.fault(name, f"is no {kind} of the case", "correct the name")
            continue
        values = told.series(name, expected.shape[1])
        if kind == "plant" and (values < 0.0).any():
            told.fault(name, "no value may be negative", "count what is consumed as load")
        happened[names.index(name)] = values
    return happened
