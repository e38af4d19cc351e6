"""RTS-GMLC: a modelled test network of 73 buses with its units, costs and the year 2020 of wind and hydro power.

Nothing here was measured. The year 2020 is moved 4383 days (twelve years) back onto the demo's calendar; both years are
leap years. Its local standard time is taken as the site's, UTC-5. Actual power is the hourly mean of the 5-minute
series (``REAL_TIME``); ``DAY_AHEAD`` is a forecast for wind and the same curve, sampled hourly, for hydro.

Reference: Barrows et al., "The IEEE Reliability Test System: A Proposed 2019 Update", IEEE Transactions on Power
Systems 35(1), 2020.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.csv

from api.demo.recordings import Recording
from api.demo.wheels import read_member
from grid.readings import Source
from grid.time_axis import TimeAxis
from grid.units import Channel

START = datetime(2008, 1, 1, 5, tzinfo=UTC)  # 2020-01-01 00:00 UTC-5, moved by 4383 days

_FOLDER = "dispatches_data/packages/rts_gmlc"
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """The source tables as they are, one row per bus, branch, HVDC link, generator and storage reservoir."""

    bus: pd.DataFrame
    branch: pd.DataFrame
    dc_branch: pd.DataFrame
    gen: pd.DataFrame
    storage: pd.DataFrame


def read_tables(wheel: Path) -> Tables:
    """The network's and the units' tables."""

    def table(name: str) -> pd.DataFrame:
        return pd.read_csv(io.BytesIO(read_member(wheel, f"{_FOLDER}/SourceData/{name}.csv")))

    return Tables(table("bus"), table("branch"), table("dc_branch"), table("gen"), table("storage"))


def meter_of(unit: str) -> str:
    """The meter that stands for a wind or hydro unit: ``309_WIND_1`` is ``wind-309_WIND_1``."""
    return f"{'wind' if 'WIND' in unit else 'hydro'}-{unit}"


def read_actuals(wheel: Path) -> list[Recording]:
    """Hourly mean power of every wind and hydro unit, from the 5-minute series. [MW, hourly]"""
    return _read(wheel, "REAL_TIME", Source.METER, per_hour=12)


def read_day_ahead(wheel: Path) -> list[Recording]:
    """Day-ahead forecast of every wind and hydro unit. [MW, hourly]"""
    return _read(wheel, "DAY_AHEAD", Source.WEATHER, per_hour=1)


def _read(wheel: Path, simulation: str, source: Source, *, per_hour: int) -> list[Recording]:
    recordings = []
    for folder, kind in (("WIND", "wind"), ("Hydro", "hydro")):
        member = f"{_FOLDER}/timeseries_data_files/{folder}/{simulation}_{kind}.csv"
        table = pyarrow.csv.read_csv(io.BytesIO(read_member(wheel, member)))
        period = table["Period"].to_numpy()
        if not np.array_equal(period, np.arange(len(period)) % (24 * per_hour) + 1):
            raise ValueError(f"{member} must have one row per period, in order")
        for unit in table.column_names[4:]:
            mw = table[unit].to_numpy().astype(np.float64).reshape(-1, per_hour).mean(axis=1)  # (hours,)
            axis = TimeAxis(START, _HOUR, mw.size)
            recordings.append(Recording(source, meter_of(unit), Channel.GENERATION, "MW", axis, mw))
    return recordings
