"""Scores of quantile forecasts. Lower is better for every loss; intervals whose actual value is NaN do not count.

Arrays of quantiles carry the levels last: shape (..., levels), beside actual values of shape (...).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from grid.time_axis import FloatArray

_PEAK_DAYS, _PEAK_LEVEL = 28, 0.9
"""Recent, so that every season has its peaks; few hours, so that it is the day's highest ones."""


def _checked_levels(quantiles: FloatArray, actual_kw: FloatArray, levels: Sequence[float]) -> FloatArray:
    if quantiles.shape != (*actual_kw.shape, len(levels)):
        raise ValueError(f"quantiles must have shape {(*actual_kw.shape, len(levels))}, got {quantiles.shape}")
    if not all(0.0 < level < 1.0 for level in levels):
        raise ValueError(f"levels must lie in (0, 1), got {tuple(levels)}")
    return np.asarray(levels, dtype=np.float64)


def pinball_loss(actual_kw: FloatArray, predicted_kw: FloatArray, *, quantile: float) -> float:
    """Mean pinball loss of one quantile forecast. [kW]

    Args:
        actual_kw: Mean power per interval, any shape. [kW] NaN where unknown.
        predicted_kw: Forecast of the same intervals, same shape. [kW]
        quantile: Probability level, in (0, 1).

    Returns:
        NaN if no actual value is known.

    Raises:
        ValueError: If shapes differ, or quantile lies outside (0, 1).

    Example:
        >>> round(pinball_loss(np.array([10.0]), np.array([8.0]), quantile=0.9), 9)
        1.8

    References:
        Koenker and Bassett, "Regression Quantiles", Econometrica 46(1), 1978.
    """
    if actual_kw.shape != predicted_kw.shape:
        raise ValueError(f"predicted_kw must have shape {actual_kw.shape}, got {predicted_kw.shape}")
    return _mean(pinball_losses(actual_kw, predicted_kw[..., None], levels=(quantile,)))


def pinball_losses(actual_kw: FloatArray, quantiles: FloatArray, *, levels: Sequence[float]) -> FloatArray:
    """Pinball loss of every interval and level, not averaged. [kW]

    Args:
        actual_kw: Shape (...). NaN where unknown.
        quantiles: Shape (..., levels). [kW]
        levels: Probability levels in (0, 1).

    Returns:
        Shape (..., levels); NaN where the actual value is unknown.

    Example:
        >>> pinball_losses(np.array([10.0]), np.array([[8.0, 12.0]]), levels=(0.1, 0.9)).round(3).tolist()
        [[0.2, 0.2]]
    """
    tau = _checked_levels(quantiles, actual_kw, levels)
    error = actual_kw[..., None] - quantiles
    return np.maximum(tau * error, (tau - 1.0) * error)


def mean_pinball_loss(actual_kw: FloatArray, quantiles: FloatArray, *, levels: Sequence[float]) -> float:
    """Pinball loss averaged over all known intervals and all levels. [kW]

    Example:
        >>> round(mean_pinball_loss(np.array([10.0, np.nan]), np.array([[8.0], [0.0]]), levels=(0.9,)), 9)
        1.8
    """
    return _mean(pinball_losses(actual_kw, quantiles, levels=levels))


def crps_from_quantiles(actual_kw: FloatArray, quantiles: FloatArray, *, levels: Sequence[float]) -> float:
    """Continuous ranked probability score, taken as twice the mean pinball loss. [kW]

    Exact only in the limit of evenly spaced levels; with few levels it is the field's usual approximation.

    Example:
        >>> round(crps_from_quantiles(np.array([10.0]), np.array([[8.0]]), levels=(0.5,)), 9)
        2.0

    References:
        Gneiting and Ranjan, "Comparing Density Forecasts Using Threshold- and Quantile-Weighted Scoring Rules",
        Journal of Business & Economic Statistics 29(3), 2011.
    """
    return 2.0 * mean_pinball_loss(actual_kw, quantiles, levels=levels)


def weighted_quantile_loss(actual_kw: FloatArray, quantiles: FloatArray, *, levels: Sequence[float]) -> float:
    """Twice the summed pinball loss, averaged over levels, over the summed absolute actual values. [1]

    Returns:
        NaN if no actual value is known or all known ones are zero.

    Example:
        >>> weighted_quantile_loss(np.array([10.0, 30.0]), np.array([[8.0], [30.0]]), levels=(0.5,))
        0.05
    """
    total = float(np.nansum(np.abs(actual_kw)))
    losses = pinball_losses(actual_kw, quantiles, levels=levels)
    return 2.0 * float(np.nansum(losses)) / len(levels) / total if total > 0.0 else float("nan")


