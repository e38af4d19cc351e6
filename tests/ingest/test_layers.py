"""Both layers of readings, as of any instant: what was read once is read again, whatever came after."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from grid.readings import Layer, Quality, Source
from grid.store.edits import IntervalValue, add_edits, list_edits, withdraw_edits
from grid.store.reading_versions import load_channels_known_by, readings_known_by
from grid.store.readings import load_channels
from grid.store.series import ChannelId
from grid.store.validation_due import fold_done
from grid.time_axis import TimeAxis
from grid.units import Channel

LOAD: ChannelId = (Source.METER, "m", Channel.LOAD)
DAYS = 12
START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
AXIS = TimeAxis(START, HOUR, 24 * DAYS)
nan = float("nan")


def read(meters: Any, layer: Layer, known_by: datetime | None = None) -> list[Any]:
    """Every row of a layer without what cannot be compared: NaN is None."""
    rows = readings_known_by(meters.conn, LOAD, start=START, end=AXIS.end, known_by=known_by, layer=layer, limit=9999)
    return [(row.interval_start, row.value, Quality(row.quality), row.revision) for row in rows]


def on_axis(meters: Any, layer: Layer, known_by: datetime | None = None) -> list[float]:
    (values,) = load_channels_known_by(meters.conn, [LOAD], AXIS, known_by=known_by, layer=layer)
    return list(np.nan_to_num(values, nan=-1.0))


def history(meters: Any) -> list[Callable[[], object]]:
    """What happens to a channel, one after another; every reading is received when it really is."""
    values = meters.course(DAYS)
    values[[50, 51]] = nan
    values[100] = 800.0
    without = np.delete(np.arange(len(values)), range(200, 205))
    gap = START + 202 * HOUR

    def save(at: int, block: Any, revision: int = 0) -> None:
        meters.save(block, start=START + at * HOUR, at=datetime.now(UTC), revision=revision)

    def edit() -> None:
        add_edits(meters.conn, LOAD, [IntervalValue(gap, 60, 5.0)], reason="seen", actor="key:a", at=datetime.now(UTC))

    def withdraw() -> None:
        edits = list_edits(meters.conn, LOAD, start=gap, end=gap + HOUR)
        withdraw_edits(meters.conn, LOAD, edits, reason="mistaken", actor="key:a", at=datetime.now(UTC))

    assert without.tolist() == [*range(200), *range(205, len(values))]
    return [
        lambda: (save(0, values[:200]), save(205, values[205:])),
        meters.validate,
        lambda: save(100, values[99:100], revision=1),
        meters.validate,
        edit,
        meters.validate,
        lambda: save(50, np.array([nan, 11.0]), revision=1),
        lambda: save(200, values[200:205]),
        meters.validate,
        withdraw,
        meters.validate,
        lambda: save(10, np.array([9999.0]), revision=2),
        meters.validate,
    ]


def test_what_was_read_as_of_an_instant_is_read_again_after_corrections_verdicts_and_edits(meters: Any) -> None:
    seen: list[tuple[datetime, dict[Layer, tuple[list[Any], list[float]]]]] = []
    for step in history(meters):
        step()
        time.sleep(0.002)
        now = datetime.now(UTC)
        seen.append((now, {layer: (read(meters, layer), on_axis(meters, layer)) for layer in Layer}))
        time.sleep(0.002)
    folded = fold_done(meters.conn, judged_before=seen[7][0])
    assert folded == meters.count("validation_done_folded") == 2
    assert meters.count("validation_done") > 0
    for at, layers in seen:
        for layer, (rows, values) in layers.items():
            assert read(meters, layer, at) == rows
            assert on_axis(meters, layer, at) == values
    distinct = {tuple(layers[Layer.VALIDATED][0]) for _, layers in seen}
    assert len(distinct) >= 8, "the steps must differ, or nothing was asked"


def test_forecasting_reads_what_the_validated_view_shows(meters: Any) -> None:
    for step in history(meters)[:6]:
        step()
    rows = meters.conn.execute(
        "SELECT interval_start, value FROM v_validated_reading WHERE value IS NOT NULL ORDER BY 1"
    ).fetchall()
    (values,) = load_channels(meters.conn, [LOAD], AXIS, layer=Layer.VALIDATED)
    assert dict(rows) == {
        start: value for start, value in zip(AXIS.interval_starts, values.tolist(), strict=True) if not np.isnan(value)
    }
    assert dict(rows)[START + 202 * HOUR] == 5.0
    (raw,) = load_channels(meters.conn, [LOAD], AXIS)
    assert np.isnan(raw[[50, 51, *range(200, 205)]]).all()
    assert np.isfinite(values[[50, 51, *range(200, 205)]]).all()


def test_a_reading_is_valid_only_once_it_was_judged(meters: Any) -> None:
    meters.save(meters.course(DAYS), at=datetime.now(UTC))
    before = datetime.now(UTC)
    assert {row[2] for row in read(meters, Layer.RAW)} == {Quality(0)}
    meters.validate()
    assert {row[2] for row in read(meters, Layer.RAW)} == {Quality.VALID}
    assert {row[2] for row in read(meters, Layer.RAW, before)} == {Quality(0)}
    views = meters.conn.execute(
        "SELECT DISTINCT quality FROM v_reading UNION SELECT DISTINCT quality FROM v_validated_reading"
    )
    assert views.fetchall() == [(int(Quality.VALID),)]


@pytest.mark.parametrize("layer", list(Layer))
def test_the_views_and_the_functions_agree(meters: Any, layer: Layer) -> None:
    for step in history(meters)[:9]:
        step()
    view = {Layer.RAW: "v_reading", Layer.VALIDATED: "v_validated_reading"}[layer]
    rows = meters.conn.execute(
        f"SELECT interval_start, value, quality, revision FROM {view} ORDER BY interval_start"
    ).fetchall()
    assert [(start, value, Quality(quality), revision) for start, value, quality, revision in rows] == read(
        meters, layer
    )


def test_folded_spans_tell_of_every_instant_what_they_told_before(meters: Any) -> None:
    values = meters.course(DAYS)
    instants = []
    for day in range(DAYS):
        meters.save(values[24 * day : 24 * day + 24], start=START + timedelta(days=day), at=datetime.now(UTC))
        instants.append(datetime.now(UTC))
        meters.validate()
    before = [read(meters, Layer.RAW, at) for at in instants]
    assert all(rows[-1][2] == Quality(0) and len(rows) == 24 * (n + 1) for n, rows in enumerate(before))
    assert fold_done(meters.conn, judged_before=datetime.now(UTC)) == 3, "a row for each week of intervals"
    assert (meters.count("validation_done"), meters.count("validation_done_folded")) == (0, 3)
    assert [read(meters, Layer.RAW, at) for at in instants] == before
    assert fold_done(meters.conn, judged_before=datetime.now(UTC)) == 0
