"""Plants with a least power: what must be taken of one and what may be curtailed are two plants of a problem.

:func:`joined_plan` puts them together again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from grid.assets import RenewablePlant
from grid.time_axis import FloatArray

_MINIMUM_PART = " (minimum)"


def split_plant(
    plant: RenewablePlant, least_mw: FloatArray, most_mw: FloatArray
) -> list[tuple[RenewablePlant, FloatArray]]:
    """A plant with its available power; as two where it must give something and may give more.

    Args:
        least_mw, most_mw: Shape (periods,), the former never above the latter.
    """
    free = np.maximum(most_mw - least_mw, 0.0)
    if not least_mw.any() or not free.any():
        return [(replace(plant, curtailable=not least_mw.any()), most_mw)]
    part = replace(plant, plant_id=plant.plant_id + _MINIMUM_PART, curtailable=False)
    return [(plant, free), (part, least_mw)]


def whole_plant(plant_id: str) -> str:
    """Id of the plant that this is, or is a part of."""
    return plant_id.removesuffix(_MINIMUM_PART)


def joined_plan(document: Mapping[str, Any]) -> dict[str, Any]:
    """A plan's document by the plants of the case: both parts' powers added up, their reasons in turn."""
    names = document["assets"]
    parts = {name: whole for name in names if (whole := whole_plant(name)) != name and whole in names}
    renewables, reasons = dict(document["renewables"]), dict(document["reasons"])
    for part, whole in parts.items():
        if part in renewables:
            renewables[whole] = [_sum(*pair) for pair in zip(renewables[whole], renewables.pop(part), strict=True)]
        must, may = reasons.pop(part, []), reasons.get(whole, [])
        if must:
            reasons[whole] = [*_told("what it must give", must), *_told("what it may give beyond that", may)]
    assets = {name: asset for name, asset in names.items() if name not in parts}
    return {**document, "assets": assets, "renewables": renewables, "reasons": reasons}


def _sum(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    return {key: round(value + other[key], 9) for key, value in one.items()}


def _told(what: str, reasons: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**reason, "text": f"{what}: {reason['text']}"} for reason in reasons]
