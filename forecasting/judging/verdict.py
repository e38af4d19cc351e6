"""What a training came to: the challenger, its scores beside the champion's, and which of them is to speak."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any

import numpy as np

from forecasting.engine.model import TrainedModel
from forecasting.judging.backtest import Scores
from forecasting.judging.significance import MINIMUM_DAYS, Comparison, decide
from forecasting.judging.stakes import RegretComparison
from forecasting.members.course import Course
from forecasting.series.splits import TimeSplit
from grid.site import PromotionCriterion
from grid.time_axis import TimeAxis

TRUSTED_FOR = timedelta(days=90)
"""After a season a champion that nothing beat significantly has to be ahead, not only undefeated."""
_OUTGROWN = 2
"""Nor is a champion trusted when there is so many times the history that it was trained on."""


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
        regret: What the errors of both cost, where the site lets that decide.
    """

    kind: str
    model_id: str | None
    promoted: bool
    reason: str
    scores: Scores | None
    champion_scores: Scores | None
    comparison: Comparison | None
    regret: RegretComparison | None
    seconds: float

    @classmethod
    def refused(cls, kind: str, reason: str, *, seconds: float) -> TrainingReport:
        """A report of no training."""
        return cls(kind, None, False, reason, None, None, None, None, seconds)


@dataclass(frozen=True, slots=True, eq=False)
class Contest:
    """A trained challenger and how it did.

    Attributes:
        scores: The challenger's, on all its series.
        champion_scores: The champion's on the series that both know; None without a champion.
        comparison: Of the two on those series, day by day; None without a champion or with too few days.
        promise: How good it was by day, for the manifest: what drift is told from.
        criterion: What decides.
        regret: Told where it decides; None without a champion, or if it cannot be told.
        untold: Why it cannot, as a clause.
    """

    model: TrainedModel
    course: Course
    split: TimeSplit
    scores: Scores
    champion_scores: Scores | None
    comparison: Comparison | None
    promise: Mapping[str, Any]
    criterion: PromotionCriterion = PromotionCriterion.PINBALL
    regret: RegretComparison | None = None
    untold: str | None = None

    def verdict(self, *, doubt: str | None = None) -> tuple[bool, str]:
        """Whether the challenger should be champion, and the sentence that says why.

        Args:
            doubt: Why the champion is no longer trusted, as a sentence; see :func:`decide`. It is then also enough to
                be ahead on too few days for a test.
        """
        if self.champion_scores is None:
            if self.scores.skill > 0.0:
                return True, f"No champion to compare with; skill {self.scores.skill:.3f} against the seasonal naive."
            return False, f"Not better than the seasonal naive: skill {self.scores.skill:.3f}."
        if self.criterion is PromotionCriterion.REGRET and self.regret is not None:
            return decide(self.regret.cost, doubt=doubt, measure="daily cost", digits=0)
        if self.comparison is None or self.criterion is PromotionCriterion.REGRET:
            seen = f"skill {self.scores.skill:.3f} against {self.champion_scores.skill:.3f}"
            if self.criterion is PromotionCriterion.REGRET:
                seen += f"; what errors cost could not be told: {self.untold}."
            else:
                seen += f" on fewer than the {MINIMUM_DAYS} days that a test needs."
            if doubt is not None and self.scores.skill > self.champion_scores.skill:
                return True, f"Ahead of a champion that is no longer trusted: {seen} {doubt}"
            return False, f"The champion stays: {seen}"
        return decide(self.comparison, doubt=doubt)

    def about(self, axis: TimeAxis) -> dict[str, Any]:
        """What a manifest tells of it.

        Args:
            axis: Of the history that was read.
        """
        # Positions are hours, counted from the end: the engine leaves out hours before the first midnight.
        instants = axis.end - (self.split.end - np.array([self.split.tail, self.split.test])) * timedelta(hours=1)
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
            "criterion": self.criterion.value,
            "regret": self.regret.as_dict() if self.regret else None,
            "promise": self.promise,
        }


def out_of_date(manifest: Mapping[str, Any], *, issued_at: datetime, history: TimeAxis) -> str | None:
    """Why a champion is no longer trusted for its age or its youth, as a sentence; None if it is, or tells neither.

    Args:
        history: What can be learnt from now.
    """
    trained_at, data = manifest.get("trained_at"), manifest.get("data")
    age = issued_at - datetime.fromisoformat(trained_at) if trained_at else timedelta(0)
    if age > TRUSTED_FOR:
        return f"The champion was trained {age.days} days ago; after {TRUSTED_FOR.days} it must be ahead to stay."
    now = history.end - history.start
    seen = datetime.fromisoformat(data["end"]) - datetime.fromisoformat(data["start"]) if data else now
    if now >= _OUTGROWN * seen:
        return f"The champion was trained on {seen.days} days of history, of which there are {now.days} now."
    return None
