"""Telemetry messages: JSON in, a block of readings out, or the reason why not. The format: docs/telemetry.md.

One typed decode does nearly all of the checking; the readings themselves are only ever handled as arrays. A message
is taken whole or refused whole, and a refusal names every fault found.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any

import msgspec
import numpy as np
import numpy.typing as npt

from grid.readings import (
    MAX_MESSAGE_BYTES,
    MAX_VALUES_PER_MESSAGE,
    NOTHING_STATED,
    STATED_QUALITY,
    Quality,
    ReadingBlock,
    Rejection,
    Source,
)
from grid.time_axis import EPOCH, FloatArray, to_us
from grid.units import STORED_UNIT, Channel, accepted_units, to_stored_unit

MAX_OWNER_ID_LENGTH = 200
MAX_INTERVAL_MINUTES = 25 * 60  # a local day has 25 hours when the clocks go back
EARLIEST = EPOCH
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
ABSOLUTE_ZERO_C = -273.15 - 1e-9  # with room for the rounding of a conversion

_EARLIEST_US, _LATEST_US = to_us(EARLIEST), to_us(LATEST)
_CHANNELS = {channel.value: channel for channel in Channel}
_SHAPE = {"start", "values", "readings"}
OWNER_FIELD = {Source.METER: "meter_id", Source.WEATHER: "site_id"}
_DURATION = re.compile(r"P(?:(\d{1,4})D)?(?:T(?:(\d{1,4})H)?(?:(\d{1,6})M)?(?:(\d{1,6})S)?)?")

_Instant = Annotated[datetime, msgspec.Meta(tz=True)]
_IntArray = npt.NDArray[np.int64]


class _Wire(msgspec.Struct):
    """The message as typed JSON. Fields that must stand there are checked after decoding, all at once.

    A field added here must be added to :func:`_may_repeat_a_name`, too.
    """

    meter_id: str = ""
    site_id: str = ""
    channel: str = ""
    unit: str = ""
    interval: str = ""
    start: _Instant | None = None
    values: list[float | None] | None = None
    readings: list[tuple[_Instant, float | None]] | None = None
    revision: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] | msgspec.UnsetType = msgspec.UNSET
    quality: list[str] | None = None
    issued_at: _Instant | None = None
    sent_at: _Instant | None = None


_decoder = msgspec.json.Decoder(_Wire)
_raw_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


def decode_reading(payload: bytes, source: Source, *, key: bytes | None = None) -> ReadingBlock | Rejection:
    """Check one message and return its readings in stored units, or why it cannot be stored.

    Args:
        payload: UTF-8 JSON.
        source: Whose topic it came from: meters name ``meter_id``, weather sites ``site_id``.
        key: The message's Kafka key. It must equal the owner's id; None (no key) is accepted.

    Returns:
        A block with at least one reading and no interval twice; or a rejection whose ``error_class`` and ``field``
        are those of the first fault, and whose ``detail`` lists them all.
    """
    if len(payload) > MAX_MESSAGE_BYTES:
        return Rejection("too_large", "", f"at most {MAX_MESSAGE_BYTES} bytes, got {len(payload)}; send fewer values")
    try:
        wire = _decoder.decode(payload)
    except msgspec.ValidationError as error:
        repeated = _repeated_names(payload)
        return _all_in_one(
            [*(repeated if isinstance(repeated, list) else ()), *_type_faults(payload, error, source, key)]
        )
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Rejection("not_json", "", f"the message must be one JSON object in UTF-8: {error}")
    repeated = _repeated_names(payload) if _may_repeat_a_name(wire, payload) else []
    if isinstance(repeated, Rejection):
        return repeated
    result = _block(wire, source, key)
    if isinstance(result, ReadingBlock) and not repeated:
        return result
    return _all_in_one([*repeated, *(result if isinstance(result, list) else ())])


def stated_source(payload: bytes) -> Source:
    """Whose a message is that came on no topic: of weather if it names ``site_id`` and no ``meter_id``."""
    try:
        names = _raw_decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Source.METER
    return Source.WEATHER if "site_id" in names and "meter_id" not in names else Source.METER


def _block(wire: _Wire, source: Source, key: bytes | None) -> ReadingBlock | list[Rejection]:
    faults = list(_owner_faults(wire, source, key))
    channel = _CHANNELS.get(wire.channel)
    if channel is None:
        faults.append(_choice("unknown_channel", "channel", wire.channel, list(Channel)))
    elif wire.unit not in accepted_units(channel):
        faults.append(_choice("unknown_unit", "unit", wire.unit, accepted_units(channel)))
    minutes = interval_minutes(wire.interval)
    if minutes is None:
        faults.append(
            Rejection(
                "bad_interval",
                "interval",
                f"must be an ISO 8601 duration of 1 to {MAX_INTERVAL_MINUTES} whole minutes such as PT15M,"
                f" got {wire.interval!r}",
            )
        )
    if wire.quality:
        unknown = [word for word in wire.quality if word not in STATED_QUALITY]
        faults += [_choice("unknown_quality", "quality", word, list(STATED_QUALITY)) for word in unknown[:1]]
    shape = _shape(wire, minutes or 1)
    if isinstance(shape, Rejection):
        faults.append(shape)
    else:
        faults += _time_faults(wire, *shape)
    if channel is None or minutes is None or isinstance(shape, Rejection) or faults:
        return faults
    starts_us, values = shape
    if wire.unit != STORED_UNIT[channel]:
        with np.errstate(over="ignore"):  # an overflow is refused below
            values = to_stored_unit(values, unit=wire.unit, channel=channel, interval_minutes=minutes)
    fault = _value_fault(values, channel)
    if fault is not None:
        return [fault]
    owner_id = wire.meter_id if source is Source.METER else wire.site_id
    issued_at = wire.issued_at.astimezone(UTC) if wire.issued_at is not None else None
    quality = _stated(wire.quality) if wire.quality else NOTHING_STATED
    return ReadingBlock(source, owner_id, channel, minutes, starts_us, values, wire.revision or 0, issued_at, quality)


def _stated(words: Sequence[str]) -> Quality:
    quality = NOTHING_STATED
    for word in words:
        quality |= STATED_QUALITY[word]
    return quality


def _owner_faults(wire: _Wire, source: Source, key: bytes | None) -> Iterator[Rejection]:
    field = OWNER_FIELD[source]
    owner_id = wire.meter_id if source is Source.METER else wire.site_id
    if not owner_id:
        of_weather = "; a message with site_id is for the topic of weather" if wire.site_id else ""
        yield Rejection("missing_field", field, f"must be there and not empty{of_weather}")
    elif not is_owner_id(owner_id):
        yield Rejection("bad_id", field, f"must be at most {MAX_OWNER_ID_LENGTH} printable characters")
    elif key is not None and key != owner_id.encode("utf-8", "replace"):
        yield Rejection("key_mismatch", field, f"must equal the message's key, got {owner_id!r} under key {key!r}")
    if source is Source.METER and wire.issued_at is not None:
        yield Rejection("unexpected_field", "issued_at", "a meter does not forecast; send forecasts as weather")


def _shape(wire: _Wire, minutes: int) -> tuple[_IntArray, FloatArray] | Rejection:
    """Interval starts in microseconds since 1970, and the values as sent, both of shape (readings,)."""
    regular = wire.start is not None or wire.values is not None
    if regular and wire.readings is not None:
        return Rejection("two_shapes", "readings", "send either start and values, or readings, not both")
    count = len(wire.readings or wire.values or ())
    if count > MAX_VALUES_PER_MESSAGE:
        return Rejection("too_many_values", "values", f"at most {MAX_VALUES_PER_MESSAGE} a message, got {count}")
    if wire.readings:
        stamps, numbers = zip(*wire.readings, strict=True)
        return np.array([to_us(stamp) for stamp in stamps], dtype=np.int64), np.array(numbers, dtype=np.float64)
    if wire.values and wire.start is not None:
        first, step = to_us(wire.start), minutes * 60_000_000
        starts = np.arange(first, first + count * step, step, dtype=np.int64)
        return starts, np.array(wire.values, dtype=np.float64)
    if wire.values and wire.start is None:
        return Rejection("missing_field", "start", "must be there with values: the first interval's start")
    if wire.start is not None and wire.values is None:
        return Rejection("missing_field", "values", "must be there with start")
    if not regular and wire.readings is None:
        return Rejection("missing_field", "values", "send start and values, or readings")
    return Rejection("empty", "values" if regular else "readings", "must hold at least one reading")


def _time_faults(wire: _Wire, starts_us: _IntArray, values: FloatArray) -> Iterator[Rejection]:
    in_order = wire.readings is None
    first, last = (starts_us[0], starts_us[-1]) if in_order else (starts_us.min(), starts_us.max())
    if first < _EARLIEST_US or last >= _LATEST_US:
        field = "start" if wire.readings is None else "readings"
        yield Rejection("time_out_of_range", field, f"intervals must start from {EARLIEST} and before {LATEST}")
    if wire.issued_at is not None and not EARLIEST <= wire.issued_at < LATEST:
        yield Rejection("time_out_of_range", "issued_at", f"must lie from {EARLIEST} and before {LATEST}")
    if wire.readings is not None and len(np.unique(starts_us)) < len(starts_us):
        yield Rejection("duplicate_interval", "readings", "holds two readings that start at the same instant; send one")


def _value_fault(values: FloatArray, channel: Channel) -> Rejection | None:
    if np.isinf(values).any():
        return Rejection("not_finite", "values", f"value {int(np.isinf(values).argmax())} is too large for its unit")
    if channel is Channel.AIR_TEMPERATURE and (values < ABSOLUTE_ZERO_C).any():
        at = int((values < ABSOLUTE_ZERO_C).argmax())
        return Rejection("out_of_range", "values", f"value {at} is below absolute zero; check its unit")
    return None


def is_owner_id(text: str) -> bool:
    """Whether a text can name a meter or a weather site."""
    return 0 < len(text) <= MAX_OWNER_ID_LENGTH and text.isprintable()


@lru_cache(maxsize=256)
def interval_minutes(duration: str) -> int | None:
    """Whole minutes of an ISO 8601 duration such as ``PT15M`` or ``P1D``; None if it is none we accept."""
    found = _DURATION.fullmatch(duration)
    if found is None or not any(found.groups()):
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    return total // 60 if total % 60 == 0 and 1 <= total // 60 <= MAX_INTERVAL_MINUTES else None


def _may_repeat_a_name(wire: _Wire, payload: bytes) -> bool:
    """Whether the message may hold a name twice; False is certain.

    Every name and every text stands in two quotation marks. Where the payload holds just those of the fields that
    were decoded, there is no room for another name, however it is escaped.
    """
    with_texts = (  # fields whose value is a text, too
        (wire.meter_id != "")
        + (wire.site_id != "")
        + (wire.channel != "")
        + (wire.unit != "")
        + (wire.interval != "")
        + (wire.start is not None)
        + (wire.issued_at is not None)
        + (wire.sent_at is not None)
    )
    others = (wire.values is not None) + (wire.revision is not msgspec.UNSET)
    if wire.quality is not None:
        others += 1 + len(wire.quality)
    if wire.readings is not None:
        others += 1 + len(wire.readings)  # each has the text of its instant
    return payload.count(b'"') != 4 * with_texts + 2 * others


def _repeated_names(payload: bytes) -> list[Rejection] | Rejection:
    """Every name that the message's object holds more than once; slow, and exact."""
    if not payload.lstrip().startswith(b"{"):
        return []
    try:
        names = json.loads(
            payload.decode(),
            object_pairs_hook=_names,
            parse_int=_ignored,
            parse_float=_ignored,
            parse_constant=_ignored,
        )
    except (ValueError, RecursionError) as error:
        return Rejection("not_json", "", f"the message must be one JSON object in UTF-8: {error}")
    return [
        Rejection("duplicate_field", name, f"stands there {count} times; send it once")
        for name, count in Counter(names).items()
        if count > 1
    ]


