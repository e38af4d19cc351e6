"""How fast telemetry messages are decoded and validated, against a bare JSON parse of the same bytes.

Run it by ``make bench``. Every figure is CPU time of one run on one core, so the ratios hold on any machine.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np

from grid.readings import ReadingBlock, Source
from grid.units import Channel
from ingest.encoding import encode_message
from ingest.messages import decode_reading

READINGS = 192_000
START = datetime(2026, 3, 1, tzinfo=UTC)


def messages(values_per_message: int) -> list[bytes]:
    """Messages that hold ``READINGS`` values in all, a day of quarter-hours after the other."""
    rng = np.random.default_rng(0)
    step = timedelta(minutes=15) * values_per_message
    return [
        encode_message(
            Source.METER,
            f"m-{i % 1000}",
            Channel.IMPORT,
            unit="kWh",
            interval_minutes=15,
            start=START + step * (i // 1000),
            values=np.round(rng.gamma(2.0, 0.2, values_per_message), 3),
        )
        for i in range(READINGS // values_per_message)
    ]


def cpu_seconds(decode: Callable[[bytes], object], payloads: list[bytes]) -> float:
    """CPU time of decoding every payload, the best of three."""
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        for payload in payloads:
            decode(payload)
        best = min(best, time.process_time() - began)
    return best


def decode(payload: bytes) -> ReadingBlock:
    """Decode one message, and insist that it was accepted."""
    block = decode_reading(payload, Source.METER)
    if not isinstance(block, ReadingBlock):
        raise TypeError(f"the benchmark's own message was rejected: {block}")
    return block


def main() -> None:
    """Print one line per message size."""
    print(
        f"{'values a message':>16} {'decoded, validated':>22} {'with a strange field':>22} {'bare json.loads':>18}"
        f" {'ratio':>7}"
    )
    for values_per_message in (1, 12, 96):
        payloads = messages(values_per_message)
        strange = [payload[:-1] + b',"firmware":"1.2"}' for payload in payloads]  # its names are looked at one by one
        ours, slow, bare = (
            cpu_seconds(decode, payloads),
            cpu_seconds(decode, strange),
            cpu_seconds(json.loads, payloads),
        )
        print(
            f"{values_per_message:>16} {READINGS / ours:>16,.0f} /CPU s {READINGS / slow:>16,.0f} /CPU s"
            f" {READINGS / bare:>12,.0f} /CPU s {bare / ours:>7.2f}"
        )


if __name__ == "__main__":
    main()
