"""The forecasts of like series pooled into one: what those teach of one of which little is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from forecasting.quantiles.mixing import at_levels
from grid.time_axis import FloatArray

MOST_NEIGHBOURS = 25
TELLING_HOURS = 24
"""Known hours from which on readings, not capacity, tell how large a series is."""
USUAL_HOURS = 28 * 24
"""What was usual of a neighbour is told by its last four weeks."""
_AWAY = 0.1
"""A neighbour that had less than this of what is usual, while others did not, says nothing of sizes."""
_FINE = tuple(((np.arange(49) + 0.5) / 49).tolist())


def size_ratios(own: FloatArray, others: Sequence[FloatArray], *, an_hour: int = 1) -> list[float]:
    """How much larger a series is than each other in the intervals that both know.

    NaN where either has nothing but zeros, where one takes when the other gives, and for one that was away: in these
    intervals it was a tenth as large beside its last four weeks as others were beside theirs, or as is usual.

    Args:
        own: Its history, shape (intervals,). NaN where unknown.
        others: History of each up to the same instant, however long.
        an_hour: Intervals in an hour.
    """
    ratios, shares = [], []
    for other in others:
        length = min(len(own), len(other))
        mine, theirs = own[len(own) - length :], other[len(other) - length :]
        both = np.isfinite(mine) & np.isfinite(theirs)
        mine, theirs = mine[both], theirs[both]
        sizes, late = np.abs(theirs).sum(), np.abs(other[-USUAL_HOURS * an_hour :])
        usual = np.sum(late, where=np.isfinite(late)) / max(int(np.isfinite(late).sum()), 1) * len(theirs)
        ratios.append(float(np.abs(mine).sum() / sizes) if float(mine @ theirs) > 0.0 else np.nan)
        shares.append(float(sizes / usual) if usual > 0.0 else 0.0)
    least = _AWAY * float(np.median([1.0, *shares]))
    return [ratio if share >= least else np.nan for ratio, share in zip(ratios, shares, strict=True)]


def scales_to(
    own: FloatArray, capacity: float | None, others: Sequence[tuple[FloatArray, float | None]], *, an_hour: int = 1
) -> tuple[list[float], str]:
    """By what each other series is multiplied, NaN for one that cannot be compared; and how that was found.

    A few first readings tell less of a size than capacity does, and zeros alone tell nothing.

    Args:
        own: Its history, shape (intervals,). NaN where unknown.
        others: History up to the same instant, however long, and capacity, of each.
        an_hour: Intervals in an hour.
    """
    hours = int(np.isfinite(own).sum()) // an_hour
    by_readings = size_ratios(own, [values for values, _ in others], an_hour=an_hour)
    by_capacity = [capacity / one if capacity and one else np.nan for _, one in others]
    told = [(by_readings, f"scaled to {hours} hours of its readings"), (by_capacity, "scaled by capacity")]
    for scales, how in told if hours >= TELLING_HOURS else told[::-1]:
        if np.isfinite(scales).any():
            return scales, how
    return [1.0] * len(others), "as large as they are"


def nearest_in_size(scales: Sequence[float]) -> list[int]:
    """Positions of those that need the least scaling, the nearest first, :data:`MOST_NEIGHBOURS` at most.

    Args:
        scales: By what each is multiplied; NaN for one that cannot be compared.
    """
    usable = [k for k, scale in enumerate(scales) if np.isfinite(scale)]
    return sorted(usable, key=lambda k: abs(float(np.log(max(scales[k], 1e-9)))))[:MOST_NEIGHBOURS]


def unlike(own: FloatArray, others: Sequence[FloatArray], *, an_hour: int = 1) -> bool:
    """Whether the same hour of yesterday told a series' readings better than its neighbours' own readings did.

    False where fewer than :data:`TELLING_HOURS` can be compared.

    Args:
        own: Its history, shape (intervals,). NaN where unknown.
        others: The same intervals of each, scaled to it; there is at least one.
        an_hour: Intervals in an hour.
    """
    day = 24 * an_hour
    theirs, yesterday = np.stack(others), np.full_like(own, np.nan)
    yesterday[day:] = own[:-day]
    told = np.isfinite(own) & np.isfinite(yesterday) & np.isfinite(theirs).any(axis=0)
    if told.sum() < TELLING_HOURS * an_hour:
        return False
    missed = np.abs(own[told] - np.nanmedian(theirs[:, told], axis=0)).sum()
    return bool(missed > np.abs(own[told] - yesterday[told]).sum())


def pooled(
    said: Sequence[FloatArray], scales: Sequence[float], *, levels: Sequence[float], wanted: Sequence[float]
) -> FloatArray:
    """One distribution of all that is said, scaled: how series differ is part of it. Shape (periods, wanted).

    Args:
        said: Quantiles of each, shape (periods, levels).
        scales: By what each is multiplied, above zero.
        levels: Those of ``said``.
    """
    fine = np.stack(
        [scale * at_levels(one, levels=levels, wanted=_FINE) for scale, one in zip(scales, said, strict=True)]
    )  # (series, periods, fine levels)
    return np.asarray(np.quantile(fine.transpose(1, 0, 2).reshape(fine.shape[1], -1), wanted, axis=1).T)
