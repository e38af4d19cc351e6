"""Members heard, and mixed: what each says of past and horizon, and the weighted average that a backtest chooses.

Hearing is the work; mixing is cheap, so that an ablation hears once and mixes as often as it likes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from forecasting.conformal import Bands, learn_bands
from forecasting.file_load import LoadMembers
from forecasting.file_members import (
    CLIMATOLOGY,
    LEVELS,
    NAIVE,
    Course,
    Members,
    Quantiles,
    backtest_origins,
    split_history,
)
from forecasting.file_rows import Rows
from forecasting.file_solar import SolarMembers
from forecasting.mixing import learn_weights
from grid.time_axis import FloatArray

_PRIOR = {CLIMATOLOGY: 0.5, NAIVE: 0.25}
"""What the plain members count for beside one that was fitted."""
_HALF_TRUST = 3.0
"""So many horizons of backtest count half."""


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What every member said of some rows.

    Attributes:
        past: At origins in the backtest, each member of shape (rows, origins, hours ahead, levels).
        present: Of the horizon, each of shape (rows, periods, levels); only members that speak of all of it.
        actual: What happened in the backtest, shape (rows, origins, hours ahead). NaN where unknown.
        trust: From 0 to 1: how many horizons the backtest holds. Origins whose horizons overlap say much the same.
        reasons: What could not be used, and what stood in for it.
    """

    rows: Rows
    members: Members
    past: Quantiles
    present: Quantiles
    actual: FloatArray
    trust: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Blend:
    """How the members of one series are mixed: what a backtest learns, and any later horizon uses.

    Attributes:
        weights: Of the members that are asked, summing to one.
        bands: By how much they are widened or narrowed after mixing, by hour block and lead time.
    """

    weights: dict[str, float]
    bands: Bands

    @property
    def width(self) -> float:
        """By how much bands are widened on the average."""
        return round(float(self.bands.scale.mean()), 3)


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """One series' forecast in its own unit, and how it was mixed.

    Attributes:
        quantiles: At LEVELS, shape (intervals, levels).
        backtest: The mixture's own quantiles in the backtest, shape (intervals scored, levels), on the rows' scale.
    """

    quantiles: FloatArray
    blend: Blend
    backtest: FloatArray


def hear(rows: Rows, *, course: Course, trained: bool) -> Heard:
    """Fit every member that can speak of the rows, and let it speak.

    Args:
        trained: Whether history is long enough for more than climatology and the seasonal naive.
    """
    kind: type[SolarMembers | LoadMembers]
    kind = SolarMembers if rows.series[0].settings.kind == "solar" else LoadMembers
    members: Members = kind(rows, course=course, trained=trained)
    split = split_history(rows.axis.periods, rows.periods)
    origins, ahead = backtest_origins(split, rows.periods)
    past = members.past(origins, ahead)
    present = {name: said[:, 0] for name, said in members.present().items() if np.isfinite(said).all()}
    at = np.minimum(origins[:, None] + np.arange(ahead), rows.axis.periods - 1)
    apart = (split.end - split.test) / rows.periods
    return Heard(
        rows=rows,
        members=members,
        past={name: past[name] for name in present},
        present=present,
        actual=rows.values[:, at],
        trust=apart / (apart + _HALF_TRUST),
        reasons=tuple(members.reasons),
    )


def mix(heard: Heard, index: int, *, seed: int, without: Collection[str] = ()) -> Mixture:
    """The forecast of one series.

    Args:
        index: Of the series among ``heard.rows.series``.
        seed: Of the sample of the backtest that is looked at where it is long.
        without: Members that are not asked.
    """
    own = slice(index * heard.rows.parts, (index + 1) * heard.rows.parts)
    blend = learn_blend(heard, index, seed=seed, without=without)
    past = blended({name: said[own] for name, said in heard.past.items()}, blend)
    present = blended({name: said[own] for name, said in heard.present.items()}, blend)
    return Mixture(heard.rows.joined(present, index), blend, past.reshape(-1, len(LEVELS)))


def learn_blend(heard: Heard, index: int, *, seed: int, without: Collection[str] = ()) -> Blend:
    """Weights by the backtest, then the bands; arguments as of :func:`mix`."""
    own = slice(index * heard.rows.parts, (index + 1) * heard.rows.parts)
    names = [name for name in heard.present if name not in without]
    happened = heard.actual[own]  # (parts, origins, hours ahead)
    said = np.stack([heard.past[name][own] for name in names])  # (members, parts, origins, hours ahead, levels)
    weights = learn_weights(
        happened.reshape(-1),
        said.reshape(len(names), -1, len(LEVELS)),
        levels=LEVELS,
        seed=seed,
        trust=heard.trust,
        prior=[_PRIOR.get(name, 1.0) for name in names],
    )
    mixed = np.sort(np.einsum("m,m...->...", weights, said), axis=-1)
    spoken = {name: float(weight) for name, weight in zip(names, weights, strict=True) if weight > 0.0}
    return Blend(spoken, learn_bands(happened, mixed, levels=LEVELS))


def blended(said: Mapping[str, FloatArray], blend: Blend) -> FloatArray:
    """The mixture of what members say, of the same shape, in order; the weight of one that is silent falls to others.

    Args:
        said: By member, each of one shape (..., periods, LEVELS).
    """
    spoken = {name: weight for name, weight in blend.weights.items() if name in said}
    total = sum(spoken.values())
    mixed = np.sum([weight / total * said[name] for name, weight in spoken.items()], axis=0)
    return blend.bands.calibrated(np.sort(mixed, axis=-1), levels=LEVELS)
