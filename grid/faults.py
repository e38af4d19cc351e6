"""A fault in a user's input: where it is, what is wrong, what to do. Faults are collected, then raised together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with an input.

    Attributes:
        place: Where, such as ``units[3] 101_CT_1: capacity_mw`` or ``GRIDPILOT_DATABASE_URL``.
        problem: What must hold, and what came.
        remedy: What the user should do.
    """

    place: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}; {self.remedy}"


class InputError(ValueError):
    """A user's input has faults. All of them are listed; the command line exits with status 2."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults: tuple[Fault, ...] = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))
