"""What is known about the channels of a batch when they are judged: readings, verdicts, edits, registers, sums."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import psycopg

from grid.basis import Basis
from grid.readings import Quality
from grid.resampling import IntArray, resample
from grid.store.series import ChannelId, find_channel_keys
from grid.store.validation_due import DueMark, DueSpan
from grid.store.verdicts import Key, load_edits, load_spans, load_verdicts
from grid.time_axis import EPOCH, FloatArray, TimeAxis, to_us
from grid.validation import LOOK_AHEAD, LOOK_BACK, Edits, IntervalReadings, KnownTotals, Verdicts, known_totals
from grid.validation.clocks import kept_clock
from grid.validation.faults import LONGEST_OUTAGE_US

LONGEST_AWAITED = timedelta(microseconds=LONGEST_OUTAGE_US)
"""A channel silent for longer is not awaited any more; once it speaks again, the rules say what was a gap."""

_TRUSTED = int(Quality.VALID | Quality.EDITED)
_EVERY_BIT = ~0
_MINUTE_US = 60_000_000


@dataclass(frozen=True, slots=True)
class Piece:
    """What is judged of one channel.

    Attributes:
        touched: The span that its marks name.
        newest: Start and length in minutes of its newest interval; None if it has none.
        final_before: Nothing that begins before is judged again, since what it rests on was dropped.
    """

    channel: ChannelId
    basis: Basis
    touched: DueSpan
    marks: tuple[DueMark, ...]
    newest: tuple[datetime, int] | None
    final_before: datetime | None = None

    @property
    def judged(self) -> DueSpan:
        """The touched span, and as far around it as its readings bear upon verdicts."""
        key, begin, until = self.touched
        begin, until = begin - LOOK_AHEAD, until + LOOK_BACK
        if self.final_before is not None:
            begin, until = max(begin, self.final_before), max(until, self.final_before)
        return DueSpan(key, begin, until)

    @property
    def needed(self) -> DueSpan:
        """What must be known to judge that."""
        key, begin, until = self.judged
        return DueSpan(key, begin - LOOK_BACK, until + LOOK_AHEAD)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the database holds for the pieces of a batch, by channel key and interval length.

    Attributes:
        keys: Of the channels that the pieces rest on.
    """

    readings: Mapping[Key, IntervalReadings]
    standing: Mapping[Key, Verdicts]
    edits: Mapping[Key, Edits]
    keys: Mapping[ChannelId, int]

    def lengths(self, key: int) -> list[int]:
        """Interval lengths of a channel that have a reading, an edit or a verdict."""
        held = (self.readings, self.standing, self.edits)
        return sorted({minutes for kind in held for of, minutes in kind if of == key})

    def readings_of(self, piece: Piece, minutes: int) -> IntervalReadings:
        """The piece's readings of one length."""
        nothing = np.empty(0, dtype=np.int64)
        none = IntervalReadings(minutes, nothing, np.empty(0), nothing)
        return self.readings.get((piece.touched.channel_key, minutes), none)

    def standing_in(self, span: DueSpan, minutes: int) -> Verdicts | None:
        """The verdicts that stand on the intervals of a span; None if there is none."""
        verdicts = self.standing.get((span.channel_key, minutes))
        if verdicts is None:
            return None
        at = _slice(verdicts.starts_us, span)
        return Verdicts(verdicts.starts_us[at], verdicts.values[at], verdicts.quality[at])

    def count(self, span: DueSpan) -> int:
        """How many readings a span holds."""
        held = (readings.starts_us for (key, _), readings in self.readings.items() if key == span.channel_key)
        return sum(len(starts[_slice(starts, span)]) for starts in held)

    def totals(self, piece: Piece) -> KnownTotals | None:
        """What the meter's register counted; None without one. Edits of it stand in the place of its readings."""
        key = None if piece.basis.register is None else self.keys.get(piece.basis.register)
        held = [k for k in self.readings if k[0] == key]
        if not held:
            return None
        densest = max(held, key=lambda k: len(self.readings[k].starts_us))
        readings = _overlaid(self.readings[densest], self.standing.get(densest), bits=int(Quality.EDITED))
        return known_totals(readings, register_kwh=piece.basis.profile.register_kwh)

    def sum_of_parts(self, piece: Piece, minutes: int) -> IntervalReadings | None:
        """The sum of the parts over the piece's intervals, whatever the lengths of theirs.

        NaN where one is missing, rejected or estimated. None if a part has no readings.
        """
        starts = self.readings_of(piece, minutes).starts_us
        if not piece.basis.parts or not len(starts):
            return None
        total = np.zeros(len(starts))
        for part in piece.basis.parts:
            held = [key for key in self.readings if key[0] == self.keys.get(part)]
            if not held:
                return None
            known = [_overlaid(self.readings[key], self.standing.get(key), bits=_EVERY_BIT) for key in held]
            total += _means(known, starts, minutes)
        return IntervalReadings(minutes, starts, total, starts)

    def donors(self, piece: Piece) -> list[IntervalReadings]:
        """What is known of the donors, by each of their interval lengths: NaN where rejected or estimated."""
        keys = [self.keys.get(donor) for donor in piece.basis.donors]
        held = sorted((key for key in self.readings if key[0] in keys), key=lambda key: (keys.index(key[0]), key[1]))
        return [_overlaid(self.readings[key], self.standing.get(key), bits=_EVERY_BIT) for key in held]


