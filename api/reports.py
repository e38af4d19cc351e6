"""What a command did, in a sentence or two for the person who started it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # torch and kafka are loaded by the commands that need them
    from forecasting.judging.verdict import TrainingReport
    from ingest.files import ReplayReport
    from ingest.judging import JudgedBatch
    from ingest.worker import IngestReport


def describe_ingest(report: IngestReport) -> str:
    """Messages and what became of their readings."""
    batches, saved = report.batches, report.batches.saved
    return (
        f"{batches.messages:,} messages with {report.readings:,} readings in {report.seconds:.1f} s: "
        f"{saved.added:,} new, {saved.replaced:,} corrected, {saved.late:,} superseded, "
        f"{saved.duplicates:,} known already; {batches.dead_letters:,} messages became dead letters"
    )


def describe_validation(total: JudgedBatch) -> str:
    """How much was judged, and what was found."""
    found = ", ".join(f"{name.lower()} {count:,}" for name, count in total.reasons.items())
    return (
        f"{total.intervals:,} intervals judged in {total.seconds:.1f} s: {total.written:,} verdicts written, "
        f"{total.withdrawn:,} withdrawn or replaced{f'; {found}' if found else ''}"
    )


def describe_replay(report: ReplayReport) -> str:
    """What was sent, and what was left out, and why."""
    sent = f"{report.messages:,} messages with {report.readings:,} readings sent in {report.seconds:.1f} s"
    return "".join((sent, *(f"\n{count:,} left out: {reason}" for reason, count in sorted(report.left_out.items()))))


def describe_training(report: TrainingReport) -> str:
    """Whether there is a new champion, why, and how good it is on the weeks kept apart."""
    if report.scores is None:
        return f"{report.kind}: no model was trained: {report.reason}"
    outcome = "is champion" if report.promoted else "stays challenger"
    scores = report.scores
    return (
        f"{report.kind}: {report.model_id} {outcome}. {report.reason} "
        f"On {scores.windows:,} forecasts of the last weeks, kept apart, the 50 % band covers {scores.coverage_50:.0%} "
        f"and the 90 % band {scores.coverage_90:.0%} (the naive's {scores.baseline_coverage_90:.0%})."
    )
