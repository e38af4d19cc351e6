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
        ("load", with_one(LOAD / 3.0, -99.0), 'line 302: is a mark for "no value"'),
        ("load", with_one(LOAD, 9999.0), 'line 302: is a mark for "no value"'),
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
    ("values", "told"),
    [
        (np.where(np.isin(HOURS, [300, 400, 500]), -9999.0, LOAD), "line 302, 402, 502: is a mark"),
        (np.where(HOURS % 10 == 0, -9999.0, LOAD), "and 88 more: is a mark"),  # no battery: 250 times what is usual
        (with_one(with_one(LOAD, 4000.0), 4000.0, at=500), "line 302, 502: is absurd"),
        (with_one(with_one(LOAD, 4e6), -4e6, at=301), "line 302, 303: is absurd"),  # a register that was 0 once
    ],
)
def test_a_few_such_cells_are_faults_too(read: Any, values: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        read({"a": values})


IDLE = 0.05 + 0.01 * np.sin(HOURS / 12.0 * np.pi)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("load", np.where(HOURS % 168 == 19, 3.7, IDLE)),  # a charger that is used once a week
        ("load", np.where((HOURS >= 480) & (HOURS < 488), 400.0, 60.0 * IDLE)),  # a pump that is tried for a shift
        ("load", np.where(HOURS >= 957, 500.0, 40.0 * IDLE)),  # a factory that runs again
        ("solar", np.where(HOURS >= 950, PLANT, 0.0002 * PLANT)),  # a plant commissioned in an afternoon
    ],
)
def test_what_is_large_again_and_again_or_of_late_is_no_fault(read: Any, kind: str, values: Any) -> None:
    assert len(read({"a": values}, kind=kind)) == 1


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("generic", with_one(LOAD, -99.0)),
        ("generic", with_one(LOAD, 9999.0)),
        ("generic", np.where(HOURS % 24 < 6, -99.0, 20.0)),
        ("load", np.where(HOURS % 24 < 6, -99.0, 20.0)),
        ("load", np.where(HOURS % 24 < 6, -99.0, 90.0)),
        ("load", with_one(LOAD, -99.0)),  # less than three times what is usual
    ],
)
def test_prices_and_batteries_have_no_marks(read: Any, kind: str, values: Any) -> None:
    assert len(read({"a": values}, kind=kind)) == 1


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
