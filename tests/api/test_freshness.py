"""When a link of the chain counts as stale: hours on the site's clock, and in a replay the stream's silence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest

from api.freshness import SILENT_AFTER, described, freshness
from api.jobs.clock import present
from grid.readings import ReadingBlock, Source
from grid.store.freshness import Arrivals, arrivals
from grid.store.saving import save_readings
from grid.store.sites import load_site
from grid.time_axis import to_us
from grid.units import Channel

HOUR = timedelta(hours=1)
NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)  # the present of the town
RECEIVED = datetime(2026, 3, 2, 6, 1, tzinfo=UTC)  # when its readings came


def send_hours(conn: psycopg.Connection, received: list[datetime]) -> None:
    """An hour of load after NOW arrived at each of these instants; with the first of them two."""
    starts = [NOW + hour * HOUR for hour in range(len(received) + 1)]
    for start, at in zip(starts, [received[0], *received], strict=True):
        stamp = np.array([to_us(start)], dtype=np.int64)
        save_readings(
            conn, [ReadingBlock(Source.METER, "town", Channel.LOAD, 60, stamp, np.ones(1), 0)], received_at=at
        )


def test_the_usual_gap_is_that_between_arrivals_and_not_between_readings(town_url: str) -> None:
    at = datetime(2026, 3, 2, 12, tzinfo=UTC)
    with psycopg.connect(town_url) as conn:
        assert arrivals(conn, ["town:load"]) == Arrivals(RECEIVED, None), "all came at once"
        assert arrivals(conn, ["nobody:load"]) == Arrivals(None, None)
        send_hours(conn, [at + timedelta(seconds=after) for after in (0, 40, 70, 100, 130)])
        assert arrivals(conn, ["town:load"]) == Arrivals(at + timedelta(seconds=130), timedelta(seconds=30))


@pytest.mark.parametrize(
    ("gap", "silence", "state"),
    [
        (timedelta(seconds=1), SILENT_AFTER / 2, "fresh"),
        (timedelta(seconds=1), SILENT_AFTER * 2, "stale"),
        (timedelta(minutes=5), timedelta(minutes=10), "fresh"),
        (timedelta(minutes=5), timedelta(minutes=25), "stale"),
    ],
)
def test_a_replay_is_stale_after_a_few_gaps_of_its_load_whatever_else_comes(
    town_url: str, gap: timedelta, silence: timedelta, state: str
) -> None:
    with psycopg.connect(town_url) as conn:
        last = datetime.now(UTC) - silence
        send_hours(conn, [last - back * gap for back in (4, 3, 2, 1, 0)])
        conn.execute(
            "INSERT INTO stream_offset (cluster_id, topic, topic_id, partition, next_offset, updated_at)"
            " VALUES ('c', 't', 'id', 0, 1, now())"
        )
        site = load_site(conn)
        now = present(conn, site, "telemetry")
        telemetry = freshness(conn, site, "telemetry", now, every=HOUR).telemetry
    assert (telemetry.state, telemetry.age_seconds, telemetry.received_at) == (state, 0.0, last)


def test_without_a_present_a_forecast_that_exists_is_told_with_its_instant(town_url: str) -> None:
    with psycopg.connect(town_url) as conn:
        ages = freshness(conn, load_site(conn), "telemetry", None, every=HOUR)
    assert described(ages.forecast).startswith("from 2026-03-02 06:00Z; how old that is cannot be told")
    assert described(ages.plan) == "there is none yet"
