"""SERIES.json: what would be taken without a word and change nothing, or fail later, is a fault."""

from __future__ import annotations

from typing import Any

import pytest

from forecasting.series.request import SeriesSettings, parse_levels, settings_of
from grid.faults import InputError


def told(**entry: Any) -> str:
    found = settings_of("a", {"a": {"kind": "solar", "interval_minutes": 60, **entry}})
    return "" if isinstance(found, SeriesSettings) else "\n".join(map(str, found))


@pytest.mark.parametrize("name", ["series_id", "time", "value"])
def test_a_column_of_the_series_is_no_covariate(name: str) -> None:
    assert f"SERIES.json a: covariates: {name} cannot be a covariate" in told(covariates={name: {}})


def test_half_a_place_is_a_fault() -> None:
    assert "latitude and longitude must both be given" in told(latitude=40.0)
    assert "tilt_deg and azimuth_deg need latitude and longitude" in told(tilt_deg=30.0)
    assert told(latitude=40.0, longitude=-3.0, tilt_deg=30.0) == ""


def test_levels_whose_columns_would_have_one_name_are_refused() -> None:
    with pytest.raises(InputError, match="differ in six digits"):
        parse_levels("0.1234567,0.1234568")
    assert parse_levels("0.5,0.123456,0.123457") == (0.123456, 0.123457, 0.5)
