"""Prometheus metrics: requests as they are answered, the state of the chain as it is scraped.

With several worker processes ``PROMETHEUS_MULTIPROC_DIR`` names a folder of theirs (:mod:`api.serving` makes one), and
each scrape adds them up.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.routes import PREFIX

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series per counter, which nobody reads

REQUESTS = Counter("gridpilot_http_requests_total", "Requests answered.", ["method", "route", "status"], registry=None)
LATENCY = Histogram(
    "gridpilot_http_request_seconds",
    "Time until an answer's headers were sent.",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120),
    registry=None,
)
STREAMS = Gauge("gridpilot_event_streams", "Open event streams.", registry=None, multiprocess_mode="livesum")
ACCEPTED = Counter("gridpilot_readings_accepted_total", "Values accepted by POST /readings.", registry=None)


class CountRequests:
    """Count each request and time its answer, by route template and never by raw path."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begin = time.perf_counter()
        status = 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                LATENCY.labels(_route(scope)).observe(time.perf_counter() - begin)
            await send(message)

        try:
            await self.app(scope, receive, watch)
        finally:
            REQUESTS.labels(scope["method"] if scope["method"] in _METHODS else "other", _route(scope), status).inc()


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _route(scope: Scope) -> str:
    """The template that matched, with the API's prefix (a router that was included does not know it)."""
    template = str(getattr(scope.get("route"), "path", "none"))
    below = scope["path"].startswith(f"{PREFIX}/") and template.startswith("/")
    return f"{PREFIX}{template}" if below and not template.startswith(PREFIX) else template


class _Values(Collector):
    def __init__(self, gauges: Iterable[tuple[str, str, dict[str, str], float]]) -> None:
        self._gauges = list(gauges)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        families: dict[str, GaugeMetricFamily] = {}
        for name, help_text, labels, value in self._gauges:
            family = families.setdefault(name, GaugeMetricFamily(name, help_text, labels=list(labels)))
            family.add_metric(list(labels.values()), value)
        return families.values()


def exposition(gauges: Iterable[tuple[str, str, dict[str, str], float]]) -> tuple[bytes, str]:
    """All metrics in Prometheus' text format, and their media type.

    Args:
        gauges: What was read for this scrape: name, help, labels, value.
    """
    registry = CollectorRegistry()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        for metric in (REQUESTS, LATENCY, STREAMS, ACCEPTED):
            registry.register(metric)
    registry.register(_Values(gauges))
    return generate_latest(registry), CONTENT_TYPE_LATEST
