"""One batch of validation: due spans of many channels are loaded, judged, and the differences written, all or nothing.

Everything is one transaction that holds a lock per channel. Whatever is killed in it never was: the marks still stand,
and another validator takes them.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import psycopg

from grid.basis import SiteBasis
from grid.readings import Quality, series_id
from grid.store.database import server_clock
from grid.store.retention import judged_from
from grid.store.series import ChannelId, channels_of_keys, find_channel_keys
from grid.store.settled import stamp
from grid.store.validation_due import LONGEST_PIECE, DueMark, DueSpan, lock_due, mark_due, settle_due
from grid.store.verdicts import Key, VerdictChanges, difference, newest_intervals, write_changes
from grid.time_axis import EPOCH
from grid.validation import LOOK_AHEAD, LOOK_BACK, Verdicts, judge
from ingest.evidence import Evidence, Piece, load_evidence, with_awaited

MOST_READINGS = 500_000
"""About so many readings are held at once, whatever is due."""
MOST_CHANNELS = 64
"""As many as that lets judge of one more quarter-hour each; more would only be kept from other validators."""
_USUAL_MINUTES = 15

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class JudgedBatch:
    """What one batch, or several together, came to.

    Attributes:
        channels: Channels judged.
        intervals: Readings within the spans judged; those that were only looked at are not counted.
        written, withdrawn: Verdicts that are new or changed, and those that no longer hold or were replaced.
        reasons: How many of the written verdicts have each bit, by its name, the most frequent first.
        seconds, judging_seconds: In all, and within the rules. [s]
    """

    channels: int = 0
    intervals: int = 0
    written: int = 0
    withdrawn: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    judging_seconds: float = 0.0

    def __add__(self, other: JudgedBatch) -> JudgedBatch:
        return JudgedBatch(
            self.channels + other.channels,
            self.intervals + other.intervals,
            self.written + other.written,
            self.withdrawn + other.withdrawn,
            dict((Counter(self.reasons) + Counter(other.reasons)).most_common()),
            self.seconds + other.seconds,
            self.judging_seconds + other.judging_seconds,
        )


def judge_batch(
    conn: psycopg.Connection,
    site_now: Callable[[psycopg.Connection], SiteBasis],
    *,
    awaited_until: datetime | None,
    every: timedelta = timedelta(0),
) -> JudgedBatch:
    """Judge what has waited longest and commit; no channel if nothing waits, or others have all of it.

    Verdicts stand from the instant, by the server's clock, at which they begin to be written.

    Args:
        site_now: Reads what the site in force says. It is asked once the marks are taken, so that it is never older
            than a mark that a new site made.
        awaited_until: Intervals that ended by then and never came are gaps, also at the end of a channel; with None
            only those between readings are.
        every: A channel that was judged less than this ago waits, so that several readings are judged together.

    Raises:
        Exception: What the rules raised on a channel that breaks them; the log names it. Everything else is judged.
    """
    began = time.monotonic()
    broken: list[Exception] = []
    with conn.transaction():
        due = lock_due(conn, channels=MOST_CHANNELS, every=every)
        if not due:
            return JudgedBatch()
        site = site_now(conn)
        chosen = _pieces(conn, site, due, before=server_clock(conn))
        evidence = load_evidence(conn, chosen)
        loaded = time.monotonic()
        pieces: list[Piece] = []
        changes: dict[Key, VerdictChanges] = {}
        for piece in chosen:
            try:
                changes |= dict(_judge(piece, evidence, awaited_until))
                pieces.append(piece)
            except Exception as error:
                _log.error("%s cannot be judged from %s to %s", _named(piece), *piece.touched[1:], exc_info=error)
                broken.append(error)
        judged = time.monotonic()
        judged_at = stamp(conn)
        write_changes(conn, changes, judged_at=judged_at)
        mark_due(conn, _resting_on_these(conn, site, pieces, changes), marked_at=judged_at)
        settle_due(
            conn,
            [mark for piece in pieces for mark in piece.marks],
            until={piece.touched.channel_key: piece.touched.interval_until for piece in pieces},
            judged_at=judged_at,
        )
    if broken:
        raise broken[0]
    return JudgedBatch(
        channels=len(pieces),
        intervals=sum(evidence.count(piece.judged) for piece in pieces),
        written=sum(len(change.added) for change in changes.values()),
        withdrawn=sum(len(change.gone_us) for change in changes.values()),
        reasons=_count_bits([change.added for change in changes.values()]),
        seconds=time.monotonic() - began,
        judging_seconds=judged - loaded,
    )


def _pieces(
    conn: psycopg.Connection, site: SiteBasis, due: Mapping[int, Sequence[DueMark]], *, before: datetime
) -> list[Piece]:
    """As many channels as the readings of a batch allow, of each the first span that is judged in one go."""
    channels, final_before = channels_of_keys(conn, due), judged_from(conn)
    newest = newest_intervals(conn, list(due), before=before)
    pieces: list[Piece] = []
    hulls: dict[ChannelId, tuple[datetime, datetime]] = {}
    readings = 0.0
    for key, marks in due.items():
        channel, basis = channels[key], site.of(channels[key])
        step = timedelta(minutes=newest[key][1] if key in newest else _USUAL_MINUTES)
        longest = max(MOST_READINGS * step / (1 + len(basis.rests_on)), timedelta(days=1))
        touched, chosen = _first_span(marks, longest=min(longest, LONGEST_PIECE))
        piece = Piece(channel, basis, touched, chosen, newest.get(key), final_before)
        begin = piece.needed.interval_from
        until = max(begin, min(piece.needed.interval_until, before))
        # Of each channel one span is loaded that holds all that is needed of it: what lies between counts too.
        for other in {channel, *basis.rests_on}:
            first, last = hulls.get(other, (begin, begin))
            hulls[other] = min(first, begin), max(last, until)
            readings += (hulls[other][1] - hulls[other][0] - (last - first)) / step
        if pieces and readings > MOST_READINGS:
            break
        pieces.append(piece)
    return pieces


def _first_span(marks: Sequence[DueMark], *, longest: timedelta) -> tuple[DueSpan, tuple[DueMark, ...]]:
    """The first marks of a channel, as long as what each bears upon meets what the next does, and their span."""
    key, begin, until = marks[0].span
    chosen = []
    for mark in marks:
        apart = mark.span.interval_from - until > LOOK_BACK + LOOK_AHEAD
        if apart or mark.span.interval_from >= begin + longest:
            break
        chosen.append(mark)
        until = max(until, mark.span.interval_until)
    return DueSpan(key, begin, min(until, begin + longest)), tuple(chosen)


def _named(piece: Piece) -> str:
    _, owner, channel = piece.channel
    return series_id(owner, channel)


def _judge(piece: Piece, evidence: Evidence, awaited_until: datetime | None) -> Iterator[tuple[Key, VerdictChanges]]:
    """How the verdicts on one channel change, by interval length; a length without a change is left out."""
    key, begin, until = piece.judged
    totals, donors = evidence.totals(piece), evidence.donors(piece)
    for minutes in evidence.lengths(key):
        readings, put_in = evidence.readings_of(piece, minutes), None
        if awaited_until is not None:
            readings, put_in = with_awaited(readings, piece, awaited_until)
        verdicts = judge(
            readings,
            piece.basis.profile,
            rules=piece.basis.rules,
            edits=evidence.edits.get((key, minutes)),
            totals=totals,
            parts=evidence.sum_of_parts(piece, minutes),
            donors=donors,
            judge_from=begin,
            judge_until=until,
        )
        if put_in is not None:
            kept = verdicts.starts_us != put_in
            verdicts = Verdicts(verdicts.starts_us[kept], verdicts.values[kept], verdicts.quality[kept])
        change = difference(evidence.standing_in(piece.judged, minutes), verdicts)
        if len(change):
            yield (key, minutes), change


def _resting_on_these(
    conn: psycopg.Connection, site: SiteBasis, pieces: Sequence[Piece], changes: Mapping[Key, VerdictChanges]
) -> list[DueSpan]:
    """Spans of other channels, whose verdicts rest on what was touched or found here."""
    resting = {piece.channel: site.dependents(piece.channel) for piece in pieces}
    named = sorted({channel for dependents in resting.values() for channel in dependents})
    keys = dict(zip(named, find_channel_keys(conn, named), strict=True)) if named else {}
    spans = []
    for piece in pieces:
        dependents = [key for channel in resting[piece.channel] if (key := keys[channel]) is not None]
        if dependents:
            begin, until = _reach(piece, changes)
            spans += [DueSpan(key, begin, until) for key in dependents]
    return spans


def _reach(piece: Piece, changes: Mapping[Key, VerdictChanges]) -> tuple[datetime, datetime]:
    """From the first to the last interval of a channel that was touched, or on which a verdict changed."""
    channel_key, begin, until = piece.touched
    for (key, minutes), change in changes.items():
        if key == channel_key:
            starts = np.concatenate([change.gone_us, change.added.starts_us])
            begin = min(begin, EPOCH + timedelta(microseconds=int(starts.min())))
            until = max(until, EPOCH + timedelta(microseconds=int(starts.max()), minutes=minutes))
    return begin, until


def _count_bits(written: Iterable[Verdicts]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for verdicts in written:
        for bit in Quality:
            counts[str(bit.name)] += int(np.count_nonzero(verdicts.quality & int(bit)))
    return {name: count for name, count in counts.most_common() if count}
