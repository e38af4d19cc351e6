"""What every kind of file is read into: checked rows in columns, a piece at a time, and the list of its faults."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from grid.faults import Fault, InputError
from grid.readings import Source
from grid.time_axis import FloatArray

PIECE_ROWS = 100_000
MAX_FAULTS = 50
MAX_PROBLEM = 400  # characters: a fault may quote what came, whatever its length
ENOUGH_FAULTS = 10_000

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class FileRows:
    """Checked rows of a file in columns of shape (rows,).

    Attributes:
        row_number: As an editor counts, a table's header being row 1; the line in a file of XML.
        issued_us: Microseconds since 1970; -1 for a row without an issue.
        quality: What the sender says of the value: bits of :data:`grid.readings.STATED_QUALITY`.
    """

    source: Source
    row_number: IntArray
    owner_id: npt.NDArray[Any]
    channel: npt.NDArray[Any]
    unit: npt.NDArray[Any]
    start_us: IntArray
    minutes: IntArray
    value: FloatArray
    revision: IntArray
    issued_us: IntArray
    quality: IntArray


class FaultList:
    """Faults of one file, the first :data:`MAX_FAULTS` in words, and what of it is not sent although it is no fault.

    Attributes:
        counted: What the numbers given to :meth:`add` count: a row, or a line.
        left_out: How many readings are left out, by the reason.
    """

    def __init__(self, path: Path) -> None:
        self._name = path.name
        self.counted = "row"
        self._faults: list[Fault] = []
        self._count = 0
        self.left_out: Counter[str] = Counter()

    @property
    def count(self) -> int:
        return self._count

    @property
    def any(self) -> bool:
        return self._count > 0

    @property
    def full(self) -> bool:
        """Whether there are so many that reading on serves nobody."""
        return self._count >= ENOUGH_FAULTS

    def add(self, row: int | None, column: str, problem: str, remedy: str) -> None:
        """Note a fault; beyond those worth telling it only counts."""
        self._count += 1
        if len(self._faults) < MAX_FAULTS:
            place = ", ".join(part for part in (self._name, f"{self.counted} {row}" if row else "", column) if part)
            self._faults.append(Fault(place, problem[:MAX_PROBLEM], remedy))

    def count_more(self, count: int) -> None:
        """Note faults beyond those worth telling."""
        self._count += count

    def raise_if_any(self) -> None:
        """Raise InputError with every fault found."""
        if self._count > len(self._faults):
            more = f"and {self._count - len(self._faults)} more faults"
            self._faults.append(Fault(self._name, more, "correct those above first"))
        if self._faults:
            raise InputError(self._faults)
