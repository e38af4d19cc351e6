"""Members heard, and mixed: what each says of past and horizon, and the weighted average that a backtest chooses.

Hearing is the work; mixing is cheap, so that an ablation hears once and mixes as often as it likes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from forecasting.load.members import LoadMembers
from forecasting.members.course import (
    ANALOGS,
    CLIMATOLOGY,
    LEVELS,
    NAIVE,
    NETWORKS,
    WEATHER,
    WEATHER_TREES,
    Course,
    Members,
    Quantiles,
    filled,
    single_trial,
)
from forecasting.quantiles.conformal import Bands, learn_bands
from forecasting.quantiles.mixing import learn_weights
from forecasting.series.rows import Rows
from forecasting.sun.members import SolarMembers
from grid.time_axis import FloatArray

_PRIOR = {CLIMATOLOGY: 0.5, NAIVE: 0.25, WEATHER: 2.0, WEATHER_TREES: 4.0, ANALOGS: 3.0}
"""What members count for beside one that was fitted: the plain ones less, the weather network as much as trees and
forest together, which err alike. Networks that read the last days are siblings: together they count for one. Where no
weather is known trees, forest and networks learn days by heart: days like the one ahead count for all of them. Trees
that read sent weather stand alone among members that know none of it."""
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
        bands: By how much they are widened or narrowed after mixing, by block of lead times.
        without: Holds for hours of which the trees that read sent weather say nothing; None where they are not asked.
    """

    weights: dict[str, float]
    bands: Bands
    without: Blend | None = None

    @property
    def members(self) -> frozenset[str]:
        """Those that count for some hour."""
        return frozenset(self.weights) | (self.without.members if self.without else frozenset())

    @property
    def method(self) -> str:
        """The members that speak, the weightiest first, such as ``lstm+regression``."""
        return "+".join(sorted(self.weights, key=lambda member: -self.weights[member]))

    @property
    def width(self) -> float:
        """By how much bands are widened on the average."""
        return round(float(self.bands.factors.mean()), 3)


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
    trial = single_trial(rows.axis.periods, rows.periods)
    members: Members = kind(rows, course=course, trial=trial, trained=trained)
    past = members.past(trial.origins, trial.ahead)
    present = {name: said[:, 0] for name, said in members.present().items() if np.isfinite(said).all()}
    at = np.minimum(trial.origins[:, None] + np.arange(trial.ahead), rows.axis.periods - 1)
    return Heard(
        rows=rows,
        members=members,
        past={name: past[name] for name in present},
        present=present,
        actual=rows.values[:, at],
        trust=trust_in((trial.split.end - trial.split.test) / rows.periods),
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
    said = {name: heard.past[name][own] for name in heard.present if name not in without}
    blend = learn_blend(said, heard.actual[own], trust=heard.trust, seed=seed)
    present = blended({name: heard.present[name][own] for name in said}, blend)
    backtest = blended(said, blend).reshape(-1, len(LEVELS))
    return Mixture(heard.rows.joined(present, index), blend, backtest)


def learn_blend(said: Quantiles, actual: FloatArray, *, trust: float, seed: int) -> Blend:
    """Weights by a backtest, then the bands; arguments as of :func:`learn_shares`."""
    shares = learn_shares(said, actual, trust=trust, seed=seed)
    return Blend(shares, learn_bands(actual, averaged(said, shares), levels=LEVELS))


def learn_shares(said: Quantiles, actual: FloatArray, *, trust: float, seed: int) -> dict[str, float]:
    """By member that counts for something, its weight by a backtest.

    Args:
        said: By member, each of shape (rows, origins, hours ahead, levels).
        actual: What happened, shape (rows, origins, hours ahead). NaN where unknown.
        trust: From 0 to 1: how much the backtest may say.
        seed: Of the sample that is looked at where it is long.
    """
    siblings = len(NETWORKS.keys() & said.keys())
    weights = learn_weights(
        actual.reshape(-1),
        np.stack([one.reshape(-1, len(LEVELS)) for one in said.values()]),
        levels=LEVELS,
        seed=seed,
        trust=trust,
        prior=[1.0 / siblings if name in NETWORKS else _PRIOR.get(name, 1.0) for name in said],
    )
    return {name: float(weight) for name, weight in zip(said, weights, strict=True) if weight > 0.0}


def trust_in(horizons: float) -> float:
    """How much a backtest may say that holds so many horizons."""
    return horizons / (horizons + _HALF_TRUST)


def blended(said: Mapping[str, FloatArray], blend: Blend) -> FloatArray:
    """The mixture of what members say, of the same shape, in order; the weight of one that is silent falls to others.

    Args:
        said: By member, each of one shape (..., periods, LEVELS).
    """
    told = blend.bands.calibrated(averaged(said, blend.weights), levels=LEVELS)
    return told if blend.without is None else filled(told, blended(said, blend.without))


def averaged(said: Mapping[str, FloatArray], weights: Mapping[str, float]) -> FloatArray:
    """The members' quantiles averaged by weight and put in order, of the shape of each."""
    spoken = {name: weight for name, weight in weights.items() if name in said}
    total = sum(spoken.values())
    mixed = np.sum([weight / total * said[name] for name, weight in spoken.items()], axis=0)
    return np.asarray(np.sort(mixed, axis=-1))
