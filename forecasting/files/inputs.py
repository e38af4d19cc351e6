"""What a forecast from a file was made of: what was known by when, and what its inputs do not tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from hashlib import sha256

import numpy as np

from forecasting.series.request import MEANINGS, FileSeries
from grid.time_axis import FloatArray

_WEEK = timedelta(days=7)
_CLOCKS_APART = timedelta(days=1)
_ALIKE = 0.8
"""Share of letters in common from which on one word may have been written for another."""


@dataclass(frozen=True, slots=True)
class FileInputs:
    """What was known of a series of a file.

    Attributes:
        readings_until: End of its last known value; None without one.
        covariates_until: End of the last known value of its covariates, which may lie in the horizon; None without any.
        completeness: Share of the week before the horizon whose values were known. [1]
    """

    readings_until: datetime | None
    covariates_until: datetime | None
    completeness: float


def inputs_of(one: FileSeries) -> FileInputs:
    """What is known of a series."""
    ends = [int(np.flatnonzero(known)[-1]) + 1 for own in one.covariates.values() if (known := np.isfinite(own)).any()]
    week = round(_WEEK / one.axis.step)
    recent = np.isfinite(one.values[max(one.origin - week, 0) : one.origin])
    return FileInputs(
        readings_until=one.axis.start + one.axis.step * one.origin if np.isfinite(one.values).any() else None,
        covariates_until=one.axis.start + one.axis.step * max(ends) if ends else None,
        completeness=round(float(recent.sum()) / week, 4),
    )


def model_of(series: Sequence[FileSeries], *, effort: str, seed: int) -> str:
    """The name of what is trained on a file: another where a value, a setting, the effort or the seed is another."""
    content = sha256(f"{effort} {seed}".encode())
    for one in series:
        content.update(f"{one.series_id} {one.settings.model_dump_json()} {one.axis}".encode())
        for name, values in {"value": one.values, **one.covariates}.items():
            content.update(name.encode() + values.tobytes())
    return f"file-{content.hexdigest()[:12]}"


def remarks(one: FileSeries, *, now: datetime | None, alone: bool = True) -> Iterator[str]:
    """What a series and its covariates do not tell, as sentences.

    Args:
        now: By whose clock values cannot have been measured yet; None asks no clock.
        alone: Whether only what was fitted to it speaks.
    """
    known = one.values[: one.origin]
    until = inputs_of(one).readings_until
    if now is not None and until is not None and until > now + _CLOCKS_APART:
        yield f"Its last value is of {until:%Y-%m-%d}, which is yet to come: are its times right?"
    if until is not None and np.nanmin(known) == np.nanmax(known):
        repeated = alone and one.settings.kind != "solar"
        yield "Its history is constant" + (": the forecast repeats it." if repeated else ".")
    below = int((known < 0.0).sum())
    if below and one.settings.kind == "solar":
        yield f"{below} of its values lie below zero and count as zero."
    elif below and one.settings.kind == "load":
        yield f"{below} of its values lie below zero: it is taken for a net load."
    capacity = one.settings.capacity or np.inf
    above = int((known > capacity).sum())
    if above and one.settings.kind == "solar":
        yield f"{above} of its values lie above its capacity of {capacity:g}, at which the forecast is cut."
    untold: dict[str, list[str]] = {}
    for name in dict.fromkeys([*one.settings.covariates, *one.covariates]):
        values = one.covariates.get(name, np.full(one.axis.periods, np.nan))
        if what := _untold(values[: one.origin], values[one.asked]):
            untold.setdefault(what, []).append(name)
    yield from (f"{what}: {', '.join(names)}." for what, names in untold.items())
    for name, about in one.settings.covariates.items():
        like = get_close_matches(about.means.lower(), MEANINGS, n=1, cutoff=_ALIKE)
        if like and about.means not in MEANINGS:
            yield f"{name} means {about.means}, which is a number like any other; did you mean {like[0]}?"


def _untold(before: FloatArray, ahead: FloatArray) -> str:
    """What a covariate does not tell, as the beginning of a sentence; empty if it tells everything."""
    past = before[np.isfinite(before)]
    if not len(past):
        return "Nothing was learnt from what is empty before the horizon"
    if past.min() == past.max():
        return "Nothing was learnt from what is constant before the horizon"
    if not np.isfinite(ahead).all():
        return "Not known over all of the horizon"
    if len(ahead) > 1 and np.ptp(ahead) == 0.0:
        changes = np.flatnonzero(np.diff(before) != 0.0)
        if np.diff([-1, *changes, len(before) - 1]).max() < len(ahead):
            return "Constant over the horizon, as never before over so long"
    return ""
