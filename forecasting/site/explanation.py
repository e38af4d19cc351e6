"""Why a stored forecast is what it is: the model that spoke answers again, from the same inputs, and is taken apart.

Only the series that is asked about is read and recalled. Hours for which something simpler stood in are not explained,
and it is said who spoke for them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from forecasting.engine.mixture import Heard
from forecasting.engine.model import TrainedModel, make_members
from forecasting.explaining.contributions import REFERENCE, WIDTH_LEVELS, contributions
from forecasting.explaining.words import SeriesExplanation, in_words
from forecasting.load.members import LoadParts
from forecasting.members.course import WEATHER_TREES, Course, Trial
from forecasting.series.request import FileSeries
from forecasting.series.rows import make_rows
from forecasting.series.splits import TimeSplit
from forecasting.site.fallbacks import Level
from forecasting.site.issuing import EXTERNAL, HOUR
from forecasting.sun.members import SolarParts
from grid.forecasts import Forecast, Voice

CHANGED = "changed since"
"""What the model would say otherwise today: readings came or were edited after the forecast was issued."""
_SAME = 1e-4
"""Less than this share of the forecast is rounding."""


def model_that_spoke(stored: Forecast) -> str | None:
    """The model behind a forecast, or behind a part of its hours; None if nobody noted one or others spoke."""
    return next((voice.model_id for voice in stored.spoken_by if _of_a_model(voice)), None)


def explain_stored(stored: Forecast, model: TrainedModel, series: FileSeries) -> SeriesExplanation:
    """Take those hours of a stored forecast apart for which a model spoke.

    Args:
        model: That spoke; it knows the series.
        series: As it was known when the forecast was issued, with the model's periods as its horizon.
    """
    heard = _heard(model, series)
    blend = model.blends[model.series_ids.index(series.series_id)]
    # A stored forecast is kept from below zero, also of a load that once fell below it.
    (told,) = contributions(heard, [blend], bounds=(0.0, series.bounds[1]))
    ours = np.flatnonzero([_of_a_model(voice) for voice in stored.spoken_by])
    low, middle, high = (stored.quantile(level)[ours] for level in (WIDTH_LEVELS[0], 0.5, WIDTH_LEVELS[1]))
    final = np.stack([middle, high - low], axis=-1)  # (intervals, 2)
    groups, values = told.groups, told.values[:, ours]
    left = final - values.sum(axis=0)
    if np.abs(left).max() > _SAME * np.abs(final).max():
        groups, values = (*groups, CHANGED), np.concatenate([values, left[None]])
    made = in_words(
        stored.series_id,
        stored.axis.index[ours],
        groups,
        values,
        timezone=series.settings.timezone,
        unit="kW",
        attention=heard.members.attention(),
    )
    return replace(made, sentences=(*made.sentences, *_others(stored)))


def unexplained(stored: Forecast, *why: str) -> SeriesExplanation:
    """Nothing but who spoke, and why that cannot be taken apart."""
    nothing = np.empty((1, 0, 2))
    said = in_words(
        stored.series_id, stored.axis.index[:0], [REFERENCE], nothing, timezone="UTC", unit="kW", attention={}
    )
    return replace(said, sentences=(*why, *_others(stored)))


def _heard(model: TrainedModel, series: FileSeries) -> Heard:
    """The members that know the series, recalled for it alone."""
    place = model.series_ids.index(series.series_id)
    rows = make_rows([series], units=[model.units[place]])
    rows = replace(rows, first=place * rows.parts)
    hours, nobody = rows.axis.periods, np.empty(0, dtype=np.int64)
    trial = Trial(TimeSplit(hours, hours, hours), nobody, 0, nightly=True)
    members = make_members(rows, trial=trial, course=Course(), parts=_parts_of(model.parts, place, rows.parts))
    present = {
        name: said[:, 0]
        for name, said in members.present().items()
        if name == WEATHER_TREES or np.isfinite(said).all()  # of what they leave out others speak
    }
    actual = np.empty((1, 0, 0))
    return Heard(rows, members, past={}, present=present, actual=actual, trust=1.0, reasons=tuple(members.reasons))


def _parts_of(parts: LoadParts | SolarParts, place: int, an_hour: int) -> LoadParts | SolarParts:
    """What was trained, of one series, which has as many rows as an hour intervals; trees and networks serve all."""
    alone, own = slice(place, place + 1), slice(place * an_hour, (place + 1) * an_hour)
    if isinstance(parts, SolarParts):
        return replace(parts, plants=parts.plants[alone])
    return replace(
        parts,
        stations=parts.stations[alone],
        climates=parts.climates[own],
        fitted=parts.fitted[own],
        courses=parts.courses[own],
    )


def _of_a_model(voice: Voice) -> bool:
    return voice.fallback_level in (Level.CHAMPION, Level.FORMER_CHAMPION) and voice.method != EXTERNAL


def _others(stored: Forecast) -> Iterator[str]:
    """Who spoke without a model of ours, a sentence each; why is among the forecast's reasons."""
    if not stored.spoken_by:
        yield f"Nobody noted who spoke; the method was {stored.method}."
    an_hour = HOUR // stored.axis.step
    for method, count in Counter(voice.method for voice in stored.spoken_by if not _of_a_model(voice)).items():
        reach = f"For {count / an_hour:g} of {stored.axis.periods / an_hour:g} hours"
        if method == EXTERNAL:
            yield f"{reach} a forecast that was sent spoke, with bands of its past errors; no model of ours did."
        else:
            yield f"{reach} {method} stood in, which is not taken apart."
