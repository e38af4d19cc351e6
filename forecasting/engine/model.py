"""The engine as a whole: a model is what a night's training leaves of all members of a kind, and how they are mixed.

Whatever is cheap - climatology, seasonal naive, what the regression leaves over lately - is made anew at every issue,
from the last three months of readings.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from torch import Tensor

from forecasting.engine.mixture import Blend
from forecasting.engine.packing import Tensors, pack, unpack
from forecasting.load.members import LoadMembers, LoadParts
from forecasting.load.residuals import ResidualModel
from forecasting.load.shared_fits import FittedRow
from forecasting.members.course import (
    CLIMATOLOGY,
    LEVELS,
    MEMBERS,
    WEATHER_TREES,
    Course,
    Members,
    Quantiles,
    Trial,
    filled,
)
from forecasting.members.forest import QuantileForest
from forecasting.members.trees import QuantileTrees
from forecasting.networks.trained import TrainedNetwork
from forecasting.networks.training import Progress
from forecasting.nouns import IndexArray
from forecasting.quantiles.conformal import Bands, calibrated
from forecasting.quantiles.mixing import at_levels
from forecasting.series.request import FileSeries
from forecasting.series.rows import Rows, make_rows
from forecasting.series.splits import TimeSplit
from forecasting.series.temperature import TemperatureModel
from forecasting.sun.core import SolarCore
from forecasting.sun.members import SolarMembers, SolarParts
from forecasting.sun.plant import Plant
from grid.time_axis import FloatArray

ISSUE_HISTORY = timedelta(days=92)
"""What an issue reads: eight weeks of errors and the seasons before them."""
KnownAt = Callable[[datetime], Sequence[FileSeries] | None]
"""Series as they were known at an instant; None if that is as they stand."""
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, eq=False)
class TrainedModel:
    """One model for all series of a kind.

    Attributes:
        series_ids: The series it knows, in the order of its rows.
        weather_ids: Whose temperature it read for each of them; "" for none.
        units: Offset and scale of each.
        periods: Hours it forecasts.
        seen_until: Networks and trees have seen nothing from this hour on. [hours since the epoch]
        blends: How each series' members are mixed.
        blended_until: What taught that ends before this hour. [hours since the epoch]
        interval_minutes: Of its series; as many rows as an hour has intervals stand for each.
    """

    kind: str
    series_ids: tuple[str, ...]
    weather_ids: tuple[str, ...]
    units: tuple[tuple[float, float], ...]
    periods: int
    seen_until: int
    parts: LoadParts | SolarParts
    blends: tuple[Blend, ...]
    blended_until: int
    interval_minutes: int = 60

    def state(self) -> tuple[Tensors, dict[str, Any]]:
        """Named tensors, and what else must be known to read them."""
        tensors: Tensors = {}
        return tensors, pack(self, tensors)

    @classmethod
    def from_state(cls, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> TrainedModel:
        """The inverse of :meth:`state`.

        Raises:
            KeyError, TypeError, ValueError, RuntimeError: If the two do not fit.
        """
        made = unpack(about, tensors, known=_KNOWN)
        if not isinstance(made, TrainedModel):
            raise ValueError(f"state must hold a TrainedModel, got {type(made).__name__}")
        return made

    @property
    def members(self) -> frozenset[str]:
        """Those that count for some series."""
        return frozenset().union(*(blend.members for blend in self.blends))

    def blend(self, name: str) -> Blend:
        """How the members of a series are mixed."""
        return self.blends[self.series_ids.index(name)]


_KNOWN = {
    one.__name__: one
    for one in (
        Bands,
        Blend,
        FittedRow,
        LoadParts,
        Plant,
        QuantileForest,
        QuantileTrees,
        ResidualModel,
        SolarCore,
        SolarParts,
        TemperatureModel,
        TrainedModel,
        TrainedNetwork,
    )
}


def make_members(
    rows: Rows,
    *,
    trial: Trial,
    course: Course,
    trained: bool = True,
    parts: LoadParts | SolarParts | None = None,
    on_progress: Progress | None = None,
) -> LoadMembers | SolarMembers:
    """All members that can speak of some rows: fitted now, or recalled from their parts."""
    if rows.series[0].settings.kind == "solar":
        assert not isinstance(parts, LoadParts)
        return SolarMembers(rows, course=course, trial=trial, trained=trained, parts=parts, on_progress=on_progress)
    assert not isinstance(parts, SolarParts)
    return LoadMembers(rows, course=course, trial=trial, trained=trained, parts=parts, on_progress=on_progress)


def past_as_known(
    members: Members,
    parts: LoadParts | SolarParts,
    rows: Rows,
    trial: Trial,
    origins: IndexArray,
    *,
    known_at: KnownAt | None,
    asked: Collection[str] = MEMBERS,
) -> Quantiles:
    """What members would have said at earlier origins, each from what was known there.

    Args:
        parts: Of the members: where something was corrected since an origin, they are recalled for it alone.
        known_at: None if nothing was ever corrected.
    """
    said = members.past(origins, rows.periods, asked=asked)
    if known_at is None:
        return said
    units = list(zip(rows.offset.tolist(), rows.scale.tolist(), strict=True))
    for place, origin in enumerate(origins.tolist()):
        known = known_at(rows.axis.start + origin * rows.axis.step)
        if known is not None:
            named = {one.series_id: one for one in known}
            earlier = make_rows([named[one.series_id] for one in rows.series], units=units)
            alone = origins[place : place + 1]
            recalled = make_members(earlier, trial=replace(trial, origins=alone), course=Course(), parts=parts)
            told = recalled.past(alone, rows.periods, asked=asked)
            for name in said.keys() & told.keys():
                said[name][:, place] = told[name][:, 0]
    return said


def ask_past(
    model: TrainedModel,
    series: Sequence[FileSeries],
    trial: Trial,
    origins: IndexArray,
    *,
    known_at: KnownAt | None = None,
) -> FloatArray:
    """What a model would have said at earlier origins.

    Args:
        series: Those the model knows, in its order, with enough history before the origins.
        origins: None before the hour until which the model has seen everything.
        known_at: What was known of them; None if nothing was ever corrected.

    Returns:
        At LEVELS, in each series' unit, shape (rows, origins, hours, levels).
    """
    rows = make_rows(series, units=model.units)
    members = make_members(rows, trial=trial, course=Course(), parts=model.parts)
    said = past_as_known(members, model.parts, rows, trial, origins, known_at=known_at, asked=model.members)
    return in_units(said, model.blends, model.units)


def ask_now(model: TrainedModel, series: Mapping[str, FileSeries], *, levels: Sequence[float]) -> dict[str, FloatArray]:
    """What a model says of its hours to come, by series, each of shape (intervals, levels), in the series' unit.

    Args:
        series: Those that are there now, of the model's interval; they end with its periods. One that the model does
            not know is not answered for, one that is gone is not asked for.
    """
    known = [series[name] for name in model.series_ids if name in series]
    if not known:
        return {}
    rows = make_rows([series.get(name) or _gone(known[0], name) for name in model.series_ids], units=model.units)
    hours = rows.axis.periods
    # Nothing is judged now: the split only says that what was kept has seen none of what it is asked about.
    trial = Trial(TimeSplit(hours, hours, hours), np.empty(0, dtype=np.int64), 0, nightly=True)
    members = make_members(rows, trial=trial, course=Course(), parts=model.parts)
    told = in_units(members.present(asked=model.members), model.blends, model.units)[:, 0]  # (rows, hours, levels)
    by_part = told.reshape(len(rows.series), rows.parts, rows.periods, len(LEVELS))
    native = by_part.swapaxes(1, 2).reshape(len(rows.series), -1, len(LEVELS))  # (series, intervals, levels)
    wanted = at_levels(native, levels=LEVELS, wanted=levels)
    return {name: one for name, one in zip(model.series_ids, wanted, strict=True) if name in series}


def in_units(said: Quantiles, blends: Sequence[Blend], units: Sequence[tuple[float, float]]) -> FloatArray:
    """Each row's members mixed, in its series' unit, shape (rows, origins, hours, levels).

    A member that is silent on a row counts for none of it; NaN where all are. Where irradiance had been sent of some
    hours only, the others are mixed as if none had.

    Args:
        blends, units: Of every series, whose rows stand together.
    """
    parts = len(said[CLIMATOLOGY]) // len(blends)
    blends = [blend for blend in blends for _ in range(parts)]
    mixed = _mixed(said, blends)
    if any(blend.without for blend in blends):
        mixed = filled(mixed, _mixed(said, [blend.without or blend for blend in blends]))
    offset, scale = np.repeat(np.array(units), parts, axis=0).T[..., None, None, None]
    return np.asarray(np.maximum(mixed * scale + offset, 0.0))


def _mixed(said: Quantiles, blends: Sequence[Blend]) -> FloatArray:
    """Each row's members mixed, in its bands; NaN where trees that read sent weather count and say nothing."""
    weights = np.array([[blend.weights.get(name, 0.0) for name in said] for blend in blends])  # (rows, members)
    speaks = [np.isfinite(one).all(axis=(1, 2, 3)) | (name == WEATHER_TREES) for name, one in said.items()]
    weights[~np.stack(speaks, axis=1)] = 0.0
    total = weights.sum(axis=1)
    mixed = np.zeros_like(said[CLIMATOLOGY])
    for one, weight in zip(said.values(), weights.T, strict=True):
        share = (weight / np.where(total > 0.0, total, np.nan))[:, None, None, None]
        np.add(mixed, share * one, out=mixed, where=share > 0.0)
    mixed[total == 0.0] = np.nan
    bands = np.stack([blend.bands.factors for blend in blends])[:, None]  # (rows, any origin, cells, 2)
    return calibrated(np.sort(mixed, axis=-1), bands, levels=LEVELS)


def _gone(like: FileSeries, name: str) -> FileSeries:
    """Stands for a series that the model knows and that is no longer there: nothing is known of it."""
    nothing = np.full(like.axis.periods, np.nan)
    return replace(like, series_id=name, values=nothing, covariates=dict.fromkeys(like.covariates, nothing))
