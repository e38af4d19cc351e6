"""Who stands in where the champion cannot speak, from a fit on the spot down to what capacity alone tells.

Two rounds: first everybody is asked who needs nothing but the series itself; then, where that left hours open, or where
neighbours should be heard before the seasonal naive, those who build on what was forecast of others in the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from forecasting.load.design import Design
from forecasting.load.regression_member import fit_regressions
from forecasting.members.course import LEVELS
from forecasting.quantiles.mixing import at_levels
from forecasting.quantiles.neighbours import nearest_in_size, pooled, scales_to, unlike
from forecasting.series.calendar import Calendar
from forecasting.series.splits import split_history
from forecasting.site.fallbacks import Answer, Level, Speaker, ask_in_turn
from forecasting.site.issuing import NAIVE, Issuance
from grid.forecasts import Forecast, KnownInputs, Voice
from grid.time_axis import FloatArray

REGRESSION, NEIGHBOURS, PARTS, CAPACITY = "regression-refit", "neighbours", "sum-of-meters", "capacity-band"
REFIT_HOURS = 28 * 24
"""Known hours that a regression wants."""


@dataclass(frozen=True, slots=True, eq=False)
class Neighbour:
    """Another series of the same kind, and what was just forecast of it.

    Attributes:
        kw: Its history, shape (intervals,). NaN where unknown.
        capacity_kw: None if unknown.
    """

    forecast: Forecast
    kw: FloatArray
    capacity_kw: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A series to forecast, and who can be asked about it in the first round.

    Attributes:
        kw: Its history, shape (intervals,). NaN where unknown.
        capacity_kw: None if unknown.
        bound_kw: No power above it, shape (periods,); infinite where nobody knows.
        band_kw: The most that is possible, for those who know nothing else, shape (periods,); None if nobody knows it.
        baseline: None if it has no reading in eight weeks.
        after_neighbours: Who is asked in the first round, too, but speaks only where neighbours cannot.
        parts: Weight and series of what it is the sum of; empty for a meter.
    """

    series_id: str
    kind: str
    kw: FloatArray
    capacity_kw: float | None
    bound_kw: FloatArray
    band_kw: FloatArray | None
    baseline: Forecast | None
    speakers: tuple[Speaker, ...]
    inputs: KnownInputs
    after_neighbours: tuple[Speaker, ...] = ()
    parts: tuple[tuple[float, str], ...] = ()


def forecast_all(asked: Sequence[Asked], issuance: Issuance) -> dict[str, Forecast | None]:
    """Forecast every series, by name; None for one of which nothing is known at all.

    Args:
        asked: A sum stands after its parts.
    """
    chains = [  # each is heard once for both rounds
        tuple(tuple(cache(speaker) for speaker in speakers) for speakers in (one.speakers, one.after_neighbours))
        for one in asked
    ]

    def ask(one: Asked, *speakers: Speaker) -> Forecast | None:
        return ask_in_turn(one.series_id, issuance, speakers, bound_kw=one.bound_kw, inputs=one.inputs)

    made = {one.series_id: ask(one, *early, *late) for one, (early, late) in zip(asked, chains, strict=True)}
    known = {
        kind: [
            Neighbour(forecast, one.kw, one.capacity_kw)
            for one in asked
            if one.kind == kind and not one.parts and (forecast := made[one.series_id]) is not None
        ]
        for kind in {one.kind for one in asked}
    }
    for one, (early, late) in zip(asked, chains, strict=True):
        forecast = made[one.series_id]
        if forecast is None:
            related: Speaker = partial(neighbours, one, known[one.kind], issuance)
            if one.parts:
                related = partial(parts, [(weight, made.get(name)) for weight, name in one.parts])
            last = partial(short_naive, one.baseline), partial(capacity_band, one.band_kw, issuance)
            made[one.series_id] = ask(one, *early, *late, related, *last)
        elif late and not one.parts and not _speaks_for_itself(forecast):
            grown = [other for other in known[one.kind] if _speaks_for_itself(other.forecast)]
            if grown:
                made[one.series_id] = ask(one, *early, partial(neighbours, one, grown, issuance), *late)
    return made


def _speaks_for_itself(forecast: Forecast) -> bool:
    """Whether something that was fitted to the series tells every interval of it."""
    return all((voice.fallback_level or 0) < Level.SEASONAL_NAIVE for voice in forecast.spoken_by)


