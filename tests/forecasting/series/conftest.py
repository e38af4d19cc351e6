"""A small file with its SERIES.json, written as a test changes it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd
import pytest

from forecasting.series.request import FileSeries
from forecasting.series.table import read_request

Read: TypeAlias = Callable[..., list[FileSeries]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads series of hours, by name: what is known, before a day to forecast; settings of all, or of one."""

    def read(values: dict[str, Any], **settings: Any) -> list[FileSeries]:
        frames = []
        for name, known in values.items():
            times = pd.date_range("2026-03-01", periods=len(known) + 24, freq="h", tz="UTC")
            frames.append(pd.DataFrame({"series_id": name, "time": times, "value": [*known, *[None] * 24]}))
        own = {name: settings.pop(name) for name in values if name in settings}
        entries = {"*": {"kind": "load", "interval_minutes": 60, **settings}, **own}
        pd.concat(frames).astype({"value": "float64"}).to_csv(tmp_path / "in.csv", index=False)
        (tmp_path / "series.json").write_text(json.dumps({"series": entries}))
        return read_request(tmp_path / "in.csv", tmp_path / "series.json")

    return read
