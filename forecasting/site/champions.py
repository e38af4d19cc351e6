"""Which model speaks for a kind: the champion, or the one before it if the champion cannot be opened."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from forecasting.engine.format import ModelRefusedError, check_format
from forecasting.engine.model import TrainedModel
from forecasting.engine.registry import SealedModel, unseal
from forecasting.site.fallbacks import Level

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Promoted:
    """A model that is champion or was one, as it is stored.

    Attributes:
        weights: Fetches them; called only if the model is not open yet, and of a format that can be.
    """

    model_id: str
    manifest: dict[str, Any]
    present: bool
    weights: Callable[[], bytes]


@dataclass(frozen=True, slots=True, eq=False)
class Champion:
    """The model to ask about a kind.

    Attributes:
        model: None if there is none to ask.
        level: :data:`Level.CHAMPION`, or the level of a former one that stands in.
        reason: Why the champion itself does not speak, as a sentence; None if it does.
    """

    model_id: str
    model: TrainedModel | None
    level: Level
    reason: str | None


class Champions:
    """Opens champions, and keeps each for as long as it speaks, so that a promotion speaks from the next call on.

    Attributes:
        refused: By kind, why its champion cannot be used, as a sentence; only of those that cannot.
    """

    def __init__(self) -> None:
        self.refused: dict[str, str] = {}
        self._opened: dict[str, tuple[str, TrainedModel]] = {}

    def of(self, kind: str, promoted: Iterable[Promoted], *, retired: bool = False) -> Champion:
        """The first model that opens.

        Args:
            promoted: The present champion first, then those before it; none where there is no champion.
            retired: Whether there is none because it was retired.
        """
        self.refused.pop(kind, None)  # what was wrong with it at the last call is found again, or is mended
        for stored in promoted:
            try:
                model = self._open(kind, stored)
            except ModelRefusedError as error:
                logger.error("champion refused: %s", error)
                self.refuse(kind, f"The champion cannot be used: {error}.")
                continue
            level = Level.CHAMPION if stored.present else Level.FORMER_CHAMPION
            return Champion(stored.model_id, model, level, self.refused.get(kind))
        nobody = f"No {kind} champion: it was retired." if retired else f"No {kind} model has been promoted yet."
        return Champion("", None, Level.CHAMPION, self.refused.get(kind, nobody))

    def refuse(self, kind: str, reason: str) -> None:
        """Note that a kind's model cannot be used, or failed when it was asked; the first reason stands."""
        self.refused.setdefault(kind, reason)

    def _open(self, kind: str, stored: Promoted) -> TrainedModel:
        known = self._opened.get(kind)
        if known is not None and known[0] == stored.model_id:
            return known[1]
        check_format(stored.model_id, stored.manifest)
        model = unseal(SealedModel(stored.model_id, kind, stored.manifest, stored.weights()))
        self._opened[kind] = stored.model_id, model
        return model
