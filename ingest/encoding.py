"""Writing telemetry messages: the other half of :mod:`ingest.messages`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np

from grid.readings import (
    MAX_MESSAGE_BYTES,
    MAX_VALUES_PER_MESSAGE,
    NOTHING_STATED,
    STATED_QUALITY,
    Quality,
    ReadingBlock,
    Source,
)
from grid.time_axis import EPOCH, FloatArray
from grid.units import STORED_UNIT, Channel

_OWNER_FIELD = {Source.METER: "meter_id", Source.WEATHER: "site_id"}
_encoder = msgspec.json.Encoder()


def message_key(owner_id: str) -> bytes:
    """The Kafka key of an owner's messages: it keeps them in one partition, and so in order."""
    return owner_id.encode()


def encode_message(
    source: Source,
    owner_id: str,
    channel: Channel,
    *,
    unit: str,
    interval_minutes: int,
    start: datetime,
    values: FloatArray,
    revision: int = 0,
    issued_at: datetime | None = None,
    sent_at: datetime | None = None,
    quality: Quality = NOTHING_STATED,
) -> bytes:
    """A message of consecutive intervals, in any unit that its channel accepts.

    Args:
        start: Start of the first interval, aware.
        values: In ``unit``, shape (readings,). NaN is sent as null.
        issued_at: When a forecast was issued; None for observed values.
        quality: What is said of all of the values: bits of :data:`grid.readings.STATED_QUALITY`.

    Raises:
        ValueError: If the message is empty, too large, or holds an infinite value.
    """
    body = {"start": _stamp(start), "values": _numbers(values)}
    return _encode(source, owner_id, channel, unit, interval_minutes, body, revision, issued_at, sent_at, quality)


def encode_reading(block: ReadingBlock, *, sent_at: datetime | None = None) -> bytes:
    """The message that :func:`ingest.messages.decode_reading` turns into ``block`` again, to the last bit.

    Raises:
        ValueError: If the message is empty, too large, or holds an infinite value.
    """
    starts = [EPOCH + timedelta(microseconds=us) for us in block.starts_us.tolist()]
    body: dict[str, Any]
    if np.all(np.diff(block.starts_us) == block.interval_minutes * 60_000_000):
        body = {"start": _stamp(starts[0]) if starts else None, "values": _numbers(block.values)}
    else:
        body = {"readings": list(zip(map(_stamp, starts), _numbers(block.values), strict=True))}
    return _encode(
        block.source,
        block.owner_id,
        block.channel,
        STORED_UNIT[block.channel],
        block.interval_minutes,
        body,
        block.revision,
        block.issued_at,
        sent_at,
        block.quality,
    )


def _encode(
    source: Source,
    owner_id: str,
    channel: Channel,
    unit: str,
    interval_minutes: int,
    body: dict[str, Any],
    revision: int,
    issued_at: datetime | None,
    sent_at: datetime | None,
    quality: Quality,
) -> bytes:
    message: dict[str, Any] = {
        _OWNER_FIELD[source]: owner_id,
        "channel": channel.value,
        "unit": unit,
        "interval": f"PT{interval_minutes}M",
        **body,
        "revision": revision,
    }
    if issued_at is not None:
        message["issued_at"] = _stamp(issued_at)
    if sent_at is not None:
        message["sent_at"] = _stamp(sent_at)
    if quality:
        message["quality"] = [word for word, bit in STATED_QUALITY.items() if bit in quality]
    payload = _encoder.encode(message)
    if len(payload) > MAX_MESSAGE_BYTES:
        raise ValueError(f"a message has at most {MAX_MESSAGE_BYTES} bytes, got {len(payload)}; send fewer values")
    return payload


def _numbers(values: FloatArray) -> Sequence[float]:
    # msgspec writes NaN as null, and would write infinity so, too.
    if not 1 <= len(values) <= MAX_VALUES_PER_MESSAGE:
        raise ValueError(f"a message has 1 to {MAX_VALUES_PER_MESSAGE} values, got {len(values)}")
    if np.isinf(values).any():
        raise ValueError(f"value {int(np.isinf(values).argmax())} is infinite; a missing reading is NaN")
    numbers: list[float] = np.asarray(values, dtype=np.float64).tolist()
    return numbers


def _stamp(instant: datetime) -> str:
    if instant.tzinfo is None:
        raise ValueError(f"instants must be aware, got the naive {instant.isoformat()}")
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
