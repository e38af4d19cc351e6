"""The SDK against the running service: frames, plans, errors of one class, events that go on by themselves."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import psycopg
import pytest

from api.client import GridPilot, GridPilotError
from grid.forecasts import DEFAULT_LEVELS
from grid.store.events import publish_event

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def grid(api: Any) -> Iterator[GridPilot]:
    with GridPilot(api.url + "/", api.keys["operator"]) as client:
        yield client


@pytest.fixture
def own_grid(own_api: Any) -> Iterator[GridPilot]:
    with GridPilot(own_api.url, own_api.keys["operator"]) as client:
        yield client


def test_readings_come_as_a_frame_in_utc(grid: GridPilot) -> None:
    frame = grid.readings("town:load", NOW - DAY, NOW)
    assert len(frame) == 24
    assert str(frame.index.dtype).endswith("UTC]")
    assert frame.index[0] == pd.Timestamp(NOW - DAY)
    assert frame["value"].iloc[6] == pytest.approx(90_000.0)
    assert len(grid.readings("site:load", NOW - DAY, NOW, resolution="PT6H")) == 4


def test_an_empty_range_is_an_empty_frame_with_the_same_columns(grid: GridPilot) -> None:
    empty = grid.readings("town:load", NOW + DAY, NOW + 2 * DAY)
    assert len(empty) == 0
    assert list(empty.columns) == list(grid.readings("town:load", NOW - DAY, NOW).columns)


def test_a_forecast_has_a_column_per_level_and_says_who_made_it(grid: GridPilot) -> None:
    frame = grid.forecast("site:load")
    assert list(frame.columns) == list(DEFAULT_LEVELS)
    assert frame.index[0] == pd.Timestamp(NOW)
    assert frame.attrs["model_id"] == "load-1"
    assert (grid.forecast("site:load", role="baseline")[0.5] < frame[0.5]).all()


def test_series_site_and_models_are_listed(grid: GridPilot) -> None:
    assert grid.site()["site_id"] == "harbour-town"
    assert set(grid.series()["series_id"]) == {"site:load", "town:load", "dune-solar:generation"}
    assert set(grid.models()["model_id"]) == {"load-1", "load-2"}


def test_a_plan_is_made_explained_and_decided_about(own_grid: GridPilot) -> None:
    plan = own_grid.plan_now()
    assert own_grid.latest_plan() == own_grid.plan(plan["plan_id"]) == plan
    assert own_grid.explanation(plan["plan_id"], asset_id="steam")["reasons"].keys() == {"steam"}
    own_grid.decide(plan["plan_id"], "accept", reason="as planned")
    assert [decision["decision"] for decision in own_grid.decisions(plan["plan_id"])] == ["accept"]
    shortfalls = own_grid.shortfalls(datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC))
    assert shortfalls[["direction", "periods"]].to_numpy().tolist() == [["up", 0], ["down", 0]], "nothing has come yet"
    what_if = own_grid.plan_now(load_scale=0.9)
    assert own_grid.latest_plan() == plan
    assert own_grid.plans().set_index("plan_id")["what_if"].to_dict() == {
        plan["plan_id"]: False,
        what_if["plan_id"]: True,
    }


def test_errors_carry_the_problem_with_all_its_faults(grid: GridPilot) -> None:
    with pytest.raises(GridPilotError) as caught:
        grid.plan_now(load_scale=-1.0, colour="red")
    assert caught.value.status == 422
    assert {fault["place"] for fault in caught.value.problem["faults"]} == {"body.load_scale", "body.colour"}
    assert "body.colour" in str(caught.value)


def test_where_nothing_answers_the_address_and_what_to_do_are_told() -> None:
    with GridPilot("http://127.0.0.1:1", "key") as client, pytest.raises(GridPilotError) as caught:
        client.site()
    assert caught.value.status == 0
    assert str(caught.value).startswith("no answer: http://127.0.0.1:1/api/v1/")
    assert "gridpilot serve" in str(caught.value)


def test_a_key_may_come_with_white_space_and_an_address_with_the_prefix(api: Any) -> None:
    with GridPilot(api.url + "/api/v1/", f" {api.keys['operator']}\n") as client:
        assert client.site()["site_id"] == "harbour-town"


@pytest.mark.parametrize("key", ["", " \n", "gp_secret\nHost: elsewhere", "gp_secret key", "gp_secret…"])
def test_what_cannot_be_a_key_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(ValueError, match="gridpilot keys create") as caught:
        GridPilot("http://127.0.0.1:8000", key)
    assert "secret" not in str(caught.value)


def test_an_instant_without_a_zone_is_refused_before_anything_is_sent(grid: GridPilot) -> None:
    with pytest.raises(ValueError, match="start must have a zone"):
        grid.readings("town:load", datetime(2026, 3, 1), NOW)  # noqa: DTZ001 (that is the point)


def test_events_are_followed_and_resumed_without_a_gap(own_api: Any, own_grid: GridPilot) -> None:
    def publish() -> None:
        with psycopg.connect(own_api.database_url) as conn:
            publish_event(conn, kind="plan", payload={"last": True})

    first = next(own_grid.events(last_event_id=0))
    later = threading.Timer(0.5, publish)
    later.start()
    heard = [first.event_id]
    for event in own_grid.events(last_event_id=first.event_id):
        heard.append(event.event_id)
        if event.data["payload"].get("last"):
            break
    later.join()
    assert len(heard) > 3
    assert heard == list(range(1, len(heard) + 1))


def test_events_raise_when_the_key_is_refused(api: Any) -> None:
    with GridPilot(api.url, "gp_wrong") as stranger, pytest.raises(GridPilotError) as caught:
        next(stranger.events())
    assert caught.value.status == 401
