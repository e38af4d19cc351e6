"""Bad files: every fault is listed at once, with its rows, and nothing is repaired."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from forecasting.series.table import read_request
from grid.faults import InputError

TIMES = pd.date_range("2026-03-01", periods=50, freq="h", tz="UTC")
GOOD = {"kind": "load", "interval_minutes": 60}


def table(**columns: list[object]) -> pd.DataFrame:
    """Two days of history and two rows of horizon, as text."""
    return pd.DataFrame(
        {
            "series_id": ["a"] * 50,
            "time": [time.isoformat() for time in TIMES],
            "value": [str(float(i)) for i in range(48)] + ["", ""],
        }
        | columns
    )


def faults_of(folder: Path, frame: pd.DataFrame, series: Any) -> str:
    frame.to_csv(folder / "in.csv", index=False)
    (folder / "series.json").write_text(json.dumps({"series": series}))
    with pytest.raises(InputError) as found:
        read_request(folder / "in.csv", folder / "series.json")
    return str(found.value)


def changed(column: str, row: int, value: object) -> pd.DataFrame:
    frame = table(temp=["20.0"] * 50)
    frame.loc[row, column] = value
    return frame


TEMPERATURE = {**GOOD, "covariates": {"temp": {"means": "air_temperature", "unit": "degC"}}}
BAD_UNIT = {"means": "air_temperature", "unit": "furlong"}
BAD_SUN = {"means": "ghi", "unit": "lx"}
SWAPPED = table().iloc[[1, 0, *range(2, 50)]]


@pytest.mark.parametrize(
    ("frame", "settings", "words"),
    [
        (table().iloc[:0], GOOD, "has 0 rows"),
        (table().drop(columns="value"), GOOD, "has no column value"),
        (table(value=[""] * 50), GOOD, "empty in every row"),
        (table(value=["1.0"] * 50), GOOD, "there is no horizon"),
        (table(value=["1.0"] + [""] * 49), GOOD, "less than a day"),
        (changed("time", 5, TIMES[4].isoformat()), GOOD, "line 7: stands twice"),
        (SWAPPED, GOOD, "line 3: is earlier than the row before it"),
        (changed("time", 7, "2026-03-01T07:10:00+00:00"), GOOD, "line 9: is not on the grid of 60 minutes"),
        (changed("time", 7, "2026-03-01T07:00:00"), GOOD, "line 9: has no offset"),
        (changed("time", 7, "yesterday"), GOOD, "line 9: is no RFC 3339 instant"),
        (changed("time", 49, "3026-03-03T01:00:00Z"), GOOD, "line 51: is not between 1900 and 2100"),
        (changed("time", 49, "2030-03-03T01:00:00Z"), GOOD, "longer than 400 days"),
        (changed("value", 3, "many"), GOOD, "line 5: is no number"),
        (changed("value", 3, "1e15"), GOOD, "line 5: is absurd"),
        (changed("temp", 9, "warm"), TEMPERATURE, "temp, line 11: is no number"),
        (changed("temp", 9, "300"), TEMPERATURE, "temp, line 11: is no air temperature"),
        (changed("series_id", 2, ""), GOOD, "series_id, line 4: is empty"),
        (table(), {**GOOD, "kind": "wind"}, "'load', 'solar' or 'generic'"),
        (table(), {**GOOD, "interval_minutes": 45}, "must be one of"),
        (table(), {**GOOD, "interval_minutes": 30, "capacity": -1}, "greater than 0"),
        (table(), {**GOOD, "timezone": "Mars/Olympus"}, "IANA"),
        (table(), {**GOOD, "holidays": "Atlantis"}, "country code"),
        (table(), {**GOOD, "latitude": 99.0}, "less than or equal to 90"),
        (table(), {**GOOD, "capcity": 1.0}, "remove it, or correct its name"),
        (table(), TEMPERATURE, "the file has no column temp"),
        (table(), {"kind": "solar", "interval_minutes": 60, "capacity": 5.0}, "twice the capacity of 5"),
        (
            pd.concat([table().iloc[:30], table().iloc[10:]]),
            GOOD,
            "line 32, 33, 34, 35, 36, 37, 38, 39 and 12 more",
        ),
        (changed("value", 3, "2e9"), GOOD, "line 5: is absurd: more than 50 times what is usually its highest"),
        (
            changed("value", 3, "-40"),
            {**GOOD, "kind": "solar", "capacity": 50.0},
            "line 5: is far below zero",
        ),
        (table(temp=["3"] * 50), {**TEMPERATURE, "covariates": {"temp": BAD_UNIT}}, "SERIES.json a: temp: air_temp"),
        (
            table(temp=["3"] * 50),
            {**GOOD, "covariates": {"temp": BAD_SUN}},
            "SERIES.json a: temp: ghi has the unit 'lx'",
        ),
    ],
)
def test_a_fault_is_told_with_its_place(
    tmp_path: Path, frame: pd.DataFrame, settings: dict[str, Any], words: str
) -> None:
    assert words in faults_of(tmp_path, frame, {"*": settings})


def test_series_must_agree_between_the_files(tmp_path: Path) -> None:
    told = faults_of(tmp_path, table(), {"b": GOOD})
    assert "series a: is not in SERIES.json" in told
    assert "SERIES.json b: the file has no such series" in told


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"time\n1\n2,3\n", "line 3 has 2 cells where the lines before it have 1"),
        (b'time,value\n"1,2\n', "a quotation mark is never closed"),
        (b"\xff\xfe\x00", "it is no UTF-8 text"),
        (b"", "it is empty"),
    ],
)
def test_what_is_no_table_is_told_in_our_words(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "in.csv").write_bytes(content)
    (tmp_path / "series.json").write_text(json.dumps({"series": {"a": GOOD}}))
    with pytest.raises(InputError) as found:
        read_request(tmp_path / "in.csv", tmp_path / "series.json")
    assert [fault.problem for fault in found.value.faults] == [f"is no table: {told}"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("series_id,time,value,value\na,2026-03-01T00:00:00Z,1,2\n", "has two columns 'value'"),
        ("series_id,time,value\na,2026-03-01T00:00:00Z,1,2\n", "its rows have more cells than its head"),
        (",series_id,time,value\n0,a,2026-03-01T00:00:00Z,1\n", "its column 1 holds cells but has no name"),
        ("series_id;time;value\na;2026-03-01T00:00:00Z;1,5\n", "separate cells by commas, and write decimals with"),
    ],
)
def test_cells_that_do_not_fit_the_head_are_faults(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "in.csv").write_text(content)
    (tmp_path / "series.json").write_text(json.dumps({"series": {"a": GOOD}}))
    with pytest.raises(InputError) as found:
        read_request(tmp_path / "in.csv", tmp_path / "series.json")
    assert told in str(found.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"series": {"a": {"kind": "load"}, "a": {"kind": "solar"}}}', "an object has 'a' twice"),
        ("[" * 100_000, "it is nested too deep"),
    ],
)
def test_json_that_would_be_half_read_is_refused(tmp_path: Path, content: str, told: str) -> None:
    table().to_csv(tmp_path / "in.csv", index=False)
    (tmp_path / "series.json").write_text(content)
    with pytest.raises(InputError, match=told):
        read_request(tmp_path / "in.csv", tmp_path / "series.json")


def test_half_hours_that_are_never_known_are_a_fault(tmp_path: Path) -> None:
    frame = table(time=[time.isoformat() for time in pd.date_range("2026-03-01", periods=50, freq="30min", tz="UTC")])
    frame["value"] = [str(i) if i % 2 == 0 and i < 48 else "" for i in range(50)]
    told = faults_of(tmp_path, frame, {"a": {**GOOD, "interval_minutes": 30}})
    assert "series a: value: is never known at minute 30 of the hour" in told


def test_an_hourly_file_declared_as_quarters_is_a_fault(tmp_path: Path) -> None:
    told = faults_of(tmp_path, table(), {"a": {**GOOD, "interval_minutes": 15}})
    assert "series a: value: is never known at minute 15, 30, 45 of the hour" in told


def by_hour(night: float, day: float, *, bright: range = range(8, 16)) -> pd.DataFrame:
    """What holds at night and by day, as a table."""
    known = [str(day if time.hour in bright else night) for time in TIMES[:48]]
    return table(value=[*known, "", ""])


@pytest.mark.parametrize(
    ("kind", "frame"),
    [
        ("solar", by_hour(0.3, 5e6)),  # W
        ("solar", by_hour(-1e-14, 5.0)),  # what floating point leaves
        ("load", by_hour(0.004, 11e3, bright=range(2, 4))),  # a charger in standby
        ("solar", by_hour(-0.02, -0.02)),  # under snow
        ("solar", by_hour(-0.02, 0.05)),
    ],
)
def test_nights_standby_and_snow_are_no_faults(tmp_path: Path, kind: str, frame: pd.DataFrame) -> None:
    frame.to_csv(tmp_path / "in.csv", index=False)
    (tmp_path / "series.json").write_text(json.dumps({"series": {"a": {**GOOD, "kind": kind}}}))
    assert len(read_request(tmp_path / "in.csv", tmp_path / "series.json")) == 1


def test_a_plant_of_the_wrong_sign_is_a_fault_though_its_capacity_is_unknown(tmp_path: Path) -> None:
    told = faults_of(tmp_path, by_hour(0.0, -3.0), {"a": {**GOOD, "kind": "solar"}})
    assert "line 10, 11, 12, 13, 14, 15, 16, 17 and 8 more: is far below zero" in told


def test_a_spike_in_a_day_is_found(tmp_path: Path) -> None:
    frame = changed("value", 3, "2e9").iloc[:26]
    frame.loc[24:, "value"] = ""
    assert "line 5: is absurd: more than 50 times" in faults_of(tmp_path, frame, {"a": GOOD})


def test_columns_without_a_name_or_a_cell_are_left_out(tmp_path: Path) -> None:
    lines = table().to_csv(index=False).splitlines()
    (tmp_path / "in.csv").write_text("\n".join(f"{line},," for line in lines))
    (tmp_path / "series.json").write_text(json.dumps({"series": {"a": GOOD}}))
    (one,) = read_request(tmp_path / "in.csv", tmp_path / "series.json")
    assert (one.origin, one.covariates) == (48, {})


def test_a_doubled_column_of_parquet_is_told_as_such(tmp_path: Path) -> None:
    cells = pa.table([["a"], ["2026-03-01T00:00:00Z"], [1.0], [2.0]], names=["series_id", "time", "value", "value"])
    pq.write_table(cells, tmp_path / "in.parquet")
    (tmp_path / "series.json").write_text(json.dumps({"series": {"a": GOOD}}))
    with pytest.raises(InputError, match="has two columns 'value'"):
        read_request(tmp_path / "in.parquet", tmp_path / "series.json")


def test_a_file_that_stands_upside_down_is_told_to_be_sorted_and_nothing_else(tmp_path: Path) -> None:
    told = faults_of(tmp_path, table().iloc[::-1], {"a": GOOD})
    assert "is earlier than the row before it" in told
    assert "horizon" not in told


def test_all_faults_are_listed_at_once(tmp_path: Path) -> None:
    frame = changed("value", 3, "many")
    frame.loc[8, "time"] = "2026-03-01T08:10:00Z"
    told = faults_of(tmp_path, frame, {"*": {**GOOD, "covariates": {"wind": {}}}})
    assert [words in told for words in ("line 5", "line 10", "no column wind")] == [True] * 3


def test_json_that_is_none_is_refused(tmp_path: Path) -> None:
    table().to_csv(tmp_path / "in.csv", index=False)
    (tmp_path / "series.json").write_text("{")
    with pytest.raises(InputError, match="is no JSON"):
        read_request(tmp_path / "in.csv", tmp_path / "series.json")


def test_bytes_that_are_no_table_are_refused(tmp_path: Path) -> None:
    (tmp_path / "in.parquet").write_bytes(b"PAR1 nothing")
    (tmp_path / "series.json").write_text(json.dumps({"series": {"*": GOOD}}))
    with pytest.raises(InputError, match="is no table: it is no Parquet"):
        read_request(tmp_path / "in.parquet", tmp_path / "series.json")


def test_rows_may_be_left_out_and_offsets_may_change(tmp_path: Path) -> None:
    frame = table().drop(index=[10, 11])
    frame.loc[20:, "time"] = [time.tz_convert("Asia/Tokyo").isoformat() for time in TIMES[20:]]
    frame.to_parquet(tmp_path / "in.parquet", index=False)
    (tmp_path / "series.json").write_text(json.dumps({"series": {"a": GOOD}}))
    (one,) = read_request(tmp_path / "in.parquet", tmp_path / "series.json")
    assert (one.axis.periods, one.origin, one.asked.tolist()) == (50, 48, [48, 49])
    assert pd.isna(one.values[[10, 11, 48, 49]]).all()