def _names(pairs: list[tuple[str, object]]) -> list[str]:
    return [name for name, _ in pairs]


def _ignored(number: str) -> None:
    """A number is not looked at again; converting it could fail."""


def _type_faults(
    payload: bytes, error: msgspec.ValidationError, source: Source, key: bytes | None
) -> Iterator[Rejection]:
    """Every field whose JSON type is wrong, found one by one, and then what is wrong with the others."""
    wrong: set[str] = set()
    right: dict[str, Any] = {}
    try:
        raw = _raw_decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raw = {}
    for field in msgspec.structs.fields(_Wire):
        if field.name in raw:
            try:
                right[field.name] = msgspec.json.decode(raw[field.name], type=field.type)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
                wrong.add(field.name)
                out_of_range = "Number out of range" in str(fault)
                yield Rejection("not_finite" if out_of_range else "wrong_type", field.name, str(fault))
    if not wrong:
        yield Rejection("wrong_type", "", str(error))
        return
    told = wrong | _SHAPE if wrong & _SHAPE else wrong  # these three are judged together
    others = _block(_Wire(**right), source, key)
    yield from (fault for fault in others if fault.field not in told) if isinstance(others, list) else ()


def _choice(error_class: str, field: str, got: str, choices: Sequence[str]) -> Rejection:
    if not got:
        return Rejection("missing_field", field, f"must be one of {', '.join(choices)}")
    return Rejection(error_class, field, f"must be one of {', '.join(choices)}; got {got[:100]!r}")


def _all_in_one(faults: list[Rejection]) -> Rejection:
    first, *others = faults
    if not others:
        return first
    more = "; ".join(f"{fault.field or 'message'}: {fault.detail}" for fault in others)
    return Rejection(first.error_class, first.field, f"{first.detail}; {more}")
