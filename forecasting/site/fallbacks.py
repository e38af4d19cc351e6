"""Always an answer, and who gave it: a chain of speakers, each of which is asked for what those before it left open.

A speaker is a function without arguments, so that what is not needed is never computed. Every interval carries the
voice that spoke for it; a forecast in which anybody stood in is ``degraded``, and its reasons tell what for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

import numpy as np

from forecasting.networks.windows import HISTORY_HOURS
from forecasting.site.issuing import Issuance
from grid.forecasts import Forecast, KnownInputs, Voice
from grid.time_axis import FloatArray, TimeAxis


class Level(IntEnum):
    """How far down the chain a voice stands; it is stored with every interval."""

    CHAMPION = 0
    FORMER_CHAMPION = 1
    REFIT = 2
    SEASONAL_NAIVE = 3
    NEIGHBOURS = 4
    SHORT_HISTORY = 5
    CAPACITY = 6


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What one speaker said.

    Attributes:
        speaker: Who it is, as the beginning of a sentence.
        quantiles: Shape (periods or fewer, levels). [kW] NaN rows where it is silent.
        reasons: What it had to do without, one sentence each.
    """

    speaker: str
    voice: Voice
    quantiles: FloatArray
    reasons: tuple[str, ...] = ()


Speaker = Callable[[], Answer | str]
"""Answers, or says in a sentence why it cannot."""


def ask_in_turn(
    series_id: str, issuance: Issuance, speakers: Sequence[Speaker], *, bound_kw: FloatArray, inputs: KnownInputs
) -> Forecast | None:
    """Forecast one series by the first speaker that can, interval by interval, within what is possible at all.

    Args:
        speakers: The one who should speak first, then those who stand in for it.
        bound_kw: No power above it, shape (periods,); infinite where nobody knows. None is below zero.
        inputs: What is known of the series.

    Returns:
        None if there are intervals of which nobody could say anything.
    """
    periods = issuance.axis.periods
    quantiles = np.full((periods, len(issuance.levels)), np.nan)
    spoken_by: dict[int, Voice] = {}
    reasons: list[str] = []
    for speaker in speakers:
        if len(spoken_by) == periods:
            break
        answer = speaker()
        if isinstance(answer, str):
            reasons.append(answer)
            continue
        told = np.clip(answer.quantiles[:periods], 0.0, bound_kw[: len(answer.quantiles), None])
        taken = [place for place in np.flatnonzero(np.isfinite(told).all(axis=1)).tolist() if place not in spoken_by]
        if not taken:
            reasons += answer.reasons
            continue
        quantiles[taken] = told[taken]
        if answer.voice.fallback_level != Level.CHAMPION:
            reach = "" if len(taken) == periods else f" for {issuance.told(len(taken))} of {issuance.hours} hours"
            reasons.append(f"{answer.speaker} stands in{reach}.")
        reasons += answer.reasons
        spoken_by |= dict.fromkeys(taken, answer.voice)
    if len(spoken_by) < periods:
        return None
    return Forecast(
        series_id=series_id,
        axis=issuance.axis,
        issued_at=issuance.issued_at,
        levels=issuance.levels,
        # Clipping at zero and capacity keeps the order; rounding in sums and shifts may not.
        quantiles=np.sort(quantiles, axis=1),
        model_id=spoken_by[0].model_id,
        method=spoken_by[0].method,
        degraded=bool(reasons),
        reasons=tuple(reasons),
        spoken_by=tuple(spoken_by[place] for place in range(periods)),
        inputs=inputs,
    )


def known_inputs(
    kw: FloatArray, history: TimeAxis, issuance: Issuance, *, weather_issued_at: datetime | None = None
) -> KnownInputs:
    """What is known of a series before an origin.

    Args:
        kw: History, shape (intervals of ``history``,). NaN where unknown.
        weather_issued_at: Of the newest forecast that somebody sent of it or of its weather.
    """
    known = np.flatnonzero(np.isfinite(kw[: issuance.origin]))
    week = HISTORY_HOURS * issuance.an_hour
    late = np.isfinite(kw[max(issuance.origin - week, 0) : issuance.origin])
    return KnownInputs(
        readings_until=history.start + (int(known[-1]) + 1) * history.step if len(known) else None,
        weather_issued_at=weather_issued_at,
        completeness=float(late.sum()) / week,
    )
