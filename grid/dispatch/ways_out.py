"""A way out of a conflict of limits: which of them are relaxed, by how much, for how long, at which cost; in words."""

from __future__ import annotations

import math
from dataclasses import dataclass

from grid.problem.soft_limits import SoftLimit

_DIGIT = 10.0
_NAMED = 5
_HOURS_FROM = 2.0


@dataclass(frozen=True, slots=True)
class Relaxation:
    """By how much one limit is relaxed.

    Attributes:
        limit: Of load and surplus power with its bus.
        most_mw: In a period; None where the limit is one of energy, not of power.
        rating_mw: Of a branch or an interface, else None.
        first_period, last_period: Inclusive.
        when: The same in words.
        hours: Of the periods in which it is relaxed.
        cost: At the limit's usual price.
    """

    limit: SoftLimit
    most_mw: float | None
    rating_mw: float | None
    energy_mwh: float
    first_period: int
    last_period: int
    when: str
    hours: float
    cost: float


@dataclass(frozen=True, slots=True)
class WayOut:
    """Limits that a plan relaxes where it keeps all others.

    Attributes:
        limit: The limit of the conflict that is given up; None where no single one is enough.
        parts: The dearest first.
        whole: Whether there is such a plan: a commitment of whole units. Else only the linear relaxation was asked.
    """

    limit: SoftLimit | None
    parts: tuple[Relaxation, ...]
    whole: bool

    @property
    def first_period(self) -> int:
        return min((part.first_period for part in self.parts), default=0)

    @property
    def last_period(self) -> int:
        return max((part.last_period for part in self.parts), default=0)

    @property
    def extra_cost(self) -> float:
        """What it costs at the limits' usual prices."""
        return sum(part.cost for part in self.parts)

    def __str__(self) -> str:
        """A sentence; amounts are rounded up, so that they suffice."""
        told = [_in_words(part) for part in self.parts[:_NAMED]]
        if len(self.parts) > _NAMED:
            told.append(f"{len(self.parts) - _NAMED} more")
        doubt = "" if self.whole else "; the linear relaxation says so, whole units may need more"
        return f"Way out: {'; and '.join(told)}, at a cost of {self.extra_cost:,.0f}{doubt}."


def _in_words(part: Relaxation) -> str:
    energy = f"{_up(part.energy_mwh)} MWh"
    if part.most_mw is None:
        return f"{part.limit}, {energy} {part.when}"
    time = f"{part.hours:g} h" if part.hours >= _HOURS_FROM else f"{60.0 * part.hours:.0f} min"
    share = f", {_up(100.0 * (1.0 + part.most_mw / part.rating_mw))} % of its rating," if part.rating_mw else ""
    return f"{part.limit}, up to {_up(part.most_mw)} MW{share} for {time} {part.when}, {energy}"


def _up(amount: float) -> str:
    return f"{math.ceil(_DIGIT * amount - 1e-3) / _DIGIT:,.1f}"
