"""Values that no meter measured are faults; what loads, plants and prices really do is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from grid.faults import InputError

HOURS = np.arange(40 * 24)
LOAD = 40.0 + 20.0 * np.sin(HOURS / 12.0 * np.pi)
PLANT = np.maximum(4.0 * np.sin((HOURS - 6) / 12.0 * np.pi), 0.0)


def with_one(values: Any, value: float, *, at: int = 300) -> Any:
    return np.where(at == HOURS, value, values)


@pytest.mark.parametrize(
    ("kind", "values", "told"),
    [
        ("load", with_one(LOAD, -9999.0), 'line 302: is a mark for "no value"'),
        ("load", with_one(LOAD, -999.0), 'line 302: is a mark for "no value"'),
        ("load", with_one(LOAD, -99.0), 'line 302: is a mark for "no value"'),
        ("load", with_one(LOAD, 65535.0), 'line 302: is a mark for "no value"'),
        ("load", with_one(LOAD, 4000.0), "line 302: is absurd: more than 50 times"),
        ("solar", with_one(PLANT, 9999.0), 'line 302: is a mark for "no value"'),
        ("solar", with_one(PLANT, 300.0), "line 302: is absurd: more than 10 times"),
        ("generic", with_one(LOAD, 2e6), "line 302: is absurd: more than 1000 times"),
    ],
)
def test_one_cell_that_would_change_the_whole_forecast_is_a_fault(read: Any, kind: str, values: Any, told: str) -> None:
    with pytest.raises(InputError) as found:
        read({"a": values}, kind=kind)
    assert [told in str(fault) for fault in found.value.faults] == [True]
    assert "leave the cell empty, correct it, or give capacity" in str(found.value)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("load", with_one(LOAD, 25 * 60.0)),
        ("load", with_one(LOAD, -50.0)),
        ("load", LOAD * 9999.0 / 60.0),  # 9999 among values of its size
        ("solar", with_one(PLANT, 4.0 * 2.5)),
        ("solar", np.where(HOURS < 950, -0.02, PLANT)),  # weeks under snow, then sun
        ("generic", with_one(LOAD, 9000.0)),  # a price
    ],
)
def test_what_happens_is_no_fault(read: Any, kind: str, values: Any) -> None:
    assert len(read({"a": values}, kind=kind)) == 1


def test_what_capacity_allows_is_believed(read: Any) -> None:
    charger = with_one(np.full(len(HOURS), 0.02), 9.999)
    assert read({"a": charger}, capacity=11.0)[0].values[300] == 9.999
    with pytest.raises(InputError, match="line 302"):
        read({"a": charger})
