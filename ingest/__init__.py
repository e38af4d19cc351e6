"""Kafka telemetry in, rows of the database out, each reading exactly once in effect; and files of readings replayed."""

from ingest.encoding import encode_message, encode_reading, message_key
from ingest.messages import decode_reading
from ingest.producer import DeliveryError, ReadingProducer
from ingest.topics import READINGS_TOPIC, WEATHER_TOPIC, BrokerUnavailableError, ensure_topics
from ingest.worker import IngestReport, run_worker

__all__ = [
    "READINGS_TOPIC",
    "WEATHER_TOPIC",
    "BrokerUnavailableError",
    "DeliveryError",
    "IngestReport",
    "ReadingProducer",
    "decode_reading",
    "encode_message",
    "encode_reading",
    "ensure_topics",
    "message_key",
    "run_worker",
]