def refit(kw: FloatArray, calendar: Calendar, issuance: Issuance) -> Answer | str:
    """A regression on the calendar, fitted on the spot; what it left over lately goes on and fades.

    Args:
        kw: History, shape (intervals,). NaN where unknown.
        calendar: Of its hours and of those to forecast.
    """
    rows = issuance.dealt(kw)
    known = int(np.isfinite(rows).sum()) // issuance.an_hour
    if known < REFIT_HOURS:
        return f"A regression needs {REFIT_HOURS} known hours, there are {known}."
    origin, periods = rows.shape[1], issuance.hours
    fitted = fit_regressions(rows, Design(calendar, None), split=split_history(origin, periods), periods=periods)
    told = [one.speak(np.array([origin]), periods, one.errors(periods, origin))[0] for one in fitted]
    quantiles = at_levels(issuance.joined(np.stack(told)), levels=LEVELS, wanted=issuance.levels)
    voice = Voice(REGRESSION, REGRESSION, Level.REFIT)
    return Answer("A regression fitted on the spot", voice, np.maximum(quantiles, 0.0))


def naive(baseline: Forecast | None, kw: FloatArray, issuance: Issuance, *, season_hours: int) -> Answer | str:
    """The baseline, if a season of readings stands behind it."""
    known = int(np.isfinite(kw[: issuance.origin]).sum()) // issuance.an_hour
    if baseline is None or known < season_hours:
        return f"The seasonal naive forecast needs {season_hours} known hours, there are {known}."
    voice = Voice(NAIVE, NAIVE, Level.SEASONAL_NAIVE)
    return Answer("The seasonal naive forecast", voice, baseline.quantiles, baseline.reasons)


def short_naive(baseline: Forecast | None) -> Answer | str:
    """The baseline, however short the history behind it."""
    if baseline is None:
        return "There is no reading in eight weeks."
    voice = Voice(NAIVE, NAIVE, Level.SHORT_HISTORY)
    return Answer("The seasonal naive forecast of a short history", voice, baseline.quantiles, baseline.reasons)


def neighbours(one: Asked, others: Sequence[Neighbour], issuance: Issuance) -> Answer | str:
    """The forecasts of series of the same kind, each scaled to this one, pooled into one distribution.

    Scaled by the hours that both know, or within a meter's first day by capacity; where neither is known they stand as
    large as they are. How the neighbours differ is part of the bands. A series that is unlike them is none of theirs.
    """
    own, history = one.kw[: issuance.origin], [(other.kw[: issuance.origin], other.capacity_kw) for other in others]
    scales, how = scales_to(own, one.capacity_kw, history, an_hour=issuance.an_hour)
    chosen = nearest_in_size(scales)
    if not chosen:
        return "There is no neighbour of its kind to take a profile from."
    if unlike(own, [scales[k] * history[k][0] for k in chosen], an_hour=issuance.an_hour):
        return "Its neighbours' profile is not its own: yesterday's hours tell more of its readings."
    first = others[chosen[0]].forecast
    said = [others[k].forecast.quantiles for k in chosen]
    quantiles = pooled(said, [scales[k] for k in chosen], levels=first.levels, wanted=issuance.levels)
    voice = Voice(NEIGHBOURS, first.model_id, Level.NEIGHBOURS)
    return Answer(
        f"The profile of {len(chosen)} neighbours, {how},", voice, np.minimum(quantiles, one.bound_kw[:, None])
    )


def parts(weighted: Sequence[tuple[float, Forecast | None]]) -> Answer | str:
    """The sum of the forecasts that a total is made of, level by level: as if all were high or low at once.

    Args:
        weighted: Weight and forecast of each part.
    """
    told = [(weight, part) for weight, part in weighted if part is not None]
    if not told or len(told) < len(weighted):
        return "Not every part of the total is forecast."
    total: FloatArray = np.sum([weight * part.quantiles for weight, part in told], axis=0)
    voice = Voice(PARTS, PARTS, Level.NEIGHBOURS)
    return Answer("The sum of the meters' forecasts", voice, total)


def capacity_band(ceiling_kw: FloatArray | None, issuance: Issuance) -> Answer | str:
    """All that capacity tells: any power between nothing and it, each as likely as the other.

    Args:
        ceiling_kw: The most that is possible in each interval, shape (periods,); None if nobody knows.
    """
    if ceiling_kw is None:
        return "Its capacity is unknown."
    voice = Voice(CAPACITY, CAPACITY, Level.CAPACITY)
    return Answer("A band that knows its capacity only", voice, ceiling_kw[:, None] * np.asarray(issuance.levels))
