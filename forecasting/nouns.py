"""Words that every room of forecasting uses."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float32Array = npt.NDArray[np.float32]
IndexArray = npt.NDArray[np.int64]


class ShortHistoryError(ValueError):
    """History is too short, or has too many gaps, to learn from."""
