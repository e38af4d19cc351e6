"""Plants with a least power: what must be taken of one and what may be curtailed are two plants of a problem.

:func:`joined_renewables` puts them together again.
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


def joined_renewables(tables: Mapping[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """A plan's tables of renewables by the plants of the case: the parts of one added up."""
    joined: dict[str, list[dict[str, Any]]] = {}
    for name, records in tables.items():
        whole = name.removesuffix(_MINIMUM_PART)
        if whole not in joined:
            joined[whole] = [dict(record) for record in records]
            continue
        for total, record in zip(joined[whole], records, strict=True):
            total.update({key: round(total[key] + value, 9) for key, value in record.items()})
    return joined
