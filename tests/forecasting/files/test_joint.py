"""Series of a file together: scenarios whose marginals are the forecast, and parents that their parts add up to."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from forecasting.files import joint
from forecasting.files.forecast import FileForecast, forecast_file
from forecasting.series.table import read_request
from grid.faults import InputError

DAYS, LEVELS = 12, (0.1, 0.3, 0.5, 0.7, 0.9)


def village(homes: int = 3, *, beyond: float = 0.0, days: int = DAYS) -> dict[str, np.typing.NDArray[np.float64]]:
    """Homes that are high and low together, and their feeder, which may serve more than them."""
    draw = np.random.default_rng(4)
    hours = np.arange(24 * (days + 1))
    mood = np.repeat(draw.normal(0.0, 1.0, days + 1), 24)
    made = {
        f"home {k}": 4.0 + np.sin(hours / 12.0 * np.pi) + 0.6 * mood + draw.normal(0.0, 0.3, len(hours))
        for k in range(homes)
    }
    made["feeder"] = np.sum(list(made.values()), axis=0) + beyond
    return made


def asked(folder: Path, values: dict[str, Any], entries: dict[str, Any], **options: Any) -> FileForecast:
    times = pd.date_range("2026-03-01", periods=max(map(len, values.values())), freq="h", tz="UTC")
    frame = pd.concat(
        [
            pd.DataFrame({"series_id": name, "time": times[-len(own) :], "value": [*own[:-24], *[np.nan] * 24]})
            for name, own in values.items()
        ]
    )
    frame.to_csv(folder / "in.csv", index=False)
    (folder / "series.json").write_text(
        json.dumps({"series": {"*": {"kind": "load", "interval_minutes": 60}, **entries}})
    )
    return forecast_file(read_request(folder / "in.csv", folder / "series.json"), levels=LEVELS, **options)


FAMILY = {f"home {k}": {"kind": "load", "parent": "feeder"} for k in range(3)}


def test_scenarios_have_the_forecast_as_their_marginals(tmp_path: Path) -> None:
    made = asked(tmp_path, village(), {}, scenarios=5)  # levels (k - 0.5) / 5 are 0.1, 0.3 ... 0.9
    assert made.scenarios is not None
    assert made.scenarios[["series_id", "time"]].equals(made.table[["series_id", "time"]])
    values = np.sort(made.scenarios.iloc[:, 2:].to_numpy(), axis=1)
    np.testing.assert_allclose(values, made.table.iloc[:, 3:].to_numpy(), atol=1e-12)


def test_homes_that_were_high_together_are_so_in_the_scenarios(tmp_path: Path) -> None:
    made = asked(tmp_path, village(), {}, scenarios=200)
    assert made.scenarios is not None
    daily = made.scenarios.groupby("series_id").mean(numeric_only=True).T
    assert daily["home 0"].corr(daily["home 1"]) > 0.3


def test_a_feeder_is_the_sum_of_its_homes_in_mean_and_scenario(tmp_path: Path) -> None:
    made = asked(tmp_path, village(), FAMILY, scenarios=7)
    assert made.scenarios is not None
    for table, columns in ((made.table, ["mean"]), (made.scenarios, [f"s{k}" for k in range(1, 8)])):
        by_series = {name: own[columns].to_numpy() for name, own in table.groupby("series_id")}
        total = np.sum([own for name, own in by_series.items() if name != "feeder"], axis=0)
        np.testing.assert_allclose(by_series["feeder"], total, atol=1e-6)
    assert (np.diff(made.table.iloc[:, 3:].to_numpy(), axis=1) >= 0.0).all()
    assert all(any("add up" in reason for reason in report.reasons) for report in made.reports)


def test_what_adding_up_changed_is_part_of_the_explanation(tmp_path: Path) -> None:
    made = asked(tmp_path, village(), FAMILY, explain=True)
    told = pd.concat([one.table for one in made.explanations])
    assert {"reference", "recent level", "hierarchy"} <= set(told["group"])
    total = told.groupby(["series_id", "time"], sort=False)[["to_median", "to_width"]].sum()
    np.testing.assert_allclose(total["to_median"], made.table["q0.5"], atol=1e-9)
    np.testing.assert_allclose(total["to_width"], made.table["q0.9"] - made.table["q0.1"], atol=1e-9)


def test_homes_without_a_meter_do_not_bias_the_others(tmp_path: Path) -> None:
    alone = asked(tmp_path, village(beyond=20.0), {})
    made = asked(tmp_path, village(beyond=20.0), FAMILY)
    np.testing.assert_allclose(made.table["mean"], alone.table["mean"], rtol=1e-6)


@pytest.mark.parametrize("beyond", [0.0, 10.0])
def test_a_home_without_readings_leaves_a_well_known_feeder_in_its_place(tmp_path: Path, beyond: float) -> None:
    values = village(beyond=beyond, days=32)
    alone = asked(tmp_path, values, FAMILY, effort="fast").table.groupby("series_id")["mean"].mean()
    values["new"] = np.full(24, np.nan)  # only the rows to forecast
    family = FAMILY | {"new": {"kind": "load", "parent": "feeder"}}
    made = asked(tmp_path, values, family, effort="fast").table.groupby("series_id")["mean"].mean()
    assert made[alone.index].to_numpy() == pytest.approx(alone.to_numpy(), rel=0.01)
    assert made["new"] == pytest.approx(alone["home 0"] if beyond else 0.0, abs=0.5)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"parent": "street"}, "no series 'street'"),
        ({"parent": "home 0"}, "circle: home 0 → home 0, each the parent of the next"),
        ({"parent": "feeder", "unit": "MW"}, "one unit"),
    ],
)
def test_a_hierarchy_that_cannot_be_is_refused(tmp_path: Path, entry: dict[str, str], told: str) -> None:
    with pytest.raises(InputError, match=told):
        asked(tmp_path, village(), {"home 0": {"kind": "load", **entry}})


@pytest.mark.parametrize(("after", "words"), [(99.99, "by less than 0.1%."), (100.0, "by less"), (98.0, "by -2.0%.")])
def test_a_mean_that_hardly_moves_is_not_told_to_move_by_nothing(after: float, words: str) -> None:
    before: Any = SimpleNamespace(mean=np.array([100.0]))
    assert f"its mean moved {words}" in joint._moved(before, np.array([after]))
