"""Calibration of the bands on hours the network was not trained on: a shift per level and kind of hour.

References:
    Romano, Patterson and Candes, "Conformalized Quantile Regression", NeurIPS 2019; here each level is shifted by the
    empirical quantile of its own error (one-sided), held back where little was seen.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from forecasting.networks.windows import BLOCKS, Windows
from grid.time_axis import FloatArray

_PRIOR_COUNT = 200.0
"""A block seen in this many intervals gets half of its shift."""


def fit_shifts(values: FloatArray, windows: Windows, *, levels: tuple[float, ...]) -> FloatArray:
    """How far each level must move outward so that it would have held on these windows.

    A level that held with room to spare stays: a calm season must not narrow the bands of the stormy one after it.

    Args:
        values: The network's quantiles in the target's domain, shape (batch, periods, levels).
        windows: With known targets.

    Returns:
        In units of the windows' spread, shape (BLOCKS, levels).
    """
    shifts = np.zeros((BLOCKS, len(levels)))
    error = (windows.target[..., None] - values) / windows.scale[..., None]  # (batch, periods, levels)
    usable = windows.weight > 0.0
    for block in range(BLOCKS):
        chosen = error[usable & (windows.block == block)]  # (intervals, levels)
        if len(chosen):
            trust = len(chosen) / (len(chosen) + _PRIOR_COUNT)
            shifts[block] = [trust * np.quantile(chosen[:, k], level) for k, level in enumerate(levels)]
    side = np.sign(np.asarray(levels) - 0.5)  # (levels,)
    outward: FloatArray = side * np.maximum(side * shifts, 0.0)
    return outward


def apply_shifts(
    values: FloatArray, shifts: FloatArray, *, block: npt.NDArray[np.int64], scale: npt.NDArray[np.float32]
) -> FloatArray:
    """Shifted quantiles, put in order again where shifts made them cross, shape (batch, periods, levels).

    Args:
        values: Shape (batch, periods, levels).
        shifts: From :func:`fit_shifts`.
        block: Shape (batch, periods).
        scale: Shape (batch, 1).
    """
    return np.sort(values + scale[..., None] * shifts[block], axis=-1)