def peak_weighted_losses(
    actual_kw: FloatArray, quantiles: FloatArray, *, levels: Sequence[float], peak_kw: FloatArray
) -> FloatArray:
    """Pinball loss of every interval and level, where nothing below a threshold tells one value from another. [kW]

    Twice its mean is the threshold-weighted CRPS, which is proper: nobody is rewarded for saying what he does not
    think. A loss weighted by how high the load came out would reward forecasts that are always too high.

    Args:
        actual_kw: Shape (...). NaN where unknown.
        quantiles: Shape (..., levels). [kW]
        peak_kw: The threshold, of a shape that broadcasts to (...), known before what is scored; NaN: not scored.

    Returns:
        Shape (..., levels); NaN where the actual value or the threshold is unknown.

    Example:
        >>> told, peak = np.array([[8.0], [8.0]]), np.array(9.0)
        >>> float(peak_weighted_losses(np.array([5.0, 12.0]), told, levels=(0.5,), peak_kw=peak).sum())
        1.5

    References:
        Gneiting and Ranjan, "Comparing Density Forecasts Using Threshold- and Quantile-Weighted Scoring Rules",
        Journal of Business & Economic Statistics 29(3), 2011.
        Lerch, Thorarinsdottir, Ravazzolo and Gneiting, "Forecaster's Dilemma: Extreme Events and Forecast Evaluation",
        Statistical Science 32(1), 2017.
    """
    above = np.maximum(quantiles, np.asarray(peak_kw)[..., None])
    return pinball_losses(np.maximum(actual_kw, peak_kw), above, levels=levels)


def peak_threshold(past_kw: FloatArray, *, day: int, periods: int) -> float:
    """From where on power counts as a peak: what one in ten of the last four weeks' known values lay above. [kW]

    Args:
        past_kw: What was known before the first interval to forecast, shape (intervals,). NaN where unknown.
        day: Intervals of a day.
        periods: Intervals to forecast; as many of the past are looked at where that is more than four weeks.

    Returns:
        NaN if none is known.

    Example:
        >>> peak_threshold(np.arange(101.0), day=24, periods=48)
        90.0
    """
    recent = past_kw[-max(_PEAK_DAYS * day, periods) :]
    known = recent[np.isfinite(recent)]
    return float(np.quantile(known, _PEAK_LEVEL)) if len(known) else float("nan")


def coverage(actual_kw: FloatArray, lower_kw: FloatArray, upper_kw: FloatArray) -> float:
    """Share of known intervals whose actual value lies within [lower, upper]. [1]

    Returns:
        NaN if no actual value is known.

    Raises:
        ValueError: If shapes differ.

    Example:
        >>> coverage(np.array([1.0, 5.0, np.nan]), np.array([0.0, 0.0, 0.0]), np.array([2.0, 2.0, 2.0]))
        0.5
    """
    if not actual_kw.shape == lower_kw.shape == upper_kw.shape:
        raise ValueError(f"shapes must agree, got {actual_kw.shape}, {lower_kw.shape} and {upper_kw.shape}")
    known = np.isfinite(actual_kw)
    inside = (actual_kw >= lower_kw) & (actual_kw <= upper_kw)
    return float(np.mean(inside[known])) if np.any(known) else float("nan")


def central_coverage(actual_kw: FloatArray, quantiles: FloatArray, *, levels: Sequence[float], share: float) -> float:
    """Coverage of the central interval that should hold ``share`` of the actual values. [1]

    Args:
        actual_kw: Shape (...). NaN where unknown.
        quantiles: Shape (..., levels).
        levels: Must contain (1 - share) / 2 and (1 + share) / 2.
        share: Nominal coverage, such as 0.9.

    Raises:
        ValueError: If the interval's two levels are not among ``levels``.

    Example:
        >>> central_coverage(np.array([1.0, 9.0]), np.array([[0.0, 2.0], [0.0, 2.0]]), levels=(0.05, 0.95), share=0.9)
        0.5
    """
    tau = _checked_levels(quantiles, actual_kw, levels)
    ends: list[npt.NDArray[np.float64]] = []
    for end in ((1.0 - share) / 2.0, (1.0 + share) / 2.0):
        position = int(np.argmin(np.abs(tau - end)))
        if abs(tau[position] - end) > 1e-9:
            raise ValueError(f"the central {share:.0%} interval needs level {end:.4g}, got {tuple(levels)}")
        ends.append(quantiles[..., position])
    return coverage(actual_kw, ends[0], ends[1])


def skill_score(score: float, *, reference: float) -> float:
    """How much better than a reference: 1 is perfect, 0 is as good, negative is worse. [1]

    Returns:
        NaN if either score is NaN or the reference is not positive.

    Example:
        >>> skill_score(6.0, reference=8.0)
        0.25
    """
    return 1.0 - score / reference if reference > 0.0 else float("nan")


def _mean(losses: FloatArray) -> float:
    known = np.isfinite(losses)
    return float(np.mean(losses[known])) if np.any(known) else float("nan")
