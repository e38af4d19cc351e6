"""What is said of a file's inputs: until when they are known, and what they do not tell."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from forecasting.files.inputs import FileInputs, inputs_of, model_of, remarks
from forecasting.series.request import Covariate, FileSeries, SeriesSettings
from grid.time_axis import FloatArray, TimeAxis

START = datetime(2026, 3, 1, tzinfo=UTC)
HOURS = np.arange(10 * 24)
WAVE = np.sin(HOURS / 12.0 * np.pi)


def series(values: FloatArray, *, kind: str = "load", ahead: int = 24, **columns: Any) -> FileSeries:
    """Nine days known, a day to forecast."""
    origin = len(HOURS) - ahead
    return FileSeries(
        series_id="a",
        settings=SeriesSettings.model_validate({"kind": kind, "interval_minutes": 60, "capacity": 1.5}),
        axis=TimeAxis(START, timedelta(hours=1), len(HOURS)),
        values=np.where(origin > HOURS, values, np.nan),
        origin=origin,
        asked=np.arange(origin, len(HOURS)),
        covariates=columns,
    )


def told(one: FileSeries, *, now: datetime | None = None) -> list[str]:
    return list(remarks(one, now=now))


def test_inputs_are_known_until_their_last_value() -> None:
    values = np.where(HOURS % 4 == 2, np.nan, WAVE)
    known_ahead = np.where(HOURS < 228, WAVE, np.nan)
    expected = FileInputs(START + timedelta(days=9), START + timedelta(hours=228), 0.75)
    assert inputs_of(series(values, temp=known_ahead)) == expected
    assert inputs_of(series(values)).covariates_until is None


@pytest.mark.parametrize("means", ["air_temprature", "temperature", "Air_Temperature"])
def test_a_meaning_that_is_nearly_one_that_is_read_is_told(means: str) -> None:
    one = series(2.0 + WAVE, t=WAVE)
    named = replace(one, settings=one.settings.model_copy(update={"covariates": {"t": Covariate(means=means)}}))
    assert told(named)[-1] == f"t means {means}, which is a number like any other; did you mean air_temperature?"
    assert told(
        replace(named, settings=one.settings.model_copy(update={"covariates": {"t": Covariate(means="wind")}}))
    ) == told(one)


def test_a_model_has_the_name_of_what_it_was_trained_on() -> None:
    one = series(2.0 + WAVE)
    name = model_of([one], effort="fast", seed=0)
    assert name == model_of([series(2.0 + WAVE)], effort="fast", seed=0)
    others = [
        model_of([one], effort="fast", seed=1),
        model_of([one], effort="full", seed=0),
        model_of([series(2.1 + WAVE)], effort="fast", seed=0),
        model_of([replace(one, series_id="b")], effort="fast", seed=0),
        model_of([series(2.0 + WAVE, temp=WAVE)], effort="fast", seed=0),
    ]
    assert len({name, *others}) == 6


@pytest.mark.parametrize(
    ("kind", "values", "reasons"),
    [
        ("load", 2.0 + WAVE, []),
        ("load", 0.6 + WAVE, ["63 of its values lie below zero: it is taken for a net load."]),
        ("generic", 0.6 + WAVE, []),
        ("solar", np.maximum(1.6 * WAVE, 0.0), ["27 of its values lie above its capacity of 1.5, at which"]),
    ],
)
def test_values_of_an_unusual_sign_or_size_are_counted(kind: str, values: FloatArray, reasons: list[str]) -> None:
    found = told(series(values, kind=kind))
    assert len(found) == len(reasons)
    assert all(sentence.startswith(reason) for sentence, reason in zip(found, reasons, strict=True))


@pytest.mark.parametrize(("ahead", "times"), [(24, 1), (2, 0)])
def test_a_covariate_that_stands_still_as_never_before_is_told(ahead: int, times: int) -> None:
    still = np.where(len(HOURS) - ahead > HOURS, np.repeat(WAVE[::2], 2), 10.0)  # each value stands for two hours
    assert (
        told(series(2.0 + WAVE, ahead=ahead, temp=still))
        == ["Constant over the horizon, as never before over so long: temp."] * times
    )
    flag = (HOURS == 30).astype(float)  # a feast is no daily affair
    assert told(series(2.0 + WAVE, ahead=ahead, feast=flag)) == []


def test_values_that_nobody_can_have_measured_yet_are_told() -> None:
    one = series(2.0 + WAVE)
    assert told(one, now=START + timedelta(days=9)) == []
    (sentence,) = told(one, now=START)
    assert sentence == "Its last value is of 2026-03-10, which is yet to come: are its times right?"
