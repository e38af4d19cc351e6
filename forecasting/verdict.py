"""What a training came to: the challenger, its scores beside the champion's, and which of them is to speak."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any

import numpy as np

from forecasting.backtest import Scores
from forecasting.engine import TrainedModel
from forecasting.fitting import TimeSplit
from forecasting.members import Course
from forecasting.significance import MINIMUM_DAYS, Comparison, decide
from grid.time_axis import TimeAxis

TRUSTED_FOR = timedelta(days=90)
"""After a season a champion that nothing beat significantly has to be ahead, not only undefeated."""


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """What one training came to.

    Attributes:
        kind: ``load`` or ``solar``.
        model_id: None if no model was trained; ``reason`` then says why.
        promoted: It is the champion now.
        reason: A sentence.
        scores: Against the seasonal naive on the last weeks before the training.
        champion_scores: The former champion's on the same windows, where there was one to compare with.
        comparison: The test of the two, day by day.
    """

    kind: str
    model_id: str | None
    promoted: bool
    reason: str
    scores: Scores | None
    champion_scores: Scores | None
    comparison: Comparison | None
    seconds: float

    @classmethod
    def refused(cls, kind: str, reason: str, *, seconds: float) -> TrainingReport:
        """A report of no training."""
        return cls(kind, None, False, reason, None, None, None, seconds)


@dataclass(frozen=True, slots=True, eq=False)
class Contest:
    """A trained challenger and how it did.

    Attributes:
        scores: The challenger's, on all its series.
        champion_scores: The champion's on the series that both know; None without a champion.
        comparison: Of the two on those series, day by day; None without a champion or with too few days.
        promise: How good it was by day, for the manifest: what drift is told from.
    """

    model: TrainedModel
    course: Course
    split: TimeSplit
    scores: Scores
    champion_scores: Scores | None
    comparison: Comparison | None
    promise: Mapping[str, Any]

    def verdict(self, *, doubt: str | None = None) -> tuple[bool, str]:
        """Whether the challenger should be champion, and the sentence that says why.

        Args:
            doubt: Why the champion is no longer trusted, as a sentence; see :func:`decide`.
        """
        if self.champion_scores is None:
            if self.scores.skill > 0.0:
                return True, f"No champion to compare with; skill {self.scores.skill:.3f} against the seasonal naive."
            return False, f"Not better than the seasonal naive: skill {self.scores.skill:.3f}."
        if self.comparison is None:
            return (
                False,
                f"The champion stays: a comparison needs {MINIMUM_DAYS} days on which both are scored.",
            )
        return decide(self.comparison, doubt=doubt)

    def about(self, axis: TimeAxis) -> dict[str, Any]:
        """What a manifest tells of it.

        Args:
            axis: Of the history that was read.
        """
        # Positions are counted from the end: the engine leaves out hours before the first midnight.
        instants = axis.end - (self.split.end - np.array([self.split.tail, self.split.test])) * axis.step
        return {
            "code_version": version("gridpilot"),
            "data": {
                "start": axis.start.isoformat(),
                "tail_start": instants[0].isoformat(),
                "test_start": instants[1].isoformat(),
                "end": axis.end.isoformat(),
            },
            "options": asdict(self.course),
            "scores": self.scores.as_dict(),
            "champion_scores": self.champion_scores.as_dict() if self.champion_scores else None,
            "comparison": self.comparison.as_dict() if self.comparison else None,
            "promise": self.promise,
        }


def too_old(manifest: Mapping[str, Any], *, issued_at: datetime) -> str | None:
    """Why a champion is no longer trusted for its age, as a sentence; None if it is young or tells no age."""
    trained_at = manifest.get("trained_at")
    age = issued_at - datetime.fromisoformat(trained_at) if trained_at else timedelta(0)
    if age <= TRUSTED_FOR:
        return None
    return f"The champion was trained {age.days} days ago; after {TRUSTED_FOR.days} it must be ahead to stay."
