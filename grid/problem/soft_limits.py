"""Soft limits: which there are, what relaxing each of them costs, and how a plan reports that it did."""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from enum import Enum
from typing import Any


class Limit(Enum):
    """A kind of soft limit: what going beyond it is called, and which of :class:`Penalties` prices it.

    In the words ``{of}`` is whose limit it is; ``when`` it counts only after an ``{event}``, says after which.
    """

    SPILL = "spilled renewables at bus {of}", "spill"
    STORAGE_DUE = "energy missing in {of} when it is due", "storage_end"
    STORAGE_END = "energy missing in {of} at the end", "storage_end"
    RESERVE_DOWN = "downward reserve short", "reserve_down"
    RESERVE_UP = "upward reserve short", "reserve_up"
    PRODUCT_DOWN = "{of} reserve short", "reserve_down"
    PRODUCT_UP = "{of} reserve short", "reserve_up"
    LARGEST_LOSS = "upward reserve short of the largest loss", "reserve_up"
    OVERLOAD = "overload of branch {of}", "overload"
    INTERFACE_OVERLOAD = "overload of interface {of}", "overload"
    OVERLOAD_AFTER_OUTAGE = "emergency overload of branch {of}", "overload", "after the outage of {event}"
    OVERLOAD_AFTER_LOSS = "emergency overload of branch {of}", "overload", "after the loss of {event}"
    OVERLOAD_BY_RESERVE = "overload by reserve of branch {of}", "overload", "when {event} is called"
    SURPLUS = "surplus power at bus {of}", "surplus"
    SHEDDING = "load shed at bus {of}", "shedding"
    LOSSES = "power lost that flows do not lose", None

    def __init__(self, words: str, penalty: str | None, when: str = "") -> None:
        self.words = words
        self.penalty = penalty
        self.when = when


OVERLOADS = frozenset(kind for kind in Limit if kind.penalty == "overload")
UPWARD_RESERVES = frozenset(kind for kind in Limit if kind.penalty == "reserve_up")


@dataclass(frozen=True, slots=True)
class SoftLimit:
    """One soft limit.

    Attributes:
        of: The bus, branch, interface or storage, or the title of the reserve requirement; empty if it is the system's.
        event: The branch that is out, the asset that is lost or the reserve that is called; empty if nothing happened.
    """

    kind: Limit
    of: str = ""
    event: str = ""

    def __str__(self) -> str:
        """What going beyond it is called, such as ``overload of branch A27``."""
        return self.worded(self.kind.words)

    def worded(self, words: str) -> str:
        """Words with whose limit it is in place of ``{of}``, and after them when it counts."""
        return f"{words} {self.kind.when}".strip().format(of=self.of, event=self.event)


@dataclass(frozen=True, slots=True)
class Penalties:
    """Prices of the soft limits, in money per MWh: the dearer a limit, the later it is relaxed. Physics is never soft.

    A limit of infinite price is never relaxed; a problem with such limits may have no feasible plan.

    Attributes:
        spill: Not taking power that must be taken (a plant that is not curtailable).
        storage_end: A storage left below its ``end_minimum_mwh``, or with less than is due, per MWh missing.
        reserve_down, reserve_up: Reserve short of its requirement.
        overload: Flow beyond a branch's limit.
        surplus: More production than load that nothing can take (units that may not stop).
        shedding: Load not served.
    """

    spill: float = 300.0
    storage_end: float = 500.0
    reserve_down: float = 600.0
    reserve_up: float = 1_000.0
    overload: float = 3_000.0
    surplus: float = 5_000.0
    shedding: float = 10_000.0

    def of(self, kind: Limit) -> float:
        """What relaxing a kind of limit costs; power lost for nothing costs what its production does. [money/MWh]"""
        return 0.0 if kind.penalty is None else float(getattr(self, kind.penalty))

    def never_relaxes(self, kind: Limit) -> bool:
        """Whether a kind of limit has an infinite price."""
        return math.isinf(self.of(kind))

    def finite(self) -> Penalties:
        """The same prices, the usual ones in place of infinite ones."""
        return Penalties(
            *(p if math.isfinite(p) else usual for p, usual in zip(astuple(self), astuple(Penalties()), strict=True))
        )


@dataclass(frozen=True, slots=True)
class Violation:
    """A soft limit that was relaxed: by how much, in which period, at which price.

    Attributes:
        amount_mw: Of energy due or left in a storage it is in MWh, as ``unit`` says.
    """

    limit: SoftLimit
    period: int
    amount_mw: float
    price_per_mwh: float

    @property
    def what(self) -> str:
        """In words, such as ``load shed at bus north``."""
        return str(self.limit)

    @property
    def unit(self) -> str:
        """What the amount is told in: MW, or MWh where energy is missing at one instant."""
        return "MWh" if self.limit.kind in (Limit.STORAGE_DUE, Limit.STORAGE_END) else "MW"

    def mwh(self, step_hours: float) -> float:
        """How much energy it comes to in a period."""
        return self.amount_mw * (1.0 if self.unit == "MWh" else step_hours)

    def cost(self, step_hours: float) -> float:
        """What it costs. [money]"""
        return self.mwh(step_hours) * self.price_per_mwh

    def told(self, step_hours: float, *, digits: int) -> dict[str, Any]:
        """As documents have it, but for when it is.

        Args:
            digits: Of MW and MWh.
        """
        return {
            "what": self.what,
            "amount_mw": round(self.amount_mw, digits),
            "unit": self.unit,
            "energy_mwh": round(self.mwh(step_hours), digits),
            "price_per_mwh": self.price_per_mwh,
            "cost": round(self.cost(step_hours), 2),
        }
