"""How uncertain net load is, by quantiles around what is planned for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from grid.time_axis import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class NetLoadSpread:
    """How far net load may come out from what is planned for.

    Attributes:
        levels: Ascending, above 0.5, shape (levels,).
        up_mw: How far above it net load's quantile of each level lies, shape (levels, periods), not falling.
        down_mw: How far below it the quantile of one less the level lies, same shape.
    """

    levels: FloatArray
    up_mw: FloatArray
    down_mw: FloatArray

    def beyond(self, reach_mw: FloatArray, *, up: bool) -> FloatArray:
        """Probability that net load lies further than ``reach_mw`` above (or below), shape (periods,).

        Between two levels their normal scores are interpolated, beyond the last one its own goes on.
        """
        ahead, behind = (self.up_mw, self.down_mw) if up else (self.down_mw, self.up_mw)
        score = ndtri(self.levels)
        scores = np.concatenate([-score[::-1], [0.0], score])
        probability = np.zeros(len(reach_mw))
        for t, reach in enumerate(reach_mw.tolist()):
            errors = np.concatenate([-behind[::-1, t], [0.0], ahead[:, t]])
            end = errors[-1] if reach > errors[-1] else errors[0] if reach < errors[0] else None
            if end is None:
                at = float(np.interp(reach, errors, scores))
            else:
                at = float(np.copysign(scores[-1] * reach / end if end else np.inf, reach))
            probability[t] = 1.0 - ndtr(at)
        return probability
