"""A parent holds at least what its parts hold: otherwise adding up would drive them to nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from grid.faults import InputError

HOURS = np.arange(4 * 24)
HOME = 4.0 + np.sin(HOURS / 12.0 * np.pi)
PARTS = {"a": {"parent": "f"}, "b": {"parent": "f"}}


@pytest.mark.parametrize(("share", "told"), [(0.001, "100%"), (0.7, "30%"), (0.89, "11%")])
def test_a_parent_that_measured_less_than_its_parts_is_a_fault(read: Any, share: float, told: str) -> None:
    with pytest.raises(InputError, match=f"series f: measured {told} less than its parts a, b; is its unit another"):
        read({"f": 3.0 * share * HOME, "a": HOME, "b": 2.0 * HOME}, **PARTS)


@pytest.mark.parametrize("share", [0.92, 1.0, 1.5])
def test_meters_may_differ_and_a_parent_may_serve_others(read: Any, share: float) -> None:
    assert len(read({"f": 3.0 * share * HOME, "a": HOME, "b": 2.0 * HOME}, **PARTS)) == 3


def test_only_hours_that_all_know_are_compared(read: Any) -> None:
    some = np.where(HOURS < 48, np.nan, HOME)
    assert len(read({"f": HOME + np.nan_to_num(some), "a": HOME, "b": some}, **PARTS)) == 3


@pytest.mark.parametrize(("house", "pv", "parent"), [(10.2, -9.0, 1.0), (10.0, -9.5, 0.4)])
def test_parts_that_nearly_cancel_are_measured_by_their_own_sizes(
    read: Any, house: float, pv: float, parent: float
) -> None:
    ones = np.ones(len(HOURS))
    assert len(read({"f": parent * ones, "a": house * ones, "b": pv * ones}, **PARTS)) == 3
    with pytest.raises(InputError, match="less than its parts a, b"):
        read({"f": parent * ones, "a": house * ones, "b": -pv * ones}, **PARTS)


@pytest.mark.parametrize(("hours", "judged"), [(23, False), (24, True)])
def test_less_than_a_day_in_common_is_no_measure(read: Any, hours: int, judged: bool) -> None:
    parent = np.where(len(HOURS) - hours > HOURS, np.nan, 0.1 * HOME)
    parent[:24] = 4.0
    part = np.where(HOURS < 24, np.nan, HOME)
    if judged:
        with pytest.raises(InputError, match="less than its parts a"):
            read({"f": parent, "a": part}, a={"parent": "f"})
    else:
        assert len(read({"f": parent, "a": part}, a={"parent": "f"})) == 2


def test_a_part_without_readings_hides_no_fault(read: Any) -> None:
    long = np.tile(HOME, 8)
    values = {"f": 0.9 * long, "a": long, "b": 2.0 * long, "c": long, "new": np.full(len(long), np.nan)}
    with pytest.raises(InputError, match="series f: measured 70% less than its parts a, b"):
        read(values, **PARTS, new={"parent": "f"})
    assert len(read(values, new={"parent": "f"})) == 5


def test_a_plant_is_no_part_of_a_load(read: Any) -> None:
    sun = np.maximum(np.sin((HOURS - 6) / 12.0 * np.pi), 0.0)
    with pytest.raises(InputError, match="parent: solar a is no part of load f"):
        read({"f": HOME, "a": sun}, a={"kind": "solar", "parent": "f"})
