"""Where cells stand, and cells that a table's readers would pass over in silence."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from forecasting.series.request import FileSeries
from forecasting.series.table import read_request
from grid.faults import InputError

TIMES = pd.date_range("2026-03-01", periods=50, freq="h", tz="UTC")


def table() -> pd.DataFrame:
    """Two days of history and two rows of horizon."""
    value = [float(i) if i < 48 else None for i in range(50)]
    return pd.DataFrame({"series_id": "a", "time": TIMES, "value": value})


def lines() -> list[str]:
    return table().to_csv(index=False, date_format="%Y-%m-%dT%H:%M:%SZ").splitlines()


def read(path: Path) -> FileSeries:
    series = path.with_name("series.json")
    series.write_text(json.dumps({"series": {"a": {"kind": "load", "interval_minutes": 60}}}), encoding="utf-8-sig")
    (one,) = read_request(path, series)
    return one


def faults_of(path: Path) -> list[str]:
    with pytest.raises(InputError) as found:
        read(path)
    return [f"{fault.place}: {fault.problem}" for fault in found.value.faults]


@pytest.mark.parametrize("row", [3, 49])
def test_a_row_of_parquet_without_a_time_is_a_fault(tmp_path: Path, row: int) -> None:
    frame = table()
    frame.loc[row, "time"] = pd.NaT
    frame.to_parquet(tmp_path / "in.parquet", index=False)
    assert faults_of(tmp_path / "in.parquet") == [f"time, row {row + 1}: is empty"]


def test_a_fraction_of_a_second_is_a_fault(tmp_path: Path) -> None:
    frame = table()
    frame.loc[5, "time"] += pd.Timedelta(milliseconds=900)
    frame.to_parquet(tmp_path / "in.parquet", index=False)
    assert faults_of(tmp_path / "in.parquet") == ["time, row 6: has a fraction of a second"]
    text = lines()
    text[6] = text[6].replace("00Z", "00.900Z")
    (tmp_path / "in.csv").write_text("\n".join(text))
    assert faults_of(tmp_path / "in.csv") == ["time, line 7: has a fraction of a second"]


def test_empty_lines_are_passed_over_and_counted(tmp_path: Path) -> None:
    text = lines()
    (tmp_path / "in.csv").write_text("\n\n" + "\n\n".join(text) + "\n\n")
    assert read(tmp_path / "in.csv").origin == 48
    text[10] = text[10].replace("9.0", "many")
    (tmp_path / "in.csv").write_text("\n" + "\n".join([*text[:4], "", *text[4:]]))
    assert faults_of(tmp_path / "in.csv") == ["value, line 13: is no number"]


def test_a_line_without_its_last_comma_is_a_fault(tmp_path: Path) -> None:
    text = lines()
    text[6] = text[6].rsplit(",", 1)[0]
    (tmp_path / "in.csv").write_text("\n".join(text))
    assert faults_of(tmp_path / "in.csv") == ["in.csv, line 7: has fewer cells than the head"]


def test_a_stray_row_long_before_the_others_is_named(tmp_path: Path) -> None:
    text = lines()
    (tmp_path / "in.csv").write_text("\n".join([text[0], "a,1970-01-01T00:00:00Z,1.0", *text[1:]]))
    told = "series a: time, line 2: stands before a gap of 20,513 days, longer than all that follows"
    assert faults_of(tmp_path / "in.csv") == [told]


def test_a_folder_is_told_by_its_name() -> None:
    with pytest.raises(InputError, match=r"\n\.: cannot be read"):
        read_request(Path("."), Path("series.json"))
