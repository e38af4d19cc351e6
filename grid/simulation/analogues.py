"""Errors to expect of net load: those of the hours that were most like the one to come (an analogue ensemble).

The reserve that a forecast needs depends on what it says: wind that is forecast can fail to come, wind that is not
cannot; the sun errs by day only. A flat quantile of past errors holds too much in one hour and too little in the other.
The errors are those of net load as a whole: taken source by source and added up, every source would have to be wrong
at once.

References:
    Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World", Springer, 2005 (conformal prediction).
    Delle Monache et al., "Probabilistic Weather Prediction with an Analog Ensemble", Monthly Weather Review 141, 2013.
    Holttinen et al., "Methodologies to Determine Operating Reserves Due to Increased Wind Power", IEEE Trans.
    Sustainable Energy 3(4), 2012 (reserves from the errors of net load, conditional on what is forecast).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grid.time_axis import FloatArray


def analogue_quantiles(
    situations: FloatArray,
    errors: FloatArray,
    wanted: FloatArray,
    *,
    levels: Sequence[float],
    neighbours: int = 100,
) -> FloatArray:
    """Quantiles of the errors that were made in the situations nearest to each wanted one.

    Of n errors the k-th smallest is the quantile at k / (n + 1): were they and the one to come drawn alike, that lies
    above with just the probability that is promised. The usual quantile of a sample promises too much at the tails.

    Args:
        situations: What was known beforehand of past hours, such as their forecasts, shape (hours, features). Features
            count by how many of their standard deviations two hours lie apart.
        errors: What net load then was beyond its forecast, shape (hours,). [MW]
        wanted: Situations of the hours to come, shape (periods, features).
        levels: Of the quantiles, each in (0, 1).
        neighbours: How many of the past hours count; all, if there are fewer.

    Returns:
        Shape (levels, periods). [MW]

    Raises:
        ValueError: If there is no past hour, or shapes do not fit.
    """
    if situations.ndim != 2 or errors.shape != situations.shape[:1] or wanted.shape[1:] != situations.shape[1:]:
        raise ValueError(
            f"shapes (hours, features), (hours,), (periods, features) must fit, got {situations.shape}, "
            f"{errors.shape}, {wanted.shape}"
        )
    if not len(errors):
        raise ValueError("there must be a past hour to learn errors from, got none")
    spread = situations.std(axis=0)
    scale = np.where(spread > 0.0, spread, 1.0)
    quantiles = np.empty((len(levels), len(wanted)))
    for period, situation in enumerate(wanted):
        distance = (((situations - situation) / scale) ** 2).sum(axis=1)
        nearest = np.argsort(distance, kind="stable")[:neighbours]
        quantiles[:, period] = np.quantile(errors[nearest], levels, method="weibull")
    return quantiles
