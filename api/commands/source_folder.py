"""The files of a source folder in RTS-GMLC's format."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, timedelta
from pathlib import Path

from grid.cases.ac_data import AcData
from grid.cases.case import Case
from grid.cases.rts_gmlc import OPTIONAL, REQUIRED, SIMULATIONS, read_rts_gmlc
from grid.cases.source_ac import read_source_ac
from grid.cases.source_series import SeriesTable, data_files
from grid.cases.source_system import SourceSystem
from grid.time_axis import TimeAxis

_AREA = "load_area"


def read_source_folder(folder: Path, *, simulations: Collection[str] = SIMULATIONS) -> SourceSystem:
    """Read a source folder with the series of ``simulations``, DAY_AHEAD and REAL_TIME or one of them.

    Where series files that the pointers name are not there, Parquet tables in the folder or beside it take their place:
    ``day_ahead_*.parquet`` and ``real_time_*.parquet``, with a column ``timestamp`` and one per series; ``load_area1``
    is the load of area 1.

    Raises:
        InputError: With every fault of all files.
        OSError: If a file cannot be read.
    """
    files = {name: _text(folder / name) for name in (*REQUIRED, *OPTIONAL) if (folder / name).is_file()}
    named = data_files(files.get("timeseries_pointers.csv", ""))
    files |= {name: _text(folder / name) for name in named if (folder / name).is_file()}
    tables = {} if named <= set(files) else _parquet_tables(folder)
    return read_rts_gmlc(files, simulations=simulations, tables=tables)


def read_source_folder_ac(folder: Path) -> tuple[Case, AcData]:
    """The network of a source folder with its AC data.

    Raises:
        InputError: With every fault.
        OSError: If a file cannot be read.
    """
    names = ("bus.csv", "branch.csv", "dc_branch.csv", "gen.csv")
    return read_source_ac({name: _text(folder / name) for name in names if (folder / name).is_file()})


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8-sig")


def _parquet_tables(folder: Path) -> Mapping[str, SeriesTable]:
    tables = {}
    for simulation in ("day_ahead", "real_time"):
        files = sorted(folder.glob(f"{simulation}_*.parquet")) or sorted(folder.parent.glob(f"{simulation}_*.parquet"))
        if files:
            tables[simulation.upper()] = _parquet_table(files)
    return tables


def _parquet_table(files: list[Path]) -> SeriesTable:
    """The columns of all ``files``, which have the same time stamps."""
    import pandas as pd

    frame = pd.concat([pd.read_parquet(file).set_index("timestamp") for file in files], axis=1, join="inner")
    start = frame.index[0].to_pydatetime().replace(tzinfo=UTC)
    step = frame.index[1] - frame.index[0] if len(frame) > 1 else timedelta(hours=1)
    columns = {str(name).removeprefix(_AREA): frame[name].to_numpy(dtype=float) for name in frame}
    return SeriesTable(TimeAxis(start, step, len(frame)), columns)
