"""Which model speaks for a kind: the champion, or the one before it if the champion cannot be opened."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import psycopg

from forecasting.fallbacks import Level
from forecasting.models import TrainedModel
from forecasting.registry import ModelRefusedError, SealedModel, unseal
from grid.store.models import UnknownModelError, list_champions, load_weights

logger = logging.getLogger(__name__)


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
    """Opens champions, and keeps each for as long as it speaks, so that a promotion speaks from the next call on."""

    def __init__(self) -> None:
        self._opened: dict[str, tuple[str, TrainedModel]] = {}

    def of(self, conn: psycopg.Connection, kind: str) -> Champion:
        """The present champion of a kind, or the newest former one that opens."""
        reason, level = None, Level.CHAMPION
        for stored in list_champions(conn, kind):
            if stored.status != "champion":
                level = Level.FORMER_CHAMPION
            try:
                model = self._open(conn, stored.model_id, kind, stored.manifest)
            except (ModelRefusedError, UnknownModelError) as error:
                logger.error("champion refused: %s", error)
                reason = reason or f"The champion cannot be used: {error}."
                continue
            return Champion(stored.model_id, model, level, reason)
        return Champion("", None, Level.CHAMPION, reason or f"No {kind} model has been promoted yet.")

    def _open(self, conn: psycopg.Connection, model_id: str, kind: str, manifest: dict[str, object]) -> TrainedModel:
        known = self._opened.get(kind)
        if known is not None and known[0] == model_id:
            return known[1]
        model = unseal(SealedModel(model_id, kind, manifest, load_weights(conn, model_id)))
        self._opened[kind] = model_id, model
        return model
