"""Which cases a bench is asked for: what is there, and a refusal that says so."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def cases(tmp_path: Path) -> Any:
    """``wanted_cases`` of a folder with two benchmarks."""
    for case in ("homes/01", "homes/02", "zones/01"):
        (tmp_path / case).mkdir(parents=True)
    spec = importlib.util.spec_from_file_location("file_cases", Path(__file__).with_name("file_cases.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return lambda *asked: module.wanted_cases(tmp_path, asked)


def test_what_is_asked_for_is_found(cases: Any) -> None:
    assert cases("all") == {"homes": ("01", "02"), "zones": ("01",)}
    assert cases("homes") == cases("homes:all") == {"homes": ("01", "02")}
    assert cases("homes:02", "zones:01") == {"homes": ("02",), "zones": ("01",)}


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("towns", "towns: there is no towns; there are homes, zones, or all alone"),
        ("homes:02,07", "homes:02,07: homes has no origin 07; it has 01, 02, or all"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(cases: Any, asked: str, words: str) -> None:
    with pytest.raises(SystemExit, match=words):
        cases(asked)
