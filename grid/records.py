"""Strict reading of plain documents (TOML, JSON) into the frozen dataclasses that are our nouns, all faults at once."""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
import types
import typing
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from grid.faults import Fault

_LARGEST_INT = 2**63


def parse_json(text: str) -> Any:
    """What a JSON text holds.

    Raises:
        ValueError: If it is none, is nested too deep, or an object has a name twice, of which the last would win.
    """
    try:
        return json.loads(text, object_pairs_hook=_each_once)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        ((twice, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"an object has {twice!r} twice")
    return found


def read_fields(
    kind: type, document: object, *, place: str, faults: list[Fault], base: object = None
) -> dict[str, object]:
    """The fields of dataclass ``kind`` that ``document`` holds with the right type, converted.

    Whatever is unknown, missing or of a wrong type is added to ``faults`` and left out. In a list of records only
    the whole ones are kept.

    Args:
        document: A table (mapping) with a key per field.
        place: Where the document stands, such as ``thermal_units[3] "101_CT_1"``; "" for the outermost.
        base: The record of this kind that the document changes; None if it must say everything without a default.
    """
    if not isinstance(document, Mapping):
        faults.append(Fault(place or "the file", f"must be a table, got {_shown(document)}", "write key = value pairs"))
        return {}
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for key in document:
        if key not in fields:
            close = difflib.get_close_matches(str(key), fields, n=1)
            remedy = f"did you mean {close[0]}?" if close else f"remove it; known are {', '.join(fields)}"
            faults.append(Fault(_join(place, str(key)), "no such setting", remedy))
    hints = typing.get_type_hints(kind)
    read: dict[str, object] = {}
    for name, field in fields.items():
        if name in document:
            before = len(faults)
            default = field.default if base is None else getattr(base, name)
            value = _read(hints[name], document[name], place=_join(place, name), faults=faults, base=default)
            if len(faults) == before or typing.get_origin(hints[name]) is tuple:
                read[name] = value
        elif base is None and field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            faults.append(Fault(_join(place, name), "is missing", f"add it: {_expected(hints[name])}"))
    return read


def item_place(section: str, position: int, item: object) -> str:
    """How an entry of a list is called in messages: ``thermal_units[3] "101_CT_1"``."""
    place = f"{section}[{position}]"
    if isinstance(item, Mapping):
        names = [value for key, value in item.items() if str(key).endswith("_id") and isinstance(value, str)]
        if names:
            return f'{place} "{names[0]}"'
    return place


def to_document(record: object) -> object:
    """The plain document that :func:`read_fields` reads back; fields that are None are left out."""
    if dataclasses.is_dataclass(record):
        values = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
        return {name: to_document(value) for name, value in values.items() if value is not None}
    if isinstance(record, tuple):
        return [to_document(item) for item in record]
    return record.value if isinstance(record, StrEnum) else record


def _read(hint: object, value: object, *, place: str, faults: list[Fault], base: object = None) -> object:
    """``value`` as ``hint`` wants it; a fault is added where it is not. A table changes the record ``base``, if any."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        return _read_list(arguments[0], value, place=place, faults=faults)
    if origin is types.UnionType:  # X | None
        if value is None:
            return None
        hint = next(argument for argument in arguments if argument is not type(None))
    if dataclasses.is_dataclass(hint):
        return _read_record(typing.cast(type, hint), value, place=place, faults=faults, base=base)
    scalar = _scalar(typing.cast(type, hint), value)
    if scalar is None:
        faults.append(Fault(place, f"must be {_expected(hint)}, got {_shown(value)}", "correct it"))
    return scalar


def _scalar(kind: type, value: object) -> object:
    """``value`` if it is of ``kind``, as that; else None. True and false are no numbers."""
    if issubclass(kind, StrEnum):
        return kind(value) if isinstance(value, str) and value in list(kind) else None
    if isinstance(value, bool) and kind is not bool:
        return None
    if kind is float:
        number = _as_float(value) if isinstance(value, int | float) else math.nan
        return number if math.isfinite(number) else None
    if kind is int and isinstance(value, int) and abs(value) >= _LARGEST_INT:
        return None
    return value if isinstance(value, kind) else None


def _read_list(hint: object, value: object, *, place: str, faults: list[Fault]) -> tuple[object, ...]:
    if not isinstance(value, list | tuple):
        faults.append(Fault(place, f"must be a list, got {_shown(value)}", f"write [[{place}]] for each entry"))
        return ()
    items = []
    for position, item in enumerate(value):
        before = len(faults)
        read = _read(hint, item, place=item_place(place, position, item), faults=faults)
        if len(faults) == before:
            items.append(read)
    return tuple(items)


def _read_record(kind: type, value: object, *, place: str, faults: list[Fault], base: object) -> object:
    before = len(faults)
    changed = base if isinstance(base, kind) else None
    fields = read_fields(kind, value, place=place, faults=faults, base=changed)
    if len(faults) > before:
        return None
    return kind(**fields) if changed is None else dataclasses.replace(typing.cast(typing.Any, changed), **fields)


def _as_float(number: float) -> float:
    """``number`` as a float; an integer beyond its range is infinite."""
    try:
        return float(number)
    except OverflowError:
        return math.inf


def _join(place: str, name: str) -> str:
    if not place:
        return name
    return f"{place}: {name}" if place.endswith(('"', "]")) else f"{place}.{name}"


def _expected(hint: object) -> str:
    """What a field takes, in words."""
    if typing.get_origin(hint) is types.UnionType:
        hint = typing.get_args(hint)[0]
    if typing.get_origin(hint) is tuple:
        return "a list"
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return "one of " + ", ".join(hint)
    if dataclasses.is_dataclass(hint):
        return "a table"
    names = {str: "a text in quotes", float: "a number", int: "a whole number", bool: "true or false"}
    return names.get(typing.cast(type, hint), str(hint))


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
