"""Nouns and maths of a grid: time, units, readings, the network and its assets, forecasts, dispatch. No I/O.

``grid.store`` beneath it is the exception: the tables of PostgreSQL, which nothing else here imports.
"""

from __future__ import annotations

from grid.assets import RenewablePlant, Storage, ThermalUnit
from grid.faults import Fault, InputError
from grid.forecasts import DEFAULT_LEVELS, Forecast
from grid.network import Branch, Bus, DcLink, Network
from grid.readings import Quality, ReadingBlock, Rejection
from grid.site import BusLoad, ChangePrices, Meter, ReservePolicy, ScenarioPolicy, Site
from grid.time_axis import TimeAxis
from grid.units import Channel

__all__ = [
    "DEFAULT_LEVELS",
    "Branch",
    "Bus",
    "BusLoad",
    "ChangePrices",
    "Channel",
    "DcLink",
    "Fault",
    "Forecast",
    "InputError",
    "Meter",
    "Network",
    "Quality",
    "ReadingBlock",
    "Rejection",
    "RenewablePlant",
    "ReservePolicy",
    "ScenarioPolicy",
    "Site",
    "Storage",
    "ThermalUnit",
    "TimeAxis",
]
