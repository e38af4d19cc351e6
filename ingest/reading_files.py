"""Reading CSV and Parquet files of readings in long form, a piece at a time, every fault with its row.

Columns (any order; others are ignored):

======================  ==============================================================================================
``meter_id``            whose reading it is; or ``site_id`` in a file of weather
``channel``             what it measures: one of :class:`grid.units.Channel`
``unit``                one that the channel accepts, such as kWh, kW, W, degF
``interval_start``      RFC 3339 with an offset (in Parquet also a timestamp with a time zone); or named ``time``
``interval_minutes``    length of the interval, whole minutes; or ``interval``, such as PT15M
``value``               empty (null) if missing
``revision``            optional, 0 if absent
``issued_at``           optional, weather only: when the row's forecast was issued
======================  ==============================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pa_compute
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet

from grid.faults import Fault, InputError
from grid.readings import Source
from grid.time_axis import FloatArray, to_us
from grid.units import Channel
from ingest.messages import EARLIEST, LATEST, interval_minutes
from ingest.pieces import MAX_FAULTS, PIECE_ROWS, FaultList, FileRows, IntArray

PIECE_BYTES = 2 * 1024 * 1024
MAX_HEADER = 64 * 1024
MAX_TEXT = 1_000

_COMPRESSED = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip", b"\xfd7zXZ\0": "xz", b"(\xb5/\xfd": "zstd", b"BZh": "bzip2"}
_OWNERS = {"meter_id": Source.METER, "site_id": Source.WEATHER}
_ALIASES = {"time": "interval_start", "interval": "interval_minutes"}
_REQUIRED = ("channel", "unit", "interval_start", "interval_minutes", "value")
_OPTIONAL = ("revision", "issued_at")
_OFFSET = r"(?:[Zz]|[+-]\d\d:?\d\d)$"


def read_table(path: Path, faults: FaultList) -> Iterator[FileRows]:
    """The file's valid rows, in order; what is wrong goes to ``faults``, rows with a fault are left out.

    Raises:
        InputError: If the file cannot be opened, is neither CSV nor Parquet, or lacks a column.
    """
    try:
        _refuse_compressed(path)
        names = _column_names(path)
        columns, source = _find_columns(path, names)
        frames = _parquet_frames(path, columns) if _is_parquet(path) else _csv_frames(path, names, columns, faults)
        for row_number, frame in frames:
            yield _check(frame.rename(columns=columns), row_number, source, faults)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())[:300]
        raise InputError([Fault(path.name, said, "the file must be CSV in UTF-8, or Parquet")]) from error
    except OSError as error:
        raise InputError([Fault(path.name, error.strerror or str(error), "name a readable file")]) from error


def _refuse_compressed(path: Path) -> None:
    with path.open("rb") as file:
        begin = file.read(6)
    for magic, name in _COMPRESSED.items():
        if begin.startswith(magic):
            raise InputError([Fault(path.name, f"is compressed ({name})", "unpack it first; Parquet compresses too")])


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def _column_names(path: Path) -> list[str]:
    if _is_parquet(path):
        return list(pa_parquet.read_schema(path).names)
    with path.open(encoding="utf-8-sig") as file:
        header = file.readline(MAX_HEADER).rstrip("\r\n")
    return [name.strip().strip('"') for name in header.split(",")]


def _find_columns(path: Path, names: Sequence[str]) -> tuple[dict[str, str], Source]:
    """Which column of the file plays which part, and whose readings they are."""
    parts = {name: _ALIASES.get(name, name) for name in names}
    wanted = {*_OWNERS, *_REQUIRED, *_OPTIONAL}
    columns = {name: part for name, part in parts.items() if part in wanted}
    faults = [
        Fault(path.name, f"column {part} is missing", f"its columns are {', '.join(names)[:300]}")
        for part in _REQUIRED
        if part not in columns.values()
    ]
    faults += [
        Fault(path.name, f"column {part} stands there twice", "keep one")
        for part in sorted(wanted)
        if [parts[name] for name in names].count(part) > 1
    ]
    owners = [part for part in _OWNERS if part in columns.values()]
    if len(owners) != 1:
        faults.append(Fault(path.name, "needs a column meter_id, or site_id for weather, and not both", "name one so"))
    if faults:
        raise InputError(faults)
    return columns, _OWNERS[owners[0]]


def _csv_frames(
    path: Path, names: Sequence[str], columns: dict[str, str], faults: FaultList
) -> Iterator[tuple[IntArray, pd.DataFrame]]:
    skipped: list[int] = []

    def skip(row: Any) -> str:
        skipped.append(row.number)
        faults.add(row.number, "", f"has {row.actual_columns} fields instead of {row.expected_columns}", "correct it")
        return "skip"

    reader = pa_csv.open_csv(
        path,
        read_options=pa_csv.ReadOptions(
            use_threads=False, block_size=PIECE_BYTES, column_names=list(names), skip_rows=1
        ),
        parse_options=pa_csv.ParseOptions(invalid_row_handler=skip),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(columns, pa.string()),
            include_columns=list(columns),
            strings_can_be_null=True,
            null_values=[""],
        ),
    )
    next_row = 2
    for batch in reader:
        numbers = np.arange(next_row, next_row + batch.num_rows + len(skipped))
        numbers = numbers[~np.isin(numbers, skipped)][: batch.num_rows]
        if len(numbers):
            next_row = int(numbers[-1]) + 1
        yield numbers, batch.to_pandas()


def _parquet_frames(path: Path, columns: dict[str, str]) -> Iterator[tuple[IntArray, pd.DataFrame]]:
    """Batches of rows. Texts stay dictionaries until their length is known: a small file can repeat a huge one."""
    next_row = 2
    texts = [
        field.name
        for field in pa_parquet.read_schema(path)
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
    ]
    with pa_parquet.ParquetFile(path, read_dictionary=texts) as file:
        for batch in file.iter_batches(batch_size=PIECE_ROWS, columns=list(columns)):
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                if pa.types.is_dictionary(column.type):
                    _refuse_long_texts(path, name, column.dictionary)
            yield np.arange(next_row, next_row + batch.num_rows), batch.to_pandas()
            next_row += batch.num_rows


def _refuse_long_texts(path: Path, column: str, texts: pa.Array) -> None:
    longest = pa_compute.max(pa_compute.binary_length(texts)).as_py() or 0
    if longest > MAX_TEXT:
        problem = f"holds a text of {longest} bytes; {MAX_TEXT} is the most"
        raise InputError([Fault(f"{path.name}, {column}", problem, "correct it")])


def _check(frame: pd.DataFrame, rows: IntArray, source: Source, faults: FaultList) -> FileRows:
    good = np.ones(len(frame), dtype=bool)

    def refuse(bad: npt.NDArray[np.bool_], column: str, problem: Callable[[Any], str], remedy: str) -> None:
        for i in np.flatnonzero(bad & good)[:MAX_FAULTS].tolist():
            faults.add(int(rows[i]), column, problem(frame[column].iloc[i]), remedy)
        faults.count_more(max(int(np.count_nonzero(bad & good)) - MAX_FAULTS, 0))
        good[bad] = False

    owner = "meter_id" if source is Source.METER else "site_id"
    for column in (owner, "channel", "unit"):
        refuse(frame[column].isna().to_numpy(), column, lambda _: "is empty", "fill it in")
    known = frame["channel"].isin(list(Channel)).to_numpy()
    refuse(~known, "channel", lambda got: f"is none we know: {got!r}", f"use one of {', '.join(Channel)}")
    start_us, bad = _instants(frame["interval_start"])
    refuse(bad, "interval_start", lambda got: f"is no instant with an offset: {got!r}", "write 2026-03-01T00:00:00Z")
    outside = ~bad & ((start_us < to_us(EARLIEST)) | (start_us >= to_us(LATEST)))
    refuse(outside, "interval_start", lambda got: f"lies before {EARLIEST} or not before {LATEST}: {got}", "correct it")
    minutes, bad = _minutes(frame["interval_minutes"])
    refuse(bad, "interval_minutes", lambda got: f"is no interval: {got!r}", "write 15, or PT15M")
    value, bad = _numbers(frame["value"])
    refuse(bad, "value", lambda got: f"is no number: {got!r}", "write a finite number, or nothing if missing")
    revision, issued_us = np.zeros(len(frame)), np.full(len(frame), -1, dtype=np.int64)
    if "revision" in frame:
        revision, bad = _numbers(frame["revision"].fillna(0))
        bad = bad | (revision < 0) | (revision != np.floor(revision)) | (revision >= 2**31)
        refuse(bad, "revision", lambda got: f"is no whole number from 0 on: {got!r}", "write 0, 1, 2 ...")
    if "issued_at" in frame:
        absent = frame["issued_at"].isna().to_numpy()
        issued_us, bad = _instants(frame["issued_at"])
        bad |= (issued_us < to_us(EARLIEST)) | (issued_us >= to_us(LATEST))
        issued_us[absent] = -1
        refuse(bad & ~absent, "issued_at", lambda got: f"is no instant with an offset: {got!r}", "write it with one")
    return FileRows(
        source,
        rows[good],
        frame[owner].astype(str).to_numpy()[good],
        frame["channel"].astype(str).to_numpy()[good],
        frame["unit"].astype(str).to_numpy()[good],
        start_us[good],
        minutes[good],
        value[good],
        np.nan_to_num(revision[good]).astype(np.int64),
        issued_us[good],
        np.zeros(int(np.count_nonzero(good)), dtype=np.int64),
    )


def _instants(column: pd.Series[Any]) -> tuple[IntArray, npt.NDArray[np.bool_]]:
    """Microseconds since 1970, and where there is no instant with an offset."""
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        stamps, offset = column.dt.tz_convert("UTC"), np.ones(len(column), dtype=bool)
    else:
        text = column.astype("string")
        offset = text.str.contains(_OFFSET, regex=True).fillna(False).to_numpy(dtype=bool)
        stamps = pd.to_datetime(text.where(offset), utc=True, format="ISO8601", errors="coerce")
    bad = stamps.isna().to_numpy() | ~offset
    micros = stamps.dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64)
    return np.where(bad, 0, micros), bad


def _minutes(column: pd.Series[Any]) -> tuple[IntArray, npt.NDArray[np.bool_]]:
    """Whole minutes, and where there is no interval we accept."""
    lengths = {text: _interval(text) for text in column.astype("string").fillna("").unique()}
    minutes = column.astype("string").fillna("").map(lengths).to_numpy(dtype=np.int64)
    return minutes, minutes == 0


def _interval(text: str) -> int:
    number = text.removesuffix(".0")  # a column of numbers with a gap in it arrives as floats
    return interval_minutes(f"PT{number}M" if number.isdecimal() else text) or 0


def _numbers(column: pd.Series[Any]) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Numbers with NaN where nothing stood, and where something else than a finite number did."""
    empty = column.isna().to_numpy()
    if column.dtype == object or isinstance(column.dtype, pd.StringDtype):
        empty = empty | (column.astype("string").str.strip() == "").fillna(True).to_numpy(dtype=bool)
    numbers = pd.to_numeric(column.where(~empty), errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return numbers, ~empty & ~np.isfinite(numbers)
