"""Metrics: what a worker did and where it stands, as Prometheus reads it."""

from __future__ import annotations

import threading
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.demo.server_process import free_port
from grid.faults import InputError
from grid.store.saving import SaveReport
from grid.store.stream import Partition
from ingest.batch import BatchReport
from ingest.metrics import IngestMetrics, served
from ingest.producer import ReadingProducer
from ingest.topics import ensure_topics
from ingest.worker import run_worker

P0, P1 = Partition("c", "t", "id", 0), Partition("c", "t", "id", 1)


def value(metrics: IngestMetrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"gridpilot_ingest_{name}", labels)


def test_every_outcome_of_a_batch_has_its_counter() -> None:
    metrics = IngestMetrics()
    report = BatchReport(5, 2, 1, SaveReport(added=4, replaced=3, late=2, duplicates=1), None, {"not_json": 1})
    metrics.stored(report + report, seconds=0.02)
    outcomes = {name: value(metrics, "readings_total", outcome=name) for name in ("added", "replaced", "late")}
    assert outcomes == {"added": 8.0, "replaced": 6.0, "late": 4.0}
    assert value(metrics, "readings_total", outcome="duplicate") == 2.0
    assert value(metrics, "messages_total") == 10.0
    assert value(metrics, "messages_skipped_total") == 4.0
    assert value(metrics, "dead_letters_total", error_class="not_json") == 2.0
    assert value(metrics, "commit_seconds_bucket", le="0.025") == 1.0
    assert value(metrics, "commit_seconds_bucket", le="0.01") == 0.0


def test_the_lag_of_a_partition_that_moved_on_is_no_longer_told() -> None:
    metrics = IngestMetrics()
    metrics.behind({P0: 7, P1: 0})
    assert value(metrics, "lag_messages", topic="t", partition="0") == 7.0
    metrics.behind({P1: 3})
    assert value(metrics, "lag_messages", topic="t", partition="0") is None
    assert value(metrics, "lag_messages", topic="t", partition="1") == 3.0


def test_a_worker_fills_its_metrics_and_prometheus_reads_them(broker: str, database_url: str) -> None:
    topics = "metrics-test.readings", "metrics-test.weather"
    ensure_topics(broker, topics=topics, partitions=2)
    with ReadingProducer(broker) as producer:
        message = b'{"meter_id":"m","channel":"load","unit":"kW","interval":"PT1H","start":"2026-01-01T00:00:00Z",'
        producer.send(topics[0], "m", message + b'"values":[1,2,3]}')
        producer.send(topics[0], "m", message + b'"values":[1,2,3]}')
        producer.send(topics[0], "m", b"rubbish")
    metrics, port = IngestMetrics(), free_port()
    with served(metrics, host="127.0.0.1", port=port):
        run_worker(
            database_url=database_url,
            bootstrap=broker,
            readings_topic=topics[0],
            weather_topic=topics[1],
            until_caught_up=True,
            metrics=metrics,
        )
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            families = list(text_string_to_metric_families(answer.read().decode()))
    told = {
        (s.name, *(s.labels[name] for name in sorted(s.labels))): s.value for family in families for s in family.samples
    }
    assert told["gridpilot_ingest_readings_total", "added"] == 3.0
    assert told["gridpilot_ingest_readings_total", "duplicate"] == 3.0
    assert told["gridpilot_ingest_dead_letters_total", "not_json"] == 1.0
    assert told["gridpilot_ingest_messages_total",] == 3.0
    assert told["gridpilot_ingest_connected",] == 1.0
    assert told["gridpilot_ingest_paused",] == 0.0
    assert [told["gridpilot_ingest_lag_messages", p, topics[0]] for p in "01"] == [0.0, 0.0]


def test_without_a_port_nothing_listens() -> None:
    before = threading.active_count()
    with served(IngestMetrics(), host="127.0.0.1", port=None):
        assert threading.active_count() == before


def test_a_port_that_is_taken_is_named_with_its_setting() -> None:
    port = free_port()
    with (
        served(IngestMetrics(), host="127.0.0.1", port=port),
        pytest.raises(InputError, match=rf"GRIDPILOT_METRICS_PORT.*{port}"),
        served(IngestMetrics(), host="127.0.0.1", port=port),
    ):
        pass
