"""How good a model is can be read on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import psycopg
import pytest

from forecasting.judging.backtest import score
from grid.forecasts import DEFAULT_LEVELS
from grid.store.models import promote, save_model

Command = Callable[..., tuple[int, str]]


@pytest.fixture
def scored_url(town_url: str) -> str:
    """A database whose solar champion was twice as good as its baseline in hours ahead 0 to 5, and level after."""
    actual, hour = np.full((4, 12), 10.0), np.tile(np.arange(6, 18), (4, 1))
    told = np.full((4, 12, len(DEFAULT_LEVELS)), 12.0)
    base = np.full_like(told, 12.0)
    base[:, :6] = 14.0
    found = score(
        actual,
        told,
        base,
        levels=DEFAULT_LEVELS,
        mean_kw=np.full(4, 10.0),
        peak_kw=np.full(4, 11.0),
        hour=hour,
    )
    with psycopg.connect(town_url) as conn:
        save_model(conn, model_id="solar-1", kind="solar", manifest={"scores": found.as_dict()}, weights=b"")
        promote(conn, "solar-1")
    return town_url


def test_a_champions_scores_are_told_by_lead_time_hour_and_level(scored_url: str, command: Command) -> None:
    status, said = command(scored_url, "models", "scores")
    assert status == 0
    assert "solar-1: 4 forecasts of solar, champion" in said
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in said.splitlines() if line.startswith("│")]
    assert ["CRPS, of mean power", "20.0%", ""] in cells
    assert ["mean absolute error of the median, of mean power", "20.0%", ""] in cells
    assert ["WQL", "20.0%", ""] in cells
    assert ["skill", "33.3%", ""] in cells
    assert ["skill at peaks", "50.0%", ""] in cells  # 1 above the threshold, where the baseline is 3 or 1
    assert ["0 to 6", "50.0%", "█" * 20] in cells
    assert ["6 to 12", "0.0%", ""] in cells
    assert ["7", "50.0%", "█" * 20] in cells
    assert ["3", "", ""] in cells
    assert ["0.5", "100.0%", "█" * 40] in cells


def test_one_model_is_told_alone_and_as_json_even_if_it_was_scored_by_an_older_version(
    scored_url: str, command: Command
) -> None:
    status, said = command(scored_url, "models", "scores", "load-2", "--json")
    assert (status, json.loads(said)) == (0, {"load-2": {"skill": 0.4}})
    status, said = command(scored_url, "models", "scores", "load-2")
    assert status == 0
    assert "40.0%" in said
    assert "solar-1" not in said


def test_without_a_champion_the_scores_say_how_to_come_by_one(scored_url: str, command: Command) -> None:
    with psycopg.connect(scored_url) as conn:
        conn.execute("UPDATE model SET status = 'retired'")
    assert command(scored_url, "models", "scores") == (
        0,
        "There is no champion yet; gridpilot train makes the first one.\n",
    )
    status, said = command(scored_url, "models", "scores", "nobody")
    assert status == 2
    assert "there is no such model" in said
