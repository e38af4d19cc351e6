"""Why a stored forecast is what it is: contributions that add up to it, and an honest word where nobody can tell."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from api.client import GridPilot

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)


def test_contributions_add_up_to_the_stored_forecast(taught: Any, problem: Any) -> None:
    with GridPilot(taught.url, taught.keys["operator"]) as grid:
        stored, why = grid.forecast("town:load"), grid.forecast_explanation("town:load")
    assert list(why.columns) == ["interval_start", "group", "to_median", "to_width"]
    assert set(why["group"]) == {"reference", "temperature", "calendar", "recent level"}
    total = why.groupby("interval_start")[["to_median", "to_width"]].sum()
    assert len(total) == 48, "the last twelve hours are a stand-in's"
    np.testing.assert_allclose(total["to_median"], stored[0.5][:48], rtol=1e-4)
    np.testing.assert_allclose(total["to_width"], (stored[0.9] - stored[0.1])[:48], atol=1e-4 * stored[0.5].max())
    assert why.attrs["issued_at"] == stored.attrs["issued_at"]
    assert why.attrs["sentences"][0].startswith("2026-03-02: ")
    assert "For 12 of 60 hours regression-refit stood in, which is not taken apart." in why.attrs["sentences"]
    assert all(sum(shares) == pytest.approx(1.0, abs=0.01) for shares in why.attrs["attention"].values())

    query = {"series_id": "town:load", "as_of": NOW.isoformat()}
    csv = taught.get("/forecasts/explanation", params=query, headers={"Accept": "text/csv"})
    pd.testing.assert_frame_equal(
        pd.read_csv(io.StringIO(csv.text), parse_dates=["interval_start"])[["group", "to_median", "to_width"]],
        why[["group", "to_median", "to_width"]],
    )

    taught.app.state.service.explaining.acquire()
    busy = taught.get("/forecasts/explanation", params=query)
    assert "ask again later" in problem(busy, 503)["detail"]
    assert busy.headers["retry-after"]


def test_where_nobody_noted_who_spoke_nothing_is_made_up(api: Any) -> None:
    answer = api.get("/forecasts/explanation", params={"series_id": "site:load"}, role="analyst").json()
    assert answer["rows"] == []
    assert answer["attention"] == {}
    assert answer["sentences"] == ["Nobody noted who spoke; the method was lstm-attention."]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"series_id": "nobody:load"}, 404),
        ({"series_id": "site:load", "issued_at": "2026-03-02T05:00:00Z"}, 404),
        ({"series_id": "site:load", "issued_at": "2026-03-02T06:00:00Z", "as_of": "2026-03-02T06:00:00Z"}, 422),
    ],
)
def test_a_forecast_that_is_not_there_is_not_explained(
    api: Any, problem: Any, query: dict[str, str], status: int
) -> None:
    problem(api.get("/forecasts/explanation", params=query), status)


def test_nobody_without_a_key_is_told_why(api: Any, problem: Any) -> None:
    problem(api.get("/forecasts/explanation", role=None, params={"series_id": "site:load"}), 401)
