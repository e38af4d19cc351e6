"""What is due is judged in its surroundings, and only differences are written."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from grid.basis import site_basis
from grid.readings import Quality, ReadingBlock, Source
from grid.site import Site, SumCheck
from grid.site_file import EXAMPLE_SITE, read_site_file
from grid.store.database import server_clock
from grid.store.edits import IntervalValue, add_edits, withdraw_edits
from grid.store.saving import save_readings
from grid.store.sites import save_site
from grid.time_axis import EPOCH, FloatArray
from grid.units import Channel
from grid.validation import LOOK_AHEAD, LOOK_BACK, judge
from ingest.judging import judge_batch
from ingest.validator import run_validator

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
EXAMPLE = read_site_file(EXAMPLE_SITE)
nan = float("nan")


def test_a_missing_hour_is_estimated_and_a_clean_one_has_no_verdict(meters: Any) -> None:
    values = meters.course(10)
    values[100] = nan
    meters.save(values)
    total = meters.validate()
    found = meters.verdicts()
    assert list(found) == [START + 100 * HOUR]
    value, quality = found[START + 100 * HOUR]
    assert quality & Quality.MISSING
    assert values[99:102][[0, 2]].min() * 0.8 < value < values[99:102][[0, 2]].max() * 1.2
    assert (total.intervals, total.written, total.withdrawn) == (240, 1, 0)
    assert total.reasons["MISSING"] == 1
    assert meters.count("validation_due") == 0
    view = meters.conn.execute("SELECT quality, count(*), count(value) FROM v_reading GROUP BY 1 ORDER BY 1").fetchall()
    assert view[0] == (Quality.VALID, 239, 239)
    assert meters.conn.execute("SELECT count(value) FROM v_validated_reading").fetchone() == (240,)


def test_validating_again_changes_nothing(meters: Any) -> None:
    values = meters.course(40)
    values[[50, 51, 400]] = nan
    values[600] = 900.0
    meters.save(values)
    meters.validate()
    before = meters.conn.execute("SELECT xmin, * FROM verdict ORDER BY 2, 3").fetchall()
    assert len(before) >= 4
    meters.conn.execute(
        "INSERT INTO validation_due (channel_key, interval_from, interval_until, marked_at)"
        " SELECT channel_key, interval_from, interval_until, now() FROM validation_done"
    )
    again = meters.validate()
    assert (again.intervals, again.written, again.withdrawn) == (960, 0, 0)
    assert meters.conn.execute("SELECT xmin, * FROM verdict ORDER BY 2, 3").fetchall() == before
    assert meters.count("verdict_history") == 0


def test_a_correction_validates_only_its_surroundings_again(meters: Any) -> None:
    days = 300
    values = meters.course(days)
    values[np.arange(100, 24 * days, 240)] = nan
    now = START + timedelta(days=days)
    meters.save(values, at=now)
    first = meters.validate()
    assert first.intervals == 24 * days
    before = set(meters.conn.execute("SELECT xmin::text, interval_start FROM verdict").fetchall())
    corrected = START + 3460 * HOUR
    meters.save(np.array([values[3459]]), start=corrected, at=now + HOUR, revision=1)
    again = meters.validate()
    after = set(meters.conn.execute("SELECT xmin::text, interval_start FROM verdict").fetchall())
    touched = {start for _, start in before - after}
    assert corrected in touched
    assert all(corrected - LOOK_AHEAD < start < corrected + LOOK_BACK for start in touched)
    assert again.withdrawn == len(touched) <= 4, "an estimate of another day may rest on the corrected hour"
    assert again.written == len(touched) - 1 == len(after - before)
    assert again.intervals <= (LOOK_BACK + LOOK_AHEAD + HOUR) / HOUR
    assert {
        start for (start,) in meters.conn.execute("SELECT interval_start FROM verdict_history").fetchall()
    } == touched


def test_piece_by_piece_in_order_of_arrival_gives_what_validating_at_once_gives(meters: Any) -> None:
    rng = np.random.default_rng(5)
    values = meters.course(120)
    values[rng.integers(0, len(values), 30)] = nan
    values[rng.integers(0, len(values), 5)] = 800.0
    arrival = START + timedelta(days=121)
    for first in range(0, len(values), 24 * 15):
        meters.save(values[first : first + 24 * 15], start=START + first * HOUR, at=arrival, owner="piecewise")
        meters.validate()
    pieces = list(meters.verdicts("piecewise").items())
    meters.save(values, at=arrival, owner="at-once")
    meters.validate()
    whole = list(meters.verdicts("at-once").items())
    assert [(start, quality) for start, (_, quality) in sorted(pieces)] == [
        (start, quality) for start, (_, quality) in sorted(whole)
    ]
    np.testing.assert_allclose(
        np.array([value for _, (value, _) in sorted(pieces)], dtype=float),
        np.array([value for _, (value, _) in sorted(whole)], dtype=float),
    )
    assert len(whole) > 20


def test_a_span_of_years_is_judged_in_several_batches_with_the_same_result(meters: Any) -> None:
    values = meters.course(900)
    values[np.arange(50, len(values), 500)] = nan
    meters.save(values)
    batches: list[int] = []
    total = run_validator(
        database_url=meters.url, until_caught_up=True, on_progress=lambda seen: batches.append(seen.channels)
    )
    assert len(batches) == 3
    assert len(meters.verdicts()) == len(range(50, len(values), 500))
    assert total.withdrawn == 0
    assert meters.count("validation_done") == 3


def test_an_edit_holds_against_the_rules_and_its_withdrawal_brings_their_verdict_back(meters: Any) -> None:
    values = meters.course(20)
    values[200] = nan
    meters.save(values)
    meters.validate()
    before = meters.everything()
    channel = (Source.METER, "m", Channel.LOAD)
    at = START + 200 * HOUR
    (edit,) = add_edits(
        meters.conn,
        channel,
        [IntervalValue(at, 60, 777.0)],
        reason="read on site",
        actor="key:ann",
        at=datetime.now(UTC),
    )
    assert edit.old_value == pytest.approx(before[0][3])
    meters.validate()
    assert meters.verdicts()[at] == (777.0, Quality.EDITED)
    withdraw_edits(meters.conn, channel, [edit], reason="wrong meter", actor="key:ann", at=datetime.now(UTC))
    meters.validate()
    assert meters.everything() == before
    assert meters.count("verdict_history") == 2


def counted(energy_kw: FloatArray) -> FloatArray:
    return 1000.0 + np.concatenate([[0.0], np.cumsum(energy_kw)])


def test_a_register_that_arrives_later_scales_the_estimates_of_its_channel(meters: Any) -> None:
    true = meters.course(30)
    true[300:330] *= 1.4  # what reference days cannot know
    sent = true.copy()
    sent[300:330] = nan
    meters.save(sent, channel=Channel.IMPORT)
    meters.validate()
    without = sum(value for value, _ in meters.verdicts(channel="import").values())
    register = counted(true)
    meters.save(register[290:291], start=START + 290 * HOUR, channel=Channel.IMPORT_REGISTER)
    meters.save(register[340:341], start=START + 340 * HOUR, channel=Channel.IMPORT_REGISTER)
    meters.validate()
    scaled = sum(value for value, _ in meters.verdicts(channel="import").values())
    assert scaled == pytest.approx(true[300:330].sum(), rel=1e-6)
    assert abs(without - true[300:330].sum()) > 0.1 * true[300:330].sum()


def with_check(tolerance: float) -> Site:
    """The example site with a check meter ``t`` over ``a`` and ``b``."""
    check = SumCheck("t:load", ("a:load", "b:load"), tolerance)
    return dataclasses.replace(EXAMPLE, sum_checks=(check,))


def test_a_part_that_changes_has_its_check_meter_judged_again_and_so_has_a_site_with_another_tolerance(
    meters: Any,
) -> None:
    save_site(meters.conn, with_check(0.05))
    a, b = meters.course(30), meters.course(30, level=20.0)
    for owner, values in (("a", a), ("b", b), ("t", a + b)):
        meters.save(values, owner=owner)
    meters.validate()
    assert meters.verdicts("t") == {}
    wrong = START + 400 * HOUR
    meters.save(np.array([a[400] * 1.3]), owner="a", start=wrong, revision=1)
    meters.validate()
    assert list(meters.verdicts("t")) == [wrong]
    assert meters.verdicts("t")[wrong][1] & Quality.SUM_MISMATCH
    save_site(meters.conn, with_check(0.5))
    assert meters.count("validation_due") == 1
    meters.validate()
    assert meters.verdicts("t") == {}


def test_a_site_that_judges_alike_makes_nothing_due(meters: Any) -> None:
    meters.save(meters.course(3), owner="town")
    save_site(meters.conn, EXAMPLE)
    meters.validate()
    save_site(meters.conn, dataclasses.replace(EXAMPLE, name="another name"))
    assert meters.count("validation_due") == 0
    smaller = dataclasses.replace(EXAMPLE.meters[0], capacity_kw=1.0)
    save_site(meters.conn, dataclasses.replace(EXAMPLE, meters=(smaller, *EXAMPLE.meters[1:])))
    assert meters.count("validation_due") == 1
    meters.validate()
    assert all(quality & Quality.OUT_OF_RANGE for _, quality in meters.verdicts("town").values())


def test_a_sum_check_holds_whatever_the_interval_lengths_of_its_parts(meters: Any) -> None:
    save_site(meters.conn, with_check(0.05))
    a, b = meters.course(30), meters.course(30, level=20.0)
    quarters = (START - EPOCH) // timedelta(microseconds=1) + 900_000_000 * np.arange(4 * len(a), dtype=np.int64)
    block = ReadingBlock(Source.METER, "a", Channel.LOAD, 15, quarters, np.repeat(a, 4), 0)
    with meters.conn.transaction():
        save_readings(meters.conn, [block], received_at=START + timedelta(days=31))
    total = a + b
    total[300:400] *= 0.7
    for owner, values in (("b", b), ("t", total)):
        meters.save(values, owner=owner)
    meters.validate()
    found = [start for start, (_, bits) in meters.verdicts("t").items() if bits & Quality.SUM_MISMATCH]
    assert found == [START + i * HOUR for i in range(300, 400)]


def test_a_channel_that_breaks_the_rules_is_named_and_everything_else_is_judged(
    meters: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for owner in ("first", "broken", "last"):
        meters.save(meters.course(3), owner=owner)

    def breaking(readings: Any, *arguments: Any, **options: Any) -> Any:
        if readings.values[0] < 0.0:
            raise ZeroDivisionError
        return judge(readings, *arguments, **options)

    monkeypatch.setattr("ingest.judging.judge", breaking)
    meters.save(np.array([-1.0]), owner="broken", revision=1)
    with pytest.raises(ZeroDivisionError):
        meters.validate()
    assert "broken:load cannot be judged" in caplog.text
    waiting = meters.conn.execute("SELECT DISTINCT owner_id FROM validation_due JOIN channel USING (channel_key)")
    assert waiting.fetchall() == [("broken",)]


def test_far_apart_spans_of_one_channel_are_not_loaded_together(meters: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    checks = (SumCheck("t:load", ("p:load",), 0.05), SumCheck("u:load", ("p:load",), 0.05))
    save_site(meters.conn, dataclasses.replace(EXAMPLE, sum_checks=checks))
    for owner, day in (("p", 0), ("p", 700), ("t", 0), ("u", 700)):
        meters.save(meters.course(2), owner=owner, start=START + timedelta(days=day))
    meters.validate()
    meters.conn.execute("DELETE FROM validation_due")
    for owner, day in (("t", 0), ("u", 700)):
        meters.save(meters.course(2) * 1.1, owner=owner, start=START + timedelta(days=day), revision=1)
    monkeypatch.setattr("ingest.judging.MOST_READINGS", 10_000)
    batches: list[int] = []
    run_validator(
        database_url=meters.url, until_caught_up=True, on_progress=lambda total: batches.append(total.channels)
    )
    assert batches == [1, 2]


def test_a_channel_judged_just_now_waits_and_what_comes_meanwhile_is_judged_together(meters: Any) -> None:
    def judged(every: timedelta) -> int:
        return judge_batch(meters.conn, lambda _: site_basis(None), awaited_until=None, every=every).channels

    values = meters.course(3)
    meters.save(values[:70])
    assert judged(HOUR) == 1, "nothing of it was judged before"
    meters.save(values[70:71], start=START + 70 * HOUR)
    meters.save(meters.course(1), owner="other")
    assert judged(HOUR) == 1, "only the other one"
    meters.save(values[71:], start=START + 71 * HOUR)
    assert (judged(HOUR), meters.count("validation_due")) == (0, 2)
    assert (judged(timedelta(0)), meters.count("validation_due")) == (1, 0)


def test_verdicts_stand_from_an_instant_after_everything_they_rest_on_was_read(meters: Any) -> None:
    values = meters.course(3)
    values[30] = nan
    meters.save(values)
    seen: list[datetime] = []

    def slowly(conn: Any) -> Any:
        conn.execute("SELECT pg_sleep(0.05)")
        seen.append(server_clock(conn))
        return site_basis(None)

    judge_batch(meters.conn, slowly, awaited_until=None)
    stamps = meters.conn.execute("SELECT judged_at FROM verdict UNION SELECT judged_at FROM validation_done").fetchall()
    assert len(stamps) == 1
    assert stamps[0][0] > seen[0]
