"""How often net load came out beyond reach, beside how often plans had promised that it would."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from grid.dispatch.shortfall import DIRECTIONS
from grid.time_axis import FloatArray


@dataclass(frozen=True, slots=True)
class Realised:
    """What was promised of some periods in one direction, and what came.

    Attributes:
        periods: How many had a promise and are known by now.
        promised: How many of them were expected to lie beyond reach.
        came: How many did.
        luck: How probable it is that so many or more come, if the promises are right and periods independent.
    """

    direction: str
    periods: int
    promised: float
    came: int
    luck: float


def realised(documents: Iterable[Mapping[str, Any]], net_load: Mapping[datetime, float]) -> tuple[Realised, ...]:
    """How often net load came out beyond reach, by what the plan in force for each period had promised.

    Args:
        documents: Of plans; of those that tell of one period the one that was issued last is in force.
        net_load: What came, by the start of the period: load less what plants could have given. [MW]

    Returns:
        Upward and downward.
    """
    in_force: dict[datetime, tuple[Mapping[str, Any], int]] = {}
    for document in sorted(documents, key=lambda one: str(one["issued_at"])):
        if document.get("shortfall") is not None:
            for t, start in enumerate(document["axis"]["interval_starts"]):
                in_force[datetime.fromisoformat(start)] = (document["shortfall"], t)
    known = [(promise, t, net_load[start]) for start, (promise, t) in in_force.items() if start in net_load]
    outcomes = []
    for direction, sign in zip(DIRECTIONS, (1.0, -1.0), strict=True):
        probability = np.array([promise[direction]["probability"][t] for promise, t, _ in known])
        came = sum(
            sign * (actual - promise["net_load_mw"][t]) > promise[direction]["reach_mw"][t]
            for promise, t, actual in known
        )
        outcomes.append(
            Realised(direction, len(known), float(probability.sum()), came, _so_many_or_more(probability, came))
        )
    return tuple(outcomes)


def _so_many_or_more(probability: FloatArray, count: int) -> float:
    """Probability of at least ``count`` of independent events (Poisson binomial)."""
    distribution = np.zeros(len(probability) + 1)
    distribution[0] = 1.0
    for one in probability:
        distribution[1:] = distribution[1:] * (1.0 - one) + distribution[:-1] * one
        distribution[0] *= 1.0 - one
    return float(min(max(distribution[count:].sum(), 0.0), 1.0))