def load_evidence(conn: psycopg.Connection, pieces: Sequence[Piece]) -> Evidence:
    """One query each for readings, verdicts and edits, whatever the number of channels."""
    others = sorted({other for piece in pieces for other in piece.basis.rests_on})
    found = find_channel_keys(conn, others) if others else []
    keys = {other: key for other, key in zip(others, found, strict=True) if key is not None}
    needed = [piece.needed for piece in pieces]
    for piece in pieces:
        needed += [piece.needed._replace(channel_key=keys[other]) for other in piece.basis.rests_on if other in keys]
    hulls = _hulls(needed)
    return Evidence(load_spans(conn, hulls), load_verdicts(conn, hulls), load_edits(conn, hulls), keys)


def with_awaited(
    readings: IntervalReadings, piece: Piece, awaited_until: datetime
) -> tuple[IntervalReadings, int | None]:
    """Put a missing reading where a silent channel should speak next, so that what it owes until then is a gap.

    Args:
        awaited_until: Intervals that ended by then should have come.

    Returns:
        The readings, and the start of the one that was put in, on which no verdict may stand; None if nothing is owed.
    """
    if piece.newest is None or piece.newest[1] != readings.interval_minutes:
        return readings, None
    step_us = readings.interval_minutes * _MINUTE_US
    newest_us = to_us(piece.newest[0])
    owed_us = min(to_us(awaited_until), newest_us + step_us + LONGEST_OUTAGE_US)
    clock = kept_clock(readings.starts_us, piece.basis.profile.timezone, step_us=step_us)
    next_us = int(clock.starts(np.array([owed_us]), step_us=step_us)[0])
    if next_us <= newest_us + step_us or newest_us not in readings.starts_us or next_us in readings.starts_us:
        return readings, None
    at = int(np.searchsorted(readings.starts_us, next_us))
    with_next = IntervalReadings(
        readings.interval_minutes,
        np.insert(readings.starts_us, at, next_us),
        np.insert(readings.values, at, np.nan),
        np.insert(readings.received_us, at, next_us + step_us),
    )
    return with_next, next_us


def _overlaid(readings: IntervalReadings, standing: Verdicts | None, *, bits: int) -> IntervalReadings:
    """Readings with what verdicts with one of ``bits`` say in their place: NaN unless it is valid or edited."""
    if standing is None:
        return readings
    _, at, of = np.intersect1d(readings.starts_us, standing.starts_us, assume_unique=True, return_indices=True)
    said = np.where(standing.quality[of] & _TRUSTED != 0, standing.values[of], np.nan)
    concerned = standing.quality[of] & bits != 0
    values = readings.values.copy()
    values[at[concerned]] = said[concerned]
    return IntervalReadings(readings.interval_minutes, readings.starts_us, values, readings.received_us)


def _means(held: Sequence[IntervalReadings], starts_us: IntArray, minutes: int) -> FloatArray:
    """What a channel's readings of any length say of intervals of one length: shape (intervals,), NaN where unknown."""
    own_us = np.concatenate([readings.starts_us for readings in held])
    values = np.concatenate([readings.values for readings in held])
    lengths = np.repeat([readings.interval_minutes for readings in held], [len(r.values) for r in held])
    known = ~np.isnan(values)
    step_us = minutes * _MINUTE_US
    means = np.full(len(starts_us), np.nan)
    # Local days and their parts begin at one phase in winter and at another in summer.
    phases, counts = np.unique(starts_us % step_us, return_counts=True)
    for phase in phases[np.argsort(-counts)[:2]]:
        at = np.flatnonzero(starts_us % step_us == phase)
        slots = (starts_us[at] - starts_us[at[0]]) // step_us
        begin = EPOCH + timedelta(microseconds=int(starts_us[at[0]]))
        axis = TimeAxis(begin, timedelta(minutes=minutes), int(slots[-1]) + 1)
        means[at] = resample(own_us[known], lengths[known], values[known], axis=axis)[slots]
    return means


def _hulls(spans: Iterable[DueSpan]) -> list[DueSpan]:
    """One span per channel that holds all of its spans."""
    hulls: dict[int, DueSpan] = {}
    for key, begin, until in spans:
        held = hulls.get(key, DueSpan(key, begin, until))
        hulls[key] = DueSpan(key, min(begin, held.interval_from), max(until, held.interval_until))
    return list(hulls.values())


def _slice(starts_us: np.ndarray[tuple[int], np.dtype[np.int64]], span: DueSpan) -> slice:
    begin, end = np.searchsorted(starts_us, [to_us(span.interval_from), to_us(span.interval_until)]).tolist()
    return slice(begin, end)
