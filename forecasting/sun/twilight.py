"""The dim edges of a day: so little light that a share of the clear sky says nothing.

Members learn no such hours. What a plant gives there depends on its horizon and on light that comes from elsewhere, and
hardly on the weather: it is told by what it gave when the sky was as dim before, mornings and evenings apart.
"""

from __future__ import annotations

import numpy as np

from forecasting.members.course import LEVELS
from forecasting.nouns import IndexArray
from forecasting.sun.core import DAYLIGHT_SHARE
from forecasting.sun.windows import SolarPanel
from grid.time_axis import FloatArray

_ALIKE, _FEWEST = 60, 8
"""So many hours are looked at, those nearest in light; with fewer than the least nothing is said."""


def twilight_quantiles(panel: SolarPanel, wanted: IndexArray, *, until: int) -> FloatArray:
    """Power in the dim hours among those wanted, at LEVELS.

    Args:
        wanted: Positions on the panel's axis, or beyond it by its periods at most, of any shape (...).
        until: Nothing from this hour on is looked at.

    Returns:
        Shape (rows, ..., levels). NaN at night, in daylight, and where too few dim hours are known.
    """
    clear = panel.clear_kw
    dim = (clear > 0.0) & (clear <= DAYLIGHT_SHARE * panel.capacity_kw[:, None])
    morning = np.pad(np.diff(clear, axis=1), ((0, 0), (0, 1)), mode="edge") > 0.0
    made = np.full((*clear.shape, len(LEVELS)), np.nan)
    asked = np.zeros(clear.shape[1], dtype=bool)
    asked[wanted] = True
    for row, light in enumerate(clear):
        for half in (morning[row], ~morning[row]):
            alike = dim[row] & half
            past = np.flatnonzero(alike[:until] & np.isfinite(panel.kw[row, :until]))
            if len(past) < _FEWEST:
                continue
            past = past[np.argsort(light[past], kind="stable")]
            at = np.flatnonzero(alike & asked)
            begin = np.clip(np.searchsorted(light[past], light[at]) - _ALIKE // 2, 0, max(len(past) - _ALIKE, 0))
            near = past[begin[:, None] + np.arange(min(_ALIKE, len(past)))]  # (dim hours, alike)
            made[row, at] = np.quantile(panel.kw[row, near], LEVELS, axis=1).T
    return made[:, wanted]
