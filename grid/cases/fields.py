"""Reading a JSON document field by field: what is wrong becomes a fault that names its place, and reading goes on."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, TypeGuard

import numpy as np

from grid.cases.spans import MOST
from grid.faults import Fault
from grid.time_axis import FloatArray

_REMEDY = "see docs/dispatch-files.md"


class Fields:
    """One object of a document. A field that is missing or wrong is a fault, and reads as 0 or as its nearest bound."""

    def __init__(self, data: Any, place: str, faults: list[Fault]) -> None:
        self._place, self._faults = place, faults
        self._data: dict[str, Any] = data if isinstance(data, dict) else {}
        if not isinstance(data, dict):
            faults.append(Fault(place or "document", f"must be an object, got {_shown(data)}", _REMEDY))

    def fault(self, key: str, problem: str, remedy: str) -> None:
        """Note a fault of a field."""
        self._faults.append(Fault(f"{self._place}: {key}" if self._place else key, problem, remedy))

    def has(self, key: str) -> bool:
        return self._data.get(key) is not None

    def is_object(self, key: str) -> bool:
        return isinstance(self._data.get(key), dict)

    def is_list(self, key: str) -> bool:
        return isinstance(self._data.get(key), list)

    def names(self) -> tuple[str, ...]:
        return tuple(self._data)

    def number(
        self, key: str, *, default: float | None = None, least: float = -math.inf, most: float = math.inf
    ) -> float:
        """A number between ``least`` and ``most``, of at most 1e12 in size."""
        value = self._get(key, default)
        if value is None:
            return 0.0
        if not _is_number(value):
            self.fault(key, _no_number(value), "give a number")
            return 0.0
        if not least <= value <= most:
            limits = f"at least {least:g}" if math.isinf(most) else f"between {least:g} and {most:g}"
            self.fault(key, f"must be {limits}, got {value:g}", "correct it")
            return float(min(max(value, least), most))
        return float(value)

    def whole(self, key: str, *, least: int, most: int | None = None, default: int | None = None) -> int:
        """A whole number; true and false count as 1 and 0."""
        value = self._get(key, default)
        if value is None:
            return least
        if not (isinstance(value, bool) or _is_number(value)) or value != int(value):
            self.fault(key, f"must be a whole number, got {_shown(value)}", "give a whole number")
            return least
        if value < least or (most is not None and value > most):
            self.fault(key, f"must be {least} {'or more' if most is None else f'to {most}'}, got {value}", "correct it")
            return least
        return int(value)

    def text(self, key: str, *, default: str | None = None) -> str:
        """A text."""
        value = self._get(key, default)
        if value is None:
            return ""
        if not isinstance(value, str):
            self.fault(key, f"must be a text, got {_shown(value)}", "put it in quotes")
            return ""
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self._data.get(key, default)
        if not isinstance(value, bool):
            self.fault(key, f"must be true or false, got {_shown(value)}", "correct it")
            return default
        return value

    def series(self, key: str, periods: int, *, default: float | None = None) -> FloatArray:
        """One finite number per period, or one for all of them; missing or empty reads as ``default`` where given."""
        value = self._data.get(key)
        if value is None or value == []:
            if default is None:
                self.fault(key, "is missing", f"give {periods} numbers, one per period")
            return np.full(periods, default or 0.0)
        if not isinstance(value, list):
            return np.full(periods, self.number(key))
        if len(value) != periods:
            self.fault(key, f"must have {periods} values, one per period, got {len(value)}", "complete or cut it")
            return np.zeros(periods)
        for t in [t for t, x in enumerate(value) if not _is_number(x)]:
            self.fault(f"{key}[{t}]", _no_number(value[t]), "fill the gap, or correct it")
        return np.array([float(x) if _is_number(x) else 0.0 for x in value])

    def lists(self, key: str, periods: int) -> FloatArray:
        """A list of series, shape (series, periods)."""
        rows = self._data.get(key, [])
        if not isinstance(rows, list) or not rows:
            self.fault(key, f"must be a list of lists, got {_shown(rows)}", "give at least one")
            return np.zeros((0, periods))
        named = Fields({f"{key}[{i}]": row for i, row in enumerate(rows)}, self._place, self._faults)
        return np.array([named.series(f"{key}[{i}]", periods) for i in range(len(rows))])

    def object(self, key: str) -> Fields:
        """The object under ``key``; an empty one where there is none."""
        return Fields(self._data.get(key, {}), f"{self._place}: {key}" if self._place else key, self._faults)

    def items(self, key: str) -> Iterator[tuple[str, Fields]]:
        """The objects under the names in the object ``key``; nothing where there is none."""
        named = self._data.get(key, {})
        if not isinstance(named, dict):
            self.fault(key, f"must be an object of named ones, got {_shown(named)}", _REMEDY)
            return
        for name, data in named.items():
            yield name, Fields(data, name, self._faults)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; empty where there is none."""
        values = self._data.get(key, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            self.fault(key, f"must be a list of texts, got {_shown(values)}", "correct it")
            return ()
        return tuple(values)

    def rows(self, key: str) -> list[Fields]:
        """The objects in the list ``key``; empty where there is none."""
        rows = self._data.get(key, [])
        if not isinstance(rows, list):
            self.fault(key, f"must be a list, got {_shown(rows)}", _REMEDY)
            return []
        place = f"{self._place}: {key}" if self._place else key
        return [Fields(row, f"{place}[{i}]", self._faults) for i, row in enumerate(rows)]

    def unknown(self, *known: str) -> None:
        """Every field but ``known`` is a fault: a misspelt one would be left out silently."""
        for key in sorted(set(self._data) - set(known)):
            self.fault(key, "is not known", f"known are: {', '.join(known)}")

    def _get(self, key: str, default: Any) -> Any:
        value = self._data.get(key)
        if value is None and default is None:
            self.fault(key, "is missing", "give it")
        return default if value is None else value


def _is_number(value: Any) -> TypeGuard[int | float]:
    return not isinstance(value, bool) and isinstance(value, int | float) and abs(value) <= MOST


def _no_number(value: Any) -> str:
    too_large = isinstance(value, int | float) and abs(value) > MOST
    wanted = f"at most {MOST:g} in size" if too_large else "a finite number"
    return f"must be {wanted}, got {_shown(value)}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
