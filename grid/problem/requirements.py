"""Reserve products: what an area, or the whole system, must hold of each, and what a plan holds.

Beside the reserve for net load, which every problem has for the whole system, there may be products such as regulation
or spinning. Each is there within some minutes and up or down. A MW that is held counts for one product only; it counts
for every requirement of that product whose areas its bus lies in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from grid.faults import Fault
from grid.problem.soft_limits import Limit, SoftLimit
from grid.time_axis import FloatArray

UPWARD_RESERVE, DOWNWARD_RESERVE = "upward reserve", "downward reserve"
"""Titles of the reserve for net load."""


class Product(NamedTuple):
    """A kind of reserve and its direction."""

    name: str
    upward: bool

    @property
    def title(self) -> str:
        return f"{self.name} {'up' if self.upward else 'down'}"


@dataclass(frozen=True, slots=True, eq=False)
class ReserveRequirement:
    """How much of a product must be held, and where.

    Attributes:
        minutes: Within how many minutes it must be there: no unit holds more than its ramp yields in them. The same in
            every requirement of a product.
        required_mw: Shape (periods,).
        areas: Areas (``Bus.area``) of the buses whose assets may hold it; none: all of them.
    """

    product: Product
    minutes: float
    required_mw: FloatArray
    areas: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Such as ``spinning up in area north``."""
        return f"{self.product.title} in area {', '.join(self.areas)}" if self.areas else self.product.title

    @property
    def limit(self) -> SoftLimit:
        """What is relaxed where less is held."""
        return SoftLimit(Limit.PRODUCT_UP if self.product.upward else Limit.PRODUCT_DOWN, self.title)


@dataclass(frozen=True, slots=True, eq=False)
class HeldReserve:
    """What a plan holds of a product: thermal units, shape (units, periods), storages and plants likewise.

    ``all_mw`` has the rows of all three, in this order.
    """

    product: Product
    unit_mw: FloatArray
    storage_mw: FloatArray
    plant_mw: FloatArray

    @property
    def all_mw(self) -> FloatArray:
        return np.vstack([self.unit_mw, self.storage_mw, self.plant_mw])


def products_of(requirements: Sequence[ReserveRequirement]) -> dict[Product, list[ReserveRequirement]]:
    """The requirements of each product, in the order in which they stand."""
    by_product: defaultdict[Product, list[ReserveRequirement]] = defaultdict(list)
    for requirement in requirements:
        by_product[requirement.product].append(requirement)
    return dict(by_product)


def leading(requirements: Sequence[ReserveRequirement], *, upward: bool) -> list[int]:
    """The greatest requirement of each product of one direction: together they are needed at least. Positions.

    Those of several areas may share what they hold, so that they do not add up within a product.
    """
    greatest: dict[Product, int] = {}
    for i, need in enumerate(requirements):
        before = greatest.get(need.product)
        if need.product.upward == upward and (
            before is None or need.required_mw.sum() > requirements[before].required_mw.sum()
        ):
            greatest[need.product] = i
    return list(greatest.values())


def requirement_faults(
    requirements: Sequence[ReserveRequirement], *, areas: Collection[str], periods: int
) -> Iterator[Fault]:
    """What is wrong with requirements in a network with ``areas``."""
    for requirement in requirements:
        place = f"reserve {requirement.title}"
        for area in requirement.areas:
            if area not in areas:
                yield Fault(place, f"no bus lies in area {area!r}", "correct the area, or those of the buses")
        if not 0.0 < requirement.minutes < np.inf:
            yield Fault(place, f"minutes must be above 0, got {requirement.minutes:g}", "such as 10")
        mw = requirement.required_mw
        if mw.shape != (periods,):
            yield Fault(place, f"required_mw must have shape {(periods,)}, got {mw.shape}", "give one per period")
        elif not (np.isfinite(mw).all() and (mw >= 0.0).all()):
            yield Fault(place, "required_mw must be finite and not negative", "correct it")
    titles = [requirement.title for requirement in requirements]
    for title in sorted({title for title in titles if titles.count(title) > 1}):
        yield Fault(f"reserve {title}", f"is required {titles.count(title)} times", "add them up")
    for product, of_product in products_of(requirements).items():
        if len({requirement.minutes for requirement in of_product}) > 1:
            told = ", ".join(f"{requirement.minutes:g}" for requirement in of_product)
            yield Fault(f"reserve {product.title}", f"is to be there within {told} minutes", "choose one")
