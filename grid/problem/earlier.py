"""An earlier plan of a problem's periods, and what changing it is priced at. [money]"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from grid.faults import Fault
from grid.site import ChangePrices
from grid.time_axis import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class EarlierPlan:
    """What an earlier plan says of a problem's periods, each array of shape (periods,), NaN where it says nothing.

    Attributes:
        power_mw: Set-point by id of thermal units and storages; charging is negative.
        on: 1 or 0 by id of thermal units.
    """

    plan_id: str
    prices: ChangePrices
    power_mw: Mapping[str, FloatArray]
    on: Mapping[str, FloatArray]

    def told(self, *, cost: float, forgone: float) -> dict[str, Any]:
        """What changing it came to, as a plan's document has it."""
        return {
            "since": self.plan_id,
            "per_mwh": self.prices.per_mwh,
            "per_commitment_hour": self.prices.per_commitment_hour,
            "cost": round(cost, 2),
            "forgone": round(forgone, 2),
        }


def earlier_faults(earlier: EarlierPlan | None, periods: int) -> Iterator[Fault]:
    """What is wrong with an earlier plan for a problem of so many periods."""
    if earlier is None:
        return
    for name, row in (*earlier.power_mw.items(), *earlier.on.items()):
        if row.shape != (periods,) or np.isinf(row).any():
            yield Fault(f"earlier plan of {name}", f"must have {periods} finite values or NaN", "see EarlierPlan")
    for name in sorted(earlier.on.keys() - earlier.power_mw.keys()):
        yield Fault(f"earlier plan of {name}", "says when it is on but not at what output", "give power_mw as well")
    prices = (earlier.prices.per_mwh, earlier.prices.per_commitment_hour)
    if not all(np.isfinite(price) and price >= 0.0 for price in prices):
        yield Fault("change prices", f"must be finite and not negative, got {prices}", "0 leaves changes free")
