"""Windows: their shapes, and that none of them sees what was not known at its origin."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.networks.windows import (
    BLOCKS,
    HISTORY_HOURS,
    PATCH_HOURS,
    PATCHES,
    Outcomes,
    Past,
    Windows,
    patched,
    same_hour_before,
)
from forecasting.series.sent import SentForecast

SHOWN = ("history", "future", "core", "scale", "series", "block")
FIRST, LAST = 70 * 6 + HISTORY_HOURS, 70 * 24


def assert_shows_the_same(one: Windows, other: Windows) -> None:
    for name in SHOWN:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def load_source(made: Any, *, sent: tuple[SentForecast, ...] = (), **changes: Any) -> Any:
    """The made load windows over changed values, their regressions and climate unchanged."""
    return made.load_again(replace(made.load, **changes), like=made.load_source, sent=sent)


def solar_source(made: Any, **changes: Any) -> Any:
    source = made.solar_source
    return type(source)(replace(made.solar, **changes), core=source._core, model_row=np.zeros(1, int), periods=48)


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("kind", ["load", "solar"])
def test_windows_have_the_shapes_they_promise(made: Any, kind: str, batch: int) -> None:
    source = getattr(made, f"{kind}_source")
    windows = source.cut(np.zeros(batch, dtype=np.int64), np.arange(600, 600 + batch))
    assert windows.history.shape[:2] == (batch, PATCHES)
    assert windows.future.shape[:2] == (batch, 48)
    assert windows.scale.shape == (batch, 1)
    assert np.all(windows.scale > 0.0)
    for name in ("core", "target", "weight", "block"):
        assert getattr(windows, name).shape == (batch, 48), name
    assert windows.block.min() >= 0
    assert windows.block.max() < BLOCKS
    for name in ("history", "core"):
        assert np.all(np.isfinite(getattr(windows, name))), name


@settings(max_examples=8, deadline=None)
@given(origin=st.integers(FIRST, LAST), seed=st.integers(0, 2**32 - 1), blank=st.booleans())
def test_no_window_of_load_sees_its_future(made: Any, origin: int, seed: int, blank: bool) -> None:
    draw = np.random.default_rng(seed)
    later = np.arange(made.load.axis.periods) >= origin
    other = np.full(made.load.kw.shape, np.nan) if blank else draw.uniform(0, 1e5, made.load.kw.shape)
    weather = draw.uniform(-40, 50, made.load.temperature_c.shape)
    changed = load_source(
        made,
        kw=np.where(later, other, made.load.kw),
        temperature_c=np.where(later, weather, made.load.temperature_c),
    )
    rows, origins = np.array([0, 1]), np.full(2, origin)
    assert_shows_the_same(made.load_source.cut(rows, origins), changed.cut(rows, origins))


@settings(max_examples=8, deadline=None)
@given(origin=st.integers(FIRST, LAST), seed=st.integers(0, 2**32 - 1), blank=st.booleans())
def test_no_window_of_sun_sees_its_future(made: Any, origin: int, seed: int, blank: bool) -> None:
    later = np.arange(made.solar.axis.periods) >= origin
    draw = np.random.default_rng(seed)
    other = np.full(made.solar.kw.shape, np.nan) if blank else draw.uniform(0, 9, made.solar.kw.shape)
    changed = solar_source(made, kw=np.where(later, other, made.solar.kw))
    row, origins = np.zeros(1, dtype=np.int64), np.array([origin])
    assert_shows_the_same(made.solar_source.cut(row, origins), changed.cut(row, origins))


@given(origin=st.integers(0, 50), hours=st.integers(1, 60), seed=st.integers(0, 2**32 - 1))
def test_the_past_ends_at_the_origin_and_outcomes_begin_there(origin: int, hours: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(2, 50))
    later = np.arange(50) >= origin
    rows, origins = np.array([1, 0]), np.full(2, origin)
    seen = Past(np.where(later, 1e9, values)).before(rows, origins, hours)
    np.testing.assert_array_equal(seen, Past(values).before(rows, origins, hours))
    told = Outcomes(np.where(later, values, 1e9)).after(rows, origins, hours)
    np.testing.assert_array_equal(told, Outcomes(values).after(rows, origins, hours))
    whole = np.concatenate([np.full((2, hours), np.nan), values, np.full((2, hours), np.nan)], axis=1)[rows]
    np.testing.assert_array_equal(seen, whole[:, origin : origin + hours])
    np.testing.assert_array_equal(told, whole[:, hours + origin : hours + origin + hours])


def test_whoever_holds_the_past_has_no_other_way_into_it(made: Any) -> None:
    for sealed, readers in ((Past, ["before"]), (Outcomes, ["after"])):
        assert [name for name in dir(sealed) if not name.startswith("_")] == readers
        one = sealed(np.zeros((1, 3)))
        with pytest.raises(TypeError):
            one[0]  # type: ignore[index]
        with pytest.raises(AttributeError):
            one.values  # type: ignore[union-attr]  # noqa: B018
    for source, panel in ((made.load_source, made.load), (made.solar_source, made.solar)):
        held = {name: value.shape for name, value in vars(source).items() if isinstance(value, np.ndarray)}
        assert panel.kw.shape not in held.values(), held  # what is held whole is known ahead and reaches further
        assert {name for name, value in vars(source).items() if isinstance(value, Outcomes)} == {"_outcomes"}


@pytest.mark.parametrize("kind", ["load", "solar"])
def test_a_window_sees_its_past(made: Any, kind: str) -> None:
    panel, maker = getattr(made, kind), {"load": load_source, "solar": solar_source}[kind]
    earlier = np.arange(panel.axis.periods) < 650
    changed = maker(made, kw=np.where(earlier, panel.kw * 0.5, panel.kw))
    row, origins = np.zeros(1, dtype=np.int64), np.array([650])
    before, after = getattr(made, f"{kind}_source").cut(row, origins), changed.cut(row, origins)
    assert not np.array_equal(before.history, after.history)
    assert not np.array_equal(before.core, after.core)


@pytest.mark.parametrize("kind", ["load", "solar"])
@pytest.mark.parametrize("hours", [1, 12])
def test_hidden_hours_look_as_if_they_had_not_arrived(made: Any, kind: str, hours: int) -> None:
    panel, maker = getattr(made, kind), {"load": load_source, "solar": solar_source}[kind]
    missing = (np.arange(panel.axis.periods) >= 700 - hours) & (np.arange(panel.axis.periods) < 700)
    row, origins = np.zeros(1, dtype=np.int64), np.array([700])
    hidden = getattr(made, f"{kind}_source").cut(row, origins, hidden_hours=np.array([hours]))
    assert_shows_the_same(hidden, maker(made, kw=np.where(missing, np.nan, panel.kw)).cut(row, origins))


def test_a_sent_weather_forecast_counts_from_its_issue_on(made: Any) -> None:
    hottest = float(np.nanmax(made.load.temperature_c))
    heat = np.full(60, hottest + 10.0)
    sent = (SentForecast(issued=700, start=700, values=heat),)
    source, plain = load_source(made, sent=sent), made.load_source
    row = np.zeros(1, dtype=np.int64)
    assert_shows_the_same(source.cut(row, np.array([699])), plain.cut(row, np.array([699])))
    told, untold = source.cut(row, np.array([700])), plain.cut(row, np.array([700]))
    np.testing.assert_array_equal(told.history, untold.history)
    assert np.any(np.all(told.future[0] == np.float32(hottest + 10.0), axis=0))
    assert not np.any(np.all(untold.future[0] == np.float32(hottest + 10.0), axis=0))
    assert told.core.mean() > untold.core.mean()


def test_power_comes_back_from_the_domain_of_the_target(made: Any) -> None:
    row, origins = np.zeros(1, dtype=np.int64), np.array([800])
    for source, panel in ((made.load_source, made.load), (made.solar_source, made.solar)):
        windows = source.cut(row, origins)
        target = np.nan_to_num(windows.target.astype(np.float64))[..., None]
        back, actual = source.to_kw(target, row, origins)[..., 0], panel.kw[:1, 800:848]
        counted = windows.weight > 0
        np.testing.assert_allclose(back[counted], actual[counted], rtol=1e-5)


def test_the_same_hour_is_the_newest_one_that_arrived() -> None:
    values = np.arange(HISTORY_HOURS, dtype=np.float64)[None]
    known = np.ones((1, HISTORY_HOURS), dtype=bool)
    known[0, -24] = False
    found, have = same_hour_before(values, known, 48)
    assert found[0, 0] == HISTORY_HOURS - 48
    assert found[0, 1] == HISTORY_HOURS - 23
    assert found[0, 25] == HISTORY_HOURS - 23
    assert have.all()


def test_a_patch_holds_consecutive_hours() -> None:
    hours = np.arange(HISTORY_HOURS, dtype=np.float64)[None]
    folded = patched([hours], np.zeros((1, HISTORY_HOURS, 1), dtype=np.float32))
    assert folded.shape == (1, PATCHES, PATCH_HOURS + 1)
    assert folded[0, 1, :PATCH_HOURS].tolist() == [6, 7, 8, 9, 10, 11]
