"""A file is checked whole before anything is sent, every fault with its row; what is sent is what the file says."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from grid.faults import InputError
from grid.readings import Source
from grid.store.database import connect
from ingest.files import check_file, replay_file
from ingest.pieces import FaultList
from ingest.reading_files import read_table
from ingest.worker import run_worker

HEADER = "meter_id,channel,unit,time,interval_minutes,value,revision,comment"


def csv(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "readings.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def faults_of(path: Path) -> list[str]:
    with pytest.raises(InputError) as caught:
        check_file(path)
    return [str(fault) for fault in caught.value.faults]


def test_every_fault_is_told_with_its_row_and_column(tmp_path: Path) -> None:
    path = csv(
        tmp_path,
        "m,load,kW,2026-03-29T01:00:00+01:00,60,1,0,fine",
        "m,load,kW,2026-03-29T01:00:00,60,1,0,no offset",
        "m,air_temperature,degC,2026-03-29T03:00:00Z,60,-300,0,below absolute zero",
        "m,load,degC,2026-03-29T04:00:00Z,60,1,0,wrong unit",
        "m,load,kW,2026-03-29T05:00:00Z,60",
        "m,loud,kW,2026-03-29T06:00:00Z,60,1,0,wrong channel",
        ",load,kW,2026-03-29T07:00:00Z,60,1,0,no meter",
        "m,load,kW,2026-03-29T08:00:00Z,1.5,1,0,odd interval",
        "m,load,kW,2026-03-29T09:00:00Z,60,nan,0,not a number",
        "m,load,kW,2026-03-29T10:00:00Z,60,1,-1,odd revision",
    )
    found = "\n".join(faults_of(path))
    for row, column in [
        (3, "interval_start"),
        (4, "value"),
        (5, "unit"),
        (7, "channel"),
        (8, "meter_id"),
        (9, "interval_minutes"),
        (10, "value"),
        (11, "revision"),
    ]:
        assert f"row {row}, {column}:" in found
    assert "row 6: has 5 fields instead of 8" in found
    assert "row 2," not in found


@pytest.mark.parametrize(
    ("row", "column", "said"),
    [
        ("m,load,kW,2026-03-29T01:00:00Z,60,NaN,0,", "value", "is no number"),
        ("m,load,kW,2026-03-29T01:00:00Z,60,1e999,0,", "value", "is no number"),
        ("m,load,kW,2026-03-29T01:00:00Z,60,-Infinity,0,", "value", "is no number"),
        ("m,load,MWh,2026-03-29T01:00:00Z,1,1e308,0,", "value", "too large for its unit"),
        ("m,load,kW,9999-12-31T23:59:59-12:00,60,1,0,", "interval_start", ""),
        ("m,load,kW,0001-01-01T00:00:00+14:00,60,1,0,", "interval_start", ""),
        ("m,load,kW,2026-02-29T00:00:00Z,60,1,0,", "interval_start", "is no instant"),
        ("m,load,kW,2026-03-29T01:00:00Z,-15,1,0,", "interval_minutes", "is no interval"),
        ("m,load,kW,2026-03-29T01:00:00Z,60,1,2147483648,", "revision", "is no whole number"),
        ("m\x01,load,kW,2026-03-29T01:00:00Z,60,1,0,", "meter_id", "printable"),
        ("m" * 201 + ",load,kW,2026-03-29T01:00:00Z,60,1,0,", "meter_id", "at most 200"),
        ("m,import_register,kW,2026-03-29T01:00:00Z,60,1,0,", "unit", "must be one of kWh"),
    ],
)
def test_a_hostile_row_is_refused_with_its_reason(tmp_path: Path, row: str, column: str, said: str) -> None:
    (fault,) = faults_of(csv(tmp_path, row))
    assert f"row 2, {column}: " in fault
    assert said in fault


def test_a_row_of_a_huge_text_is_told_in_few_words(tmp_path: Path) -> None:
    (fault,) = faults_of(csv(tmp_path, f"m,{'x' * 500_000},kW,2026-03-29T01:00:00Z,60,1,0,"))
    assert len(fault) < 1_000


@pytest.mark.parametrize(
    "content", [gzip.compress(b"meter_id,channel", mtime=0), b"PK\x03\x04rest"], ids=["gzip", "zip"]
)
def test_a_compressed_file_is_refused_unread(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "readings.csv"
    path.write_bytes(content)
    assert "is compressed" in faults_of(path)[0]


def test_a_small_parquet_that_repeats_a_huge_text_is_refused(tmp_path: Path) -> None:
    table = frame().assign(meter_id="x" * 1_000_000)
    table.to_parquet(tmp_path / "bomb.parquet")
    assert "holds a text of 1000000 bytes" in faults_of(tmp_path / "bomb.parquet")[0]


def test_negative_values_and_registers_are_sent(tmp_path: Path) -> None:
    rows = ["m,load,kW,2026-03-29T01:00:00-05:00,60,-1,0,", "m,import_register,Wh,2026-03-29T01:00:00Z,60,120,0,"]
    assert check_file(csv(tmp_path, *rows)) == 2


def test_missing_and_doubled_columns_are_told_together(tmp_path: Path) -> None:
    path = csv(tmp_path, "x", header="meter_id,site_id,channel,time,interval_start,interval_minutes,value")
    found = "\n".join(faults_of(path))
    assert "column unit is missing" in found
    assert "column interval_start stands there twice" in found
    assert "meter_id, or site_id" in found


@pytest.mark.parametrize(
    "content", [b"", b"\x00\x01\x02", b"PAR1 but not really", HEADER.encode() + b"\n\xff\xfe,load"]
)
def test_a_file_that_is_neither_csv_nor_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "readings.csv"
    path.write_bytes(content)
    assert faults_of(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "nowhere.csv" in faults_of(tmp_path / "nowhere.csv")[0]


def test_many_faults_are_counted_beyond_those_told(tmp_path: Path) -> None:
    rows = ["m,load,kW,2026-03-29T01:00:00Z,60,x,0,"] * 200
    found = faults_of(csv(tmp_path, *rows))
    assert len(found) == 51
    assert "and 150 more faults" in found[-1]


def frame() -> pd.DataFrame:
    times = pd.date_range("2026-03-28T12:00", periods=30, freq="h", tz="Europe/Berlin")  # over a clock change
    values = np.arange(30.0)
    values[7] = np.nan
    return pd.DataFrame(
        {"meter_id": "m-1", "channel": "load", "unit": "kWh", "time": times, "interval": "PT1H", "value": values}
    )


def test_csv_and_parquet_are_read_alike(tmp_path: Path) -> None:
    table = frame()
    table.to_parquet(tmp_path / "readings.parquet")
    table.assign(time=[t.isoformat() for t in table["time"]]).to_csv(tmp_path / "readings.csv", index=False)
    pieces = []
    for name in ("readings.parquet", "readings.csv"):
        faults = FaultList(tmp_path / name)
        (piece,) = read_table(tmp_path / name, faults)
        faults.raise_if_any()
        pieces.append(piece)
    a, b = pieces
    assert a.source is b.source is Source.METER
    np.testing.assert_array_equal(a.start_us, b.start_us)
    np.testing.assert_array_equal(a.value, b.value)
    assert np.all(np.diff(a.start_us) == 3_600_000_000), "an hour is an hour, whatever the local clock shows"


def test_a_parquet_of_naive_timestamps_is_refused(tmp_path: Path) -> None:
    table = frame().assign(time=pd.date_range("2026-03-28", periods=30, freq="h"))
    table.to_parquet(tmp_path / "naive.parquet")
    assert any("no instant with an offset" in fault for fault in faults_of(tmp_path / "naive.parquet"))


def test_a_replayed_file_arrives_and_a_faulty_one_sends_nothing(tmp_path: Path, broker: str, database_url: str) -> None:
    path = tmp_path / "readings.parquet"
    frame().to_parquet(path)
    topics = {"readings_topic": "files-test.readings", "weather_topic": "files-test.weather"}
    report = replay_file(path, broker, **topics)
    assert (report.messages, report.readings) == (1, 30)
    frame().assign(unit="degC").to_parquet(path)
    with pytest.raises(InputError):
        replay_file(path, broker, **topics)
    done = run_worker(database_url=database_url, bootstrap=broker, until_caught_up=True, **topics)
    assert done.readings == 30
    with connect(database_url, application_name="test") as conn:
        row = conn.execute("SELECT count(*), count(value), sum(value) FROM v_reading WHERE meter_id = 'm-1'").fetchone()
    assert row == (30, 29, sum(range(30)) - 7)
